package featurestore

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/store"
)

const (
	shownWaiting = 4096 // lists whose features wait to be kept
	logBatch     = 256  // lists in one write
	logTimeout   = 5 * time.Second
)

// Shown takes lists that were just shown, for the features of their users and
// items to be kept as they were then. It never waits: when more are shown than
// can be kept, the rest are counted as dropped.
func (s *Service) Shown(lists []kindred.Exposure) {
	if len(s.log) == 0 {
		return
	}
	for i := range lists {
		select {
		case s.shown <- lists[i]:
		default:
			s.metrics.FeatureLogsDropped.Inc()
		}
	}
}

// keepLogs writes what the features of shown lists are until ctx ends, and
// then those of the lists that wait.
func (s *Service) keepLogs(ctx context.Context) {
	final := context.WithoutCancel(ctx)
	for {
		select {
		case x := <-s.shown:
			s.keepSome(final, x)
		case <-ctx.Done():
			for {
				select {
				case x := <-s.shown:
					s.keepSome(final, x)
				default:
					return
				}
			}
		}
	}
}

// keepSome keeps the features of a list and of those that wait behind it.
func (s *Service) keepSome(ctx context.Context, first kindred.Exposure) {
	lists := []kindred.Exposure{first}
	for len(lists) < logBatch {
		select {
		case x := <-s.shown:
			lists = append(lists, x)
			continue
		default:
		}
		break
	}
	var logs []store.FeatureLog
	for i := range lists {
		for _, name := range s.log {
			entry, err := s.logOf(&lists[i], name)
			if err != nil {
				s.metrics.FeatureLogsDropped.Inc()
				s.logger.Warn("the features of a list could not be kept", "set", name, "err", err)
				continue
			}
			logs = append(logs, entry)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	if err := s.store.AppendFeatureLogs(ctx, logs); err != nil {
		s.metrics.FeatureLogsDropped.Add(float64(len(logs)))
		s.logger.Error("the features of shown lists could not be kept", "lists", len(lists), "err", err)
	}
}

// logOf is what the features of a set are for a list, at the moment it was
// shown.
func (s *Service) logOf(x *kindred.Exposure, set string) (store.FeatureLog, error) {
	refs := s.plan.Sets()[set].Features
	request := requestFor(x, refs)
	reading, err := s.Read(&request)
	if err != nil {
		return store.FeatureLog{}, err
	}
	data, err := encode(x, reading.Columns)
	return store.FeatureLog{
		RequestID: x.RequestID, Set: set, Version: s.plan.Version(refs), User: x.User, Time: x.Time,
		Events: reading.Position, Values: reading.Values, Data: data,
	}, err
}

// requestFor asks for features of a list at the moment it was shown: a row for
// each of its items, all of one user, session and context.
func requestFor(x *kindred.Exposure, refs []feature.Ref) feature.Request {
	r := feature.Request{Features: refs, Rows: len(x.Items), At: x.Time.UnixMilli(), Items: make([]string, len(x.Items))}
	r.Users = slices.Repeat([]string{string(x.User)}, len(x.Items))
	r.Sessions = slices.Repeat([]string{x.Session}, len(x.Items))
	r.Contexts = []kindred.Attributes{x.Context}
	for i, item := range x.Items {
		r.Items[i] = string(item)
	}
	return r
}

// logged is the form of a FeatureLog's Data.
type logged struct {
	Items   []kindred.ItemID
	Session string             `json:",omitempty"`
	Context kindred.Attributes `json:",omitempty"`
	Columns []loggedColumn
}

// loggedColumn is a feature.Column; numbers are bytes, so that they come back
// bit for bit.
type loggedColumn struct {
	Ref     feature.Ref
	Type    feature.Type
	Status  []byte
	Numbers []byte      `json:",omitempty"`
	Texts   []string    `json:",omitempty"`
	Lists   [][]string  `json:",omitempty"`
	Vectors [][]float32 `json:",omitempty"`
}

func encode(x *kindred.Exposure, columns []feature.Column) ([]byte, error) {
	l := logged{Items: x.Items, Session: x.Session, Context: x.Context}
	for i := range columns {
		c := &columns[i]
		out := loggedColumn{Ref: c.Ref, Type: c.Type, Texts: c.Texts, Lists: c.Lists, Vectors: c.Vectors}
		for _, status := range c.Status {
			out.Status = append(out.Status, byte(status))
		}
		for _, x := range c.Numbers {
			out.Numbers = binary.LittleEndian.AppendUint64(out.Numbers, math.Float64bits(x))
		}
		l.Columns = append(l.Columns, out)
	}
	return json.Marshal(l)
}

// decode returns the list that a log is of, and what its features were.
func decode(from *store.FeatureLog) (x kindred.Exposure, columns []feature.Column, err error) {
	var l logged
	if err := json.Unmarshal(from.Data, &l); err != nil {
		return x, nil, fmt.Errorf("featurestore: reading logged features: %w", err)
	}
	for i := range l.Columns {
		in := &l.Columns[i]
		c := feature.Column{Ref: in.Ref, Type: in.Type, Texts: in.Texts, Lists: in.Lists, Vectors: in.Vectors, Times: make([]int64, len(l.Items))}
		for _, status := range in.Status {
			c.Status = append(c.Status, feature.Status(status))
		}
		for k := 0; k+8 <= len(in.Numbers); k += 8 {
			c.Numbers = append(c.Numbers, math.Float64frombits(binary.LittleEndian.Uint64(in.Numbers[k:])))
		}
		if !c.IsWhole(len(l.Items)) {
			return x, nil, kindred.Errorf(kindred.Internal, "the logged feature %s has not as many values as there are items", c.Ref)
		}
		columns = append(columns, c)
	}
	return kindred.Exposure{
		RequestID: from.RequestID, User: from.User, Session: l.Session, Time: from.Time, Items: l.Items, Context: l.Context,
	}, columns, nil
}

// Logs is where the features of shown lists are read back from.
type Logs interface {
	Store
	LatestFeatureLogs(ctx context.Context, set string, n int, fn func(*store.FeatureLog) error) error
	ScanFeatureLogs(ctx context.Context, set string, r store.EventRange, fn func(*store.FeatureLog) error) error
}

// Skew is the outcome of comparing logged values with the same computed anew
// from the log of events.
type Skew struct {
	Set     string `json:"set"`
	Version string `json:"version"`
	Lists   int    `json:"lists"`  // compared
	Values  int    `json:"values"` // compared
	// Passed over: lists of another version of the set, and lists before
	// events were erased.
	OtherVersion int `json:"other_version"`
	Erased       int `json:"erased"`
	// Different are the values that were not the same, bit for bit.
	Different int            `json:"different"`
	ByFeature map[string]int `json:"by_feature"`
	Examples  []SkewExample  `json:"examples"`
}

// SkewExample is one value that differs.
type SkewExample struct {
	RequestID string         `json:"request_id"`
	User      kindred.UserID `json:"user"`
	Item      kindred.ItemID `json:"item"`
	Time      time.Time      `json:"time"`
	Feature   string         `json:"feature"`
	Served    string         `json:"served"`
	Computed  string         `json:"computed"`
}

const skewExamples = 10

// Skew computes the logged features of a set anew and compares them bit for
// bit: of at most so many lists, evenly spread over the span. It plays the log
// to a state of its own, stopping at the place in the log and at the moment of
// each list; memory is that of the online state.
func (s *Service) Skew(ctx context.Context, db Logs, set string, span store.EventRange, most int) (Skew, error) {
	refs := s.plan.Sets()[set].Features
	if refs == nil {
		return Skew{}, kindred.Errorf(kindred.NotFound, "there is no feature set %q", set)
	}
	result := Skew{Set: set, Version: s.plan.Version(refs), ByFeature: map[string]int{}, Examples: []SkewExample{}}
	logs, err := s.sample(ctx, db, &result, span, most)
	if err != nil {
		return result, err
	}
	plan, err := s.plan.Narrow(refs)
	if err != nil {
		return result, err
	}
	play := player{service: s, state: plan.NewOnline()}
	for i := range logs {
		if err := play.to(ctx, &logs[i]); err != nil {
			return result, err
		}
		if err := result.compare(play.state, refs, &logs[i]); err != nil {
			return result, err
		}
	}
	s.skews.keep(&result, s.now())
	s.metrics.FeatureSkew.WithLabelValues("equal").Add(float64(result.Values - result.Different))
	s.metrics.FeatureSkew.WithLabelValues("different").Add(float64(result.Different))
	return result, nil
}

// skewLists is how many lists of a set a running server computes again.
const skewLists = 1000

// checkSkew compares what was served with what the log says, now and then,
// until ctx ends.
func (s *Service) checkSkew(ctx context.Context) {
	if s.logs == nil || s.recheck <= 0 {
		return
	}
	for pause(ctx, s.recheck) == nil {
		for _, set := range s.log {
			skew, err := s.Skew(ctx, s.logs, set, store.EventRange{From: s.now().Add(-s.recheck)}, skewLists)
			switch {
			case ctx.Err() != nil:
			case err != nil:
				s.logger.Error("what was served could not be computed again", "set", set, "err", err)
			case skew.Different > 0:
				s.logger.Warn("features were served that are not what the log says; 'kindred features skew' tells which",
					"set", set, "values", skew.Values, "different", skew.Different)
			}
		}
	}
}

// sample chooses the logs to compare, by their place in the log of events.
func (s *Service) sample(ctx context.Context, db Logs, result *Skew, span store.EventRange, most int) ([]store.FeatureLog, error) {
	var logs []store.FeatureLog
	every, n := 1, 0
	err := db.ScanFeatureLogs(ctx, result.Set, span, func(l *store.FeatureLog) error {
		switch {
		case l.Version != result.Version:
			result.OtherVersion++
		case l.IsFinal:
			result.Erased++
		default:
			if n%every == 0 {
				logs = append(logs, *l)
			}
			n++
			if len(logs) > 2*most { // every other one is enough
				every *= 2
				kept := logs[:0]
				for i := 0; i < len(logs); i += 2 {
					kept = append(kept, logs[i])
				}
				logs = kept
			}
		}
		return nil
	})
	if len(logs) > most {
		logs = logs[:most]
	}
	slices.SortStableFunc(logs, func(a, b store.FeatureLog) int {
		if a.Events != b.Events {
			return int(a.Events - b.Events)
		}
		return int(a.Values - b.Values)
	})
	return logs, err
}

// compare reads the features of a log's list and notes what differs.
func (k *Skew) compare(state *feature.Online, refs []feature.Ref, l *store.FeatureLog) error {
	shown, served, err := decode(l)
	if err != nil {
		return err
	}
	request := requestFor(&shown, refs)
	computed, err := state.Read(&request)
	if err != nil {
		return err
	}
	k.Lists++
	for c := range served {
		for row := range shown.Items {
			k.Values++
			if served[c].EqualRow(row, &computed.Columns[c], row) {
				continue
			}
			k.Different++
			k.ByFeature[string(served[c].Ref)]++
			if len(k.Examples) < skewExamples {
				k.Examples = append(k.Examples, SkewExample{
					RequestID: l.RequestID, User: l.User, Item: shown.Items[row], Time: l.Time, Feature: string(served[c].Ref),
					Served: served[c].Show(row), Computed: computed.Columns[c].Show(row),
				})
			}
		}
	}
	return nil
}

// player plays the logs to a state, up to chosen places.
type player struct {
	service *Service
	state   *feature.Online
}

// to plays what a list's features knew of.
func (p *player) to(ctx context.Context, l *store.FeatureLog) error {
	state := p.state.State()
	if l.Values > state.Values {
		var batch []feature.Written
		err := p.service.store.FeatureValuesAfter(ctx, state.Values, int(l.Values-state.Values), func(v store.FeatureValue) error {
			if v.Position <= l.Values {
				batch = append(batch, written(&v))
			}
			return nil
		})
		if err != nil {
			return err
		}
		p.state.Write(batch)
	}
	for last := state.Position; last < l.Events; {
		batch := make([]feature.Logged, 0, batchSize)
		n := 0
		err := p.service.store.EventsAfter(ctx, last, batchSize, func(seq int64, e *kindred.Event) error {
			n++
			if last = seq; seq <= l.Events && p.service.accept.Accepts(e.Verdict) {
				batch = append(batch, loggedEvent(seq, e))
			}
			return nil
		})
		if err != nil {
			return err
		}
		last = min(last, l.Events)
		p.state.Observe(batch, l.Time.UnixMilli())
		p.state.Skip(last)
		if n < batchSize {
			break
		}
	}
	p.state.Skip(l.Events)
	return nil
}

func loggedEvent(seq int64, e *kindred.Event) feature.Logged {
	return feature.Logged{Position: seq, Event: kindred.Event{
		User: e.User, Item: e.Item, Kind: e.Kind, Value: e.Value, Time: e.Time, Session: e.Session,
	}}
}

// Differing returns the features with differing values, by name.
func (k *Skew) Differing() []string { return slices.Sorted(maps.Keys(k.ByFeature)) }
