package api

import (
	"context"
	"net/http"

	"kindred"
)

// validateOnly is the parameter of every write that asks what would become of
// it.
const validateOnly = "validate_only"

func validateOnlyParam() param {
	return param{
		name: validateOnly, kind: "boolean", example: false,
		detail: "Store nothing: answer what would be rejected, with status `valid` for the rest. Whether an event_id is stored already is not looked at.",
	}
}

// writeQuery reads the query of a write: which parameters it has, and whether
// it is to be validated only.
func writeQuery(r *http.Request, known ...string) (q query, only bool, err error) {
	if q, err = readQuery(r, append(known, validateOnly)...); err == nil {
		only, err = q.flag(validateOnly)
	}
	return q, only, err
}

// valid is the status of a row that would be accepted.
const valid = "valid"

// settleValid notes what would become of the events.
func (s *Server) settleValid(ctx context.Context, rows *batch) error {
	outcomes, err := s.deps.Events.Validate(ctx, rows.events)
	if err != nil {
		return err
	}
	rows.settle(outcomes)
	for i := range rows.results {
		if row := &rows.results[i]; row.Status == accepted {
			row.Status = valid
		}
	}
	return nil
}

// answerValid answers for one event that would be stored, or says what is
// wrong with it.
func (s *Server) answerValid(ctx context.Context, w *recorder, event *kindred.Event) error {
	outcomes, err := s.deps.Events.Validate(ctx, []kindred.Event{*event})
	if err != nil {
		return err
	}
	if faults := outcomes[0].Faults; len(faults) > 0 {
		return invalid("the event is not valid", located("body.", faults)...)
	}
	return answerJSON(w, http.StatusOK, eventAnswer{outcomes[0].ID, valid})
}

// unstored turns what is answered once rows are stored into what is answered
// where they are not to be.
func (a putAnswer) unstored() putAnswer {
	a.Valid, a.Stored = a.Stored, 0
	return a
}
