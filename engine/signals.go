package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"kindred"
	"kindred/dataset"
	"kindred/train"
)

// SignalsConfig says how events become preference, beyond the weights of their
// kinds.
type SignalsConfig struct {
	// Kinds refine what events of a kind weigh. A kind that is not built in is
	// accepted if it stands here, as if it stood under kinds.
	Kinds map[kindred.Kind]dataset.Signal `yaml:"kinds"`
	// Confidence turns summed weights into what models learn from.
	Confidence dataset.Confidence `yaml:"confidence"`
	// Debias weighs events by how likely they were to happen.
	Debias DebiasConfig `yaml:"debias"`
	// Missing says what stands for attributes that items and users do not have,
	// by name; "*" for all others.
	Missing dataset.Missing `yaml:"missing"`
}

// DebiasConfig is dataset.Debias, and how its curve is found.
type DebiasConfig struct {
	dataset.Debias `yaml:",inline"`
	// Estimate finds the position curve in each training, from the lists that
	// were shown.
	Estimate train.PositionMethod `yaml:"estimate"`
}

// AlternativeConfig is another way to weigh events. What it does not name is as
// configured; signals it names replace the configured ones whole.
type AlternativeConfig struct {
	Name      string                   `yaml:"name"`
	Kinds     map[kindred.Kind]float64 `yaml:"kinds"`
	HalfLife  *time.Duration           `yaml:"half_life"`
	MinRating *float64                 `yaml:"min_rating"`
	Signals   *SignalsConfig           `yaml:"signals"`
}

// maxAlternatives bounds how often a training fits all its candidates.
const maxAlternatives = 32

// Dataset returns how events become weights.
func (c *Config) Dataset() dataset.Settings {
	settings := dataset.Defaults()
	maps.Copy(settings.Weights, c.Kinds)
	settings.HalfLife = c.HalfLife
	settings.MinRating = c.MinRating
	settings.CountRepeats, settings.ByGroup = c.Training.CountRepeats, c.Training.ByGroup
	c.Signals.apply(&settings)
	return settings
}

func (s *SignalsConfig) apply(to *dataset.Settings) {
	to.Signals, to.Confidence, to.Debias, to.Missing = s.Kinds, s.Confidence, s.Debias.Debias, s.Missing
}

// Alternatives returns the other ways to weigh events that training compares.
func (c *Config) Alternatives() []train.Alternative {
	var all []train.Alternative
	for n := range c.Training.Signals {
		a := &c.Training.Signals[n]
		made := train.Alternative{Name: a.Name, Dataset: c.Dataset(), Positions: c.Signals.Debias.Estimate}
		maps.Copy(made.Dataset.Weights, a.Kinds)
		if a.HalfLife != nil {
			made.Dataset.HalfLife = *a.HalfLife
		}
		if a.MinRating != nil {
			made.Dataset.MinRating = *a.MinRating
		}
		if a.Signals != nil {
			a.Signals.apply(&made.Dataset)
			made.Positions = a.Signals.Debias.Estimate
		}
		all = append(all, made)
	}
	return all
}

// CustomKinds returns the kinds that are accepted beside the built-in ones.
func (c *Config) CustomKinds() []kindred.Kind {
	kinds := map[kindred.Kind]bool{}
	for kind := range c.Kinds {
		kinds[kind] = true
	}
	for kind := range c.Signals.Kinds {
		kinds[kind] = true
	}
	return slices.Sorted(maps.Keys(kinds))
}

// validateSignals reports every fault of the signals and of their
// alternatives, each with its place.
func (c *Config) validateSignals() error {
	faults := []error{c.Signals.validate("signals")}
	data := c.Dataset()
	if err := data.Validate(); err != nil {
		faults = append(faults, fmt.Errorf("kinds and signals: %w", err))
	}
	names := map[string]bool{}
	for n, a := range c.Alternatives() {
		path := fmt.Sprintf("training.signals[%d]", n)
		if a.Name == "" || names[a.Name] {
			faults = append(faults, fmt.Errorf("%s: every alternative needs a name of its own", path)) //nolint:err113 // the texts are the faults
		}
		names[a.Name] = true
		if err := a.Dataset.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", path, err))
		}
		if s := c.Training.Signals[n].Signals; s != nil {
			faults = append(faults, s.validate(path+".signals"))
		}
	}
	if len(names) > maxAlternatives {
		faults = append(faults, fmt.Errorf("training.signals: %d alternatives (use %d at most)", len(names), maxAlternatives)) //nolint:err113 // the texts are the faults
	}
	return errors.Join(faults...)
}

func (s *SignalsConfig) validate(path string) error {
	methods := train.PositionMethods()
	switch {
	case s.Debias.Estimate == train.NoPositions:
	case !slices.Contains(methods, s.Debias.Estimate):
		return fmt.Errorf("%s.debias.estimate: %q is unknown (use one of %q)", path, s.Debias.Estimate, methods) //nolint:err113 // the texts are the faults
	case len(s.Debias.Curve) > 0:
		return fmt.Errorf("%s.debias: the curve is given and to be estimated (leave one out)", path) //nolint:err113 // the texts are the faults
	}
	return nil
}
