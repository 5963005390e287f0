package dataset

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred"
)

// encoded returns a row as "column:value" texts.
func encoded(f *Features, r int) (cells []string) {
	cols, vals := f.Row(r)
	for k, c := range cols {
		cells = append(cells, fmt.Sprintf("%s:%.3g", f.Names.ID(c), vals[k]))
	}
	return cells
}

func TestDescribe(t *testing.T) {
	day := func(n int) kindred.Attribute { return kindred.TimeOf(time.Unix(int64(n)*86_400, 0)) }
	for name, c := range map[string]struct {
		rows []kindred.Attributes
		want []string // of row 0
	}{
		"words in two rows or more": {
			[]kindred.Attributes{
				{"tag": kindred.SetOf("b", "a", "once")}, {"tag": kindred.StringOf("a")}, {"tag": kindred.SetOf("b")},
			},
			[]string{"tag=a:1", "tag=b:1"},
		},
		"levels of categories": {
			[]kindred.Attributes{
				{"category": kindred.SetOf("music/jazz", "new")}, {"category": kindred.SetOf("music > jazz")}, {"category": kindred.SetOf("music/rock")},
			},
			[]string{"category=music:1", "category=music/jazz:1"},
		},
		"missing": {
			[]kindred.Attributes{{}, {"new": kindred.BoolOf(true)}, {"new": kindred.BoolOf(true)}, {"new": kindred.BoolOf(false)}, {"new": kindred.BoolOf(false)}},
			[]string{"new=?:1"},
		},
		"of another type than most": {
			[]kindred.Attributes{{"x": kindred.StringOf("cheap")}, {"x": kindred.NumberOf(1)}, {"x": kindred.NumberOf(2)}},
			[]string{"x=?:1"},
		},
		"between two knots": {
			[]kindred.Attributes{
				{"x": kindred.NumberOf(2.5)}, {"x": kindred.NumberOf(0)}, {"x": kindred.NumberOf(10)},
			},
			[]string{"x:-0.392", "x≈2.5:1"},
		},
		"times": {
			[]kindred.Attributes{{"t": day(3)}, {"t": day(1)}, {"t": day(5)}},
			[]string{"t:0", "t≈3:1"},
		},
		"vectors": {
			[]kindred.Attributes{{"v": kindred.VectorOf([]float32{3, 4})}, {"v": kindred.VectorOf([]float32{1})}, {"v": kindred.VectorOf([]float32{0, 2})}},
			[]string{"v[0]:0.6", "v[1]:0.8"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := encoded(Describe(c.rows), 0); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if f := Describe([]kindred.Attributes{{"x": kindred.NumberOf(1)}, {"x": kindred.NumberOf(1)}, {}}); f != nil {
		t.Errorf("what is the same everywhere makes the columns %v", f.Names.IDs())
	}
}

// TestBM25 compares with the definition, written out.
func TestBM25(t *testing.T) {
	texts := []string{"red red wine", "Red cars, fast cars!", "fast wine", "the long tale of a slow boat in the red sea", "slow sea"}
	var rows []kindred.Attributes
	for _, text := range texts {
		rows = append(rows, kindred.Attributes{"t": kindred.TextOf(text)})
	}
	f := Describe(rows)
	total := 0.0
	for _, text := range texts {
		total += float64(len(Words(text)))
	}
	for r, text := range texts {
		words := Words(text)
		want, square := map[string]float64{}, 0.0
		for _, word := range words {
			tf, df := 0.0, 0.0
			for _, w := range words {
				if w == word {
					tf++
				}
			}
			for _, other := range texts {
				if slices.Contains(Words(other), word) {
					df++
				}
			}
			if df < 2 || df > .5*float64(len(texts)) {
				continue
			}
			idf := math.Log(1 + (float64(len(texts))-df+.5)/(df+.5))
			want["t="+word] = idf * tf * 2.2 / (tf + 1.2*(.25+.75*float64(len(words))/(total/float64(len(texts)))))
		}
		for _, x := range want {
			square += x * x
		}
		cols, vals := f.Row(r)
		if len(cols) != len(want) {
			t.Errorf("%q has the columns %q", text, encoded(f, r))
		}
		for k, c := range cols {
			if x := want[f.Names.ID(c)] / math.Sqrt(square); math.Abs(x-float64(vals[k])) > 1e-6 {
				t.Errorf("%q: %s weighs %v, want %v", text, f.Names.ID(c), vals[k], x)
			}
		}
	}
}

// random returns attributes of every type.
func random(n int, dice *rand.Rand) []kindred.Attributes {
	rows := make([]kindred.Attributes, n)
	word := func() string { return string(rune('a' + dice.IntN(12))) }
	for i := range rows {
		all := kindred.Attributes{
			"price": kindred.NumberOf(math.Exp(3 * dice.NormFloat64())), "size": kindred.NumberOf(dice.NormFloat64()),
			"new": kindred.BoolOf(dice.IntN(2) == 0), "since": kindred.TimeOf(time.Unix(dice.Int64N(1e9), 0)),
			"tags": kindred.SetOf(word(), word()), "category": kindred.SetOf(word() + "/" + word()),
			"text": kindred.TextOf(strings.Repeat(word()+word()+" "+word()+word()+" ", 3)), "vector": kindred.VectorOf([]float32{1, dice.Float32()}),
		}
		for name := range all {
			if dice.IntN(5) == 0 {
				delete(all, name)
			}
		}
		rows[i] = all
	}
	return rows
}

// TestScalingChangesNothing expects a number in other units to have the same
// columns.
func TestScalingChangesNothing(t *testing.T) {
	for seed := range uint64(10) {
		rows := random(200, rand.New(rand.NewPCG(seed, 0)))
		before := Describe(rows)
		for i := range rows {
			for name, by := range map[string]float64{"price": 1024, "size": 0.125} {
				if a, has := rows[i][name]; has {
					rows[i][name] = kindred.NumberOf(a.Number * by)
				}
			}
		}
		after := Describe(rows)
		if !slices.Equal(before.Rows.Cols, after.Rows.Cols) {
			t.Fatal("other columns")
		}
		for k, x := range before.Rows.Vals {
			if math.Abs(float64(x-after.Rows.Vals[k])) > 1e-4 {
				t.Fatalf("%s: %v became %v", before.Names.ID(before.Rows.Cols[k]), x, after.Rows.Vals[k])
			}
		}
	}
}

// TestEncodingIsKept expects an encoding read from JSON to encode as before,
// columns ascending and within the names.
func TestEncodingIsKept(t *testing.T) {
	rows := random(300, rand.New(rand.NewPCG(4, 4)))
	f := Describe(rows)
	text, err := json.Marshal(f.Encoding)
	if err != nil {
		t.Fatal(err)
	}
	var read Encoding
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if again := read.features(rows); !reflect.DeepEqual(again.Rows, f.Rows) || !slices.Equal(again.Names.IDs(), f.Names.IDs()) {
		t.Error("read from JSON it encodes otherwise")
	}
	used := make([]bool, f.Names.Len())
	for r := range rows {
		cols, vals := f.Row(r)
		if !slices.IsSorted(cols) || len(slices.Compact(slices.Clone(cols))) != len(cols) {
			t.Fatalf("row %d has the columns %v", r, cols)
		}
		for k, c := range cols {
			used[c] = true
			if math.IsNaN(float64(vals[k])) {
				t.Fatalf("%s is NaN", f.Names.ID(c))
			}
		}
	}
	for c, is := range used {
		if !is {
			t.Errorf("no row has %s", f.Names.ID(int32(c)))
		}
	}
}

// TestCatalogue expects items of the catalogue to be there though nobody met
// them, unless they came after the cut, and everyone to be described.
func TestCatalogue(t *testing.T) {
	b := NewBuilder(Defaults())
	for n, pair := range []string{"a x", "a y", "b x", "b y", "c y"} {
		user, item, _ := strings.Cut(pair, " ")
		at := start.Add(time.Duration(n) * time.Minute)
		b.Add(&kindred.Event{User: kindred.UserID(user), Item: kindred.ItemID(item), Kind: "view", Time: at})
	}
	cut := start.Add(4 * time.Minute)
	for id, from := range map[string]time.Time{"x": {}, "y": {}, "unmet": {}, "soon": cut, "old": cut.Add(-time.Hour)} {
		b.AddItem(&kindred.Item{ID: kindred.ItemID(id), Categories: []string{id[:1], "all"}, AvailableFrom: from})
	}
	for _, id := range []string{"a", "b", "c", "never"} {
		b.AddUser(&kindred.User{ID: kindred.UserID(id), Attributes: kindred.Attributes{"x": kindred.NumberOf(float64(id[0]))}})
	}
	x, err := b.Build(start)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"old", "soon", "unmet", "x", "y"}; !slices.Equal(x.Items.IDs(), want) || x.ByUser.Width != len(want) {
		t.Errorf("the items are %v", x.Items.IDs())
	}
	if x.ItemFeatures.Rows.Rows() != 5 || x.UserFeatures.Rows.Rows() != 3 || len(x.History(1).Features) == 0 {
		t.Errorf("%d items and %d users are described", x.ItemFeatures.Rows.Rows(), x.UserFeatures.Rows.Rows())
	}
	h, err := b.SplitAt(cut)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"old", "unmet", "x", "y"}; !slices.Equal(h.Train.Items.IDs(), want) {
		t.Errorf("before the cut the items are %v", h.Train.Items.IDs())
	}
	if len(h.Cold) != 1 || len(h.Cold[0].History.Features) == 0 {
		t.Errorf("the stranger c is %+v", h.Cold)
	}
}
