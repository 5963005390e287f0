package format

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

// readAll reads a file to its end or first error and holds each row to what a
// Source promises.
func readAll(t *testing.T, formatName, path string) {
	t.Helper()
	src, err := Open(formatName, []string{path}, Options{})
	if err != nil {
		return
	}
	defer src.Close() //nolint:errcheck // only read
	for range 1 << 20 {
		row, err := src.Next()
		bad, isReject := errors.AsType[*Reject](err)
		switch {
		case isReject && (bad.Line < 1 || bad.File != path || bad.Reason == "" || len(bad.Raw) > maxRaw || !utf8.ValidString(bad.Raw)):
			t.Fatalf("reject %+v", bad)
		case isReject:
			continue
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			if err.Error() == "" || strings.Contains(err.Error(), "runtime error") && formatName != "parquet" {
				t.Fatal(err)
			}
			return
		}
		set := 0
		for _, isSet := range []bool{row.Event != nil, row.Item != nil, row.User != nil} {
			if isSet {
				set++
			}
		}
		if set != 1 || row.Line < 1 || row.File != path {
			t.Fatalf("row %+v", row)
		}
		if e := row.Event; e != nil && (e.ID == "" || e.User == "" || e.Time.Year() < 1970 || e.Time.Year() > 2100 || e.Time.Location() != time.UTC) {
			t.Fatalf("event %+v", e)
		}
	}
	t.Fatal("a small file has a million rows")
}

func fuzzFile(f *testing.F, formatName, file string, seeds ...string) {
	f.Helper()
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	path := put(f, file, "")
	f.Fuzz(func(t *testing.T, data []byte) {
		overwrite(t, path, string(data))
		readAll(t, formatName, path)
	})
}

func FuzzCSV(f *testing.F) {
	fuzzFile(f, "csv", "a.csv", "user,item,rating,time\nu,i,3,1e9\n", "id;title;categories;x\n1;\"a\nb\";[\"c\"];1|2\n",
		"user,item,kind,event_id,position,context,time\nu,i,view,1,2,\"{\"\"a\"\":1}\",2020-01-02\n", "user,attributes,v\nu,\"{\"\"a\"\":[1]}\",nan\n")
}

func FuzzTSV(f *testing.F) {
	fuzzFile(f, "tsv", "a.tsv", "user\titem\ttime\nu\t\"i\t1000000000\n")
}

func FuzzJSONL(f *testing.F) {
	fuzzFile(f, "jsonl", "a.jsonl", `{"user":"u","item":1,"time":"2020-01-02T03:04:05Z","context":{"a":null}}`+"\n{}\n[]",
		`{"item":"i","categories":["a"],"attributes":{"a":{"time":"2020-01-02T03:04:05Z"}},"more":[1,2]}`)
}

func FuzzRecBole(f *testing.F) {
	fuzzFile(f, "recbole", "a.inter", "user_id:token\titem_id:token\ttimestamp:float\n1\t2\t1e9\n",
		"item_id:token\tclass:token_seq\temb:float_seq\tprice:float\n1\ta b\t1 2\t3\n")
}

func FuzzMovieLens(f *testing.F) {
	films := "1|A (1995)|01-Jan-1995||u|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n"
	for _, seed := range []string{"1\t2\t3\t881250949\n", films, "1|24|M|x|85711\n", "1::2::5::978300760\n", "1::A\xe9 (1995)::Drama|War\n", "1::F::1::10::48067\n"} {
		f.Add([]byte(seed))
	}
	var paths []string
	for _, name := range []string{"u.data", "u.item", "u.user", "ratings.dat", "movies.dat", "users.dat", "movies.csv", "ratings.csv"} {
		paths = append(paths, put(f, name, ""))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, path := range paths {
			overwrite(t, path, string(data))
			readAll(t, "movielens", path)
		}
	})
}

func FuzzRetail(f *testing.F) {
	head := "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
	fuzzFile(f, "online-retail", "a.csv", head+"536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\nC1,85123A,H,-1,12/1/2010 8:26,1,1,F\n")
}

func FuzzParquet(f *testing.F) {
	type seed struct {
		User string    `parquet:"user,dict"`
		Item *int64    `parquet:"item,optional"`
		Time time.Time `parquet:"time,timestamp(microsecond)"`
		Tags []string  `parquet:"tags,list"`
	}
	one := int64(1)
	t := &testing.T{}
	rows := []seed{{"u", &one, time.Unix(1e9, 0), []string{"a", "b"}}, {"v", nil, time.Unix(1e9, 0), nil}}
	fuzzFile(f, "parquet", "a.parquet", parquetOf(t, &parquet.Snappy, rows...), parquetOf(t, &parquet.Uncompressed, rows...), parquetOf(t, &parquet.Zstd, rows...))
}

func FuzzPairs(f *testing.F) {
	for _, seed := range []string{
		"u 1 2\n", "u,i,3,4\n", "userId::movieId\n1::2\n", "user_id:token\titem_id:token\n1\t2\n",
		"\"u\";2020-01-02;\"a;b\"\n", `{"session":1,"events":[{"aid":2,"ts":1661724000278}]}`,
	} {
		for layout := range 6 {
			f.Add(layout, []byte(seed))
		}
	}
	path := put(f, "a.txt", "")
	layouts := []string{"auto", "adjacency", "sequence", "triples", "recbole", "jsonl"}
	f.Fuzz(func(t *testing.T, layout int, data []byte) {
		overwrite(t, path, string(data))
		err := ReadPairs(path, PairOptions{Layout: layouts[uint(layout)%6]}, func(p Pair) error {
			if p.User == "" || p.Item == "" || p.Value-p.Value != 0 {
				t.Fatalf("pair %+v", p)
			}
			return nil
		})
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Fatalf("error %q names no file", err)
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, seed := range []string{"1e9", "1000000000000", "2020-01-02T03:04:05+01:00", "1/2/2006 15:04", "-0.5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		when, err := parseTime(text)
		if err != nil {
			return
		}
		if when.Location() != time.UTC || when.Nanosecond()%1e6 != 0 {
			t.Errorf("%q became %v", text, when)
		}
		if again, err := parseTime(when.Format(time.RFC3339Nano)); when.Year() <= 9999 && when.Year() >= 0 && (err != nil || !again.Equal(when)) {
			t.Errorf("%q became %v, then %v, %v", text, when, again, err)
		}
	})
}
