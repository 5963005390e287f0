package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"kindred"
	"kindred/feature"
)

// entityOf returns the entity that a join key names.
func entityOf(key string) (feature.Entity, bool) {
	switch key {
	case "user", "user_id":
		return feature.User, true
	case "item", "item_id":
		return feature.Item, true
	case "session", "session_id":
		return feature.Session, true
	default:
		return "", false
	}
}

// online is a request for features as it was read.
type online struct {
	feature.Request
	service   string
	fullNames bool
	keys      []string // join keys, in the order given
	raw       [][][]byte
	rows      int // -1: no entity read yet
	columns   map[string][]kindred.Attribute
	constant  kindred.Attributes
}

func (s *Server) getOnlineFeatures(w *recorder, r *http.Request) error {
	var ask online
	err := s.withBody(w, r, func(body []byte) (err error) {
		ask, err = readOnline(body)
		return err
	})
	if err != nil {
		return err
	}
	if err := ask.resolve(s.deps.Features.Plan()); err != nil {
		return err
	}
	reading, err := s.deps.Features.Read(&ask.Request)
	if err != nil {
		return err
	}
	buffer, ok := s.answers.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	defer func() {
		if cap(*buffer) <= maxPooledAnswer { // larger ones are left to the collector
			s.answers.Put(buffer)
		}
	}()
	*buffer = ask.appendAnswer((*buffer)[:0], reading.Columns)
	answerBytes(w, http.StatusOK, *buffer)
	return nil
}

// readOnline decodes an onlineBody.
func readOnline(body []byte) (online, error) {
	names := [...]string{
		"features", "feature_service", "entities", "full_feature_names", "request_context", "include_feature_view_version_metadata",
	}
	ask := online{rows: -1, columns: map[string][]kindred.Attribute{}, constant: kindred.Attributes{}}
	in := newReader(body)
	in.fields(names[:], func(field int) {
		switch names[field] {
		case "features":
			for _, ref := range in.strings(feature.MaxDefinitions) {
				ask.Features = append(ask.Features, feature.Ref(ref))
			}
		case "feature_service":
			ask.service = in.text()
		case "entities":
			in.members(func(name []byte) { in.entity(&ask, string(name)) })
		case "full_feature_names":
			ask.fullNames = in.boolean()
		case "request_context":
			ask.constant = in.attributes()
		default:
			in.boolean()
		}
	})
	return ask, in.finish("request", ask.faults)
}

func (ask *online) faults() []kindred.FieldError {
	switch {
	case ask.service != "" && len(ask.Features) > 0:
		return []kindred.FieldError{{Field: "features", Message: "must be left out where there is a feature_service"}}
	case ask.service == "" && len(ask.Features) == 0:
		return []kindred.FieldError{{Field: "features", Message: "must name at least one feature, or feature_service a set"}}
	case ask.rows < 1:
		return []kindred.FieldError{{Field: "entities", Message: "must have at least one row"}}
	case ask.rows*len(ask.Features) > maxFeatureValues:
		return []kindred.FieldError{{Field: "features", Message: fmt.Sprintf("rows times features must be at most %d", maxFeatureValues)}}
	}
	return nil
}

// entity reads a column of entities: a join key, or else a property of the
// request with a value for each row.
func (r *reader) entity(ask *online, name string) {
	if len(ask.keys)+len(ask.columns) == maxColumns || slices.Contains(ask.keys, name) || ask.columns[name] != nil {
		r.fault("is given twice, or is one column too many")
		r.skip()
		return
	}
	rows := 0
	entity, isKey := entityOf(name)
	var ids []string
	var raw [][]byte
	values := []kindred.Attribute{}
	r.elements(maxFeatureRows, func(int) {
		rows++
		if isKey {
			id, token := r.joinKey()
			ids, raw = append(ids, id), append(raw, token)
			return
		}
		var a kindred.Attribute
		if err := json.Unmarshal(r.raw(), &a); err != nil && r.failure == nil {
			r.fault("must be a number, boolean, string, array of strings or array of numbers")
		}
		values = append(values, a)
	})
	if ask.rows >= 0 && rows != ask.rows {
		r.fault(fmt.Sprintf("has %d rows, another column %d", rows, ask.rows))
	}
	ask.rows = rows
	if !isKey {
		ask.columns[name] = values
		return
	}
	ask.keys, ask.raw = append(ask.keys, name), append(ask.raw, raw)
	list := map[feature.Entity]*[]string{feature.User: &ask.Users, feature.Item: &ask.Items, feature.Session: &ask.Sessions}[entity]
	if *list != nil {
		r.fault("names the same entity as another column")
	}
	*list = append([]string{}, ids...)
}

// joinKey reads an identifier, which may be a whole number, and how it stood
// there.
func (r *reader) joinKey() (id string, raw []byte) {
	isNumber := r.peek() == '-' || r.peek() >= '0' && r.peek() <= '9'
	raw = r.raw()
	id = string(raw)
	if isNumber {
		if _, err := strconv.ParseInt(id, 10, 64); err != nil && r.failure == nil {
			r.fault("must be a string or a whole number")
		}
		return id, raw
	}
	if err := json.Unmarshal(raw, &id); err != nil && r.failure == nil {
		r.fault("must be a string or a whole number")
		return id, raw
	}
	if message := idFault(id); message != "" && r.failure == nil {
		r.fault(message)
	}
	return id, raw
}

