package feature

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"

	"kindred"
)

// sessionLife is how long after its latest event a session is remembered.
const sessionLife = 24 * 3600 * 1000

// selection is what a read fills: columns of the features asked for and of
// what they read. It belongs to one read.
type selection struct {
	plan    *Plan
	columns []Column
	place   []int // column by feature
	asked   []int // columns of the features asked for
	tracked map[Entity][]int
	derived []int
	inputs  [][]*Column // by column: of a derived feature
	row     row
}

// newSelection makes columns for features, whose references must be known.
func (p *Plan) newSelection(refs []Ref, rows int) *selection {
	list := p.closure(refs)
	s := &selection{
		plan: p, columns: make([]Column, len(list)), place: make([]int, len(p.features)),
		tracked: map[Entity][]int{}, inputs: make([][]*Column, len(list)),
	}
	for at, i := range list {
		f := &p.features[i]
		s.columns[at], s.place[i] = newColumn(f, rows), at
		if !f.isDerived() {
			s.tracked[f.Entity] = append(s.tracked[f.Entity], i)
			continue
		}
		s.derived = append(s.derived, i)
		for _, input := range f.inputs {
			s.inputs[at] = append(s.inputs[at], &s.columns[s.place[input]])
		}
	}
	for _, ref := range refs {
		s.asked = append(s.asked, s.place[p.byRef[ref]])
	}
	return s
}

// result returns the columns of the features asked for, in their order.
func (s *selection) result() []Column {
	columns := make([]Column, len(s.asked))
	for i, at := range s.asked {
		columns[i] = s.columns[at]
	}
	return columns
}

// repeat copies what a row has of an entity to another row.
func (s *selection) repeat(entity Entity, to, from int) {
	for _, i := range s.tracked[entity] {
		s.columns[s.place[i]].copyRow(to, from)
	}
}

// names tells what the numbers in moments stand for.
type names interface {
	nameOf(entity Entity, id int32) string
}

// fill reads the features of a user, item or session off its track, which
// stands at the moment asked for; nil is an entity never heard of.
func (s *selection) fill(entity Entity, t *track, row int, ids names) {
	for _, i := range s.tracked[entity] {
		f, c := &s.plan.features[i], &s.columns[s.place[i]]
		if f.isAttribute() {
			continue
		}
		if t == nil || t.first == never || t.first >= t.at {
			f.missing(c, row, NotFound)
			continue
		}
		last := t.lasts[f.last]
		c.Times[row] = max(last, 0)
		switch {
		case entity == Session && !t.isAwake(s.plan.tracks[entity]):
			f.missing(c, row, NotFound)
		case f.isOld(last, t.at):
			f.missing(c, row, OutsideMaxAge)
		case f.Kind == LastN:
			s.fillLast(f, c, t, row, ids)
		default:
			x := f.numeric(s.plan.tracks[entity], t)
			c.Numbers[row] = x
			if math.IsNaN(x) {
				f.missing(c, row, NullValue)
			}
		}
	}
}

// isAwake says whether anything happened lately.
func (t *track) isAwake(l *layout) bool {
	latest := int64(never)
	if t.head > 0 {
		latest = t.log[t.head-1].time
	}
	for i := range l.lasts {
		latest = max(latest, t.lasts[i])
	}
	return latest >= t.at-sessionLife
}

func (f *planned) isOld(last, at int64) bool {
	return f.TTL > 0 && last != never && at-last > f.TTL.milliseconds()
}

// numeric is the value of a numeric aggregate; NaN if it has none.
func (f *planned) numeric(l *layout, t *track) float64 {
	switch f.Kind {
	case DecayedCount:
		return t.decays[f.decay].at(t.at, l.decays[f.decay].halfLife)
	case Distinct:
		return float64(len(t.distincts[f.distinct]))
	case Recency:
		return f.recency(t.lasts[f.last], t.at)
	case Sum, Mean:
		return f.combine(t.counts[f.count], 0, t.sums[f.sum])
	default:
		return f.combine(t.counts[f.count], t.counts[f.overCount], fixed{})
	}
}

func (f *planned) recency(last, at int64) float64 {
	if last == never {
		return math.NaN()
	}
	return float64(at-last) / 1000
}

// combine makes the value of counts and sums.
func (f *planned) combine(count, over int32, sum fixed) float64 {
	switch f.Kind {
	case Rate:
		return float64(count) / (float64(f.window) / 3_600_000)
	case Sum:
		return sum.float()
	case Mean:
		if count == 0 {
			return math.NaN()
		}
		return sum.float() / float64(count)
	case Ratio:
		if float64(over)+f.Beta == 0 {
			return math.NaN()
		}
		return (float64(count) + f.Alpha) / (float64(over) + f.Beta)
	default:
		return float64(count)
	}
}

