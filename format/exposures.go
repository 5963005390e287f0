package format

import (
	"encoding/json"
	"fmt"

	"kindred"
)

// exposure reads a list that was shown, as Write writes it.
func (m *mapper) exposure(rec *record) (*kindred.Exposure, *Reject) {
	x := &kindred.Exposure{
		RequestID: m.cell(rec, "request_id"), User: kindred.UserID(m.cell(rec, "user")), Model: m.cell(rec, "model"), Session: m.cell(rec, "session"),
		Items: []kindred.ItemID{}, Sources: append([]string{}, words(m.cell(rec, "sources"))...),
	}
	if x.RequestID == "" {
		return nil, &Reject{Reason: "missing_request_id", Detail: "names no request"}
	}
	for _, item := range words(m.cell(rec, "items")) {
		x.Items = append(x.Items, kindred.ItemID(item))
	}
	if text := m.cell(rec, "context"); text != "" {
		if err := json.Unmarshal([]byte(text), &x.Context); err != nil {
			return nil, &Reject{Reason: "bad_context", Detail: fmt.Sprintf("context: %v", err)}
		}
	}
	var reject *Reject
	x.Time, reject = m.eventTime(rec)
	return x, reject
}
