package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"

	"kindred"
	"kindred/check"
	"kindred/feature"
	"kindred/ingest"
	"kindred/schema"
	"kindred/train"
)

// ConfigFile is the name of the configuration file in the state folder. It
// need not exist: every setting has a default that is good to go live with.
const ConfigFile = "kindred.yaml"

// Config is everything that can be set. Zero is a value, not a default:
// DefaultConfig returns the defaults, and the file overlays them.
type Config struct {
	// Dir is the folder that holds all state. Not read from the file.
	Dir string `yaml:"-"`
	// Listen is the address to serve on; loopback unless said otherwise.
	Listen string `yaml:"listen"`
	// Hosts are further names the server may be asked for; see api.Config.
	Hosts []string `yaml:"hosts"`
	// Kinds gives event kinds their weight in training. A kind that is not
	// built in must stand here to be accepted.
	Kinds map[kindred.Kind]float64 `yaml:"kinds"`
	// HalfLife is the age at which an event counts half; 0 never ages.
	HalfLife time.Duration `yaml:"half_life"`
	// MinRating is the least rating that counts as liking; 0 means .6 of the
	// highest rating seen.
	MinRating float64 `yaml:"min_rating"`
	// Signals say how events become preference, beyond their kinds' weights.
	Signals SignalsConfig `yaml:"signals"`
	// Cleaning says how events are judged and which verdicts count.
	Cleaning CleaningConfig `yaml:"cleaning"`
	// KeepExposures is how long shown lists are kept to join events to.
	KeepExposures time.Duration `yaml:"keep_exposures"`
	// Checks overrides how checks of the data judge, by name.
	Checks map[string]check.Rule `yaml:"checks"`
	// CheckWindow is what "lately" means to checks of drift, in whole days.
	CheckWindow time.Duration `yaml:"check_window"`
	// CheckEvery is how often a server checks its data; 0 only when asked.
	CheckEvery time.Duration `yaml:"check_every"`
	// Expectations are what is expected of the data beside these checks.
	Expectations []check.Expectation `yaml:"expectations"`
	// Features are what the feature store computes; none unless defined.
	Features feature.Config `yaml:"features"`
	// Catalogue says what is declared of items.
	Catalogue schema.Settings `yaml:"catalogue"`
	// Training says what is learned and how it is judged.
	Training TrainingConfig `yaml:"training"`
}

// TrainingConfig says what `kindred train` does.
type TrainingConfig struct {
	// Metric decides which candidate goes live: "ndcg@20".
	Metric string `yaml:"metric"`
	// Holdout is the share of events, the latest, that candidates are judged on.
	Holdout float64 `yaml:"holdout"`
	// Cut, if set, is the moment from which on events are held out instead.
	Cut time.Time `yaml:"cut"`
	// CountRepeats lets candidates recommend what the user knows already, and
	// counts it when the user goes back to it, as where purchases repeat.
	CountRepeats bool `yaml:"count_repeats"`
	// ByGroup lets events of variants count for what these are variants of.
	ByGroup bool `yaml:"by_group"`
	// Seed makes runs repeatable.
	Seed uint64 `yaml:"seed"`
	// Keep is how many versions of each kind stay on disk.
	Keep int `yaml:"keep"`
	// Signals are other ways to weigh events, among them the best on the
	// validation part is taken.
	Signals []AlternativeConfig `yaml:"signals"`
	// Models are the candidates; popularity is always one of them.
	Models []ModelConfig `yaml:"models"`
}

// ModelConfig is one candidate.
type ModelConfig struct {
	Kind     string         `yaml:"kind"`
	Settings map[string]any `yaml:"settings"` // overlays the kind's defaults
}

