package kindred

import (
	"encoding/json"
	"time"
)

// Stage is where a model version stands.
type Stage string

// The stages of a model version.
const (
	Candidate Stage = "candidate" // learned and judged, never live
	Live      Stage = "live"      // answers requests
	Retired   Stage = "retired"   // was live
)

// ModelVersion is a learned model with everything needed to trust it or to
// make it again.
type ModelVersion struct {
	Version     string             `json:"version"` // sortable by time of creation
	Kind        string             `json:"kind"`    // the algorithm: "ials", "itemknn", …
	Stage       Stage              `json:"stage"`
	CreatedAt   time.Time          `json:"created_at"`
	Settings    json.RawMessage    `json:"settings"` // the algorithm's, as JSON
	Seed        uint64             `json:"seed"`
	Signals     json.RawMessage    `json:"signals,omitempty"` // how events became weights, as JSON
	Data        DataRange          `json:"data"`
	Metrics     map[string]float64 `json:"metrics"`          // on the hold-out: "ndcg@20": 0.13
	Baseline    map[string]float64 `json:"baseline"`         // popularity on the same hold-out
	Checks      *DataChecks        `json:"checks,omitempty"` // of the data, before
	CodeVersion string             `json:"code_version"`
	TrainTime   time.Duration      `json:"train_time_ns"`
	Artefact    string             `json:"artefact_xxh3"` // hash of the artefact's bytes
	Bytes       int64              `json:"artefact_bytes"`
}

// DataChecks is how the checks of the data came out before a model was learned
// from them.
type DataChecks struct {
	At         time.Time `json:"at"`
	Errors     []string  `json:"errors"` // names of checks
	Warnings   []string  `json:"warnings"`
	Overridden bool      `json:"overridden"` // somebody had it learned in spite of errors
}

// DataRange is what a model was learned from.
type DataRange struct {
	From         time.Time `json:"from"`
	To           time.Time `json:"to"`
	Events       int64     `json:"events"`
	Users        int       `json:"users"`
	Items        int       `json:"items"`
	Interactions int       `json:"interactions"` // distinct user-item pairs
	// LeftOut are further events, whose verdict was not accepted, by all its
	// reasons: "near_duplicate,bot". Together with Events, all that there were.
	LeftOut map[string]int64 `json:"left_out,omitempty"`
}
