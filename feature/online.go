package feature

import (
	"slices"
	"sync"

	"kindred"
	"kindred/dataset"
)

// Online holds the features' state: what is needed to tell every value now. It
// follows the log of events by Observe and answers by Read. Safe for
// concurrent use.
//
// Memory: 32 bytes for each event that a window reaches, for the user and for
// the item, and some 300 bytes for each user and item ever seen.
type Online struct {
	plan *Plan

	mu       sync.RWMutex // held for writing while events are taken in
	users    table
	items    table
	sessions table
	position int64            // of the last event observed, in the log
	values   int64            // of the last value observed
	change   int64            // of the last change applied, in the log of those
	inexact  int              // events that could not be taken back
	latest   int64            // the latest event's time
	told     map[Entity]known // properties
	aliases  map[string]string
}

// known are the properties of the entities of a sort.
type known map[string]*properties

// table holds the tracks of a sort of entity. Reading moves a track, so each
// is read under a lock, which many share.
type table struct {
	layout *layout // nil: no tracks
	ids    *dataset.Dict
	tracks []*track
	locks  [64]sync.Mutex
}

// NewOnline returns a state without events.
func (p *Plan) NewOnline() *Online {
	o := &Online{plan: p, told: map[Entity]known{User: {}, Item: {}}, aliases: map[string]string{}}
	for entity, t := range map[Entity]*table{User: &o.users, Item: &o.items, Session: &o.sessions} {
		t.layout, t.ids = p.tracks[entity], dataset.NewDict()
	}
	return o
}

// Plan returns the plan that the state is of.
func (o *Online) Plan() *Plan { return o.plan }

// Logged is an event with its place in the log.
type Logged struct {
	Position int64
	Event    kindred.Event
}

// Observe takes note of events, in the order of the log; they may be late. now
// is the present, in unix milliseconds: no read will be of a moment more than
// a minute before it.
func (o *Online) Observe(events []Logged, now int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range events {
		o.position = max(o.position, events[i].Position)
		o.observe(&events[i], now)
	}
}

// Skip notes that the events up to a place in the log do not count.
func (o *Online) Skip(position int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.position = max(o.position, position)
}

// momentOf is an event as a user's track remembers it, but for the item.
func (p *Plan) momentOf(e *Logged) moment {
	return moment{time: e.Event.Time.UnixMilli(), seq: e.Position, value: e.Event.Value, other: -1, kind: p.bitOf(e.Event.Kind)}
}

func (o *Online) observe(logged *Logged, now int64) {
	e, m := &logged.Event, o.plan.momentOf(logged)
	o.latest = max(o.latest, m.time)
	user, item := o.users.ids.Add(o.userOf(string(e.User))), int32(-1)
	if e.Item != "" {
		item = o.items.ids.Add(string(e.Item))
	}
	m.other = item
	o.users.observe(user, m, now)
	if e.Session != "" && o.sessions.layout != nil {
		o.sessions.observe(o.sessions.ids.Add(e.Session), m, now)
	}
	if item >= 0 {
		m.other = user
		o.items.observe(item, m, now)
	}
}

// behind is how many events a track may have ahead of its moment before it is
// moved on, so that what no window reaches is forgotten without any read.
const behind = 64

func (t *table) observe(id int32, m moment, now int64) {
	if t.layout == nil {
		return
	}
	for int(id) >= len(t.tracks) {
		t.tracks = append(t.tracks, nil)
	}
	track := t.tracks[id]
	if track == nil {
		track = t.layout.newTrack()
		t.tracks[id] = track
	}
	track.observe(t.layout, m)
	if len(track.log)-track.head > behind {
		track.seek(t.layout, max(track.at, min(now-slackTime, track.log[len(track.log)-1].time)))
	}
}

// Written is a value given to a property from outside.
type Written struct {
	Position int64 // in the log of values
	Entity   Entity
	ID       string
	Name     string             // of the property
	Time     int64              // from when on it holds, in unix milliseconds
	Value    *kindred.Attribute // nil: none any more
}

// Write takes note of values; those of properties that no feature reads are
// passed over.
func (o *Online) Write(values []Written) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range values {
		o.values = max(o.values, values[i].Position)
		o.told[values[i].Entity].put(o.plan, &values[i])
	}
}

