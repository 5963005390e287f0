package format

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"kindred"
)

// The entities a file can hold.
const (
	events = "events"
	items  = "items"
	users  = "users"

	exposures = "exposures"
	alias     = "aliases"
)

// fields are what a column can be, in the order they are guessed.
func fieldNames() []string {
	return []string{
		"event_id", "user", "item", "kind", "value", "time", "session", "request_id", "position", "context", "verdict",
		"title", "categories", "group", "price", "sale_price", "stock", "backorder", "availability", "available_from", "available_until", "updated_at", "attributes",
		"model", "items", "sources", "alias", "into", "by", "why",
	}
}

// aliases returns the column names, folded, that a field is known by.
func aliases(field string) ([]string, bool) {
	all := map[string]string{
		"event_id": "eventid", "user": "user userid customer customerid visitor visitorid reviewerid uid",
		"item": "item itemid product productid movie movieid sku asin stockcode", "kind": "kind event eventtype action type",
		"value": "value eventvalue rating stars score quantity", "time": "time timestamp ts date datetime eventtime invoicedate",
		"session": "session sessionid invoiceno", "request_id": "requestid", "position": "position", "propensity": "propensity", "context": "context", "verdict": "verdict",
		"title": "title movietitle name description", "categories": "categories category genres genre producttype googleproductcategory", "price": "price unitprice",
		"group": "group itemgroupid itemgroup variantof parent parentid", "sale_price": "saleprice", "stock": "stock inventory stockquantity",
		"backorder": "backorder", "availability": "availability",
		"available_from": "availablefrom", "available_until": "availableuntil", "updated_at": "updatedat", "attributes": "attributes",
		"model": "model", "items": "items", "sources": "sources", "alias": "alias", "into": "into", "by": "by", "why": "why",
	}
	names, known := all[field]
	return strings.Fields(names), known
}

func fold(name string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune("_- .", c) {
			return -1
		}
		return unicode.ToLower(c)
	}, name)
}

// mapper turns records of one file into rows.
type mapper struct {
	names  []string
	roles  []string       // by column: its field, "" for an attribute
	at     map[string]int // by field: its column
	types  []kindred.AttributeType
	entity string
	kind   kindred.Kind
	when   time.Time // of events in files without times

	contexts []int // the columns that an event's context is made of
}

