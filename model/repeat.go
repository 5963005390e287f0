package model

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"

	"kindred/dataset"
)

// Repeat recommends what someone has had before, by how likely it is wanted
// again now:
//
//	score(i) = (Σ over events 2^(−age/HalfLife))^Frequency · ρ_i^Propensity · due^Timing
//	ρ_i      = (buyers who came back + m·ρ) / (buyers + m)
//	due      = exp(−½·min(0, (log(t) − μ)/σ)²)
//
// ages count back from the moment of asking. ρ is the share of all pairs of
// user and item that repeat; t the time since the user last had item i, and μ
// the expected log of the interval: the mean over the user's own intervals of
// i, over the item's as m/2 more and over everyone's as m more behind those; σ
// is the deviation of all log intervals. So what was had yesterday and is had
// once a month is not due yet; what is overdue is left to its age. Items not in
// the history score nothing, or, with the tail "popular", less than all that
// are, by how many users have had them.
//
// The factors are those of R. Bhagat, S. Muralidharan, A. Lobzhanidze,
// S. Vishwanath, "Buy It Again: Modeling Repeat Purchase Recommendations", KDD
// 2018: the repeat probability of an item, and log-normal intervals; they are
// combined as powers here, each of which can be turned off, instead of a
// gamma prior on each rate.
//
// Cost: O(events); 12 bytes an item. A score costs O(items + steps).
type Repeat struct {
	HalfLifeDays float64 `json:"half_life_days" range:"0,36525" tune:"10,365,log"` // 0: age does not matter
	Frequency    float64 `json:"frequency" range:"0,4" tune:"0.3,2"`
	Propensity   float64 `json:"propensity" range:"0,4" tune:"0,2"`
	Timing       float64 `json:"timing" range:"0,4" tune:"0,1"`
	Smoothing    float64 `json:"smoothing" range:"1e-3,1e6" tune:"1,100,log"` // m, in pairs
	Tail         string  `json:"tail" oneof:"none popular"`
}

// NewRepeat returns Repeat as it does well in shops.
func NewRepeat() *Repeat {
	return &Repeat{HalfLifeDays: 120, Frequency: 1, Propensity: 0.5, Smoothing: 10, Tail: "popular"}
}

// Kind returns "repeat".
func (*Repeat) Kind() string { return "repeat" }

// Validate reports every setting out of range.
func (a *Repeat) Validate() error { return validate(a) }

// leastInterval is the shortest time, in days, that counts as coming back:
// what is nearer together is one visit.
const leastInterval = 0.5

// Fit counts. It returns a *Repeats.
func (a *Repeat) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	count := newReturns(data.ByUser.Width)
	s := sequences(data)
	for u := range len(s.Starts) - 1 {
		lo, hi := s.Starts[u], s.Starts[u+1]
		times := []int64(nil)
		if s.Times != nil {
			times = s.Times[lo:hi]
		}
		count.user(s.Items[lo:hi], times)
	}
	if progress != nil {
		progress(Progress{Epoch: 1, Epochs: 1})
	}
	return count.learn(a), nil
}

// returns counts who came back to what, and when.
type returns struct {
	buyers, repeaters []float64 // by item
	logs, intervals   []float64 // by item: sum of log intervals in days, and how many
	squares           float64   // of all log intervals
	last              map[int32]visit
}

// visit is what is known of a user and an item.
type visit struct {
	time     int64
	repeated bool
}

func newReturns(items int) *returns {
	return &returns{
		buyers: make([]float64, items), repeaters: make([]float64, items),
		logs: make([]float64, items), intervals: make([]float64, items), last: map[int32]visit{},
	}
}

// user counts one user's steps; without times, every step is a visit.
func (c *returns) user(items []int32, times []int64) {
	clear(c.last)
	for k, i := range items {
		var now int64
		if times != nil {
			now = times[k]
		}
		before, again := c.last[i]
		days := float64(now-before.time) / secondsADay
		switch {
		case !again:
			c.buyers[i]++
			c.last[i] = visit{time: now}
			continue
		case times != nil && days < leastInterval:
			continue
		case !before.repeated:
			c.repeaters[i]++
		}
		if times != nil {
			log := math.Log(days)
			c.logs[i] += log
			c.intervals[i]++
			c.squares += log * log
		}
		c.last[i] = visit{time: now, repeated: true}
	}
}

// learn smooths the counts.
func (c *returns) learn(a *Repeat) *Repeats {
	items := len(c.buyers)
	m := &Repeats{settings: *a, spread: 1, propensity: make([]float32, items), interval: make([]float32, items), popular: make([]float32, items)}
	buyers, repeaters, logs, intervals := total(c.buyers), total(c.repeaters), total(c.logs), total(c.intervals)
	rate := (repeaters + 1) / (buyers + 2)
	mean := 0.0
	if intervals > 0 {
		mean = logs / intervals
		m.spread = math.Sqrt(max(c.squares/intervals-mean*mean, 0.01))
	}
	for i := range items {
		m.propensity[i] = float32((c.repeaters[i] + a.Smoothing*rate) / (c.buyers[i] + a.Smoothing))
		m.interval[i] = float32((c.logs[i] + a.Smoothing*mean) / (c.intervals[i] + a.Smoothing))
		m.popular[i] = float32(c.buyers[i])
	}
	return m
}

