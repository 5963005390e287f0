package kindred

import (
	"encoding/json"
	"fmt"
	"iter"
	"math/bits"
	"strings"
)

// Verdict is what cleaning found about an event: a set of reasons why it may
// not be worth learning from. Zero is a clean event. A verdict deletes
// nothing: whoever reads events says which reasons it accepts.
type Verdict uint32

// The reasons. Their numbers are stored: new ones go to the end.
const (
	NearDuplicate    Verdict = 1 << iota // the same user did the same to the item a moment later
	Bot                                  // its user is a machine
	AccidentalView                       // left before anything could be seen
	AbandonedSession                     // its session led to nothing
	Placeholder                          // its user or item is a placeholder such as "null"
	Misdated                             // it arrived before its time, or long after
	UnknownItem                          // its item is not in the catalogue
	OutsideValidity                      // its item was not available at the time
	Unjoined                             // it names a recommendation that is not known
	Released                             // someone overruled what was found
	Withdrawn                            // its client took it back; this is never overruled
)

// reasonNames are the names of the reasons, by number.
const reasonNames = "near_duplicate bot accidental_view abandoned_session placeholder misdated unknown_item outside_validity unjoined released withdrawn"

// Informational are the reasons that say something worth knowing about an
// event that is nevertheless worth learning from.
const Informational = UnknownItem | OutsideValidity | Unjoined | Released

// AllReasons returns every reason there is.
func AllReasons() Verdict {
	return 1<<(strings.Count(reasonNames, " ")+1) - 1
}

// Accepts says whether an event of verdict v counts for one that accepts these
// reasons.
func (r Verdict) Accepts(v Verdict) bool { return v&^r == 0 }

// Has says whether the verdict holds any of the reasons.
func (r Verdict) Has(reasons Verdict) bool { return r&reasons != 0 }

// Each yields the reasons one by one, in the order of their numbers.
func (r Verdict) Each() iter.Seq[Verdict] {
	return func(yield func(Verdict) bool) {
		for rest := r; rest != 0; rest &= rest - 1 {
			if !yield(rest & -rest) {
				return
			}
		}
	}
}

// Reasons returns the names of the reasons, in the order of their numbers;
// nil for a clean event.
func (r Verdict) Reasons() []string {
	if r == 0 {
		return nil
	}
	all := strings.Fields(reasonNames)
	names := make([]string, 0, bits.OnesCount32(uint32(r)))
	for reason := range r.Each() {
		if i := bits.TrailingZeros32(uint32(reason)); i < len(all) {
			names = append(names, all[i])
		} else {
			names = append(names, fmt.Sprintf("reason_%d", i))
		}
	}
	return names
}

// String returns the names with commas between them; none for a clean event.
func (r Verdict) String() string { return strings.Join(r.Reasons(), ",") }

// ParseVerdict is the inverse of Reasons. It fails with Invalid on a name that
// is none.
func ParseVerdict(names ...string) (Verdict, error) {
	var r Verdict
	all := strings.Fields(reasonNames)
names:
	for _, name := range names {
		for i, known := range all {
			if name == known {
				r |= 1 << i
				continue names
			}
		}
		return 0, Errorf(Invalid, "no reason is called %.80q; there are %s", name, strings.Join(all, ", "))
	}
	return r, nil
}

// MarshalJSON writes the names as a list.
func (r Verdict) MarshalJSON() ([]byte, error) {
	names := r.Reasons()
	if names == nil {
		return []byte("[]"), nil
	}
	text, err := json.Marshal(names)
	if err != nil {
		return nil, fmt.Errorf("writing a verdict: %w", err)
	}
	return text, nil
}

// UnmarshalJSON reads a list of names.
func (r *Verdict) UnmarshalJSON(text []byte) error {
	var names []string
	if err := json.Unmarshal(text, &names); err != nil {
		return Errorf(Invalid, "a verdict is a list of reasons").Because(err)
	}
	verdict, err := ParseVerdict(names...)
	if err != nil {
		return err
	}
	*r = verdict
	return nil
}

// Mark is what cleaning found about one event, by its place in the log.
type Mark struct {
	Seq     int64
	Reasons Verdict
}

// Flag is what cleaning found about a user: it holds for all the user's
// events, those before and those to come.
type Flag struct {
	Seq     int64 // the event that showed it
	User    UserID
	Reasons Verdict
	Why     string // for people: "240 events in a minute"
}
