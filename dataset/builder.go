package dataset

import (
	"cmp"
	"math"
	"slices"
	"time"

	"kindred"
	"kindred/linalg"
)

// effect is what an event does to the pair of its user and item. At one
// moment the effects happen in this order, so that the order of delivery does
// not matter.
type effect uint8

const (
	adds   effect = iota // amount is the weight
	rates                // amount is the rating
	buys                 // amount is the weight; a refund can take it back
	refund               // takes back the last buys
	erases               // takes back all before it
)

// record is an event as the builder keeps it: 24 bytes.
type record struct {
	time   int64 // unix milliseconds
	user   int32
	item   int32
	amount float32
	effect effect
}

// chunkRecords is how many records are allocated at once: growing copies
// nothing and wastes at most 1.5 MB.
const chunkRecords = 1 << 16

// Builder gathers events, in any order, into Interactions: the same events
// give the same bytes whatever the order of Add. It keeps 24 bytes an event
// and each identifier once; while Build runs it needs 24 bytes more for each
// event and for each user and item that met, and its result is 16 bytes for
// each of the latter. A Builder is for one goroutine.
type Builder struct {
	settings Settings
	users    *Dict
	items    *Dict
	chunks   [][]record
	highest  float32 // rating seen
}

// NewBuilder returns an empty builder. Build reports invalid settings.
func NewBuilder(settings Settings) *Builder {
	return &Builder{settings: settings, users: NewDict(), items: NewDict()}
}

// Add takes an event in. Kinds of weight 0 and events without an item teach
// nothing and are passed over.
func (b *Builder) Add(e *kindred.Event) {
	if e.Item == "" {
		return
	}
	r := record{time: e.Time.UnixMilli(), amount: 1}
	if weight, named := b.settings.Weights[e.Kind]; named {
		r.amount = float32(weight)
	}
	switch e.Kind { //nolint:exhaustive // every other kind adds its weight
	case kindred.Refund:
		r.effect = refund
	case kindred.Dislike:
		r.effect = erases
	case kindred.Purchase:
		r.effect = buys
	case kindred.Rating:
		r.effect = rates
	}
	if r.amount == 0 && r.effect < refund {
		return
	}
	if r.effect == rates {
		r.amount = float32(e.Value)
		b.highest = max(b.highest, r.amount)
	}
	r.user, r.item = b.users.Add(string(e.User)), b.items.Add(string(e.Item))
	if n := len(b.chunks); n == 0 || len(b.chunks[n-1]) == chunkRecords {
		b.chunks = append(b.chunks, make([]record, 0, chunkRecords))
	}
	last := &b.chunks[len(b.chunks)-1]
	*last = append(*last, r)
}

// Build makes the interactions of all events, aged relative to now; an event
// later than now counts as new. Users and items are numbered in the order of
// their identifiers, and those left without a partner are left out. Cost:
// O(events log events of one user).
func (b *Builder) Build(now time.Time) (*Interactions, error) {
	if err := b.settings.Validate(); err != nil {
		return nil, err
	}
	s := b.sorted()
	return b.interactions(s, b.pairs(s.records, now)), nil
}

// sortedRecords are all records by user, item, time and effect, under indices
// in the order of the identifiers.
type sortedRecords struct {
	records     []record
	users       []string
	items       []string
	userOffsets []int
}

func (b *Builder) sorted() sortedRecords {
	userRank, users := ranks(b.users.IDs())
	itemRank, items := ranks(b.items.IDs())
	s := sortedRecords{users: users, items: items, userOffsets: make([]int, len(users)+1)}
	for _, chunk := range b.chunks {
		for i := range chunk {
			s.userOffsets[userRank[chunk[i].user]+1]++
		}
	}
	for u := range users {
		s.userOffsets[u+1] += s.userOffsets[u]
	}
	s.records = make([]record, s.userOffsets[len(users)])
	next := slices.Clone(s.userOffsets)
	for _, chunk := range b.chunks {
		for _, r := range chunk {
			r.user, r.item = userRank[r.user], itemRank[r.item]
			s.records[next[r.user]] = r
			next[r.user]++
		}
	}
	for u := range users {
		slices.SortFunc(s.records[s.userOffsets[u]:s.userOffsets[u+1]], compareRecords)
	}
	return s
}

func compareRecords(a, b record) int {
	switch {
	case a.item != b.item:
		return cmp.Compare(a.item, b.item)
	case a.time != b.time:
		return cmp.Compare(a.time, b.time)
	case a.effect != b.effect:
		return cmp.Compare(a.effect, b.effect)
	default:
		return cmp.Compare(a.amount, b.amount)
	}
}

// ranks returns each identifier's place in the sorted order, and that order.
func ranks(ids []string) (rank []int32, sorted []string) {
	order := make([]int32, len(ids))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(ids[a], ids[b]) })
	rank, sorted = make([]int32, len(ids)), make([]string, len(ids))
	for place, i := range order {
		rank[i], sorted[place] = int32(place), ids[i]
	}
	return rank, sorted
}

