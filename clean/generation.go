package clean

import (
	"time"

	"kindred"
)

// Generation is one run of one set of rules over the log, and how far it is.
type Generation struct {
	ID     int64  // 0: there is none
	Rules  string // see Settings.Rules
	Judged int64  // the place in the log up to which it holds
	IsLive bool   // it is what readers see
	// Snapshot is of the judge at SnapshotAt; nil: none was kept.
	Snapshot   []byte
	SnapshotAt int64
	CreatedAt  time.Time
}

// Part is what judging a part of the log came to.
type Part struct {
	Found
	Upto     int64  // the place of the last event judged
	Snapshot []byte // of the judge there; nil: none is to be kept
}

// NoGeneration is what a store says of verdicts for a generation that is no
// longer of use.
func NoGeneration(id int64) error {
	return kindred.Errorf(kindred.Conflict, "generation %d of verdicts has been replaced (look which is live, and go on with that)", id)
}

// Status is what events are judged by, and how far that is.
type Status struct {
	Rules      string          `json:"rules" doc:"Names the code and the settings that events are judged by."`
	Settings   Settings        `json:"settings"`
	Refused    kindred.Verdict `json:"-"` // what keeps an event from counting
	Generation int64           `json:"generation" doc:"Of the verdicts that are live."`
	Judged     int64           `json:"judged" doc:"Place in the log up to which events are judged."`
	End        int64           `json:"end" doc:"Place of the newest event."`
	Next       *Progress       `json:"next,omitempty" doc:"Verdicts in the making, beside those that are live."`
}

// Progress is how far a generation in the making is.
type Progress struct {
	Generation int64 `json:"generation"`
	Judged     int64 `json:"judged"`
}
