package dataset

import (
	"cmp"
	"math"
	"slices"
	"time"

	"kindred"
	"kindred/linalg"
)

// record is an event as the builder keeps it: 24 bytes.
type record struct {
	time    int64 // unix milliseconds
	user    int32
	item    int32
	amount  float32
	effect  Effect
	session [3]byte // hash of the client's session; zero: none
}

// chunkRecords is how many records are allocated at once: growing copies
// nothing and wastes at most 1.5 MB.
const chunkRecords = 1 << 16

// Builder gathers events, in any order, into Interactions: the same events
// give the same bytes whatever the order of Add. It keeps 24 bytes an event
// and each identifier once; while Build runs it needs 24 bytes more for each
// event and for each user and item that met, and its result is 20 bytes for
// each of the former and 16 for each of the latter. A Builder is for one
// goroutine.
type Builder struct {
	settings Settings
	users    *Dict
	items    *Dict
	chunks   [][]record
	highest  float32 // rating seen

	catalogue, people described
	from              map[string]int64 // unix milliseconds from which on an item is available
	lengths           map[kindred.ItemID]float64
	products          products // empty, unless variants count for their group

	scales map[int32]*RatingScale // by user, in the order of identifiers; nil: all alike
}

// NewBuilder returns an empty builder. Build reports invalid settings.
func NewBuilder(settings Settings) *Builder {
	return &Builder{
		settings: settings, users: NewDict(), items: NewDict(),
		catalogue: described{}, people: described{}, from: map[string]int64{}, lengths: map[kindred.ItemID]float64{}, products: newProducts(),
	}
}

// AddUser takes in what describes a user. Only users who met something will be
// among the users.
func (b *Builder) AddUser(user *kindred.User) {
	if len(user.Attributes) > 0 {
		b.people[string(user.ID)] = user.Attributes
	}
}

// Add takes an event in, unless its verdict holds a reason that the settings
// refuse; then it says false. Those that teach nothing (see
// Settings.Effect) are passed over. Where signals ask how long items take, or
// variants count for their group, AddItem comes first.
func (b *Builder) Add(e *kindred.Event) (accepted bool) {
	if e.Verdict.Has(b.settings.Refuse) {
		return false
	}
	b.take(e)
	return true
}

func (b *Builder) take(e *kindred.Event) {
	effect, amount := b.settings.Effect(e, b.length)
	if effect == Nothing {
		return
	}
	r := record{time: e.Time.UnixMilli(), amount: float32(amount), effect: effect, session: hashSession(e.Session)}
	if effect == Rates {
		b.highest = max(b.highest, r.amount)
	}
	product := b.Product(e.Item)
	if product != e.Item && effect <= Buys {
		b.products.events[e.Item]++
	}
	r.user, r.item = b.users.Add(string(e.User)), b.items.Add(string(product))
	if n := len(b.chunks); n == 0 || len(b.chunks[n-1]) == chunkRecords {
		b.chunks = append(b.chunks, make([]record, 0, chunkRecords))
	}
	last := &b.chunks[len(b.chunks)-1]
	*last = append(*last, r)
}

func (b *Builder) length(item kindred.ItemID) float64 { return b.lengths[item] }

// Settings returns the settings with what the data says where they leave it
// open: the least rating that counts. So whoever weighs a single history by
// them weighs it as Build does.
func (b *Builder) Settings() Settings {
	s := b.settings
	if rating := s.Signals[kindred.Rating]; s.MinRating == 0 && rating.Min == nil && rating.Normalise == AsGiven {
		s.MinRating = 0.6 * float64(b.highest)
	}
	return s
}