// DefaultConfig returns the configuration of a state folder without a file.
func DefaultConfig(dir string) Config {
	return Config{
		Dir:           dir,
		Listen:        "127.0.0.1:8471",
		Cleaning:      defaultCleaning(),
		KeepExposures: 30 * 24 * time.Hour,
		CheckWindow:   7 * 24 * time.Hour,
		Catalogue:     schema.Defaults(),
		CheckEvery:    6 * time.Hour,
		Training: TrainingConfig{
			Metric: "ndcg@20", Holdout: 0.1, ByGroup: true, Seed: 1, Keep: 10,
			Models: []ModelConfig{{Kind: "popular"}, {Kind: "itemknn"}, {Kind: "rp3beta"}, {Kind: "covisit"}, {Kind: "ials"}},
		},
	}
}

// LoadConfig reads the configuration of a state folder, if it has one, and
// reports every fault in it at once.
func LoadConfig(dir string) (Config, error) {
	path := filepath.Join(dir, ConfigFile)
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return DefaultConfig(dir), fmt.Errorf("engine: reading %s: %w", path, err)
	}
	return parseConfig(dir, path, data)
}

// ReadConfig is LoadConfig of a file that must be there, for no folder.
func ReadConfig(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("engine: reading %s: %w", path, err)
	}
	return parseConfig("", path, data)
}

func parseConfig(dir, path string, data []byte) (Config, error) {
	cfg := DefaultConfig(dir)
	if len(bytes.TrimSpace(data)) > 0 {
		decoder := yaml.NewDecoder(bytes.NewReader(data))
		decoder.KnownFields(true)
		if err := decoder.Decode(&cfg); err != nil {
			return cfg, kindred.Errorf(kindred.Invalid, "%s does not read", path).Because(err)
		}
	}
	cfg.Features.ApplyPreset()
	if err := cfg.Validate(); err != nil {
		return cfg, kindred.Errorf(kindred.Invalid, "%s has faults", path).Because(err)
	}
	return cfg, nil
}

// Validate reports every fault, each with its place.
func (c *Config) Validate() error {
	var faults []error
	fault := func(path, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: "+format, append([]any{path}, args...)...)) //nolint:err113 // the texts are the faults
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		fault("listen", "want host:port, got %q", c.Listen)
	}
	if c.HalfLife < 0 {
		fault("half_life", "must not be negative")
	}
	if err := c.Cleaning.Validate(); err != nil {
		fault("cleaning", "%w", err)
	}
	if err := c.Catalogue.Validate(); err != nil {
		fault("catalogue", "%w", err)
	}
	if c.CheckEvery < 0 {
		fault("check_every", "must not be negative")
	}
	if c.KeepExposures < 0 {
		fault("keep_exposures", "must not be negative")
	}
	if c.Training.Holdout <= 0 || c.Training.Holdout >= 1 {
		fault("training.holdout", "must lie between 0 and 1, is %g", c.Training.Holdout)
	}
	if c.Training.Keep < 2 {
		fault("training.keep", "must be at least 2, or there is nothing to roll back to")
	}
	if _, err := c.Candidates(); err != nil {
		faults = append(faults, err)
	}
	if _, err := train.ParseMetric(c.Training.Metric); err != nil {
		fault("training.metric", "%w", err)
	}
	checks := c.CheckSettings(time.Time{})
	if err := checks.Validate(); err != nil {
		faults = append(faults, err)
	}
	accepted := ingest.Config{Kinds: c.CustomKinds()}
	if err := accepted.Validate(); err != nil {
		faults = append(faults, err)
	}
	if err := c.Features.Validate(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(append(faults, c.validateSignals())...)
}

// Candidates returns the algorithms to train, with their settings.
func (c *Config) Candidates() ([]train.Candidate, error) {
	var candidates []train.Candidate
	var faults []error
	for n, m := range c.Training.Models {
		settings, err := json.Marshal(m.Settings)
		if err == nil && m.Settings == nil {
			settings = nil
		}
		if err == nil {
			var candidate train.Candidate
			if candidate, err = train.NewCandidate(m.Kind, settings, c.Training.Seed); err == nil {
				candidates = append(candidates, candidate)
			}
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("training.models[%d]: %w", n, err))
		}
	}
	return candidates, errors.Join(faults...)
}