// fillLast lists whom the latest events were with, newest first.
func (s *selection) fillLast(f *planned, c *Column, t *track, row int, ids names) {
	other := Item
	if f.Entity == Item {
		other = User
	}
	var list []string
	floor := max(t.head-s.plan.maxEvents, 0)
	for k := t.head - 1; k >= floor && len(list) < f.N; k-- {
		m := &t.log[k]
		if f.window != forever && m.time < t.at-f.window {
			break
		}
		if f.mask>>m.kind&1 == 1 && m.other >= 0 {
			list = append(list, ids.nameOf(other, m.other))
		}
	}
	if c.Lists[row] = list; len(list) == 0 {
		f.missing(c, row, NullValue)
	}
}

// fillPair reads the features of a user with an item off the user's track.
// places are those, ascending, of the events with the item in its log.
func (s *selection) fillPair(t *track, places []int32, row int) {
	for _, i := range s.tracked[UserItem] {
		f, c := &s.plan.features[i], &s.columns[s.place[i]]
		s.fillOnePair(f, c, t, places, row)
	}
}

func (s *selection) fillOnePair(f *planned, c *Column, t *track, places []int32, row int) {
	for t != nil && len(places) > 0 && f.reach != forever && t.log[places[0]].time < t.at-f.reach {
		places = places[1:]
	}
	if t == nil || len(places) == 0 {
		f.missing(c, row, NotFound)
		return
	}
	p := pair{last: never}
	for _, k := range places {
		p.add(f, &t.log[k], t.at)
	}
	c.Times[row] = max(p.last, 0)
	if f.isOld(p.last, t.at) {
		f.missing(c, row, OutsideMaxAge)
		return
	}
	switch f.Kind {
	case Recency:
		c.Numbers[row] = f.recency(p.last, t.at)
	case DecayedCount:
		c.Numbers[row] = p.weight.at(t.at, f.HalfLife.milliseconds())
	default:
		c.Numbers[row] = f.combine(p.count, p.over, p.sum)
	}
	if math.IsNaN(c.Numbers[row]) {
		f.missing(c, row, NullValue)
	}
}

// pair is what a user_item feature is made of: the aggregates that a track
// keeps of one user or item, counted anew.
type pair struct {
	count, over int32
	sum         fixed
	weight      decayed
	last        int64
}

func (p *pair) add(f *planned, m *moment, at int64) {
	isMine := f.mask>>m.kind&1 == 1
	if isMine {
		p.last = m.time
	}
	if f.window != forever && m.time < at-f.window {
		return
	}
	if f.over>>m.kind&1 == 1 {
		p.over++
	}
	if !isMine {
		return
	}
	p.count++
	switch f.Kind {
	case Sum, Mean:
		p.sum.add(fixedOf(m.value))
	case DecayedCount:
		p.weight.add(m.time, f.HalfLife.milliseconds())
	default:
	}
}

// pairs collects the places of a user's events with an item.
func (t *track) pairs(l *layout, item int32, into []int32) []int32 {
	into = into[:0]
	for k := t.reach(l); k < t.head; k++ {
		if t.log[k].other == item {
			into = append(into, int32(k))
		}
	}
	return into
}

// reach is the place of the first event that features without a window of
// their own in the layout may read: the same however much is kept.
func (t *track) reach(l *layout) int {
	floor := max(t.head-l.maxEvents, 0)
	if l.horizon == forever {
		return floor
	}
	place, _ := slices.BinarySearchFunc(t.log[floor:t.head], t.at-l.horizon, func(m moment, from int64) int {
		if m.time < from {
			return -1
		}
		return 1
	})
	return floor + place
}

// fillAttributes reads an entity's properties as they were before a moment.
func (s *selection) fillAttributes(entity Entity, known *properties, at int64, row int) {
	for _, i := range s.tracked[entity] {
		f := &s.plan.features[i]
		if !f.isAttribute() {
			continue
		}
		c := &s.columns[s.place[i]]
		if known == nil {
			f.missing(c, row, NotFound)
			continue
		}
		value, since := known.at(f.slot, at, f.Tracked)
		switch {
		case value == nil || !c.set(row, value):
			f.missing(c, row, NullValue)
		case f.isOld(since, at):
			c.Times[row] = since
			f.missing(c, row, OutsideMaxAge)
		default:
			c.Times[row] = since
		}
	}
}

// fillContext reads what a request says of itself.
func (s *selection) fillContext(context kindred.Attributes, row int) {
	for _, i := range s.tracked[Context] {
		f, c := &s.plan.features[i], &s.columns[s.place[i]]
		if value, known := context[f.Attribute]; !known || !c.set(row, &value) {
			f.missing(c, row, NullValue)
		}
	}
}

