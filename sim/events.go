package sim

import (
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"kindred"
)

// How shoppers behave. The figures are chosen to look like a shop's: about one
// view in seven reaches the cart, and about half of the carts are paid.
const (
	listLength   = 10   // products on a page
	trackedLists = 0.04 // part of the lists whose impressions and clicks are kept
	restockDays  = 28   // a consumable lasts about as long
	positionBias = 0.7  // examined at position p: p to the power of minus this
)

// Events returns the history in order of time: sessions of shoppers and
// programs, ending at Config.Now. Every walk over it gives the same events.
func (s *Shop) Events() iter.Seq[kindred.Event] {
	return func(yield func(kindred.Event) bool) {
		h := &history{shop: s, owned: map[[2]int32]bool{}, due: make([][]restock, len(s.users))}
		prefix := "sim-" + strconv.FormatUint(s.cfg.Seed, 36) + "-"
		count := 0
		for day := range s.cfg.Days {
			for _, e := range h.day(day) {
				count++
				e.ID = prefix + strconv.Itoa(count)
				if !yield(e) {
					return
				}
			}
		}
	}
}

// history is the state of one walk.
type history struct {
	shop    *Shop
	rng     *rand.Rand
	owned   map[[2]int32]bool // user, item: bought, and not used up
	due     [][]restock       // by user
	pending []kindred.Event   // made, of this day or later
	visit   int
}

// restock is a consumable that will run out.
type restock struct {
	item int32
	at   time.Time
}

// start is the beginning of a visit.
type start struct {
	user int32
	at   time.Time
}

// day makes a day's visits and returns its events. What falls later, such as
// a rating days after the purchase, waits in pending.
func (h *history) day(day int) []kindred.Event {
	s := h.shop
	h.rng = s.dice(dayDice + uint64(day))
	from := s.start.AddDate(0, 0, day)
	var starts []start
	for u := range s.users {
		p := &s.users[u]
		if p.bot != human {
			if h.rng.Float64() < botDays {
				starts = append(starts, start{int32(u), from.Add(time.Duration(h.rng.Int64N(20*3600)) * time.Second)})
			}
			continue
		}
		rate := p.activity / float64(s.cfg.Days) * weekday(from)
		for range poisson(h.rng, rate) {
			starts = append(starts, start{int32(u), h.hour(from)})
		}
	}
	slices.SortStableFunc(starts, func(a, b start) int { return a.at.Compare(b.at) })
	for _, v := range starts {
		h.visit++
		if s.users[v.user].bot != human {
			h.crawl(v)
			continue
		}
		h.shopping(v)
	}
	return h.release(from.AddDate(0, 0, 1))
}

// release takes the pending events before an instant, in order of time.
func (h *history) release(before time.Time) []kindred.Event {
	slices.SortStableFunc(h.pending, func(a, b kindred.Event) int { return a.Time.Compare(b.Time) })
	n, _ := slices.BinarySearchFunc(h.pending, before, func(e kindred.Event, t time.Time) int { return e.Time.Compare(t) })
	out := slices.Clone(h.pending[:n])
	h.pending = slices.Delete(h.pending, 0, n)
	return out
}

// weekday is how busy a day is: weekends more.
func weekday(t time.Time) float64 {
	return [...]float64{1.35, 0.85, 0.85, 0.9, 0.95, 0.95, 1.15}[t.Weekday()]
}

// hour returns an instant of the day that starts at from: few by night, most
// in the evening.
func (h *history) hour(from time.Time) time.Time {
	busy := [24]float64{
		0.2, 0.1, 0.05, 0.05, 0.05, 0.1, 0.2, 0.4, 0.5, 0.55, 0.6, 0.6,
		0.7, 0.6, 0.5, 0.5, 0.55, 0.65, 0.8, 0.95, 1, 1, 0.8, 0.45,
	}
	for {
		at := from.Add(time.Duration(h.rng.Int64N(int64(24 * time.Hour)))).Truncate(time.Millisecond)
		if h.rng.Float64() < busy[at.Hour()] {
			return at
		}
	}
}

// poisson draws by multiplying uniforms (Knuth); the rates here are below 1.
func poisson(rng *rand.Rand, rate float64) int {
	n := 0
	for p, floor := rng.Float64(), math.Exp(-rate); p > floor; n++ {
		p *= rng.Float64()
	}
	return n
}

// season is how a shelf sells in a month, as a logarithm: 0.9 at its peak.
func (sh *shelf) season(t time.Time) float64 {
	if sh.peak == 0 {
		return 0
	}
	months := float64(t.YearDay())/30.4 - float64(sh.peak) + 0.5
	return 0.9 * math.Cos(2*math.Pi*months/12)
}

// choose draws a shelf by taste and season.
func (s *Shop) choose(rng *rand.Rand, p *shopper, at time.Time) int {
	sum := make([]float64, 0, 64)
	for k := range s.shelves {
		sh := &s.shelves[k]
		weight := 0.0
		if len(sh.items) > 0 {
			weight = math.Exp(p.department[sh.department] + p.shelf[k] + sh.season(at))
		}
		sum = append(sum, weight+last(sum))
	}
	return drawSum(rng, sum)
}

// list draws the page a visitor is shown: distinct products there are, the
// appealing ones more likely and nearer to the top.
func (s *Shop) list(rng *rand.Rand, from *stock, at time.Time) []int32 {
	list := make([]int32, 0, listLength)
	for tries := 0; len(from.items) > 0 && len(list) < listLength && tries < 3*listLength; tries++ {
		i := from.draw(rng)
		if s.items[i].item.AvailableAt(at) && !slices.Contains(list, i) {
			list = append(list, i)
		}
	}
	return list
}