// resolve makes a feature.Request of what was read.
func (ask *online) resolve(plan *feature.Plan) error {
	if ask.service != "" {
		set, isKnown := plan.Sets()[ask.service]
		if !isKnown {
			return kindred.Errorf(kindred.NotFound, "there is no feature set %.64q (GET /v1/features lists them)", ask.service)
		}
		ask.Features = set.Features
	}
	known := plan.Attributes(feature.Context)
	for name := range ask.columns {
		if !slices.Contains(known, name) {
			return invalid("the request is not valid", fault{"body.entities." + name, "is neither a join key (user, item, session) nor a property that a context feature reads"})
		}
	}
	seen := map[string]bool{}
	for _, ref := range ask.Features {
		name := ask.nameOf(ref)
		if seen[name] {
			return invalid("the request is not valid", fault{"body.features", "two are called " + name + "; ask for full_feature_names"})
		}
		seen[name] = true
	}
	if ask.Rows = ask.rows; ask.Rows*len(ask.Features) > maxFeatureValues {
		return invalid("the request is not valid", fault{"body.entities", fmt.Sprintf("rows times features must be at most %d", maxFeatureValues)})
	}
	ask.Contexts = []kindred.Attributes{ask.constant}
	if len(ask.columns) > 0 {
		ask.Contexts = make([]kindred.Attributes, ask.rows)
		for row := range ask.Contexts {
			own := kindred.Attributes{}
			maps.Copy(own, ask.constant)
			for name, values := range ask.columns {
				own[name] = values[row]
			}
			ask.Contexts[row] = own
		}
	}
	return nil
}

func (ask *online) nameOf(ref feature.Ref) string {
	entity, name := ref.Split()
	if ask.fullNames {
		return string(entity) + "__" + name
	}
	return name
}

// appendAnswer appends an onlineAnswer.
func (ask *online) appendAnswer(b []byte, columns []feature.Column) []byte {
	b = append(b, `{"metadata":{"feature_names":[`...)
	for _, key := range ask.keys {
		b = append(appendString(b, key), ',')
	}
	for i := range columns {
		b = append(appendString(b, ask.nameOf(columns[i].Ref)), ',')
	}
	b = append(b[:len(b)-1], `]},"results":[`...)
	for k := range ask.keys {
		b = append(b, `{"values":[`...)
		for _, raw := range ask.raw[k] {
			b = append(append(b, raw...), ',')
		}
		b = append(b[:len(b)-1], `],"statuses":[`...)
		b = appendRepeated(b, `"PRESENT"`, ask.rows)
		b = append(b, `],"event_timestamps":[`...)
		b = appendRepeated(b, `"1970-01-01T00:00:00Z"`, ask.rows)
		b = append(b, `]},`...)
	}
	for i := range columns {
		b = append(appendColumn(b, &columns[i]), ',')
	}
	return append(b[:len(b)-1], `]}`...)
}

func appendRepeated(b []byte, text string, n int) []byte {
	for range n {
		b = append(append(b, text...), ',')
	}
	return b[:len(b)-1]
}

func appendColumn(b []byte, c *feature.Column) []byte {
	b = append(b, `{"values":[`...)
	for row := range c.Status {
		b = append(appendValue(b, c, row), ',')
	}
	b = append(b[:len(b)-1], `],"statuses":[`...)
	for _, status := range c.Status {
		b = append(append(append(b, '"'), status.String()...), '"', ',')
	}
	b = append(b[:len(b)-1], `],"event_timestamps":[`...)
	for _, at := range c.Times {
		b = append(b, '"')
		b = time.UnixMilli(at).UTC().AppendFormat(b, time.RFC3339Nano)
		b = append(b, '"', ',')
	}
	return append(b[:len(b)-1], `]}`...)
}

func appendValue(b []byte, c *feature.Column, row int) []byte {
	if !c.HasValue(row) {
		return append(b, "null"...)
	}
	switch c.Type {
	case feature.Bool:
		return strconv.AppendBool(b, c.Numbers[row] != 0)
	case feature.String:
		return appendString(b, c.Texts[row])
	case feature.Strings:
		b = append(b, '[')
		for i, text := range c.Lists[row] {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, text)
		}
		return append(b, ']')
	case feature.Vector:
		b = append(b, '[')
		for i, x := range c.Vectors[row] {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendFloat(b, float64(x), 'g', -1, 32)
		}
		return append(b, ']')
	default:
		return appendFloat(b, c.Numbers[row])
	}
}

// appendFloat writes a number so that a client that tells whole numbers from
// others by their form, as Python does, reads a float each time.
func appendFloat(b []byte, x float64) []byte {
	start := len(b)
	b = appendNumber(b, x)
	if x == math.Trunc(x) && !slices.ContainsFunc(b[start:], func(c byte) bool { return c == 'e' || c == '.' }) {
		b = append(b, '.', '0')
	}
	return b
}