func (k known) put(p *Plan, w *Written) {
	slot := p.slotOf(w.Entity, w.Name)
	if k == nil || slot < 0 {
		return
	}
	of := k[w.ID]
	if of == nil {
		of = &properties{}
		k[w.ID] = of
	}
	of.put(slot, w.Time, w.Value)
}

// slotOf returns the slot of a property in timelines; -1 if no feature reads
// it.
func (p *Plan) slotOf(entity Entity, name string) int {
	for i := range p.features {
		if f := &p.features[i]; f.isAttribute() && f.Entity == entity && f.Attribute == name {
			return f.slot
		}
	}
	return -1
}

// Property returns the value that a property of an entity, a user by their own
// ID, had at a moment, what was written
// for that very moment included; nil is none.
func (o *Online) Property(entity Entity, id, name string, at int64) *kindred.Attribute {
	o.mu.RLock()
	defer o.mu.RUnlock()
	slot, of := o.plan.slotOf(entity, name), o.told[entity][id]
	if of == nil || slot < 0 {
		return nil
	}
	value, _ := of.at(slot, at+1, true)
	return value
}

// Forget forgets a user. The counts of items keep the user's events until the
// state is built anew.
func (o *Online) Forget(user kindred.UserID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.told[User], string(user))
	if id, isKnown := o.users.ids.Index(string(user)); isKnown && int(id) < len(o.users.tracks) {
		o.users.tracks[id] = nil
	}
}

// State is how far a state has come, and how large it is.
type State struct {
	Position, Values, Change int64 // in the logs of events, of values and of changes
	Users, Items, Sessions   int
	Latest                   int64 // the latest event's time, in unix milliseconds
}

// State returns how far the state has come.
func (o *Online) State() State {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return State{
		Position: o.position, Values: o.values, Change: o.change, Latest: o.latest,
		Users: o.users.ids.Len(), Items: o.items.ids.Len(), Sessions: o.sessions.ids.Len(),
	}
}

// Request asks for features of rows. Entities that no feature asked for
// describes may be left out, which is nil; those given have a row each.
type Request struct {
	Features []Ref
	Users    []string
	Items    []string
	Sessions []string
	// Contexts are what the request says of itself: none, one for all rows,
	// or one a row.
	Contexts []kindred.Attributes
	Rows     int
	At       int64 // the moment, in unix milliseconds
}

// Reading is the answer to a Request.
type Reading struct {
	Columns []Column // in the order asked for
	// Position, Values and Change are the places in the logs up to which
	// events, written values and changes were known. Change is 0 where an event
	// could not be taken back exactly.
	Position, Values, Change int64
}

// Check reports what keeps the request from being answered.
func (p *Plan) Check(r *Request) error {
	var faults []kindred.FieldError
	fault := func(field, text string) { faults = append(faults, kindred.FieldError{Field: field, Message: text}) }
	for _, ref := range r.Features {
		if _, isKnown := p.byRef[ref]; !isKnown {
			fault("features", "there is no feature "+string(ref)+" (GET /v1/features lists them)")
		}
	}
	has := map[Entity]bool{User: r.Users != nil, Item: r.Items != nil, Session: r.Sessions != nil, UserItem: r.Users != nil && r.Items != nil, Context: true}
	for _, i := range p.closure(r.Features) {
		if entity := p.features[i].Entity; !has[entity] {
			fault("entities", "the feature "+string(p.features[i].Ref())+" needs the entity "+string(entity))
			has[entity] = true
		}
	}
	for name, list := range map[string][]string{"user": r.Users, "item": r.Items, "session": r.Sessions} {
		if list != nil && len(list) != r.Rows {
			fault("entities."+name, "must have as many rows as the others")
		}
	}
	if n := len(r.Contexts); n > 1 && n != r.Rows {
		fault("request_context", "must have one value or as many as there are rows")
	}
	if faults != nil {
		return &kindred.Error{Kind: kindred.Invalid, Message: "the features cannot be read", Fields: faults}
	}
	return nil
}

