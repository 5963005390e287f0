package dataset

import (
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"kindred"
)

// Settings say how events become weights.
type Settings struct {
	// Weights are what one event of a kind counts for; 0 leaves the kind out
	// and a kind not named here counts 1. Refund and Dislike have no weight:
	// a refund takes back the last purchase before it, and a dislike takes
	// back everything the user did with the item before it.
	Weights map[kindred.Kind]float64 `json:"weights"`
	// Signals refine what events of a kind weigh, by their values.
	Signals map[kindred.Kind]Signal `json:"signals,omitempty"`
	// Confidence turns summed weights into what models learn from.
	Confidence Confidence `json:"confidence,omitzero"`
	// Debias weighs events by how likely they were to happen.
	Debias Debias `json:"debias,omitzero"`
	// Missing says what stands for attributes that items and users do not have.
	Missing Missing `json:"missing,omitempty"`
	// HalfLife is the age at which an event counts half; 0: age is no matter.
	HalfLife time.Duration `json:"half_life_ns,omitempty"`
	// MinRating is the least rating that counts as liking; 0: 0.6 of the
	// highest rating seen.
	MinRating float64 `json:"min_rating,omitempty"`
	// MinUser and MinItem are how many distinct partners a user and an item
	// need to stay (the k-core); below 2 everyone with a partner stays.
	MinUser int `json:"min_user,omitempty"`
	MinItem int `json:"min_item,omitempty"`
	// MaxWeight bounds the summed weight of a user and an item; 0: no bound.
	MaxWeight float64 `json:"max_weight,omitempty"`
	// Refuse are the reasons of verdicts that keep an event from counting.
	Refuse kindred.Verdict `json:"refuse,omitempty"`
	// ByGroup lets an event of a variant count for what it is a variant of,
	// under the name of that group: models then know the group alone.
	ByGroup bool `json:"by_group,omitempty"`
	// CountRepeats lets a hold-out's cases count what users returned to, as
	// where purchases repeat; otherwise only what was new to them counts.
	CountRepeats bool `json:"count_repeats,omitempty"`
}

// Defaults returns the settings that suit most shops.
func Defaults() Settings {
	return Settings{Refuse: kindred.AllReasons() &^ kindred.Informational, Weights: map[kindred.Kind]float64{
		kindred.View: 1, kindred.Click: 1, kindred.Play: 1, kindred.Rating: 1,
		kindred.AddToCart: 3, kindred.Like: 4, kindred.Purchase: 5,
		kindred.Search: 0, kindred.Impression: 0,
	}}
}

// Validate reports every setting out of range, by name.
func (s *Settings) Validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, kindred.Errorf(kindred.Invalid, format, args...))
	}
	for _, kind := range slices.Sorted(maps.Keys(s.Weights)) {
		if !inRange(s.Weights[kind]) {
			fault("weight of %s is %g (use 0 to 1e6)", kind, s.Weights[kind])
		}
	}
	if s.HalfLife < 0 {
		fault("half_life is %v (use 0 for none, or a positive time)", s.HalfLife)
	}
	if math.IsNaN(s.MinRating) || math.IsInf(s.MinRating, 0) {
		fault("min_rating is %g (use a finite number)", s.MinRating)
	}
	if s.MinUser < 0 || s.MinItem < 0 {
		fault("min_user and min_item are %d and %d (use 0 or more)", s.MinUser, s.MinItem)
	}
	if !inRange(s.MaxWeight) {
		fault("max_weight is %g (use 0 to 1e6)", s.MaxWeight)
	}
	return errors.Join(append(faults, s.validateSignals(), s.Confidence.validate(), s.Debias.validate(), s.Missing.validate())...)
}

func inRange(weight float64) bool { return weight >= 0 && weight <= 1e6 }