// prepare reads the head of the file to learn which column is what.
func (p *part) prepare(opts Options) error {
	info, err := os.Stat(p.path)
	if err != nil {
		return err
	}
	p.size = info.Size()
	f, err := open(p.path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	t, err := p.layout.table(f)
	if err != nil {
		return err
	}
	names, err := t.columns()
	if err != nil {
		return err
	}
	m := &p.mapper
	m.names, m.when = slices.Clone(names), info.ModTime().UTC().Truncate(time.Millisecond)
	if err := m.assign(opts, baseName(p.path)); err != nil {
		return err
	}
	m.entity = p.layout.entity
	if opts.Entity != "" {
		m.entity = opts.Entity
	}
	if m.entity == "" {
		m.guessEntity()
	}
	if len(m.names) == 0 && m.entity == "" {
		m.entity = events // of an empty file, which is none's
	}
	if err := m.known(p.layout); err != nil {
		return err
	}
	if !p.layout.retail {
		m.release(opts)
	}
	m.kind = m.guessKind(opts.Kind, p.layout.kind)
	for at := range m.names {
		m.findContext(at)
	}
	m.learnTypes(t)
	return nil
}

// known reports columns that must be there and are not.
func (m *mapper) known(l layout) error {
	if l.retail {
		return m.isRetail()
	}
	var needed []string
	switch {
	case len(m.names) == 0:
		return nil // an empty file, or JSON whose first lines are bad
	case m.entity == "":
		return kindred.Errorf(kindred.Invalid, "no column of %q is known to be a user or an item (say which: user=COLUMN, item=COLUMN; "+
			"without a header, put a first line such as user,item,rating,time into the file)", m.names)
	case m.entity == events:
		needed = []string{"user", "item"}
		if m.field("kind") >= 0 {
			needed = needed[:1] // a search has no item
		}
	case m.entity == items:
		needed = []string{"item"}
	case m.entity == alias:
		needed = []string{"alias", "into", "time"}
	case m.entity == exposures:
		needed = []string{"request_id", "time", "items"}
	default:
		needed = []string{"user"}
	}
	for _, field := range needed {
		if m.field(field) < 0 {
			return kindred.Errorf(kindred.Invalid, "no column of %q is known to be the %s of %s (say which: %s=COLUMN)", m.names, field, m.entity, field)
		}
	}
	return nil
}

func (m *mapper) assign(opts Options, base string) error {
	m.roles, m.at = make([]string, len(m.names)), map[string]int{}
	for field, name := range opts.Columns {
		at := slices.Index(m.names, name)
		if at < 0 {
			return kindred.Errorf(kindred.Invalid, "there is no column %q for %s (there are %q)", name, field, m.names)
		}
		m.roles[at], m.at[field] = field, at
	}
	m.assignByName()
	id := slices.IndexFunc(m.names, func(name string) bool { return fold(name) == "id" })
	if id < 0 || m.roles[id] != "" || m.field("user") >= 0 && m.field("item") >= 0 {
		return nil
	}
	field := "item"
	if strings.Contains(base, "user") || strings.Contains(base, "customer") || opts.Entity == users {
		field = "user"
	}
	if m.field(field) < 0 {
		m.roles[id], m.at[field] = field, id
	}
	return nil
}

func (m *mapper) assignByName() {
	for _, field := range fieldNames() {
		names, _ := aliases(field)
		for _, alias := range names {
			for at, name := range m.names {
				if _, taken := m.at[field]; !taken && m.roles[at] == "" && fold(name) == alias {
					m.roles[at], m.at[field] = field, at
				}
			}
		}
	}
}

// release gives up guessed fields that rows of this sort do not have: a
// film's score is an attribute, though an event's would be its value.
func (m *mapper) release(opts Options) {
	for field, at := range m.at {
		if _, said := opts.Columns[field]; !said && !m.has(field) {
			m.roles[at] = ""
			delete(m.at, field)
		}
	}
}

// has reports whether rows of the file's sort have a field.
func (m *mapper) has(field string) bool {
	fields := map[string]string{
		events: "event_id user item kind value time session request_id position context verdict",
		items:  "item title categories group price sale_price stock backorder availability available_from available_until updated_at attributes",
		users:  "user updated_at attributes",

		alias:     "alias user into time by why",
		exposures: "request_id user time model items sources session context",
	}
	return slices.Contains(strings.Fields(fields[m.entity]), field)
}

func (m *mapper) guessEntity() {
	switch user, item := m.field("user") >= 0, m.field("item") >= 0; {
	case user && m.field("alias") >= 0 && m.field("into") >= 0:
		m.entity = alias
	case !item && m.field("request_id") >= 0 && m.field("items") >= 0 && m.field("model") >= 0:
		m.entity = exposures
	case user && (item || m.field("kind") >= 0):
		m.entity = events
	case item:
		m.entity = items
	case user:
		m.entity = users
	}
}

func (m *mapper) guessKind(said, preset kindred.Kind) kindred.Kind {
	at := m.field("value")
	switch {
	case said != "":
		return said
	case preset != "":
		return preset
	case at >= 0 && slices.Contains([]string{"rating", "stars", "score"}, fold(m.names[at])):
		return kindred.Rating
	case at >= 0 && fold(m.names[at]) == "quantity":
		return kindred.Purchase
	}
	return kindred.View
}

func (m *mapper) field(name string) int {
	if at, ok := m.at[name]; ok {
		return at
	}
	return -1
}

// String says which column is what.
func (m *mapper) String() string {
	parts := []string{m.entity}
	if m.entity == events && m.field("kind") < 0 {
		parts = append(parts, "kind "+string(m.kind))
	}
	for at, name := range m.names {
		role := m.roles[at]
		if role == "" {
			role = "attribute"
			if m.entity == events || m.entity == exposures || m.entity == alias {
				role = "not used"
			}
		}
		parts = append(parts, name+" → "+role)
	}
	return strings.Join(parts, ", ")
}

func (m *mapper) cell(rec *record, field string) string {
	if at := m.field(field); at >= 0 && at < len(rec.cells) {
		if rec.raw != nil {
			return rec.cells[at] // a value with a type is exact
		}
		return strings.TrimSpace(rec.cells[at])
	}
	return ""
}

func (m *mapper) row(rec *record) (Row, *Reject) {
	for at := len(m.names); at < len(rec.names); at++ {
		m.grow(rec.names[at])
	}
	switch m.entity {
	case events:
		e, reject := m.event(rec)
		return Row{Event: e}, reject
	case items:
		i, reject := m.item(rec)
		return Row{Item: i}, reject
	case alias:
		a, reject := m.alias(rec)
		return Row{Alias: a}, reject
	case exposures:
		x, reject := m.exposure(rec)
		return Row{Exposure: x}, reject
	default:
		id := m.cell(rec, "user")
		if id == "" {
			return Row{}, &Reject{Reason: "missing_user", Detail: "names no user"}
		}
		u := &kindred.User{ID: kindred.UserID(id)}
		var reject *Reject
		if u.UpdatedAt, reject = m.time(rec, "updated_at"); reject == nil {
			u.Attributes, reject = m.attributes(rec)
		}
		return Row{User: u}, reject
	}
}

// grow takes in a key that the first JSON line did not have.
func (m *mapper) grow(name string) {
	at := len(m.names)
	m.names, m.roles, m.types = append(m.names, name), append(m.roles, ""), append(m.types, 0)
	for _, field := range fieldNames() {
		names, _ := aliases(field)
		if m.field(field) < 0 && m.has(field) && slices.Contains(names, fold(name)) {
			m.roles[at], m.at[field] = field, at
			return
		}
	}
	m.findContext(at)
}

func (m *mapper) event(rec *record) (*kindred.Event, *Reject) {
	e := &kindred.Event{
		ID: m.cell(rec, "event_id"), User: kindred.UserID(m.cell(rec, "user")), Item: kindred.ItemID(m.cell(rec, "item")),
		Kind: kindred.Kind(strings.ToLower(m.cell(rec, "kind"))), Value: 1, Time: m.when,
		Session: m.cell(rec, "session"), RequestID: m.cell(rec, "request_id"),
	}
	if e.Kind == "" {
		e.Kind = m.kind
	}
	switch {
	case slices.Contains(words(m.cell(rec, "verdict")), kindred.Withdrawn.String()):
		return nil, &Reject{Reason: "withdrawn", Detail: "was taken back before it was exported"}
	case e.User == "":
		return nil, &Reject{Reason: "missing_user", Detail: "names no user"}
	case e.Item == "" && e.Kind != kindred.Search:
		return nil, &Reject{Reason: "missing_item", Detail: "names no item"}
	}
	var reject *Reject
	if text := m.cell(rec, "value"); text != "" {
		if e.Value, reject = number(text, "value"); reject != nil {
			return nil, reject
		}
	}
	if m.field("time") >= 0 {
		if e.Time, reject = m.eventTime(rec); reject != nil {
			return nil, reject
		}
	}
	return e, m.whereabouts(e, rec)
}

func (m *mapper) eventTime(rec *record) (time.Time, *Reject) {
	t, reject := m.time(rec, "time")
	if reject != nil {
		return t, reject
	}
	if t.IsZero() {
		return t, &Reject{Reason: "missing_time", Detail: "says no time"}
	}
	t, err := sane(t)
	if err != nil {
		return t, &Reject{Reason: "bad_time", Detail: fmt.Sprintf("time %q %v", m.cell(rec, "time"), err)}
	}
	return t, nil
}

func number(text, field string) (float64, *Reject) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, &Reject{Reason: "bad_number", Detail: fmt.Sprintf("%s %q is no finite number", field, text)}
	}
	return x, nil
}

func (m *mapper) time(rec *record, field string) (time.Time, *Reject) {
	text := m.cell(rec, field)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := parseTime(text)
	if err != nil {
		return t, &Reject{Reason: "bad_time", Detail: fmt.Sprintf("%s %q %v", field, text, err)}
	}
	return t, nil
}
