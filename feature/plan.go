package feature

import (
	"errors"
	"fmt"
	"slices"

	"kindred"
)

// Plan is a configuration made ready: which tracks count what, and how each
// feature's value is read off them. It never changes; safe for concurrent use.
type Plan struct {
	features  []planned // inputs before those that read them
	byRef     map[Ref]int
	bits      map[kindred.Kind]uint8
	maxEvents int
	accepted  kindred.Verdict
	tracks    map[Entity]*layout // user, item, session; nil where no feature needs one
	sets      map[string]Set
}

// planned is a definition with the places of what it reads.
type planned struct {
	Definition
	valueType  Type
	mask, over uint64
	window     int64 // milliseconds, or forever
	reach      int64 // how far back a user_item feature looks, for the latest event, too
	// count, sum, distinct, decay, last and overCount are places in the
	// layout of the entity's track; of user_item features none is used.
	count, sum, distinct, decay, last, overCount int
	inputs                                       []int
	program                                      *program
	slot                                         int // of an attribute, in the entity's timelines
	number                                       float64
	text                                         string
	hasDefault                                   bool
}

// otherKind is the bit of all kinds of event that no definition names.
const otherKind = 63

// NewPlan compiles a configuration, whose definitions must be valid each by
// itself, and reports every fault that they have together.
func NewPlan(c *Config) (*Plan, error) {
	p := &Plan{byRef: map[Ref]int{}, bits: map[kindred.Kind]uint8{}, maxEvents: c.MaxEvents, tracks: map[Entity]*layout{}, sets: map[string]Set{}}
	if p.maxEvents == 0 {
		p.maxEvents = defaultEvents
	}
	for _, s := range c.Sets {
		p.sets[s.Name] = s
	}
	var err error
	if p.accepted, err = c.Accepted(); err != nil {
		return nil, err
	}
	order, err := sorted(c.Definitions)
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, i := range order {
		f := planned{Definition: c.Definitions[i], window: forever}
		if err := p.add(&f, fmt.Sprintf("definitions[%d]", i)); err != nil {
			faults = append(faults, err)
			continue
		}
		p.byRef[f.Ref()] = len(p.features)
		p.features = append(p.features, f)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	for _, l := range p.tracks {
		l.compile()
	}
	return p, nil
}

// sorted returns the definitions' places, each after those it reads.
func sorted(definitions []Definition) ([]int, error) {
	places := map[Ref]int{}
	for i := range definitions {
		places[definitions[i].Ref()] = i
	}
	var order []int
	var faults []error
	const waiting, done = 1, 2
	state := make([]int, len(definitions))
	var visit func(i int)
	visit = func(i int) {
		path := fmt.Sprintf("definitions[%d]", i)
		switch state[i] {
		case done:
			return
		case waiting:
			faults = append(faults, faultAt(path+".inputs", "the feature reads itself, by way of others"))
			return
		}
		state[i] = waiting
		reads, err := readsOf(&definitions[i])
		if err != nil {
			faults = append(faults, faultAt(path+".expression", "%w", err))
		}
		for _, ref := range reads {
			if at, known := places[ref]; known {
				visit(at)
			} else {
				faults = append(faults, faultAt(path+".inputs", "there is no feature %q (write entity:name)", ref))
			}
		}
		state[i] = done
		order = append(order, i)
	}
	for i := range definitions {
		visit(i)
	}
	return order, errors.Join(faults...)
}

// readsOf returns the features that a definition reads.
func readsOf(d *Definition) ([]Ref, error) {
	if d.Kind == Expression {
		return referencesIn(d.Expression)
	}
	return d.Inputs, nil
}

// add finds the places of what a feature reads.
func (p *Plan) add(f *planned, path string) error {
	f.valueType = f.ValueType()
	if f.Window > 0 {
		f.window = f.Window.milliseconds()
	}
	reads, err := readsOf(&f.Definition)
	if err != nil {
		return faultAt(path+".expression", "%w", err)
	}
	for _, ref := range reads {
		i, known := p.byRef[ref]
		if !known {
			return faultAt(path+".inputs", "%q cannot be read, because it has a fault itself", ref)
		}
		if !covers(f.Entity, p.features[i].Entity) {
			return faultAt(path+".inputs", "a feature of entity %s cannot read %s (make it one of entity user_item or context)", f.Entity, ref)
		}
		f.inputs = append(f.inputs, i)
	}
	switch f.Kind {
	case Attribute, Embedding:
		if f.Attribute == "" {
			f.Attribute = f.Name
		}
		f.slot = p.slot(f)
	case Cross:
	case Bucket:
		if kind := p.features[f.inputs[0]].valueType; kind != Number {
			return faultAt(path+".inputs", "a bucket needs a number, %s is a %s", f.Inputs[0], kind)
		}
	case Expression:
		if f.program, f.valueType, err = p.compileExpression(f); err != nil {
			return faultAt(path+".expression", "%w", err)
		}
	default:
		if err := p.addAggregate(f); err != nil {
			return faultAt(path+".where", "%w", err)
		}
	}
	return f.setDefault(path)
}

// covers says whether a row that has an entity has another, too.
func covers(entity, read Entity) bool {
	switch {
	case entity == read, read == Context, entity == Context:
		return true
	case entity == UserItem:
		return read == User || read == Item
	default:
		return false
	}
}

// slot gives an attribute its place in the timelines of its entity.
func (p *Plan) slot(f *planned) int {
	slot := 0
	for i := range p.features {
		g := &p.features[i]
		if g.isAttribute() && g.Entity == f.Entity {
			if g.Attribute == f.Attribute {
				return g.slot
			}
			slot = max(slot, g.slot+1)
		}
	}
	return slot
}

func (f *planned) isAttribute() bool { return f.Kind == Attribute || f.Kind == Embedding }

func (f *planned) isDerived() bool {
	return f.Kind == Cross || f.Kind == Bucket || f.Kind == Expression
}

func (f *planned) setDefault(path string) error {
	switch x := f.Default.(type) {
	case nil:
		f.hasDefault = slices.Contains([]Kind{Count, Rate, DecayedCount, Sum, Distinct}, f.Kind)
		if f.Kind == Ratio && f.Beta > 0 {
			f.hasDefault, f.number = true, f.Alpha/f.Beta
		}
		return nil
	case float64:
		f.number = x
	case bool:
		if x {
			f.number = 1
		}
	case string:
		f.text = x
	}
	f.hasDefault = true
	_, isNumber := f.Default.(float64)
	_, isBool := f.Default.(bool)
	_, isString := f.Default.(string)
	if isNumber != (f.valueType == Number) || isBool != (f.valueType == Bool) || isString != (f.valueType == String) {
		return faultAt(path+".default", "%v is no %s", f.Default, f.valueType)
	}
	return nil
}

// addAggregate has the entity's track count what the feature needs.
func (p *Plan) addAggregate(f *planned) error {
	var err error
	if f.mask, err = p.maskOf(f.Where.Kinds); err != nil {
		return err
	}
	if f.Kind == Ratio {
		if f.over, err = p.maskOf(f.Over.Kinds); err != nil {
			return err
		}
	}
	entity := f.Entity
	if entity == UserItem {
		entity = User
	}
	l := p.tracks[entity]
	if l == nil {
		l = &layout{maxEvents: p.maxEvents, slack: slackEvents}
		p.tracks[entity] = l
	}
	if f.Entity == UserItem || f.Kind == LastN {
		f.reach = f.reachBack()
		l.horizon = max(l.horizon, f.reach)
	} else {
		f.place(l)
	}
	f.last = placeOf(&l.lasts, f.mask)
	return nil
}

// reachBack is how far back the log of a track must go for the feature.
func (f *planned) reachBack() int64 {
	switch {
	case f.Kind == DecayedCount:
		return epochs * epochLives * f.HalfLife.milliseconds()
	case f.window == forever:
		return forever
	default:
		return max(f.window, f.TTL.milliseconds())
	}
}

// place finds or makes the aggregates of the feature.
func (f *planned) place(l *layout) {
	if f.Kind == DecayedCount {
		f.decay = placeOf(&l.decays, decay{f.mask, f.HalfLife.milliseconds()})
		return
	}
	if f.Kind == Recency {
		return
	}
	window := placeOf(&l.windows, f.window)
	if f.window != forever {
		l.horizon = max(l.horizon, f.window)
	}
	switch f.Kind {
	case Count, Rate:
		f.count = placeOf(&l.counts, aggregate{f.mask, window})
	case Ratio:
		f.count = placeOf(&l.counts, aggregate{f.mask, window})
		f.overCount = placeOf(&l.counts, aggregate{f.over, window})
	case Sum, Mean:
		f.count = placeOf(&l.counts, aggregate{f.mask, window})
		f.sum = placeOf(&l.sums, aggregate{f.mask, window})
	case Distinct:
		f.distinct = placeOf(&l.distincts, aggregate{f.mask, window})
	default:
	}
}

// placeOf returns the place of x in list, appending it if it is not there.
func placeOf[T comparable](list *[]T, x T) int {
	if i := slices.Index(*list, x); i >= 0 {
		return i
	}
	*list = append(*list, x)
	return len(*list) - 1
}

// maskOf returns the bits of kinds; all for none.
func (p *Plan) maskOf(kinds []kindred.Kind) (uint64, error) {
	if len(kinds) == 0 {
		return ^uint64(0), nil
	}
	var mask uint64
	for _, kind := range kinds {
		bit, known := p.bits[kind]
		if !known {
			if len(p.bits) == otherKind {
				return 0, kindred.Errorf(kindred.Invalid, "the definitions name more than %d kinds of event", otherKind)
			}
			bit = uint8(len(p.bits))
			p.bits[kind] = bit
		}
		mask |= 1 << bit
	}
	return mask, nil
}

// bitOf returns the bit of a kind of event.
func (p *Plan) bitOf(kind kindred.Kind) uint8 {
	if bit, known := p.bits[kind]; known {
		return bit
	}
	return otherKind
}

// closure returns the places of features and of all they read, in an order in
// which inputs come first.
func (p *Plan) closure(refs []Ref) []int {
	wanted := make([]bool, len(p.features))
	for _, ref := range refs {
		if i, known := p.byRef[ref]; known {
			wanted[i] = true
		}
	}
	var list []int
	for i := range slices.Backward(p.features) {
		if wanted[i] {
			list = append(list, i)
			for _, input := range p.features[i].inputs {
				wanted[input] = true
			}
		}
	}
	slices.Reverse(list)
	return list
}

// Accepts says whether an event with a verdict counts.
func (p *Plan) Accepts(v kindred.Verdict) bool { return p.accepted.Accepts(v) }

// Narrow returns the plan of some features and what they read alone.
func (p *Plan) Narrow(refs []Ref) (*Plan, error) {
	c := Config{MaxEvents: p.maxEvents, Accept: p.accepted.Reasons()}
	for _, i := range p.closure(refs) {
		c.Definitions = append(c.Definitions, p.features[i].Definition)
	}
	return NewPlan(&c)
}

// Definitions returns all definitions, inputs before what reads them.
func (p *Plan) Definitions() []Definition {
	list := make([]Definition, len(p.features))
	for i := range list {
		list[i] = p.features[i].Definition
	}
	return list
}

// TypeOf returns the type of a feature's values, and whether there is one.
func (p *Plan) TypeOf(ref Ref) (Type, bool) {
	i, known := p.byRef[ref]
	if !known {
		return "", false
	}
	return p.features[i].valueType, true
}

// Sets returns the sets by name.
func (p *Plan) Sets() map[string]Set { return p.sets }

// Attributes returns the names of the properties of an entity that features
// read.
func (p *Plan) Attributes(entity Entity) []string {
	var names []string
	for i := range p.features {
		if f := &p.features[i]; f.isAttribute() && f.Entity == entity && !slices.Contains(names, f.Attribute) {
			names = append(names, f.Attribute)
		}
	}
	slices.Sort(names)
	return names
}

// Property returns the property that an attribute or embedding is.
func (p *Plan) Property(ref Ref) (name string, isAttribute bool) {
	i, known := p.byRef[ref]
	if !known || !p.features[i].isAttribute() {
		return "", false
	}
	return p.features[i].Attribute, true
}

// CountsEvents says how many sorts of track there are; with none, events need
// not be followed.
func (p *Plan) CountsEvents() bool { return len(p.tracks) > 0 }
