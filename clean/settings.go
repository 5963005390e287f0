package clean

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zeebo/xxh3"

	"kindred"
)

// Settings say which stages are on and what they go by.
type Settings struct {
	Misdated      Misdated      `yaml:"misdated" json:"misdated"`
	Placeholders  Placeholders  `yaml:"placeholders" json:"placeholders"`
	NearDuplicate NearDuplicate `yaml:"near_duplicates" json:"near_duplicates"`
	Bots          Bots          `yaml:"bots" json:"bots"`
	Accidental    Accidental    `yaml:"accidental_views" json:"accidental_views"`
	Abandoned     Abandoned     `yaml:"abandoned_sessions" json:"abandoned_sessions"`
	// SessionGap is the silence that ends a session.
	SessionGap time.Duration `yaml:"session_gap" json:"session_gap_ns"`
}

// Misdated finds events whose time cannot be, where their arrival is known.
type Misdated struct {
	On      bool          `yaml:"on" json:"on"`
	Future  time.Duration `yaml:"future" json:"future_ns"`   // how far ahead of arrival a time may lie
	Horizon time.Duration `yaml:"horizon" json:"horizon_ns"` // how far behind; 0: any
}

// Placeholders finds what programs write where they know no name. Names are
// compared in lower case; those made of several zeros and hyphens alone are
// always placeholders, and so is a user 0 who does more than a person can.
type Placeholders struct {
	On    bool     `yaml:"on" json:"on"`
	Names []string `yaml:"names" json:"names"`
}

// NearDuplicate finds the same user doing the same to an item again within the
// window of the kind: the later event counts, as COUNTER has it for double
// clicks. Kinds without a window may repeat.
type NearDuplicate struct {
	On      bool                           `yaml:"on" json:"on"`
	Windows map[kindred.Kind]time.Duration `yaml:"windows" json:"windows_ns"`
}

// Bots finds users who are programs, by what people do not do. Views, clicks
// and searches are looked at. A zero bound turns its part off.
type Bots struct {
	On bool `yaml:"on" json:"on"`
	// Agents looks for known crawlers in the context's user_agent, which is
	// that of the user's device, not of whoever delivers the event.
	Agents    bool `yaml:"agents" json:"agents"`
	PerMinute int  `yaml:"per_minute" json:"per_minute"` // more is a bot; events of one moment count once
	PerHour   int  `yaml:"per_hour" json:"per_hour"`
	// Regularity is the least standard deviation of a user's pauses, as a
	// share of their mean, over some twenty pauses within sessions.
	Regularity float64 `yaml:"regularity" json:"regularity"`
	// Restless is how many hours of the last 48 may see a user.
	Restless int `yaml:"restless" json:"restless"`
	// OneItem is the greatest share of one item in some fifty views and
	// clicks.
	OneItem float64 `yaml:"one_item" json:"one_item"`
	// Unshown is how many clicks without one impression are suspicious, where
	// impressions of most users are reported. Alone it makes no bot.
	Unshown int `yaml:"unshown" json:"unshown"`
}

// Accidental finds views that ended before anything could be seen: by the
// context's dwell_seconds or by the next event of the session.
type Accidental struct {
	On    bool          `yaml:"on" json:"on"`
	Dwell time.Duration `yaml:"dwell" json:"dwell_ns"` // shorter is accidental
}

// Abandoned finds sessions that ended after a few views and clicks.
type Abandoned struct {
	On     bool `yaml:"on" json:"on"`
	Events int  `yaml:"events" json:"events"` // fewer is abandoned
}

// Defaults returns the settings that suit most shops.
func Defaults() Settings {
	return Settings{
		Misdated: Misdated{On: true, Future: 5 * time.Minute},
		Placeholders: Placeholders{On: true, Names: []string{
			"-", "-1", "(none)", "(not set)", "[object object]", "anonymous", "guest", "n/a", "nan", "nil", "none", "null",
			"test", "undefined", "unknown",
		}},
		NearDuplicate: NearDuplicate{On: true, Windows: map[kindred.Kind]time.Duration{
			kindred.View: 30 * time.Second, kindred.Click: 30 * time.Second,
		}},
		Bots:       Bots{On: true, Agents: true, PerMinute: 100, PerHour: 3000, Regularity: 0.15, Restless: 40, OneItem: 0.95, Unshown: 50},
		Accidental: Accidental{Dwell: time.Second},
		Abandoned:  Abandoned{Events: 2},
		SessionGap: kindred.SessionGap,
	}
}

// maxAbandoned is the largest session that can count as abandoned.
const maxAbandoned = 5

// Validate reports every setting out of range, by name.
func (s *Settings) Validate() error {
	var faults []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, kindred.Errorf(kindred.Invalid, format, args...))
		}
	}
	want(s.Misdated.Future >= 0 && s.Misdated.Horizon >= 0, "misdated: future and horizon must not be negative")
	for kind, window := range s.NearDuplicate.Windows {
		want(window >= 0 && window <= time.Hour, "near_duplicates.windows.%s is %v (use 0 to 1h)", kind, window)
	}
	want(len(s.Placeholders.Names) <= 1000, "placeholders.names are %d (use at most 1,000)", len(s.Placeholders.Names))
	b := &s.Bots
	want(b.PerMinute >= 0 && b.PerHour >= 0 && b.Unshown >= 0, "bots: per_minute, per_hour and unshown must not be negative")
	want(b.PerMinute < maxCount && b.PerHour < maxCount && b.Unshown < maxCount, "bots: per_minute, per_hour and unshown must be below %d", maxCount)
	want(b.Regularity >= 0 && b.Regularity < 1, "bots.regularity is %g (use 0 to below 1)", b.Regularity)
	want(b.OneItem >= 0 && b.OneItem <= 1, "bots.one_item is %g (use 0 to 1)", b.OneItem)
	want(b.Restless >= 0 && b.Restless <= restlessHours, "bots.restless is %d (use 0 to %d)", b.Restless, restlessHours)
	want(s.Accidental.Dwell >= 0, "accidental_views.dwell must not be negative")
	want(s.Abandoned.Events >= 1 && s.Abandoned.Events <= maxAbandoned, "abandoned_sessions.events is %d (use 1 to %d)", s.Abandoned.Events, maxAbandoned)
	want(s.SessionGap > 0, "session_gap must be positive")
	return errors.Join(faults...)
}

// rulesVersion changes whenever the same settings come to other verdicts.
const rulesVersion = 2

// Rules names what verdicts are made by: this code and these settings.
func (s *Settings) Rules() string {
	written := *s
	written.Placeholders.Names = slices.Sorted(slices.Values(s.Placeholders.Names))
	written.NearDuplicate.Windows = maps.Clone(s.NearDuplicate.Windows)
	text, _ := json.Marshal(written) // settings always have a JSON form
	return fmt.Sprintf("%d-%012x", rulesVersion, xxh3.Hash(text)&(1<<48-1))
}
