package format

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"kindred"
)

// findContext notes that a column named context.x says x of an event's context.
func (m *mapper) findContext(at int) {
	if name, found := strings.CutPrefix(m.names[at], "context."); found && name != "" && m.entity == events && m.roles[at] == "" {
		m.roles[at] = "context"
		m.contexts = append(m.contexts, at)
	}
}

// whereabouts reads what was around the event.
func (m *mapper) whereabouts(e *kindred.Event, rec *record) *Reject {
	if text := m.cell(rec, "position"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return &Reject{Reason: "bad_number", Detail: fmt.Sprintf("position %q is no count", text)}
		}
		e.Position = n
	}
	if text := m.cell(rec, "context"); text != "" {
		if !json.Valid([]byte(text)) || text[0] != '{' {
			return &Reject{Reason: "bad_context", Detail: "context is no JSON object"}
		}
		e.Context = json.RawMessage(text)
	}
	return m.addContext(e, rec)
}

// addContext adds to an event's context what its columns say of it.
func (m *mapper) addContext(e *kindred.Event, rec *record) *Reject {
	all := map[string]json.RawMessage{}
	for _, at := range m.contexts {
		if at >= len(rec.cells) || rec.cells[at] == "" || m.types[at] == kindred.Number && strings.EqualFold(rec.cells[at], "nan") {
			continue
		}
		a, err := m.attribute(rec, at)
		if err == nil {
			all[strings.TrimPrefix(m.names[at], "context.")], err = json.Marshal(a)
		}
		if err != nil {
			return &Reject{Reason: "bad_context", Detail: fmt.Sprintf("%s: %v", m.names[at], err)}
		}
	}
	if len(all) == 0 {
		return nil
	}
	own := map[string]json.RawMessage{}
	if e.Context != nil {
		if err := json.Unmarshal(e.Context, &own); err != nil {
			return &Reject{Reason: "bad_context", Detail: fmt.Sprintf("context: %v", err)}
		}
	}
	maps.Copy(own, all)
	text, err := json.Marshal(own)
	if err != nil {
		return &Reject{Reason: "bad_context", Detail: fmt.Sprintf("context: %v", err)}
	}
	e.Context = text
	return nil
}
