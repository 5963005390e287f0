package model

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// Content finds for each item the Neighbours items most like it by what is
// said of them, so that an item nobody met yet has neighbours too:
//
//	sim(i, j) = Σ_f w_f·x(i,f)ᵀx(j,f) / (‖x(i)‖·‖x(j)‖),  ‖x(i)‖² = Σ_f w_f over the fields f of i
//
// x(i,f) are the columns of field f, brought to length 1, so that each term is
// the cosine of one field: of words (categories with all their levels, sets,
// single words) weighted by idf = ln((N+1)/n), n of the N items having the
// word; of texts weighted by BM25; of numbers and times, which lie between
// quantiles, a kernel of their distance; of vectors as the client gave them.
// What is unknown of an item says nothing. An item with the same
// attributes has similarity 1, and none has more.
//
// The weights w_f are learned (Mixture "learned"): those by which the terms
// come nearest, in the sense of least squares and none below zero, to how
// often two items are met by the same users, n_ij/√(n_i·n_j), over pairs of 300
// items with all that are met together with them and 300 others. "equal" gives each
// 1, and so does data from which nothing is learned.
//
// A history is scored as by item-kNN: the sum of weight × similarity.
//
// Papers: M. Pazzani, D. Billsus, "Content-Based Recommendation Systems", The
// Adaptive Web, 2007; the weights after the idea of A. Elbadrawy, G. Karypis,
// "User-Specific Feature-Based Similarity Models for Top-n Recommendation of
// New Items", ACM TIST 2015, by field instead of by word, and for all users
// alike, which one pass over few pairs finds.
//
// Cost: for each item its columns, rarest first, are followed to the items
// that share them until MaxPairs of those are seen; the rest of the columns
// then tells only the items found apart. Never more than MaxPairs steps and as
// many short rows an item; 8 bytes a neighbour, 12 bytes an item and core.
type Content struct {
	Neighbours int     `json:"neighbours" range:"1,10000" tune:"20,1000,log"`
	Mixture    string  `json:"mixture" oneof:"learned equal"`
	MaxPairs   int     `json:"max_pairs" range:"1,1000000000"`
	Recency    float64 `json:"recency" range:"0,10" tune:"0,2"` // the k-th newest item counts k^−Recency
	Seed       uint64  `json:"seed"`
}

// NewContent returns content similarity as it does well on many sets.
func NewContent() *Content {
	return &Content{Neighbours: 50, Mixture: "learned", MaxPairs: 200_000, Seed: 1}
}

// Kind returns "content".
func (*Content) Kind() string { return "content" }

// Validate reports every setting out of range.
func (a *Content) Validate() error { return validate(a) }

// Fit weighs the fields and finds the neighbours. It returns an *ItemItem.
// Items without any attributes have none.
func (a *Content) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	f := newFields(data.ItemFeatures, data.ByUser.Width)
	weights, err := a.weights(ctx, f, data)
	if err != nil {
		return nil, err
	}
	rows := f.mixed(weights)
	likes := &likeness{rows: rows, byColumn: rows.Transpose(), maxPairs: a.MaxPairs}
	found := search{items: data.ByUser.Width, keep: a.Neighbours, gather: likes.gather, score: likes.score}
	neighbours, err := found.run(ctx)
	if err != nil {
		return nil, err
	}
	if progress != nil {
		progress(Progress{Epoch: 1, Epochs: 1})
	}
	return &ItemItem{neighbours: neighbours, recency: a.Recency, weightPower: 1}, nil
}

// fields are the columns that items are compared by, those of each field with
// length 1.
type fields struct {
	names []string
	of    []int32     // by column: its field; −1: not compared
	rows  *linalg.CSR // items×columns
}

func newFields(features *dataset.Features, items int) *fields {
	if features == nil {
		return &fields{rows: &linalg.CSR{Starts: make([]int, items+1)}}
	}
	f := &fields{of: make([]int32, features.Rows.Width)}
	scale := make([]float64, features.Rows.Width) // of words: idf
	for c := range f.of {
		f.of[c], scale[c] = -1, 1
	}
	counts := make([]int, features.Rows.Width)
	for _, c := range features.Rows.Cols {
		counts[c]++
	}
	if features.Encoding == nil {
		f.names = []string{"features"}
		clear(f.of)
	} else {
		for n := range features.Encoding.Fields {
			field := &features.Encoding.Fields[n]
			f.names = append(f.names, field.Name)
			lo, hi := field.First, field.First+field.Width()
			if field.Kind == dataset.ScaleField {
				lo++ // the value itself; its knots are compared
			}
			if field.Missing {
				hi--
			}
			for c := lo; c < hi; c++ {
				f.of[c] = int32(n)
				if field.Kind == dataset.WordsField {
					scale[c] = math.Log(float64(items+1) / float64(max(1, counts[c])))
				}
			}
		}
	}
	f.take(features.Rows, scale)
	return f
}