// examined is the probability that a visitor looks at a position, counted
// from 1, of a list.
func examined(position int) float64 { return math.Pow(float64(position), -positionBias) }

// shopping is one visit of a person: what has run out is bought again, then
// one to three pages are looked through.
func (h *history) shopping(v start) {
	s, p := h.shop, &h.shop.users[v.user]
	session := "visit-" + strconv.Itoa(h.visit)
	now := h.refill(v, session)
	shelf := s.choose(h.rng, p, now)
	for page := range 1 + h.rng.IntN(3) {
		from := &s.shelves[shelf].stock
		switch {
		case h.rng.Float64() < 0.12: // the front page
			from = &s.whole
		case page > 0 && h.rng.Float64() < 0.4:
			from = &s.shelves[s.choose(h.rng, p, now)].stock
		}
		now = h.page(v.user, s.list(h.rng, from, now), session, now)
	}
}

// page looks through a list from the top and returns when that is done.
func (h *history) page(user int32, list []int32, session string, now time.Time) time.Time {
	s, p := h.shop, &h.shop.users[user]
	tracked := h.rng.Float64() < trackedLists
	if tracked {
		for at, i := range list {
			h.add(user, i, kindred.Impression, 1, session, at+1, now)
		}
	}
	for at, i := range list {
		item := &s.items[i]
		if h.rng.Float64() > examined(at+1) {
			continue
		}
		now = now.Add(h.between(2, 9))
		if h.owned[[2]int32{user, i}] || h.rng.Float64() > wants(p.fit(item)) || !item.item.AvailableAt(now) {
			continue
		}
		if tracked {
			h.add(user, i, kindred.Click, 1, session, at+1, now)
		}
		h.add(user, i, kindred.View, 1, session, at+1, now)
		now = now.Add(h.between(8, 60))
		now = h.decide(user, i, session, at+1, now)
	}
	return now
}

// wants turns a fit into the probability of opening a product's page.
func wants(fit float64) float64 { return sigmoid(1.2*fit - 0.1) }

// decide is what follows a view: nothing most of the time, else a like, the
// cart, the purchase, and days later a rating or a return.
func (h *history) decide(user, i int32, session string, position int, now time.Time) time.Time {
	item := &h.shop.items[i]
	fit := h.shop.users[user].fit(item)
	if h.rng.Float64() < 0.08*sigmoid(fit) {
		h.add(user, i, kindred.Like, 1, session, position, now)
	}
	if h.rng.Float64() < 0.015*sigmoid(-fit) {
		h.add(user, i, kindred.Dislike, 1, session, position, now)
	}
	if h.rng.Float64() > sigmoid(fit-2.3) {
		return now
	}
	h.add(user, i, kindred.AddToCart, 1, session, position, now)
	now = now.Add(h.between(20, 240))
	if h.rng.Float64() < 0.55 && item.item.AvailableAt(now) {
		h.buy(user, i, session, now)
	}
	return now
}

// buy is a purchase and what comes of it.
func (h *history) buy(user, i int32, session string, now time.Time) {
	item := &h.shop.items[i]
	pieces := 1.0
	if item.consumable {
		pieces += float64(poisson(h.rng, 0.6))
		lasts := restockDays * math.Exp(0.3*h.rng.NormFloat64())
		h.due[user] = append(h.due[user], restock{i, now.Add(time.Duration(lasts * float64(24*time.Hour)))})
	}
	h.owned[[2]int32{user, i}] = true
	h.add(user, i, kindred.Purchase, pieces, session, 0, now)
	later := now.Add(h.between(2*86400, 9*86400))
	fit := h.shop.users[user].fit(item)
	switch roll := h.rng.Float64(); {
	case roll < 0.2:
		stars := math.Round(3.6 + 0.7*fit + 0.6*h.rng.NormFloat64())
		h.add(user, i, kindred.Rating, min(max(stars, 1), 5), "", 0, later)
	case roll < 0.23:
		h.add(user, i, kindred.Refund, pieces, "", 0, later)
	}
}

// refill buys again what has run out, three times in four.
func (h *history) refill(v start, session string) time.Time {
	now := v.at
	due := h.due[v.user]
	h.due[v.user] = due[:0:0]
	for _, r := range due {
		switch item := &h.shop.items[r.item].item; {
		case r.at.After(now):
			h.due[v.user] = append(h.due[v.user], r)
		case item.AvailableAt(now.Add(time.Minute)) && h.rng.Float64() < 0.75:
			h.add(v.user, r.item, kindred.View, 1, session, 0, now)
			now = now.Add(h.between(5, 30))
			h.buy(v.user, r.item, session, now)
		default:
			delete(h.owned, [2]int32{v.user, r.item})
		}
	}
	return now
}

// between returns a span of that many seconds, to the millisecond.
func (h *history) between(low, high int64) time.Duration {
	return time.Duration(low*1000+h.rng.Int64N((high-low)*1000)) * time.Millisecond
}

// add notes an event, unless it falls after the end of the history.
func (h *history) add(user, item int32, kind kindred.Kind, value float64, session string, position int, at time.Time) {
	if !at.Before(h.shop.cfg.Now) {
		return
	}
	h.pending = append(h.pending, kindred.Event{
		User: h.shop.users[user].user.ID, Item: h.shop.items[item].item.ID,
		Kind: kind, Value: value, Time: at, Session: session, Position: position,
	})
}
