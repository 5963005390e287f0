package format

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"kindred/dataset"
)

// noteRows writes rows as a person would: label, group, column=value.
func noteRows(rows *dataset.Rows) string {
	var b strings.Builder
	for r := range rows.Len() {
		fmt.Fprintf(&b, "%v", rows.Labels[r])
		if rows.Weights != nil {
			fmt.Fprintf(&b, " weight %v", rows.Weights[r])
		}
		if rows.Groups != nil {
			fmt.Fprintf(&b, " group %d", rows.Groups[r])
		}
		cols, vals := rows.Row(r)
		for k, c := range cols {
			value := fmt.Sprint(vals[k])
			if dict := rows.Columns.Categories[c]; dict != nil && vals[k] == vals[k] {
				value = "unknown"
				if vals[k] > 0 {
					value = dict.ID(int32(vals[k]) - 1)
				}
			}
			fmt.Fprintf(&b, " %s=%s", rows.Columns.Names[c], value)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestReadRows(t *testing.T) {
	for name, test := range map[string]struct {
		file, train, test   string
		options             RowOptions
		wantTrain, wantTest string
		rejected            int
	}{
		"csv without a header": {
			"a.csv", "1,7,red\n0,8,blue\n1,7,blue\n", "0,9,red\n",
			RowOptions{},
			"1 f2=7 f3=red\n0 f2=8 f3=blue\n1 f2=7 f3=blue\n", "0 f2=9 f3=red\n", 0,
		},
		"tsv without a header, of which the test has no label": {
			"a.tsv", "7\t\tred\tyes\n8\t\tblue\tno\n6\t\tred\tno\n", "9\t4\tred\n",
			RowOptions{},
			"1 f1=7 f2=NaN f3=red\n0 f1=8 f2=NaN f3=blue\n0 f1=6 f2=NaN f3=red\n", "NaN f1=9 f2=4 f3=red\n", 0,
		},
		"without a header, the label named": {
			"a.csv", "3.5,1,0\n4.5,0,1\n", "5.5,0,0\n",
			RowOptions{Label: "f3", Categorical: []string{"f2"}},
			"0 f1=3.5 f2=1\n1 f1=4.5 f2=0\n", "0 f1=5.5 f2=0\n", 0,
		},
		"a header of numbers that count": {
			"a.csv", "0,1,2\n1,5,6\n0,5,7\n", "0,1,2\n1,5,6\n",
			RowOptions{},
			"1 1=5 2=6\n0 1=5 2=7\n", "1 1=5 2=6\n", 0,
		},
		"a header with years": {
			"a.csv", "label,2019,2020\n1,5,6\n0,5,7\n", "2019,2020\n5,6\n",
			RowOptions{},
			"1 2019=5 2020=6\n0 2019=5 2020=7\n", "NaN 2019=5 2020=6\n", 0,
		},
		"libsvm": {
			"a.libsvm", "1 1:0.5 7:2\n-1 7:3 # end\n0\n", "0 7:1 9:9\n7:4\n",
			RowOptions{},
			"1 1=0.5 7=2\n-1 7=3\n0\n", "0 7=1\nNaN 7=4\n", 0,
		},
		"libsvm of groups": {
			"a.txt", "1 qid:8 1:1\n0 qid:8 1:2\n2 qid:3 1:3\n", "1 qid:1 1:5\n",
			RowOptions{},
			"1 group 0 1=1\n0 group 0 1=2\n2 group 1 1=3\n", "1 group 0 1=5\n", 0,
		},
		"libsvm, one-hot positions": {
			"a.txt", "1 4:1 10:1\n-1 5:1 11:1\n", "1 5:1 12:1\n",
			RowOptions{},
			"1 field 0=4 field 1=10\n-1 field 0=5 field 1=11\n", "1 field 0=5 field 1=unknown\n", 0,
		},
		"libsvm, bad rows": {
			"a.txt", "1 1:1\nx 1:1\n1 1:a\n1 1:1 1:2\n1 -1:1\n2:1\n", "0 1:1\noops\n",
			RowOptions{},
			"1 1=1\n", "0 1=1\nNaN\n", 6,
		},
		"libffm": {
			"a.txt", "1 0:3:1 1:8:0.5 2:1:1 2:2:1\n0 0:4:1 1:8:2\n", "1 0:9:1 1:8:1 2:2:1 2:7:1\n",
			RowOptions{},
			"1 field 0=3 8=0.5 1=1 2=1\n0 field 0=4 8=2\n", "1 field 0=unknown 8=1 2=1\n", 0,
		},
		"csv": {
			"a.csv", "click,price,user_id,site,seen\n1,2.5,7,a,2024-01-01 10:30:00\n0,,8,b,2024-01-02 00:00:00\n", "price,user_id,site,seen\n1,9,a,NA\n",
			RowOptions{},
			"1 price=2.5 user_id=7 site=a seen=0.4375 seen.hour=10 seen.weekday=1\n0 price=NaN user_id=8 site=b seen=1 seen.hour=0 seen.weekday=2\n",
			"NaN price=1 user_id=unknown site=a seen=NaN seen.hour=NaN seen.weekday=NaN\n", 0,
		},
		"csv, all said": {
			"a.csv", "a;b;c;d;e;f\n1;2;3;4;5;6\n0;2;3;4;5;6\n", "a;b;c;d;e;f\n1;2;3;4;6;6\n",
			RowOptions{Label: "b", Weight: "c", Group: "d", Categorical: []string{"e"}, Numeric: []string{"f"}, Ignore: []string{"a"}},
			"2 weight 3 group 0 e=5 f=6\n2 weight 3 group 0 e=5 f=6\n", "2 weight 3 group 0 e=unknown f=6\n", 0,
		},
		"csv, bad rows": {
			"a.csv", "label,x\n1,2\n,3\n1,2,3\n0,4\nz,1\n", "label,x\n0,z\n1,9\n",
			RowOptions{Numeric: []string{"x"}},
			"1 x=2\n0 x=4\n", "NaN x=NaN\n1 x=9\n", 4,
		},
		"tsv of hours": {
			"a.tsv", "click\thour\n1\t14102113\n0\t14102201\n", "click\thour\n1\t14102123\n",
			RowOptions{},
			"1 hour=0.5416667 hour.hour=13 hour.weekday=2\n0 hour=1.0416666 hour.hour=1 hour.weekday=3\n", "1 hour=0.9583333 hour.hour=23 hour.weekday=2\n", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			reader := NewRowReader(test.options)
			train, err := reader.Train(put(t, test.file, test.train))
			if err != nil {
				t.Fatal(err)
			}
			if got := noteRows(train); got != test.wantTrain {
				t.Errorf("training rows:\n%swant\n%s", got, test.wantTrain)
			}
			rows, err := reader.Read(put(t, test.file, test.test))
			if err != nil {
				t.Fatal(err)
			}
			if got := noteRows(rows); got != test.wantTest {
				t.Errorf("test rows:\n%swant\n%s", got, test.wantTest)
			}
			if reader.Rejected != test.rejected || len(reader.Rejects) != test.rejected {
				t.Errorf("rejected %d (%v), want %d", reader.Rejected, reader.Rejects, test.rejected)
			}
			for _, bad := range reader.Rejects {
				if bad.Line < 1 || bad.File == "" || bad.Detail == "" {
					t.Errorf("reject %+v does not say where and what", bad)
				}
			}
		})
	}
}

func TestReadRowsRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		file, text string
		options    RowOptions
		want       string
	}{
		"no format":        {"a.csv", "a,b\n", RowOptions{Format: "arff"}, "none of auto"},
		"empty":            {"a.txt", "", RowOptions{}, "empty"},
		"no label":         {"a.csv", "a,b\n1,2\n3,4\n5,6\n", RowOptions{}, "--label"},
		"no such label":    {"a.csv", "a,b\n1,2\n", RowOptions{Label: "c"}, `no column "c"`},
		"only a label":     {"a.csv", "label\n1\n0\n", RowOptions{}, "no column to learn from"},
		"all rows bad":     {"a.libsvm", "x y\n", RowOptions{}, "1 were rejected"},
		"groups in pieces": {"a.txt", "1 qid:1 1:1\n1 qid:2 1:1\n1 qid:1 1:1\n", RowOptions{}, "sort the file by group"},
	} {
		_, err := NewRowReader(test.options).Train(put(t, test.file, test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	if _, err := NewRowReader(RowOptions{}).Read("a.csv"); err == nil {
		t.Error("a test file can be read first")
	}
}

func TestGuessKind(t *testing.T) {
	numbers := func(n int, format string) (cells []string) {
		for i := range n {
			cells = append(cells, fmt.Sprintf(format, i))
		}
		return cells
	}
	for _, test := range []struct {
		name  string
		cells []string
		want  columnKind
	}{
		{"price", []string{"1", "2.5", ""}, numeric},
		{"age", numbers(300, "%d"), numeric},
		{"item_id", []string{"1", "2", "1"}, categorical},
		{"C14", []string{"15706", "15704"}, categorical},
		{"adId", []string{"15706", "15704"}, categorical},
		{"row_id", numbers(300, "%d"), ignored},
		{"word", []string{"a", "b", "NA"}, categorical},
		{"timestamp", []string{"1700000000", "1700003600"}, timeColumns},
		{"timespent", []string{"17", "1700003600"}, numeric},
		{"born", []string{"2001-02-03"}, timeColumns},
		{"nothing", []string{"", "NA"}, numeric},
	} {
		if got := guessKind(test.name, test.cells); got != test.want {
			t.Errorf("%s: kind %d, want %d", test.name, got, test.want)
		}
	}
}

// checkRows holds rows to what dataset.Rows promises.
func checkRows(t *testing.T, rows *dataset.Rows) {
	t.Helper()
	for r := range rows.Len() {
		cols, vals := rows.Row(r)
		seen := map[int32]bool{}
		for k, c := range cols {
			if seen[c] || math.IsInf(float64(vals[k]), 0) {
				t.Fatalf("row %d: column %d twice or value %v", r, c, vals[k])
			}
			seen[c] = true
			if codes := rows.Columns.Codes(int(c)); codes > 0 && vals[k] == vals[k] && (vals[k] < 0 || int(vals[k]) >= codes) {
				t.Fatalf("row %d: code %v of %d", r, vals[k], codes)
			}
		}
	}
}

// fuzzRows trains on one text and reads another by it.
func fuzzRows(f *testing.F, layout, file string, seeds ...string) {
	f.Helper()
	for _, seed := range seeds {
		f.Add([]byte(seed), []byte(seeds[0]))
	}
	path := put(f, file, "")
	f.Fuzz(func(t *testing.T, train, test []byte) {
		overwrite(t, path, string(train))
		reader := NewRowReader(RowOptions{Format: layout})
		rows, err := reader.Train(path)
		if err != nil {
			return
		}
		checkRows(t, rows)
		overwrite(t, path, string(test))
		if rows, err = reader.Read(path); err == nil {
			checkRows(t, rows)
		}
		for _, bad := range reader.Rejects {
			if _, isReject := errors.AsType[*Reject](error(bad)); !isReject || bad.Line < 1 || len(bad.Raw) > maxRaw {
				t.Fatalf("reject %+v", bad)
			}
		}
	})
}

func FuzzRowsLibSVM(f *testing.F) {
	fuzzRows(f, "libsvm", "a.txt", "1 1:2 3:4\n0 3:1\n", "1 qid:1 1:1 2:1\n-1 qid:1 3:1 4:1 # c\n", "x\n1 1:1 1:1\n")
}

func FuzzRowsLibFFM(f *testing.F) {
	fuzzRows(f, "libffm", "a.txt", "1 0:1:1 1:2:0.5\n0 0:3:1 1:2:nan\n", "0 0:1:1 0:2:1\n")
}

func FuzzRowsCSV(f *testing.F) {
	fuzzRows(f, "csv", "a.csv", "label,x,user_id,time\n1,2,u,2020-01-01\n0,NA,v,2020-01-02\n", "a;click\n\"x\ny\";1\n", "y\n1\n")
}