// take copies the columns that are compared.
func (f *fields) take(from *linalg.CSR, scale []float64) {
	f.rows = &linalg.CSR{Starts: make([]int, 1, len(from.Starts)), Width: from.Width}
	squares := make([]float64, len(f.names))
	for r := range from.Rows() {
		cols, vals := from.Row(r)
		clear(squares)
		for k, c := range cols {
			if n := f.of[c]; n >= 0 {
				x := float64(vals[k]) * scale[c]
				squares[n] += x * x
			}
		}
		for k, c := range cols {
			if n := f.of[c]; n >= 0 && squares[n] > 0 {
				f.rows.Cols = append(f.rows.Cols, c)
				f.rows.Vals = append(f.rows.Vals, float32(float64(vals[k])*scale[c]/math.Sqrt(squares[n])))
			}
		}
		f.rows.Starts = append(f.rows.Starts, len(f.rows.Cols))
	}
}

// mixed returns rows of length 1 whose products are the similarities.
func (f *fields) mixed(weights []float64) *linalg.CSR {
	x := &linalg.CSR{Starts: f.rows.Starts, Cols: f.rows.Cols, Vals: make([]float32, len(f.rows.Vals)), Width: f.rows.Width}
	for r := range x.Rows() {
		total := 0.0
		for k := x.Starts[r]; k < x.Starts[r+1]; k++ {
			v := float64(f.rows.Vals[k])
			total += weights[f.of[x.Cols[k]]] * v * v
		}
		for k := x.Starts[r]; k < x.Starts[r+1] && total > 0; k++ {
			x.Vals[k] = float32(float64(f.rows.Vals[k]) * math.Sqrt(weights[f.of[x.Cols[k]]]/total))
		}
	}
	return x
}

// cosines writes the cosine of each field of two items.
func (f *fields) cosines(dst []float64, i, j int) {
	clear(dst)
	merge(f.rows, i, j, func(c int32, product float32) { dst[f.of[c]] += float64(product) })
}

// merge calls fn with each column that two rows share, and the product there.
// Columns of a row ascend.
func merge(m *linalg.CSR, i, j int, fn func(c int32, product float32)) {
	a, x := m.Row(i)
	b, y := m.Row(j)
	for k, l := 0, 0; k < len(a) && l < len(b); {
		switch {
		case a[k] < b[l]:
			k++
		case a[k] > b[l]:
			l++
		default:
			fn(a[k], x[k]*y[l])
			k, l = k+1, l+1
		}
	}
}

// likeness compares items by rows whose products are the similarities.
type likeness struct {
	rows, byColumn *linalg.CSR
	maxPairs       int
}

// rarest returns the columns of an item as places in its row, rarest first,
// and how many of them are followed.
func (l *likeness) rarest(item int32) (places []int, followed int) {
	cols, vals := l.rows.Row(int(item))
	for k, x := range vals {
		if x != 0 {
			places = append(places, k)
		}
	}
	length := func(k int) int { return l.byColumn.Starts[cols[k]+1] - l.byColumn.Starts[cols[k]] }
	slices.SortStableFunc(places, func(a, b int) int { return length(a) - length(b) })
	for seen := 0; followed < len(places); followed++ {
		if seen += length(places[followed]); followed > 0 && seen > l.maxPairs {
			break
		}
	}
	return places, followed
}

// gather adds up what an item shares with the others in the columns followed.
func (l *likeness) gather(sums *accumulator, item int32) {
	cols, vals := l.rows.Row(int(item))
	places, followed := l.rarest(item)
	for _, k := range places[:followed] {
		others, x := l.byColumn.Row(int(cols[k]))
		sums.Add(others, x, vals[k])
	}
}

// score compares in all columns where not all were followed.
func (l *likeness) score(item int32, others []int32, sums []float32) {
	if places, followed := l.rarest(item); followed == len(places) {
		return
	}
	for n, j := range others {
		sum := float32(0)
		merge(l.rows, int(item), int(j), func(_ int32, product float32) { sum += product })
		sums[n] = sum
	}
}

