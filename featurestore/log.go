package featurestore

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
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
		Events: reading.Position, Values: reading.Values, Changes: reading.Change, Data: data,
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
