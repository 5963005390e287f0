package train

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"kindred"
	"kindred/model"
)

// Candidate is an algorithm with settings that competes to go live.
type Candidate struct{ model.Algorithm }

// NewCandidate returns an algorithm of the given kind with its defaults
// overlaid by settings (a JSON object, or nil) and by the seed, unless the
// settings name one.
func NewCandidate(kind string, settings json.RawMessage, seed uint64) (Candidate, error) {
	algorithm, err := model.New(kind)
	if err != nil {
		return Candidate{}, kindred.Errorf(kindred.Invalid, "a candidate is not known").Because(err)
	}
	merged, err := withSeed(algorithm, settings, seed)
	if err != nil {
		return Candidate{}, err
	}
	if algorithm, err = model.FromJSON(kind, merged); err != nil {
		return Candidate{}, kindred.Errorf(kindred.Invalid, "a candidate's settings are wrong").Because(err)
	}
	return Candidate{algorithm}, nil
}

// withSeed adds the seed to the settings of algorithms that have one.
func withSeed(algorithm interface{ Kind() string }, settings json.RawMessage, seed uint64) (json.RawMessage, error) {
	defaults, err := json.Marshal(algorithm)
	if err != nil {
		return nil, fmt.Errorf("train: the settings of %s: %w", algorithm.Kind(), err)
	}
	var has, given map[string]json.RawMessage
	if err := json.Unmarshal(defaults, &has); err != nil {
		return nil, fmt.Errorf("train: the settings of %s: %w", algorithm.Kind(), err)
	}
	if len(bytes.TrimSpace(settings)) == 0 {
		settings = json.RawMessage("{}")
	}
	if err := json.Unmarshal(settings, &given); err != nil {
		return nil, kindred.Errorf(kindred.Invalid, "the settings of %s are not a JSON object", algorithm.Kind()).Because(err)
	}
	_, seeded := has["seed"]
	if _, named := given["seed"]; !seeded || named {
		return settings, nil
	}
	if given == nil {
		given = map[string]json.RawMessage{}
	}
	given["seed"] = json.RawMessage(strconv.FormatUint(seed, 10))
	return json.Marshal(given)
}

// SplitCandidates takes apart candidates with commas between them, as
// "itemknn,ials:factors=128,alpha=5,ease". A part that is no setting of the one
// before begins the next.
func SplitCandidates(text string) (candidates []string) {
	for i, part := range splitOutside(text, ',') {
		before, _, isSetting := strings.Cut(part, "=")
		if isSetting = isSetting && !strings.Contains(before, ":"); isSetting && i > 0 {
			candidates[len(candidates)-1] += "," + part
		} else {
			candidates = append(candidates, part)
		}
	}
	return candidates
}

// ParseCandidate reads a candidate as it is written on a command line: "ials",
// "ials:factors=128,lambda=0.003", or for hybrids, whose models stand between
// brackets and bars, "blend:models=[ials:factors=128,alpha=5|itemknn|popular]".
func ParseCandidate(text string, seed uint64) (Candidate, error) {
	kind, settings, err := parseSettings(text)
	if err != nil {
		return Candidate{}, err
	}
	return NewCandidate(kind, settings, seed)
}

// parseSettings reads a kind and its settings, as an object.
func parseSettings(text string) (kind string, settings json.RawMessage, err error) {
	kind, rest, _ := strings.Cut(text, ":")
	values := map[string]json.RawMessage{}
	for _, pair := range splitOutside(rest, ',') {
		if pair == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		if !found {
			return "", nil, kindred.Errorf(kindred.Invalid,
				"model %q: %q is no setting (write kind:name=value,name=value)", text, pair)
		}
		if values[name], err = parseValue(value); err != nil {
			return "", nil, err
		}
	}
	settings, err = json.Marshal(values)
	return kind, settings, err
}

// parseValue reads JSON, models between brackets, or a word.
func parseValue(text string) (json.RawMessage, error) {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text), nil
	}
	inner, opened := strings.CutPrefix(text, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if !opened || !closed {
		return json.RawMessage(strconv.Quote(text)), nil
	}
	var components []model.Component
	for _, part := range splitOutside(inner, '|') {
		kind, settings, err := parseSettings(part)
		if err != nil {
			return nil, err
		}
		components = append(components, model.Component{Kind: kind, Settings: settings})
	}
	return json.Marshal(components)
}

// splitOutside splits at a separator that stands outside of brackets.
func splitOutside(text string, separator byte) (parts []string) {
	depth, from := 0, 0
	for at := range len(text) {
		switch text[at] {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case separator:
			if depth == 0 {
				parts = append(parts, text[from:at])
				from = at + 1
			}
		}
	}
	return append(parts, text[from:])
}

// Settings returns the candidate's settings as JSON, for lineage.
func (c Candidate) Settings() json.RawMessage { return settingsOf(c.Algorithm) }

func settingsOf(algorithm interface{ Kind() string }) json.RawMessage {
	settings, err := json.Marshal(algorithm)
	if err != nil { // settings are plain structs of numbers
		panic(fmt.Sprintf("train: the settings of %s have no JSON form: %v", algorithm.Kind(), err))
	}
	return settings
}

// Metric is what candidates are compared by.
type Metric struct {
	Name string // "ndcg"
	K    int    // cut-off
}

// String returns the metric as it is written: "ndcg@20".
func (m Metric) String() string { return fmt.Sprintf("%s@%d", m.Name, m.K) }

// ParseMetric reads "ndcg@20".
func ParseMetric(text string) (Metric, error) {
	name, cut, _ := strings.Cut(text, "@")
	k, err := strconv.Atoi(cut)
	decides := map[string]bool{"recall": true, "ndcg": true, "map": true, "mrr": true, "hit_rate": true, "precision": true, "unbiased_recall": true, "unbiased_ndcg": true}
	if err != nil || k < 1 || k > 1000 || !decides[name] {
		return Metric{}, kindred.Errorf(kindred.Invalid,
			"%q is no metric to decide by (use recall, ndcg, map, mrr, hit_rate, precision, unbiased_recall or unbiased_ndcg with a cut-off, as ndcg@20)", text)
	}
	return Metric{Name: name, K: k}, nil
}
