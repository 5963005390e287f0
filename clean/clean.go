// Package clean judges events: which were made by programs, which say the same
// twice, which cannot be what they claim. It deletes nothing; it gives reasons
// (kindred.Verdict), and whoever reads events says which it accepts.
//
// A Judge goes over the log once, in log order, and comes to the same verdicts
// however the log is cut into parts, and wherever it was stopped and went on
// from its Snapshot. It knows the last users and meetings only, so its memory
// is bounded (about 40 MB). What it finds about a user holds for all the
// user's events, those before and those to come.
//
// What an event's item is follows from the catalogue at reading, not here: see
// kindred.UnknownItem and kindred.OutsideValidity.
package clean

import (
	"time"

	"kindred"
)

// Input is an event as it stands in the log.
type Input struct {
	Seq   int64
	Event *kindred.Event
	// Arrived is when it came, to a second; zero: not known.
	Arrived time.Time
	// IsUnjoined says that it names a recommendation nobody knows.
	IsUnjoined bool
}

// Found is what a Judge came to. Marks are of the event at hand or of an
// earlier one of the same user; adding a mark or a flag twice means no more
// than once.
type Found struct {
	Marks []kindred.Mark
	Flags []kindred.Flag
}

// Judge holds what is to be known of the log so far. It is for one goroutine.
type Judge struct {
	settings Settings
	rules    string
	names    map[string]bool // placeholders
	agents   *agents

	seq      int64
	users    users
	meetings meetings
	shown    audience
	zero     zero
}

// NewJudge returns a judge at the beginning of the log. Settings must be
// valid.
func NewJudge(settings Settings) (*Judge, error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	j := &Judge{settings: settings, rules: settings.Rules(), names: map[string]bool{}, users: newUsers(), meetings: newMeetings()}
	for _, name := range settings.Placeholders.Names {
		j.names[name] = true
	}
	var err error
	if j.agents, err = newAgents(); err != nil {
		return nil, err
	}
	return j, nil
}

// Seq is the place in the log up to which the judge has seen.
func (j *Judge) Seq() int64 { return j.seq }

// Forget drops what the judge knows of a user.
func (j *Judge) Forget(user kindred.UserID) { j.users.forget(hashOf(string(user))) }

// Judge takes the next event of the log and adds to found. Cost: about a
// microsecond.
func (j *Judge) Judge(in Input, found *Found) {
	j.seq = in.Seq
	e := in.Event
	reasons := j.timing(&in)
	if in.IsUnjoined {
		reasons |= kindred.Unjoined
	}
	if j.isPlaceholder(string(e.User)) || e.Item != "" && j.isPlaceholder(string(e.Item)) {
		found.mark(in.Seq, reasons|kindred.Placeholder)
		return // many are behind it, and what they do together says nothing
	}
	if reasons&kindred.Misdated != 0 {
		found.mark(in.Seq, reasons)
		return // what goes by times would go wrong
	}
	if j.isNobody(&in, found) {
		found.mark(in.Seq, reasons)
		return
	}
	at := moment{seq: in.Seq, time: e.Time.UnixMilli(), user: hashOf(string(e.User)), item: hashOf(string(e.Item))}
	at.said = saidOf(e.Context)
	u := j.users.of(at.user)
	reasons |= j.visit(u, e, &at, found)
	j.repeat(e, &at, found)
	if why := j.suspect(u, e, &at); why != "" {
		found.Flags = append(found.Flags, kindred.Flag{Seq: in.Seq, User: e.User, Reasons: kindred.Bot, Why: why})
	}
	found.mark(in.Seq, reasons)
}

func (f *Found) mark(seq int64, reasons kindred.Verdict) {
	if reasons != 0 {
		f.Marks = append(f.Marks, kindred.Mark{Seq: seq, Reasons: reasons})
	}
}

// moment is what the stages need of an event.
type moment struct {
	seq, time  int64 // place; unix milliseconds
	user, item uint64
	said       said
}

// timing says whether an event is misdated.
func (j *Judge) timing(in *Input) kindred.Verdict {
	s := &j.settings.Misdated
	if !s.On || in.Arrived.IsZero() {
		return 0
	}
	ahead := in.Event.Time.Sub(in.Arrived)
	if ahead > s.Future || s.Horizon > 0 && -ahead > s.Horizon {
		return kindred.Misdated
	}
	return 0
}
