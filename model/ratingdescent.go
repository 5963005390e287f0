package model

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"kindred/linalg"
)

// ratingDescent is a fit of SVD or SVDPP under way.
//
// For one rating with the error e, the vectors move by
//
//	q ← (1−ηλ)·q + η·e·w    w = p + s, s = n^(−½)·Σ y
//	p ← (1−ηλ)·p + η·e·q
//	s ← (1−ηλ)·s + η·e·q    the same as p
//
// so within a user only w is kept, moving by twice the step, and when the user
// is done p and s each get half of what was gained.
type ratingDescent struct {
	settings SVD
	implied  bool // with y

	z       *linalg.CSR // users×items
	keys    []uint64    // by user: what its ratings are, hashed
	rate    float64     // η
	biasU   []float32   // users
	biasI   []float32   // items
	p, q, y []float32   // users×factors, items×factors, the same if implied

	order  []int32 // users, in the order of the epoch
	places []int32 // of one user's ratings, in the order to take them
	draws  []uint64
	w, s   []float32 // factors
	before []float32 // factors
}

func (d *ratingDescent) start(z *linalg.CSR) {
	f, users, items := d.settings.Factors, z.Rows(), z.Width
	d.z, d.rate = z, d.settings.LearnRate
	d.keys, d.draws, d.order = make([]uint64, users), make([]uint64, users), make([]int32, users)
	d.biasU, d.biasI = make([]float32, users), make([]float32, items)
	d.p, d.q = make([]float32, users*f), make([]float32, items*f)
	if d.implied {
		d.y = make([]float32, items*f)
	}
	d.w, d.s, d.before = make([]float32, f), make([]float32, f), make([]float32, f)
	for u := range users {
		d.order[u] = int32(u)
		cols, vals := z.Row(u)
		for k, i := range cols {
			d.keys[u] = (d.keys[u] ^ uint64(i)<<32 ^ uint64(math.Float32bits(vals[k]))) * 0x9e3779b97f4a7c15
			d.keys[u] ^= d.keys[u] >> 29
		}
	}
	dice := rand.New(rand.NewPCG(d.settings.Seed, 0))
	scale := d.settings.InitScale / math.Sqrt(float64(f))
	for k := range d.q {
		d.q[k] = float32(scale * dice.NormFloat64())
	}
}

// epoch goes through all ratings once and returns the terms of the objective
// as they were met.
func (d *ratingDescent) epoch(ctx context.Context, number int) (loss map[string]float64, err error) {
	source := rand.NewPCG(0, 0)
	dice := rand.New(source)
	for u, key := range d.keys {
		source.Seed(key^d.settings.Seed, uint64(number))
		d.draws[u] = dice.Uint64()
	}
	slices.SortFunc(d.order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(d.draws[a], d.draws[b]), cmp.Compare(a, b))
	})
	squared := 0.0
	for at, u := range d.order {
		if at%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		source.Seed(d.draws[u], uint64(number))
		squared += d.user(int(u), dice)
	}
	d.rate *= 0.95
	loss = map[string]float64{"squared": squared, "penalty": d.penalty()}
	if total := squared + loss["penalty"]; math.IsNaN(total) || math.IsInf(total, 0) {
		return nil, fmt.Errorf("model: factors of ratings, epoch %d: the squared error is %v (try a smaller learn_rate or a larger lambda)", number, squared)
	}
	return loss, ctx.Err()
}

// user takes a user's ratings in the order of the dice and returns the sum of
// the squared errors met.
func (d *ratingDescent) user(u int, dice *rand.Rand) (squared float64) {
	items, z := d.z.Row(u)
	n, f := len(items), d.settings.Factors
	if n == 0 {
		return 0
	}
	d.places = sized(d.places, n)
	for k := range d.places {
		d.places[k] = int32(k)
	}
	dice.Shuffle(n, func(a, b int) { d.places[a], d.places[b] = d.places[b], d.places[a] })

	p := d.p[u*f : (u+1)*f]
	copy(d.w, p)
	gain := float32(1)
	if d.implied {
		gain = 2
		impliedVector(d.s, d.y, items)
		linalg.Axpy(1, d.s, d.w)
	}
	copy(d.before, d.w)
	rate := float32(d.rate)
	keep, keepBias := 1-rate*float32(d.settings.Lambda), 1-rate*float32(d.settings.BiasLambda)
	bias, kept := d.biasU[u], float32(1)
	for _, k := range d.places {
		i := int(items[k])
		q := d.q[i*f : (i+1)*f]
		e := z[k] - bias - d.biasI[i] - linalg.Dot(d.w, q)
		squared += float64(e) * float64(e)
		bias = keepBias*bias + rate*e
		d.biasI[i] = keepBias*d.biasI[i] + rate*e
		step(d.w, q, keep, gain*rate*e, rate*e)
		kept *= keep
	}
	d.biasU[u] = bias
	if !d.implied {
		copy(p, d.w)
		return squared
	}
	// before = p + s, so half the gain is (w − kept·before)/2.
	share := float32(1 / math.Sqrt(float64(n)))
	for k, w := range d.w {
		half := (w - kept*d.before[k]) / 2
		p[k] = kept*p[k] + half
		d.w[k] = share * ((kept-1)*d.s[k] + half) // by which each y moves
	}
	for _, i := range items {
		linalg.Axpy(1, d.w, d.y[int(i)*f:(int(i)+1)*f])
	}
	return squared
}

// step replaces w by keep·w + a·q and q by keep·q + b·w.
func step(w, q []float32, keep, a, b float32) {
	q = q[:len(w)]
	for k, x := range w {
		y := q[k]
		w[k] = keep*x + a*y
		q[k] = keep*y + b*x
	}
}

// impliedVector writes n^(−½) times the sum of the items' y.
func impliedVector(dst, y []float32, items []int32) {
	clear(dst)
	f := len(dst)
	for _, i := range items {
		linalg.Axpy(1, y[int(i)*f:(int(i)+1)*f], dst)
	}
	if n := len(items); n > 0 {
		linalg.Scale(float32(1/math.Sqrt(float64(n))), dst)
	}
}

// penalty is that part of the objective, without y.
func (d *ratingDescent) penalty() (sum float64) {
	f, counts := d.settings.Factors, make([]int, d.z.Width)
	for _, i := range d.z.Cols {
		counts[i]++
	}
	add := func(n int, bias float32, x []float32) {
		sum += float64(n) * (d.settings.BiasLambda*float64(bias)*float64(bias) + d.settings.Lambda*float64(linalg.Dot(x, x)))
	}
	for u, bias := range d.biasU {
		add(d.z.Starts[u+1]-d.z.Starts[u], bias, d.p[u*f:(u+1)*f])
	}
	for i, bias := range d.biasI {
		add(counts[i], bias, d.q[i*f:(i+1)*f])
	}
	return sum
}

// learned lays what there is of items out as RatingFactors wants it.
func (d *ratingDescent) learned(scale ratingScale) *RatingFactors {
	f := d.settings.Factors
	vectors := make([]float32, 0, len(d.biasI)*(f+1))
	for i := range d.biasI {
		vectors = append(append(vectors, d.q[i*f:(i+1)*f]...), 1)
	}
	return &RatingFactors{
		scale: scale, lambda: d.settings.Lambda, biasLambda: d.settings.BiasLambda,
		factors: f, biases: d.biasI, vectors: vectors, implied: d.y,
	}
}