// pair is a user and an item that met: 24 bytes.
type pair struct {
	time   int64 // unix seconds of the last event that counts
	user   int32
	item   int32
	weight float32
}

// pairs sums the records of each user and item. The records stand as sorted
// leaves them, and so do the pairs.
func (b *Builder) pairs(records []record, now time.Time) []pair {
	moment, met := now.UnixMilli(), 0
	for i := range records {
		if i == 0 || !sameMeeting(&records[i], &records[i-1]) {
			met++
		}
	}
	pairs := make([]pair, 0, met)
	for lo := 0; lo < len(records); {
		hi := lo + 1
		for hi < len(records) && sameMeeting(&records[hi], &records[lo]) {
			hi++
		}
		if weight, last := b.sum(records[lo:hi], moment); weight > 0 {
			pairs = append(pairs, pair{floorSeconds(last), records[lo].user, records[lo].item, weight})
		}
		lo = hi
	}
	return pairs
}

func sameMeeting(a, b *record) bool { return a.user == b.user && a.item == b.item }

// sum returns the weight that one pair's records, in time order, come to, and
// the time of the last that counts.
func (b *Builder) sum(records []record, now int64) (weight float32, last int64) {
	minRating := float32(b.settings.MinRating)
	if minRating == 0 {
		minRating = 0.6 * b.highest
	}
	ratingWeight := 1.0
	if w, named := b.settings.Weights[kindred.Rating]; named {
		ratingWeight = w
	}
	total := 0.0
	var bought []int // records of purchases not taken back
	for i, r := range records {
		amount := float64(r.amount)
		switch r.effect {
		case adds, buys:
		case rates:
			if r.amount < minRating {
				continue
			}
			amount = ratingWeight
		case refund:
			if n := len(bought); n > 0 {
				total -= float64(records[bought[n-1]].amount) * b.decay(now-records[bought[n-1]].time)
				bought = bought[:n-1]
			}
			continue
		case erases:
			total, last, bought = 0, 0, bought[:0]
			continue
		}
		if r.effect == buys {
			bought = append(bought, i)
		}
		total += amount * b.decay(now-r.time)
		last = r.time
	}
	if b.settings.MaxWeight > 0 {
		total = min(total, b.settings.MaxWeight)
	}
	if total < 1e-9 { // what rounding leaves of a purchase taken back, or age of an event
		return 0, last
	}
	return float32(total), last
}

// decay is what an event of an age in milliseconds still counts for.
func (b *Builder) decay(age int64) float64 {
	if b.settings.HalfLife <= 0 || age <= 0 {
		return 1
	}
	return math.Exp2(-float64(age) * float64(time.Millisecond) / float64(b.settings.HalfLife))
}

func floorSeconds(milliseconds int64) int64 {
	return time.UnixMilli(milliseconds).Unix()
}

// interactions numbers what the k-core leaves of the pairs.
func (b *Builder) interactions(s sortedRecords, pairs []pair) *Interactions {
	pairs, perUser, perItem := core(pairs, len(s.users), len(s.items), max(1, b.settings.MinUser), max(1, b.settings.MinItem))
	users, userIndex := kept(s.users, perUser)
	items, itemIndex := kept(s.items, perItem)
	for i := range pairs {
		pairs[i].user, pairs[i].item = userIndex[pairs[i].user], itemIndex[pairs[i].item]
	}
	return assemble(users, items, pairs)
}

// kept returns a dictionary of the identifiers with a count, and the new index
// of each.
func kept(ids []string, counts []int32) (d *Dict, index []int32) {
	d, index = NewDict(), make([]int32, len(ids))
	for i, id := range ids {
		if counts[i] > 0 {
			index[i] = d.Add(id)
		}
	}
	return d, index
}

// assemble makes interactions of pairs grouped by user, users ascending.
func assemble(users, items *Dict, pairs []pair) *Interactions {
	m := &linalg.CSR{
		Starts: make([]int, users.Len()+1), Cols: make([]int32, len(pairs)),
		Vals: make([]float32, len(pairs)), Width: items.Len(),
	}
	x := &Interactions{Users: users, Items: items, ByUser: m, Times: make([]int64, len(pairs))}
	for _, p := range pairs {
		m.Starts[p.user+1]++
	}
	for u := range users.Len() {
		m.Starts[u+1] += m.Starts[u]
		slices.SortFunc(pairs[m.Starts[u]:m.Starts[u+1]], func(a, b pair) int {
			if a.time != b.time {
				return cmp.Compare(a.time, b.time)
			}
			return cmp.Compare(a.item, b.item)
		})
	}
	for i, p := range pairs {
		m.Cols[i], m.Vals[i], x.Times[i] = p.item, p.weight, p.time
	}
	return x
}
