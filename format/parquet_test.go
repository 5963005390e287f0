package format

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"
)

type order struct {
	Customer *int64    `parquet:"customer_id,optional"`
	Product  string    `parquet:"product_id"`
	Quantity *float64  `parquet:"quantity,optional"`
	Millis   time.Time `parquet:"timestamp,timestamp(millisecond)"`
}

func parquetOf[T any](t *testing.T, codec compress.Codec, rows ...T) string {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.Compression(codec), parquet.MaxRowsPerRowGroup(2))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestParquet(t *testing.T) {
	when := time.Date(2020, 1, 2, 3, 4, 5, 6e6, time.UTC)
	user, two := int64(7), 2.0
	want := "1 7 purchase i 2 2020-01-02T03:04:05.006Z\n2 missing_user \",j,2,2020-01-02T03:04:05.006Z\"\n3 7 purchase k 1 2020-01-02T03:04:05.006Z"
	for name, codec := range map[string]compress.Codec{
		"plain": &parquet.Uncompressed, "snappy": &parquet.Snappy, "gzip": &parquet.Gzip, "zstd": &parquet.Zstd, "brotli": &parquet.Brotli, "lz4": &parquet.Lz4Raw,
	} {
		path := put(t, "a.parquet", parquetOf(t, codec, order{&user, "i", &two, when}, order{nil, "j", &two, when}, order{&user, "k", nil, when}))
		if got := show(t, "auto", path, Options{}); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

// TestParquetTypes takes each logical type for what it means.
func TestParquetTypes(t *testing.T) {
	type film struct {
		ID       string           `parquet:"id"`
		Genres   []string         `parquet:"genres,list"`
		Micros   int64            `parquet:"micros,timestamp(microsecond)"`
		Nanos    int64            `parquet:"nanos,timestamp(nanosecond)"`
		Day      int32            `parquet:"day,date"`
		Old      deprecated.Int96 `parquet:"old"`
		Cost     int64            `parquet:"cost,decimal(2:18)"`
		Code     [16]byte         `parquet:"code,uuid"`
		Big      uint64           `parquet:"big"`
		Small    *float32         `parquet:"small,optional"`
		IsNew    *bool            `parquet:"is_new,optional"`
		Vector   []float32        `parquet:"vector"`
		Children struct {
			Name string `parquet:"name"`
		} `parquet:"children"`
	}
	s := int64(1577934245)
	one := film{
		ID: "1", Genres: []string{"a|b"}, Micros: s * 1e6, Nanos: s * 1e9, Day: 18263, Old: deprecated.Int96{1e9, 0, 2440588 + 18263},
		Cost: 1999, Code: [16]byte{0: 1, 15: 2}, Big: 1 << 63, Vector: []float32{0.5},
	}
	one.Children.Name = "c"
	isNew, small := true, float32(0.25)
	two := film{ID: "2", IsNew: &isNew, Small: &small, Old: one.Old}
	three := film{ID: "3"} // year -4713 has no RFC 3339 form
	got := show(t, "parquet", put(t, "a.parquet", parquetOf(t, &parquet.Snappy, one, two, three)), Options{})
	want := `1 1 "" [a|b] 0 {"big":9223372036854776000,"children.name":"c","code":"01000000-0000-0000-0000-000000000002","cost":19.99,` +
		`"day":{"time":"2020-01-02T00:00:00Z"},"micros":{"time":"2020-01-02T03:04:05Z"},"nanos":{"time":"2020-01-02T03:04:05Z"},` +
		`"old":{"time":"2020-01-02T00:00:01Z"},"vector":[0.5]}` + "\n" +
		`2 2 "" [] 0 {"big":0,"code":"00000000-0000-0000-0000-000000000000","cost":0,"day":{"time":"1970-01-01T00:00:00Z"},` +
		`"is_new":true,"micros":{"time":"1970-01-01T00:00:00Z"},"nanos":{"time":"1970-01-01T00:00:00Z"},"old":{"time":"2020-01-02T00:00:01Z"},"small":0.25}` + "\n3 bad_value \"3,,1970-01-01T00:00:00Z,1970-01-01T00:00:00Z,1970-01-01T00:00:00Z,,,,,,,,\""
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestBrokenParquet cuts and spoils a file at every byte; none may panic.
func TestBrokenParquet(t *testing.T) {
	user := int64(7)
	whole := parquetOf(t, &parquet.Snappy, order{&user, "i", nil, time.Unix(1e9, 0)}, order{nil, "j", nil, time.Unix(1e9, 0)})
	path := put(t, "a.parquet", "")
	for at := range len(whole) {
		overwrite(t, path, whole[:at])
		show(t, "parquet", path, Options{})
		overwrite(t, path, whole[:at]+string([]byte{whole[at] ^ 0xff})+whole[at+1:])
		show(t, "parquet", path, Options{})
	}
}

// TestHostileParquet is told of sizes that no memory has.
func TestHostileParquet(t *testing.T) {
	two31 := "\xff\xff\xff\xff\x07"
	for name, c := range map[string]struct{ data, want string }{
		"a footer of 4 GB":          {"PAR1PAR1\xff\xff\xff\xffPAR1", "sizes it states"},
		"two billion columns":       {"PAR1\x29\xfc" + two31 + "\x00\x08\x00\x00\x00PAR1", "sizes it states"},
		"a name of two billion":     {"PAR1\x18" + two31 + "\x00\x07\x00\x00\x00PAR1", "sizes it states"},
		"structs within structs":    {"PAR1" + strings.Repeat("\x1c", 64) + "\x40\x00\x00\x00PAR1", "sizes it states"},
		"a footer cut in the midst": {"PAR1\x15\x01\x00\x00\x00PAR1", "sizes it states"},
		"nothing":                   {"PAR1", "sizes it states"},
	} {
		got := show(t, "parquet", put(t, "a.parquet", c.data), Options{})
		if !strings.HasPrefix(got, "error: ") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
	// A page's header: a type, its size unpacked, packed, and {count of values}.
	header := "\x15\x00\x15\x10\x15\x10\x2c\x15\x02\x00\x00"
	if n, err := pageSize(strings.NewReader(header), 0, make([]byte, len(header))); n != int64(len(header))+8 || err != nil {
		t.Errorf("a page of %d bytes, %v", n, err)
	}
	for _, hostile := range []string{
		"\x15\x00\x15\xfe\xff\xff\xff\x0f\x15\x10\x2c\x15\x02\x00\x00", // unpacked
		"\x15\x00\x15\x10\x15\x01\x2c\x15\x02\x00\x00",                 // packed: -1
		"\x15\x00\x15\x10\x15\x10\x2c\x15\xfe\xff\xff\xff\x0f\x00\x00", // values
	} {
		if n, err := pageSize(strings.NewReader(hostile), 0, make([]byte, len(hostile))); !errors.Is(err, errBroken) {
			t.Errorf("%q is a page of %d bytes, %v", hostile, n, err)
		}
	}
}
