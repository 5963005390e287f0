package dataset

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFixedRefusesWhatCannotBe(t *testing.T) {
	for name, add := range map[string]func(*Fixed){
		"no such part":    func(f *Fixed) { f.Add(HistoryPart+1, "u", "i", 1, 0) },
		"no weight":       func(f *Fixed) { f.Add(TrainPart, "u", "i", 0, 0) },
		"negative weight": func(f *Fixed) { f.Add(TestPart, "u", "i", -1, 0) },
		"not a number":    func(f *Fixed) { f.Add(TestPart, "u", "i", float32(math.NaN()), 0) },
		"infinite":        func(f *Fixed) { f.Add(TestPart, "u", "i", float32(math.Inf(1)), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			f := NewFixed()
			defer func() {
				if recover() == nil || f.Users.Len() != 0 || f.Items.Len() != 0 {
					t.Error("it was taken in")
				}
			}()
			add(f)
		})
	}
}

// TestFixedOfLongHistories takes seconds if cases search a user's history
// for each item, and no time if not.
func TestFixedOfLongHistories(t *testing.T) {
	const users, each = 4, 50_000
	f := NewFixed()
	for u := range users {
		user := fmt.Sprint(u)
		for i := range each {
			f.Add(TrainPart, user, fmt.Sprint(i), 1, int64(i))
			f.Add(TestPart, user, fmt.Sprint(i+each-u), 1, 0) // u of them known
			f.Add(TestPart, user, fmt.Sprint(i+each-u), 1, 0)
		}
	}
	train, _, test := f.Build()
	if train.ByUser.NNZ() != users*each || len(test) != users {
		t.Fatalf("%d pairs, %d cases", train.ByUser.NNZ(), len(test))
	}
	for u, c := range test {
		if len(c.Relevant) != each-u || !slices.IsSorted(c.Relevant) {
			t.Errorf("user %d has %d relevant items", u, len(c.Relevant))
		}
	}
}

// lines calls each with the words of every line of a file of public data.
func lines(t *testing.T, each func(words []string), path ...string) {
	t.Helper()
	file, err := os.Open(filepath.Join(append([]string{"..", "..", "shared", "data"}, path...)...))
	if err != nil {
		t.Skipf("the public data is not there: %v", err)
	}
	defer func() { _ = file.Close() }() // only read from
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(text)
	scanner.Buffer(nil, 1<<24)
	for scanner.Scan() {
		each(strings.Fields(scanner.Text()))
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestFixedOnGowalla(t *testing.T) {
	f := NewFixed()
	for part, name := range map[Part]string{TrainPart: "train.txt.gz", TestPart: "test.txt.gz"} {
		lines(t, func(words []string) {
			for at, item := range words[1:] {
				f.Add(part, words[0], item, 1, int64(at))
			}
		}, "gowalla_m1", name)
	}
	train, validation, test := f.Build()
	relevant := 0
	for _, c := range test {
		relevant += len(c.Relevant)
	}
	got := []int{train.Users.Len(), train.Items.Len(), train.ByUser.NNZ(), len(validation), len(test), relevant}
	if want := []int{29_858, 40_981, 810_128, 0, 29_858, 217_242}; !slices.Equal(got, want) {
		t.Errorf("users, items, pairs, validation, test, relevant: %v, want %v", got, want)
	}
}

func TestLeaveLastOutOnBeauty(t *testing.T) {
	f := NewFixed()
	last := map[string]string{}
	lines(t, func(words []string) {
		for at, item := range words[1:] {
			f.Add(TrainPart, words[0], item, 1, int64(at))
		}
		last[words[0]] = words[len(words)-1]
	}, "s3rec-beauty", "Beauty.txt.gz")
	x, _, _ := f.Build()
	train, validation, test := LeaveLastOut(x)
	got := []int{x.Users.Len(), x.Items.Len(), x.ByUser.NNZ(), train.ByUser.NNZ(), len(validation), len(test)}
	if want := []int{22_363, 12_101, 198_502, 198_502 - 2*22_363, 22_363, 22_363}; !slices.Equal(got, want) {
		t.Errorf("users, items, pairs, training, validation, test: %v, want %v", got, want)
	}
	for at, c := range test {
		if user := x.Users.ID(c.User); x.Items.ID(c.Relevant[0]) != last[user] {
			t.Fatalf("user %s is tested on another item than the last", user)
		}
		before := validation[at]
		if n := len(before.History.Items); n+1 != len(c.History.Items) || c.History.Items[n] != before.Relevant[0] || n != len(train.History(int(c.User)).Items) {
			t.Fatalf("user %d: validation %+v, test %+v", c.User, before, c)
		}
	}
}