// set takes an attribute's value, if it has the column's type. A time is a
// number of seconds since 1970.
func (c *Column) set(row int, a *kindred.Attribute) bool {
	if !c.Type.Takes(a.Type) {
		return false
	}
	switch a.Type {
	case kindred.Number:
		c.Numbers[row] = a.Number
	case kindred.Time:
		c.Numbers[row] = float64(a.Time.UnixMilli()) / 1000
	case kindred.Bool:
		c.setBool(row, a.Bool)
	case kindred.StringSet:
		c.Lists[row] = a.Set
	case kindred.Vector:
		c.Vectors[row] = a.Vector
	default:
		c.Texts[row] = a.Text
	}
	c.Status[row] = Present
	return true
}

// Takes says whether a feature of the type may have an attribute's value.
func (t Type) Takes(a kindred.AttributeType) bool {
	switch a {
	case kindred.Number, kindred.Time:
		return t == Number
	case kindred.Bool:
		return t == Bool
	case kindred.String, kindred.Text:
		return t == String
	case kindred.StringSet:
		return t == Strings
	case kindred.Vector:
		return t == Vector
	default:
		return false
	}
}

func (c *Column) setBool(row int, is bool) { //nolint:revive // the value to set
	c.Numbers[row] = 0
	if is {
		c.Numbers[row] = 1
	}
}

// derive computes the features that read others, at a row.
func (s *selection) derive(row int) {
	for _, i := range s.derived {
		f, at := &s.plan.features[i], s.place[i]
		c, inputs := &s.columns[at], s.inputs[at]
		isWhole := true
		for _, input := range inputs {
			isWhole = isWhole && input.HasValue(row)
			c.Times[row] = max(c.Times[row], input.Times[row])
		}
		if !isWhole || !s.deriveOne(f, c, inputs, row) {
			f.missing(c, row, NullValue)
		}
	}
}

func (s *selection) deriveOne(f *planned, c *Column, inputs []*Column, row int) bool {
	c.Status[row] = Present
	switch f.Kind {
	case Cross:
		parts := make([]string, len(inputs))
		for k, input := range inputs {
			parts[k] = input.text(row)
		}
		c.Texts[row] = strings.Join(parts, "×")
	case Bucket:
		x := inputs[0].Numbers[row]
		bucket, _ := slices.BinarySearchFunc(f.Bounds, x, func(bound, x float64) int {
			if bound <= x {
				return -1
			}
			return 1
		})
		c.Numbers[row] = float64(bucket)
	default:
		s.row.inputs, s.row.at = inputs, row
		value, ok := f.program.evaluate(&s.row)
		if !ok {
			return false
		}
		switch x := value.(type) {
		case types.Double:
			c.Numbers[row] = float64(x)
			return !math.IsNaN(c.Numbers[row]) && !math.IsInf(c.Numbers[row], 0)
		case types.Int:
			c.Numbers[row] = float64(x)
		case types.Bool:
			c.setBool(row, bool(x))
		case types.String:
			c.Texts[row] = string(x)
		default:
			return false
		}
	}
	return true
}

// text writes a value as part of a cross.
func (c *Column) text(row int) string {
	switch c.Type {
	case String:
		return c.Texts[row]
	case Strings:
		return strings.Join(c.Lists[row], ",")
	case Bool:
		return strconv.FormatBool(c.Numbers[row] != 0)
	case Vector:
		return ""
	default:
		return strconv.FormatFloat(c.Numbers[row], 'g', -1, 64)
	}
}

// properties are what was said of an entity, by slot: each a timeline.
type properties [][]stamped

// stamped is a value from a moment on; nil is none any more.
type stamped struct {
	time  int64
	value *kindred.Attribute
}

// put enters a value into a timeline. Of two at the same moment the later
// entered holds.
func (p *properties) put(slot int, time int64, value *kindred.Attribute) {
	for len(*p) <= slot {
		*p = append(*p, nil)
	}
	list := (*p)[slot]
	place := len(list)
	for place > 0 && list[place-1].time > time {
		place--
	}
	if place > 0 && list[place-1].time == time {
		list[place-1].value = value
		return
	}
	(*p)[slot] = slices.Insert(list, place, stamped{time, value})
}

// at returns the value that held before a moment, and since when; nil is none.
// Unless tracked, the first value holds before it was set, too.
func (p *properties) at(slot int, at int64, isTracked bool) (value *kindred.Attribute, since int64) {
	if slot >= len(*p) || len((*p)[slot]) == 0 {
		return nil, 0
	}
	list := (*p)[slot]
	place := len(list)
	for place > 0 && list[place-1].time >= at {
		place--
	}
	switch {
	case place > 0:
		return list[place-1].value, list[place-1].time
	case isTracked:
		return nil, 0
	default:
		return list[0].value, min(list[0].time, at)
	}
}
