package format

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"kindred"
)

func put(tb testing.TB, name, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	overwrite(tb, path, text)
	return path
}

func overwrite(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// show reads a file and returns a line a row, as a person would note it.
func show(t *testing.T, name, path string, opts Options) string {
	t.Helper()
	src, err := Open(name, []string{path}, opts)
	if err != nil {
		return "error: " + strings.ReplaceAll(err.Error(), path, "FILE")
	}
	defer src.Close() //nolint:errcheck // only read
	var lines []string
	for {
		row, err := src.Next()
		bad, isReject := errors.AsType[*Reject](err)
		switch {
		case errors.Is(err, io.EOF):
			return strings.Join(lines, "\n")
		case isReject:
			lines = append(lines, fmt.Sprintf("%d %s %q", bad.Line, bad.Reason, bad.Raw))
			continue
		case err != nil:
			return strings.Join(append(lines, "error: "+strings.ReplaceAll(err.Error(), path, "FILE")), "\n")
		}
		lines = append(lines, fmt.Sprintf("%d %s", row.Line, note(&row)))
	}
}

func note(row *Row) string {
	switch {
	case row.Event != nil:
		e := row.Event
		return fmt.Sprintf("%s %s %s %v %s", e.User, e.Kind, e.Item, e.Value, e.Time.Format("2006-01-02T15:04:05.999Z"))
	case row.Item != nil:
		i := row.Item
		return fmt.Sprintf("%s %q %v %v %s", i.ID, i.Title, i.Categories, i.Price, attributes(i.Attributes))
	default:
		return fmt.Sprintf("%s %s", row.User.ID, attributes(row.User.Attributes))
	}
}

func attributes(all kindred.Attributes) string {
	if all == nil {
		return "-"
	}
	text, err := attributesJSON(all)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		file, format, text, want string
		opts                     Options
	}{
		"crlf and bom": {file: "a.csv", text: "\xef\xbb\xbfuser_id,item_id,ts\r\nu,i,1e9\r\n", want: "2 u view i 1 2001-09-09T01:46:40Z"},
		"semicolons":   {file: "a.csv", text: "user;item;rating;date\nu;i;3.5;2020-01-02\n", want: "2 u rating i 3.5 2020-01-02T00:00:00Z"},
		"tabs in csv":  {file: "a.csv", text: "user\titem\ttime\nu\ti,j\t1000000000000\n", want: "2 u view i,j 1 2001-09-09T01:46:40Z"},
		"newline in quotes": {
			file: "films.csv", text: "id,title,year\n1,\"A\n\"\"B\"\", C\",1999\n2,D,2000\n",
			want: `2 1 "A\n\"B\", C" [] 0 {"year":1999}` + "\n" + `4 2 "D" [] 0 {"year":2000}`,
		},
		"bad quotes go on": {
			file: "a.csv", text: "user,item,time\nu,i\"j,1000000000\nu,k,1000000000\n",
			want: "2 bad_csv \"u\"\n3 u view k 1 2001-09-09T01:46:40Z",
		},
		"rejects": {
			file: "a.csv", text: "user,item,quantity,time\n,i,1,1000000000\nu,,1,1000000000\nu,i,x,1000000000\nu,i,NaN,1000000000\nu,i,1,\nu,i,1,yesterday\nu,i,1,-5\nu,i\nu,i,,1000000000\n",
			want: `2 missing_user ",i,1,1000000000"` + "\n" + `3 missing_item "u,,1,1000000000"` + "\n" + `4 bad_number "u,i,x,1000000000"` + "\n" +
				`5 bad_number "u,i,NaN,1000000000"` + "\n" + `6 missing_time "u,i,1,"` + "\n" + `7 bad_time "u,i,1,yesterday"` + "\n" + `8 bad_time "u,i,1,-5"` + "\n" +
				`9 wrong_columns "u,i"` + "\n" + "10 u purchase i 1 2001-09-09T01:46:40Z",
		},
		"no header": {
			file: "a.csv", text: "196,242,3,881250949\n",
			want: `error: format: FILE: no column of ["196" "242" "3" "881250949"] is known to be a user or an item (say which: user=COLUMN, item=COLUMN; without a header, put a first line such as user,item,rating,time into the file)`,
		},
		"no item": {
			file: "a.csv", text: "user,thing\nu,i\n", opts: Options{Entity: "events"},
			want: `error: format: FILE: no column of ["user" "thing"] is known to be the item of events (say which: item=COLUMN)`,
		},
		"columns said": {
			file: "a.csv", text: "who,thing,when\nu,i,1000000000\n", opts: Options{Columns: map[string]string{"user": "who", "item": "thing", "time": "when"}, Kind: "like"},
			want: "2 u like i 1 2001-09-09T01:46:40Z",
		},
		"column not there": {
			file: "a.csv", text: "user,item\n", opts: Options{Columns: map[string]string{"time": "when"}},
			want: `error: format: FILE: there is no column "when" for time (there are ["user" "item"])`,
		},
		"unclosed quote": {
			file: "a.csv", text: "user,item\nu,i\nu,\"" + strings.Repeat("x\n", 2<<20),
			opts: Options{Entity: "users"},
			want: "2 u {\"item\":\"i\"}\nerror: format: reading FILE: after line 2: a row is longer than 1 MB (an unclosed quote?)",
		},
		"types": {
			file: "users.csv", text: "id,age,vip,city,tags,zip,score\n1,30,true,Rome,a|b,06810,1\n2,,FALSE,Bonn,b,12345,NaN\n",
			want: `2 1 {"age":30,"city":"Rome","score":1,"tags":["a","b"],"vip":true,"zip":"06810"}` + "\n" + `3 2 {"city":"Bonn","tags":["b"],"vip":false,"zip":"12345"}`,
		},
		"an item's own score": {file: "films.csv", text: "id,score,type\n1,5,short\n", want: `2 1 "" [] 0 {"score":5,"type":"short"}`},
		"empty csv":           {file: "a.csv"},
		"empty jsonl":         {file: "a.jsonl"},
		"tsv":                 {file: "a.tsv", text: "user\titem\trating\nu\ti \"q\"\t2\n", opts: Options{}, want: "2 u rating i \"q\" 2 MTIME"},
		"jsonl": {
			file: "a.jsonl", text: `{"user":"u","item":7,"time":"2020-01-01T00:00:00.5Z"}` + "\n[1]\n{\n" + `{"user":"u","item":"i","event":"click","time":1577836800,"value":2}` + "\r\n",
			want: "1 u view 7 1 2020-01-01T00:00:00.5Z\n2 bad_json \"[1]\"\n3 bad_json \"{\"\n4 u click i 2 2020-01-01T00:00:00Z",
		},
		"recbole inter": {
			file: "x.inter", text: "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t2\t3.0\t8.8e8\n1\t2\n",
			want: "2 1 rating 2 3 1997-11-20T04:26:40Z\n3 wrong_columns \"1\\t2\"",
		},
		"recbole item": {
			file: "x.item", text: "item_id:token\tmovie_title:token_seq\tclass:token_seq\tyear:float\tcode:token\temb:float_seq\n1\tToy Story\tComedy Drama\t1995\t007\t0.5 1\n",
			want: `2 1 "Toy Story" [] 0 {"class":["Comedy","Drama"],"code":"007","emb":[0.5,1],"year":1995}`,
		},
		"recbole user":  {file: "x.user", text: "user_id:token\tage:token\n1\t24\n", want: `2 1 {"age":"24"}`},
		"recbole empty": {file: "x.user", want: `error: format: FILE: is empty, without even a header (user_id:token	item_id:token	…)`},
		"100k data":     {file: "u.data", text: "196\t242\t3\t881250949\n1\t2\n", want: "1 196 rating 242 3 1997-12-04T15:55:49Z\n2 wrong_columns \"1\\t2\""},
		"100k item": {
			file: "u.item", text: "543|Mis\xe9rables, Les (1995)|01-Jan-1995||http://x|0|0|0|0|0|0|0|0|1|0|0|0|1|0|0|0|0|0|0\n",
			want: `1 543 "Misérables, Les (1995)" [Drama Musical] 0 {"release_date":"01-Jan-1995","url":"http://x","year":1995}`,
		},
		"100k user": {file: "u.user", text: "1|24|M|technician|85711\n", want: `1 1 {"age":24,"gender":"M","occupation":"technician","zip":"85711"}`},
		"1m data":   {file: "ratings.dat", text: "1::1193::5::978300760\r\n", want: "1 1 rating 1193 5 2000-12-31T22:12:40Z"},
		"1m item":   {file: "movies.dat", text: "73::Mis\xe9rables, Les (1995)::Drama|Musical\n", want: `1 73 "Misérables, Les (1995)" [Drama Musical] 0 {"year":1995}`},
		"1m user":   {file: "users.dat", text: "1::F::1::10::48067\n", want: `1 1 {"age":1,"gender":"F","occupation":10,"zip":"48067"}`},
		"latest": {
			file: "movies.csv", text: "movieId,title,genres\n1,\"A, B (1995)\",Comedy|War\n2,C,(no genres listed)\n",
			want: `2 1 "A, B (1995)" [Comedy War] 0 {"year":1995}` + "\n" + `3 2 "C" [] 0 -`,
		},
		"wrong format": {file: "a.csv", format: "xml", want: `error: format "xml" is none of auto, movielens, csv, tsv, jsonl, parquet, recbole, online-retail, adjacency, sequence`},
		"no parquet":   {file: "a.parquet", text: "PAR1 and so on PAR1", want: "error: *"},
		"unknown name": {file: "a.xyz", want: "error: cannot tell the format of FILE by its name (name it: csv, jsonl, …)"},
		"no movielens": {file: "a.xyz", format: "movielens", want: "error: FILE is no file of MovieLens"},
	} {
		t.Run(name, func(t *testing.T) {
			formatName := c.format
			if formatName == "" {
				formatName = "auto"
			}
			check := func(path string) {
				t.Helper()
				want := c.want
				if info, err := os.Stat(path); err == nil {
					want = strings.ReplaceAll(want, "MTIME", info.ModTime().UTC().Format("2006-01-02T15:04:05.999Z"))
				}
				got := show(t, formatName, path, c.opts)
				if got != want && (want != "error: *" || !strings.HasPrefix(got, "error: ")) {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			}
			check(put(t, c.file, c.text))
			if c.file != "a.parquet" && c.file != "a.xyz" {
				check(put(t, c.file+".gz", gzipped(t, c.text)))
				check(put(t, c.file+".zst", zstded(t, c.text)))
			}
		})
	}
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstded(t *testing.T, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

// TestBrokenCompression never takes half a file for a whole one.
func TestBrokenCompression(t *testing.T) {
	text := "user,item\n" + strings.Repeat("u,i\n", 10_000)
	for name, whole := range map[string]string{"a.csv.gz": gzipped(t, text), "a.csv.zst": zstded(t, text)} {
		got := show(t, "csv", put(t, name, whole[:len(whole)-6]), Options{})
		if !strings.Contains(got, "error: format: ") {
			t.Errorf("%s: no error, but %d bytes of rows", name, len(got))
		}
	}
}

func TestFolder(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"u.data": "1\t2\t3\t881250949\n", "u1.base": "9\t9\t9\t9\n", "u.user": "1|24|M|technician|85711\n", "README": "x", "links.csv": "movieId,imdbId\n1,2\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src, err := Open("auto", []string{folder}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close() //nolint:errcheck // only read
	want := []string{"user → user, item → item, rating → value, time → time", "user → user, age → attribute"}
	if mapping := src.Mapping(); strings.Count(mapping, "\n") != 1 || !strings.Contains(mapping, want[0]) || !strings.Contains(mapping, want[1]) {
		t.Errorf("mapping %s", mapping)
	}
	rows, _ := read(t, "auto", folder)
	if len(rows) != 2 {
		t.Errorf("rows %v", rows)
	}
}

// TestIDsSurviveSorting names events alike in a grown, re-sorted file.
func TestIDsSurviveSorting(t *testing.T) {
	ids := func(text string) (all []string) {
		rows, _ := read(t, "csv", put(t, "a.csv", "user,item,time\n"+text))
		for _, r := range rows {
			all = append(all, r.Event.ID)
		}
		slices.Sort(all)
		return all
	}
	before, after := ids("u,i,1000000000\nu,j,1000000000\nu,i,1000000000\n"), ids("u,j,1000000000\nu,k,1000000000\nu,i,1000000000\nu,i,1000000000\n")
	for _, id := range before {
		if !slices.Contains(after, id) {
			t.Errorf("%s is lost", id)
		}
	}
	if len(slices.Compact(before)) != 3 || len(slices.Compact(after)) != 4 {
		t.Error("equal rows have one ID")
	}
}

func TestOccurrences(t *testing.T) {
	o := newOccurrences()
	for round := range uint32(3) {
		for key := range uint64(5000) {
			if n := o.count(key<<1 | 1); n != round {
				t.Fatalf("key %d was counted %d times instead of %d", key, n, round)
			}
		}
	}
}

func TestTime(t *testing.T) {
	for text, want := range map[string]string{
		"0": "1970-01-01T00:00:00Z", "1000000000": "2001-09-09T01:46:40Z", "1000000000123": "2001-09-09T01:46:40.123Z",
		"1000000000123456": "2001-09-09T01:46:40.123Z", "1000000000123456789": "2001-09-09T01:46:40.123Z", "1000000000.5": "2001-09-09T01:46:40.5Z",
		"2020-01-02T03:04:05+01:00": "2020-01-02T02:04:05Z", "2020-01-02 03:04:05": "2020-01-02T03:04:05Z", "2020-01-02 03:04": "2020-01-02T03:04:00Z",
		"1/2/2020 3:04": "2020-01-02T03:04:00Z", "12/31/2020": "2020-12-31T00:00:00Z", "9999-12-31": "9999-12-31T00:00:00Z",
		"-1": "", "1e300": "", "NaN": "", "soon": "", "": "", "5000000000": "",
	} {
		got := ""
		if when, err := parseTime(text); err == nil {
			got = when.Format("2006-01-02T15:04:05.999Z")
		}
		if got != want {
			t.Errorf("%q is %q, not %q", text, got, want)
		}
	}
}