// Read returns the values of features. Cost: about 20 ns a value; of user_item
// features, also one pass over the user's events for each run of rows of one
// user.
func (o *Online) Read(r *Request) (Reading, error) {
	if err := o.plan.Check(r); err != nil {
		return Reading{}, err
	}
	s := o.plan.newSelection(r.Features, r.Rows)
	o.mu.RLock()
	defer o.mu.RUnlock()
	users := o.usersOf(r.Users)
	o.readTracks(s, Session, &o.sessions, r.Sessions, r.At)
	o.readTracks(s, Item, &o.items, r.Items, r.At)
	if len(s.tracked[UserItem]) > 0 {
		o.readUsersAndPairs(s, r, users)
	} else {
		o.readTracks(s, User, &o.users, users, r.At)
	}
	for row := range r.Rows {
		switch len(r.Contexts) {
		case 0:
			s.fillContext(nil, row)
		case 1:
			s.fillContext(r.Contexts[0], row)
		default:
			s.fillContext(r.Contexts[row], row)
		}
		s.derive(row)
	}
	reading := Reading{Columns: s.result(), Position: o.position, Values: o.values}
	if o.inexact == 0 {
		reading.Change = o.change
	}
	return reading, nil
}

func (o *Online) nameOf(entity Entity, id int32) string {
	if entity == User {
		return o.users.ids.ID(id)
	}
	return o.items.ids.ID(id)
}

// readTracks fills what is told of one sort of entity.
func (o *Online) readTracks(s *selection, entity Entity, t *table, ids []string, at int64) {
	if len(s.tracked[entity]) == 0 {
		return
	}
	for row, id := range ids {
		if row > 0 && id == ids[row-1] {
			s.repeat(entity, row, row-1)
			continue
		}
		o.withTrack(t, id, at, func(track *track) { s.fill(entity, track, row, o) })
		s.fillAttributes(entity, o.told[entity].of(id), at, row)
	}
}

func (k known) of(id string) *properties { return k[id] }

// withTrack calls fn with an entity's track, moved to a moment, or with nil.
func (o *Online) withTrack(t *table, id string, at int64, fn func(*track)) {
	i, isKnown := t.ids.Index(id)
	if !isKnown || int(i) >= len(t.tracks) || t.tracks[i] == nil {
		fn(nil)
		return
	}
	lock := &t.locks[int(i)%len(t.locks)]
	lock.Lock()
	defer lock.Unlock()
	t.tracks[i].seek(t.layout, at)
	fn(t.tracks[i])
}

// readUsersAndPairs fills what is told of users, and of users with items. A
// run of rows of one user shares a look at the user's events.
func (o *Online) readUsersAndPairs(s *selection, r *Request, users []string) {
	var places []int32
	for from := 0; from < r.Rows; {
		to := from + 1
		for to < r.Rows && users[to] == users[from] {
			to++
		}
		o.withTrack(&o.users, users[from], r.At, func(track *track) {
			s.fill(User, track, from, o)
			s.fillAttributes(User, o.told[User].of(users[from]), r.At, from)
			byItem := map[int32][]int32{}
			if track != nil {
				byItem = track.byItem(o.users.layout, o.numbersOf(r.Items[from:to]))
			}
			for row := from; row < to; row++ {
				if row > from {
					s.repeat(User, row, from)
				}
				places = places[:0]
				if item, isKnown := o.items.ids.Index(r.Items[row]); isKnown {
					places = byItem[item]
				}
				s.fillPair(track, places, row)
			}
		})
		from = to
	}
}

func (o *Online) numbersOf(items []string) []int32 {
	var list []int32
	for _, id := range items {
		if i, isKnown := o.items.ids.Index(id); isKnown {
			list = append(list, i)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// byItem collects the places of the events with each of some items.
func (t *track) byItem(l *layout, items []int32) map[int32][]int32 {
	places := make(map[int32][]int32, len(items))
	if len(items) == 1 {
		places[items[0]] = t.pairs(l, items[0], nil)
		return places
	}
	wanted := make(map[int32]bool, len(items))
	for _, item := range items {
		wanted[item] = true
	}
	for k := t.reach(l); k < t.head; k++ {
		if other := t.log[k].other; wanted[other] {
			places[other] = append(places[other], int32(k))
		}
	}
	return places
}