// The pairs that mixture weights are learned from.
const (
	mixtureItems  = 300
	mixtureOthers = 300 // of each, at random
	mixtureSweeps = 500
)

// weights returns the weight of each field.
func (a *Content) weights(ctx context.Context, f *fields, data *dataset.Interactions) ([]float64, error) {
	weights := slices.Repeat([]float64{1}, len(f.names))
	if a.Mixture == "learned" && len(f.names) > 1 {
		learned, err := a.learn(ctx, f, data)
		if err != nil {
			return nil, err
		}
		if slices.Max(learned) > 0 {
			weights = learned
		}
	}
	return weights, nil
}

// learn regresses how often items are met together on the cosines of fields.
func (a *Content) learn(ctx context.Context, f *fields, data *dataset.Interactions) ([]float64, error) {
	byItem := data.ByUser.Transpose()
	var met []int
	for i := range byItem.Rows() {
		if byItem.Starts[i+1]-byItem.Starts[i] > 1 {
			met = append(met, i)
		}
	}
	if len(met) == 0 {
		return make([]float64, len(f.names)), nil
	}
	dice := rand.New(rand.NewPCG(a.Seed, 0))
	dice.Shuffle(len(met), func(i, j int) { met[i], met[j] = met[j], met[i] })
	chosen := met[:min(mixtureItems, len(met))]
	parts := make([]*moments, len(chosen))
	linalg.Parallel(workers(), len(chosen), func(_, lo, hi int) {
		for n := lo; n < hi && ctx.Err() == nil; n++ {
			parts[n] = newMoments(len(f.names))
			parts[n].pairsOf(chosen[n], met, f, data.ByUser, byItem, rand.New(rand.NewPCG(a.Seed, uint64(n+1))))
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all := newMoments(len(f.names))
	for _, part := range parts {
		for k, x := range part.gram {
			all.gram[k] += x
		}
		for k, x := range part.right {
			all.right[k] += x
		}
	}
	return all.solve(), nil
}

// moments are sums over pairs of items: of the products of their cosines, and
// of those with what the cosines are to tell. The last is a constant 1.
type moments struct {
	n           int       // fields and the constant
	gram, right []float64 // n×n, n
	cosines     []float64 // of one pair
}

func newMoments(fields int) *moments {
	n := fields + 1
	return &moments{n: n, gram: make([]float64, n*n), right: make([]float64, n), cosines: make([]float64, n)}
}

// pairsOf adds the pairs of an item with all that are met together with it and
// with some of the others.
func (m *moments) pairsOf(item int, met []int, f *fields, byUser, byItem *linalg.CSR, dice *rand.Rand) {
	together := make(map[int]int)
	users, _ := byItem.Row(item)
	for _, u := range users {
		others, _ := byUser.Row(int(u))
		for _, j := range others {
			together[int(j)]++
		}
	}
	for range mixtureOthers {
		j := met[dice.IntN(len(met))]
		together[j] += 0
	}
	delete(together, item)
	others := make([]int, 0, len(together))
	for j := range together {
		others = append(others, j)
	}
	slices.Sort(others)
	for _, j := range others {
		partners := byItem.Starts[j+1] - byItem.Starts[j]
		m.add(f, item, j, float64(together[j])/math.Sqrt(float64(len(users))*float64(partners)))
	}
}

func (m *moments) add(f *fields, i, j int, target float64) {
	f.cosines(m.cosines[:m.n-1], i, j)
	m.cosines[m.n-1] = 1
	for k, x := range m.cosines {
		if x == 0 {
			continue
		}
		m.right[k] += x * target
		for l, y := range m.cosines {
			m.gram[k*m.n+l] += x * y
		}
	}
}

// solve returns the least squares weights of the fields, none below zero, by
// coordinate descent; the constant may have any.
func (m *moments) solve() []float64 {
	x := make([]float64, m.n)
	for range mixtureSweeps {
		for k := range x {
			row := m.gram[k*m.n : (k+1)*m.n]
			if row[k] == 0 {
				continue
			}
			residual := m.right[k]
			for l, g := range row {
				residual -= g * x[l]
			}
			x[k] += residual / row[k]
			if k < m.n-1 {
				x[k] = max(0, x[k])
			}
		}
	}
	return x[:m.n-1]
}