func total(x []float64) (sum float64) {
	for _, v := range x {
		sum += v
	}
	return sum
}

const shapeRepeats = "repeats"

// Repeats is the learned shape of Repeat. It says what of a history is wanted
// again, and little of anything else.
type Repeats struct {
	settings   Repeat
	spread     float64   // σ
	propensity []float32 // by item: ρ_i
	interval   []float32 // by item: the mean log interval in days, smoothed
	popular    []float32 // by item: users
}

// Shape returns "repeats".
func (*Repeats) Shape() string { return shapeRepeats }

// Items returns how many items there are.
func (m *Repeats) Items() int { return len(m.propensity) }

// own is what one history says of an item.
type own struct {
	last            int64
	strength        float64
	logs, intervals float64
}

// Score writes how likely each item of the history is wanted again at its
// moment of asking, and the tail for the others.
func (m *Repeats) Score(scores []float32, history dataset.History) {
	clear(scores)
	steps, times := history.Events()
	now := history.Asked()
	mine := map[int32]own{}
	for k, i := range steps {
		if i < 0 || int(i) >= m.Items() {
			continue
		}
		o, again := mine[i]
		counts := 1.0
		if times != nil {
			if m.settings.HalfLifeDays > 0 {
				counts = math.Exp2(-float64(now-times[k]) / (secondsADay * m.settings.HalfLifeDays))
			}
			if days := float64(times[k]-o.last) / secondsADay; again && days >= leastInterval {
				o.logs += math.Log(days)
				o.intervals++
			}
			o.last = times[k]
		}
		o.strength += counts
		mine[i] = o
	}
	least := float32(1)
	for i, o := range mine {
		scores[i] = m.again(i, &o, now, times)
		least = min(least, scores[i])
	}
	if m.settings.Tail == "popular" {
		m.tail(scores, mine, least)
	}
}

// again is the score of an item of the history, never zero.
func (m *Repeats) again(i int32, o *own, now int64, times []int64) float32 {
	score := math.Pow(o.strength, m.settings.Frequency) * math.Pow(float64(m.propensity[i]), m.settings.Propensity)
	if m.settings.Timing > 0 && times != nil {
		prior := m.settings.Smoothing / 2
		expected := (o.logs + prior*float64(m.interval[i])) / (o.intervals + prior)
		since := max(float64(now-o.last)/secondsADay, leastInterval)
		early := min(0, (math.Log(since)-expected)/m.spread)
		score *= math.Exp(-m.settings.Timing * early * early / 2)
	}
	return float32(max(score, 1e-20))
}

// tail gives the items not in the history less than the least of it.
func (m *Repeats) tail(scores []float32, mine map[int32]own, least float32) {
	most := float32(1)
	if len(m.popular) > 0 {
		most += slices.Max(m.popular)
	}
	for i, users := range m.popular {
		if _, had := mine[int32(i)]; !had {
			scores[i] = least * users / most
		}
	}
}

// WriteTo writes the shape for Read.
func (m *Repeats) WriteTo(w io.Writer) (int64, error) {
	e := newEncoder(w, shapeRepeats)
	for _, x := range m.numbers() {
		e.f64(*x)
	}
	e.u32(uint32(slices.Index(tails(), m.settings.Tail)))
	e.float32s(m.propensity)
	e.float32s(m.interval)
	e.float32s(m.popular)
	return e.close()
}

func tails() []string { return []string{"none", "popular"} }

// numbers are what is written as such.
func (m *Repeats) numbers() []*float64 {
	s := &m.settings
	return []*float64{&s.HalfLifeDays, &s.Frequency, &s.Propensity, &s.Timing, &s.Smoothing, &m.spread}
}

func readRepeats(d *decoder) *Repeats {
	m := &Repeats{}
	for _, x := range m.numbers() {
		*x = d.f64()
	}
	tail := d.u32()
	d.check(tail < uint32(len(tails())))
	if d.err == nil {
		m.settings.Tail = tails()[tail]
		d.check(m.settings.Validate() == nil, within("spread", m.spread, 1e-3, 1e6) == nil)
	}
	m.propensity, m.interval, m.popular = d.float32s(), d.float32s(), d.float32s()
	d.check(len(m.propensity) < maxItems, len(m.interval) == len(m.propensity), len(m.popular) == len(m.propensity))
	for _, x := range m.propensity {
		d.check(x >= 0)
	}
	for _, x := range m.popular {
		d.check(x >= 0)
	}
	return m
}