// Build makes the interactions of all events, aged relative to now; an event
// later than now counts as new. Users and items are numbered in the order of
// their identifiers; left out are those without a partner, unless they are items
// of the catalogue. Cost: O(events log events of one user).
func (b *Builder) Build(now time.Time) (*Interactions, error) {
	if err := b.settings.Validate(); err != nil {
		return nil, err
	}
	s := b.sorted()
	b.scales = b.ratingScales(s.records, b.highest)
	return b.interactions(s, b.meetings(s.records, now), math.MaxInt64), nil
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

// meetings are what records come to, each list by user and item.
type meetings struct {
	liked    []pair
	rated    []pair   // weight is the last rating
	disliked []pair   // weight is that of the rejection
	steps    []record // of the records, those that the liked pairs sum up; amount is the weight
}

// meetings sums the records of each user and item. The records stand as sorted
// leaves them; the steps take their memory.
func (b *Builder) meetings(records []record, now time.Time) meetings {
	moment, met := now.UnixMilli(), 0
	for i := range records {
		if i == 0 || !sameMeeting(&records[i], &records[i-1]) {
			met++
		}
	}
	m := meetings{liked: make([]pair, 0, met), steps: records[:0]}
	sum := summing{Builder: b, now: moment}
	for lo := 0; lo < len(records); {
		hi := lo + 1
		for hi < len(records) && sameMeeting(&records[hi], &records[lo]) {
			hi++
		}
		if user := records[lo].user; lo == 0 || b.scales != nil && user != records[lo-1].user {
			sum.scale = b.scaleOf(user)
		}
		sum.up(records[lo:hi])
		p := pair{floorDiv(sum.last, milliseconds), records[lo].user, records[lo].item, float32(sum.weight)}
		if p.weight > 0 {
			m.liked = append(m.liked, p)
			for _, k := range sum.counting {
				m.steps = append(m.steps, records[lo+k])
			}
		} else if sum.rejection > 0 {
			m.disliked = append(m.disliked, pair{p.time, p.user, p.item, sum.rejection})
		}
		if sum.isRated {
			m.rated = append(m.rated, pair{p.time, p.user, p.item, sum.rating})
		}
		lo = hi
	}
	return m
}

func sameMeeting(a, b *record) bool { return a.user == b.user && a.item == b.item }

// summing is what one pair's records come to.
type summing struct {
	*Builder
	now int64

	weight    float64
	last      int64        // time of the last that counts
	counting  []int        // records that count, ascending
	bought    []int        // of them, purchases
	scale     *RatingScale // of the user
	isRated   bool
	rating    float32 // the last
	rejection float32 // weight of the last rejection; 0: none, or taken up again since
}

// up sums a pair's records, which stand in the order of time.
func (s *summing) up(records []record) {
	*s = summing{Builder: s.Builder, now: s.now, scale: s.scale, counting: s.counting[:0], bought: s.bought[:0]}
	for k := range records {
		r := &records[k]
		switch r.effect {
		case Adds:
			s.add(k, r, r.amount)
		case Buys:
			s.bought = append(s.bought, k)
			s.add(k, r, r.amount)
		case Rates:
			s.rate(k, r)
		case Rejects:
			s.rejection = r.amount
		case Refunds:
			s.refund(records)
		case Erases:
			s.weight, s.last, s.counting, s.bought = 0, r.time, s.counting[:0], s.bought[:0]
			s.rejection = float32(s.settings.RejectionWeight())
		case Nothing:
		}
	}
	for _, k := range s.counting { // a step weighs what it added
		if records[k].effect == Rates {
			weight, _ := s.scale.Weigh(records[k].amount)
			records[k].amount = float32(weight)
		}
	}
	if s.settings.MaxWeight > 0 {
		s.weight = min(s.weight, s.settings.MaxWeight)
	}
	if s.weight < 1e-9 { // what rounding leaves of a purchase taken back, or age of an event
		s.weight = 0
	}
}

// add lets record k count for an amount.
func (s *summing) add(k int, r *record, amount float32) {
	s.weight += float64(amount) * s.decay(s.now-r.time)
	s.last, s.rejection = r.time, 0
	s.counting = append(s.counting, k)
}

// rate counts a rating as liking or rejection.
func (s *summing) rate(k int, r *record) {
	s.isRated, s.rating = true, r.amount
	weight, liked := s.scale.Weigh(r.amount)
	switch {
	case !liked:
		s.rejection = float32(weight)
	case weight > 0:
		s.add(k, r, float32(weight))
	}
}

// refund takes back the last purchase.
func (s *summing) refund(records []record) {
	n := len(s.bought)
	if n == 0 {
		return
	}
	k := s.bought[n-1]
	s.weight -= float64(records[k].amount) * s.decay(s.now-records[k].time)
	s.bought = s.bought[:n-1]
	s.counting = slices.DeleteFunc(s.counting, func(other int) bool { return other == k })
	if n := len(s.counting); n > 0 {
		s.last = records[s.counting[n-1]].time
	}
}

// decay is what an event of an age in milliseconds still counts for.
func (b *Builder) decay(age int64) float64 {
	if b.settings.HalfLife <= 0 || age <= 0 {
		return 1
	}
	return math.Exp2(-float64(age) * float64(time.Millisecond) / float64(b.settings.HalfLife))
}

// interactions numbers what the k-core leaves of the liked pairs and what of
// the catalogue is available before a moment, and takes what else is known of
// the users and items that stay.
func (b *Builder) interactions(s sortedRecords, m meetings, before int64) *Interactions {
	liked, perUser, perItem := core(m.liked, len(s.users), len(s.items), max(1, b.settings.MinUser), max(1, b.settings.MinItem))
	users, userIndex := kept(s.users, func(u int) bool { return perUser[u] > 0 })
	items, itemIndex := kept(s.items, func(i int) bool {
		_, listed := b.catalogue[s.items[i]]
		return perItem[i] > 0 || listed && b.from[s.items[i]] < before
	})
	renumber := func(pairs []pair) []pair {
		stay := pairs[:0]
		for _, p := range pairs {
			if p.user, p.item = userIndex[p.user], itemIndex[p.item]; p.user >= 0 && p.item >= 0 {
				stay = append(stay, p)
			}
		}
		return stay
	}
	x := assemble(users, items, renumber(liked))
	x.weigh(&b.settings)
	if rated := renumber(m.rated); len(rated) > 0 {
		x.Ratings = assemble(users, items, rated).ByUser
	}
	if disliked := renumber(m.disliked); len(disliked) > 0 {
		x.Disliked = assemble(users, items, disliked).ByUser
	}
	steps := m.steps[:0]
	for _, r := range m.steps {
		if perUser[r.user] > 0 && perItem[r.item] > 0 {
			r.user, r.item = userIndex[r.user], itemIndex[r.item]
			steps = append(steps, r)
		}
	}
	x.Sequences, x.Variants = sequences(users.Len(), steps, milliseconds), b.products.variants()
	x.ItemFeatures, x.UserFeatures = b.catalogue.features(items, b.settings.Missing), b.people.features(users, b.settings.Missing)
	return x
}

// kept returns a dictionary of the identifiers that stay, and the new index of
// each; -1: it does not stay.
func kept(ids []string, stays func(i int) bool) (d *Dict, index []int32) {
	d, index = NewDict(), make([]int32, len(ids))
	for i, id := range ids {
		index[i] = -1
		if stays(i) {
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
