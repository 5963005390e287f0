package model

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"

	"kindred/dataset"
)

// Popular counts what everyone likes, recent interactions more than old ones,
// and what is rising. With a(u,i) the age of the last event of a pair, against
// the newest time in the data, and w its weight:
//
//	popular[i]  = Σ_u w·2^(−a/H)
//	trending[i] = (rate_S[i] + m/L) / (rate_L[i] + m/L)
//	rate_T[i]   = Σ_u w·2^(−a/T) / T
//
// H is HalfLifeDays, S ShortDays, L LongDays, m Smoothing. Trending is 1 for an
// item as fast now as ever, more for one that rises; m is the weight an item
// needs before its change is believed.
//
// Cost: O(interactions) time, 8 bytes an item. Data without times counts every
// pair alike, and nothing trends (all 1).
type Popular struct {
	HalfLifeDays float64 `json:"half_life_days" range:"0,36525" tune:"1,1000,log"` // 0: age does not matter
	ShortDays    float64 `json:"short_days" range:"0.04,36525"`
	LongDays     float64 `json:"long_days" range:"0.04,36525"`
	Smoothing    float64 `json:"smoothing" range:"1e-3,1e9"`
}

// NewPopular returns Popular with a half-life of a season.
func NewPopular() *Popular {
	return &Popular{HalfLifeDays: 90, ShortDays: 3, LongDays: 30, Smoothing: 10}
}

// Kind returns "popular".
func (*Popular) Kind() string { return "popular" }

// Validate reports every setting out of range.
func (p *Popular) Validate() error {
	return errors.Join(validate(p), within("long_days", p.LongDays, p.ShortDays, math.MaxFloat64))
}

// Fit counts. It returns a *Popularity.
func (p *Popular) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(p.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	const day = 24 * 60 * 60
	items := data.ByUser.Width
	sum, short, long := make([]float64, items), make([]float64, items), make([]float64, items)
	var newest int64
	if len(data.Times) > 0 {
		newest = slices.Max(data.Times)
	}
	for k, i := range data.ByUser.Cols {
		w, age := float64(data.ByUser.Vals[k]), 0.0
		if data.Times != nil {
			age = float64(newest-data.Times[k]) / day
			short[i] += w * math.Exp2(-age/p.ShortDays) / p.ShortDays
			long[i] += w * math.Exp2(-age/p.LongDays) / p.LongDays
		}
		if p.HalfLifeDays > 0 {
			w *= math.Exp2(-age / p.HalfLifeDays)
		}
		sum[i] += w
	}
	m := &Popularity{popular: make([]float32, items), trending: make([]float32, items)}
	prior := p.Smoothing / p.LongDays
	for i := range items {
		m.popular[i] = float32(sum[i])
		m.trending[i] = float32((short[i] + prior) / (long[i] + prior))
	}
	if progress != nil {
		progress(Progress{Epoch: 1, Epochs: 1})
	}
	return m, nil
}

const shapePopularity = "popularity"

// Popularity is the learned shape of Popular: one number an item, the same for
// everyone.
type Popularity struct {
	popular, trending []float32 // items
}

// Shape returns "popularity".
func (*Popularity) Shape() string { return shapePopularity }

// Items returns how many items there are.
func (m *Popularity) Items() int { return len(m.popular) }

// Popular returns every item's popularity. The slice is the model's.
func (m *Popularity) Popular() []float32 { return m.popular }

// Trending returns how fast every item rises: above 1 faster than before. The
// slice is the model's.
func (m *Popularity) Trending() []float32 { return m.trending }

// Score writes the popularity of every item, whatever the history.
func (m *Popularity) Score(scores []float32, _ dataset.History) { copy(scores, m.popular) }

// WriteTo writes the shape for Read.
func (m *Popularity) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapePopularity)
	e.float32s(m.popular)
	e.float32s(m.trending)
	return e.close()
}

func readPopularity(d *decoder) *Popularity {
	m := &Popularity{popular: d.float32s(), trending: d.float32s()}
	d.check(len(m.popular) < maxItems, len(m.popular) == len(m.trending))
	return m
}
