package featurestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"kindred"
	"kindred/feature"
	"kindred/format"
	"kindred/store"
)

// Labels are the rows that a training set is made for: who, what, when, and
// what came of it.
type Labels struct {
	feature.Rows
	Values   []float64
	Requests []string // the lists that rows were shown in; nil: none
	// Of Rows, Sessions and Contexts are nil where the labels have none.
	// Events is how many events are stored, about, for room to be made; 0 if
	// that is not known.
	Events int64
}

func (l *Labels) add(user kindred.UserID, item kindred.ItemID, at time.Time, value float64) {
	l.Users, l.Items = append(l.Users, string(user)), append(l.Items, string(item))
	l.Times, l.Values = append(l.Times, at.UnixMilli()), append(l.Values, value)
}

// around adds what a row was asked for in.
func (l *Labels) around(session string, about kindred.Attributes) {
	l.Sessions, l.Contexts = append(l.Sessions, session), append(l.Contexts, about)
}

// ReadLabels reads labels from a file of events (format.Open): user, item,
// time, and the label as value, which a column named label gives, too. A
// column named session gives the session; one named context, or those named
// context.x, what the request said of itself.
func ReadLabels(path string) (*Labels, error) {
	src, err := format.Open("auto", []string{path}, format.Options{Entity: "events", Kind: kindred.View, Columns: labelColumn(path)})
	if err != nil {
		return nil, err
	}
	defer src.Close() //nolint:errcheck // only read
	labels := &Labels{}
	for {
		row, err := src.Next()
		switch {
		case errors.Is(err, io.EOF):
			labels.trim()
			return labels, nil
		case err != nil:
			return nil, kindred.Errorf(kindred.Invalid, "%s has a row that is no label", path).Because(err)
		case row.Event.Time.IsZero() || row.Event.Item == "":
			return nil, kindred.Errorf(kindred.Invalid, "%s:%d: a label needs a user, an item and a time", path, row.Line)
		}
		var about kindred.Attributes
		if row.Event.Context != nil {
			if err := json.Unmarshal(row.Event.Context, &about); err != nil {
				return nil, kindred.Errorf(kindred.Invalid, "%s:%d: the context cannot be that of a request", path, row.Line).Because(err)
			}
		}
		labels.add(row.Event.User, row.Event.Item, row.Event.Time, row.Event.Value)
		labels.around(row.Event.Session, about)
	}
}

// trim leaves out sessions and contexts that no row has.
func (l *Labels) trim() {
	if !slices.ContainsFunc(l.Sessions, func(session string) bool { return session != "" }) {
		l.Sessions = nil
	}
	if !slices.ContainsFunc(l.Contexts, func(about kindred.Attributes) bool { return len(about) > 0 }) {
		l.Contexts = nil
	}
}

// labelColumn maps a column named label, if the file has one.
func labelColumn(path string) map[string]string {
	columns := map[string]string{"value": "label"}
	src, err := format.Open("auto", []string{path}, format.Options{Entity: "events", Kind: kindred.View, Columns: columns})
	if err != nil {
		return nil
	}
	_ = src.Close() // only looked at
	return columns
}

// Past is where labels are made from: lists that were shown, and what came of
// them.
type Past interface {
	ScanExposures(ctx context.Context, r store.EventRange, fn func(*kindred.Exposure) error) error
	ScanEvents(ctx context.Context, r store.EventRange, fn func(*kindred.Event) error) error
}

// ShownLabels makes a row of each item of each list of a span of time: 1 where
// an event of one of the kinds names the list and the item, else 0. Session and
// context are those that the list was asked for with. Lists shown to nobody in
// particular, in no session, are left out. Memory: 130 bytes a row.
func (s *Service) ShownLabels(ctx context.Context, db Past, span store.EventRange, positive []kindred.Kind) (*Labels, error) {
	type shown struct {
		request string
		item    kindred.ItemID
	}
	wanted, kinds := map[shown]bool{}, map[kindred.Kind]bool{}
	for _, kind := range positive {
		kinds[kind] = true
	}
	err := db.ScanEvents(ctx, store.EventRange{From: span.From}, func(e *kindred.Event) error {
		if e.RequestID != "" && kinds[e.Kind] && s.plan.Accepts(e.Verdict) {
			wanted[shown{e.RequestID, e.Item}] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	labels := &Labels{}
	err = db.ScanExposures(ctx, span, func(x *kindred.Exposure) error {
		for _, item := range x.Items {
			if x.User == "" && x.Session == "" {
				break
			}
			value := 0.0
			if wanted[shown{x.RequestID, item}] {
				value = 1
			}
			labels.add(x.User, item, x.Time, value)
			labels.Requests = append(labels.Requests, x.RequestID)
			labels.around(x.Session, x.Context)
		}
		return nil
	})
	return labels, err
}

// Table is where a training set is written to: blocks of rows, which have the
// same columns.
type Table func(columns []format.BlockColumn, rows int) error

// blockRows is how many rows are computed and written at a time.
const blockRows = 1 << 17

// TrainingSet writes labels with the values of features as they were before
// each label's moment, and gathers their statistics. Memory: 40 bytes an event,
// and that of a block of 131,072 rows.
func (s *Service) TrainingSet(ctx context.Context, refs []feature.Ref, labels *Labels, write Table) (all Summaries, err error) {
	if len(labels.Times) == 0 {
		return nil, kindred.Errorf(kindred.Invalid, "there are no labels to make a training set of")
	}
	history, err := s.History(ctx, refs, labels.Events)
	if err != nil {
		return nil, err
	}
	for from := 0; from < len(labels.Times); from += blockRows {
		part := labels.part(from, min(from+blockRows, len(labels.Times)))
		columns, err := history.AsOf(ctx, refs, &part.Rows)
		if err != nil {
			return nil, err
		}
		all.Add(columns)
		if err := write(append(part.columns(), blockColumns(columns)...), len(part.Times)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// History reads what the values of features follow from; events is about how
// many there are.
func (s *Service) History(ctx context.Context, refs []feature.Ref, events int64) (*feature.History, error) {
	plan, err := s.plan.Narrow(refs)
	if err != nil {
		return nil, err
	}
	current := s.plan.NewOnline() // what the store says now is recorded first
	if err := s.followValues(ctx, current); err != nil {
		return nil, err
	}
	if err := s.record(ctx, current); err != nil {
		return nil, err
	}
	history := plan.NewHistory()
	for last, n := int64(0), batchSize; n == batchSize; {
		n = 0
		err := s.store.FeatureValuesAfter(ctx, last, batchSize, func(v store.FeatureValue) error {
			last = v.Position
			n++
			w := written(&v)
			history.Write(&w)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	place, aliases, err := s.aliases(ctx, 0)
	history.Know(aliases)
	if err != nil || !plan.CountsEvents() {
		return history, err
	}
	history.Reserve(int(events))
	_, err = s.store.AsOf(place).Events(ctx, 0, math.MaxInt, place, func(_ int64, e *kindred.Event) error {
		if s.plan.Accepts(e.Verdict) {
			history.Add(e)
		}
		return nil
	})
	return history, err
}

// part returns some of the labels.
func (l *Labels) part(from, to int) *Labels {
	p := &Labels{Rows: feature.Rows{Users: l.Users[from:to], Items: l.Items[from:to], Times: l.Times[from:to]}, Values: l.Values[from:to]}
	if l.Requests != nil {
		p.Requests = l.Requests[from:to]
	}
	if l.Sessions != nil {
		p.Sessions = l.Sessions[from:to]
	}
	if l.Contexts != nil {
		p.Contexts = l.Contexts[from:to]
	}
	return p
}

func (l *Labels) columns() []format.BlockColumn {
	columns := []format.BlockColumn{
		{Name: "user", Type: format.TextColumn, Texts: l.Users},
		{Name: "item", Type: format.TextColumn, Texts: l.Items},
		{Name: "time", Type: format.TimeColumn, Times: l.Times},
		{Name: "label", Type: format.NumberColumn, Numbers: l.Values},
	}
	if l.Requests != nil {
		columns = append(columns, format.BlockColumn{Name: "request_id", Type: format.TextColumn, Texts: l.Requests})
	}
	if l.Sessions != nil {
		columns = append(columns, format.BlockColumn{Name: "session", Type: format.TextColumn, Texts: l.Sessions})
	}
	return columns
}

// ColumnName is what a feature is called in a file, and by Feast's full names.
func ColumnName(ref feature.Ref) string { return strings.Replace(string(ref), ":", "__", 1) }

// columnType is how a file holds values of a type.
func columnType(t feature.Type) format.ColumnType {
	return map[feature.Type]format.ColumnType{
		feature.Number: format.NumberColumn, feature.Bool: format.BoolColumn, feature.String: format.TextColumn,
		feature.Strings: format.TextsColumn, feature.Vector: format.VectorColumn,
	}[t]
}

// blockColumns turns features into columns of a file.
func blockColumns(columns []feature.Column) []format.BlockColumn {
	list := make([]format.BlockColumn, len(columns))
	for i := range columns {
		c := &columns[i]
		list[i] = format.BlockColumn{
			Name: ColumnName(c.Ref), Type: columnType(c.Type), Numbers: c.Numbers, Texts: c.Texts, Lists: c.Lists, Vectors: c.Vectors,
		}
		if c.Type == feature.String {
			list[i].Missing = make([]bool, len(c.Texts))
			for row := range c.Texts {
				list[i].Missing[row] = !c.HasValue(row)
			}
		}
	}
	return list
}

// LoggedSet writes the values that the features of a set had when lists were
// shown, exactly as they were served. Labels are those of ShownLabels; items
// of lists that labels do not know have none. It returns how many lists were
// passed over because the set was another version then.
func (s *Service) LoggedSet(ctx context.Context, db Logs, set string, span store.EventRange, labels *Labels, write Table) (otherVersion int, err error) {
	refs := s.plan.Sets()[set].Features
	if refs == nil {
		return 0, kindred.Errorf(kindred.NotFound, "there is no feature set %q", set)
	}
	values := map[string]float64{}
	for i, request := range labels.Requests {
		values[fmt.Sprint(request, "\x00", labels.Items[i])] = labels.Values[i]
	}
	version := s.plan.Version(refs)
	err = db.ScanFeatureLogs(ctx, set, span, func(l *store.FeatureLog) error {
		if l.Version != version {
			otherVersion++
			return nil
		}
		shown, columns, err := decode(l)
		if err != nil {
			return err
		}
		rows := &Labels{}
		for _, item := range shown.Items {
			value, isKnown := values[fmt.Sprint(l.RequestID, "\x00", item)]
			if !isKnown {
				value = math.NaN()
			}
			rows.add(l.User, item, l.Time, value)
			rows.Requests = append(rows.Requests, l.RequestID)
			rows.around(shown.Session, shown.Context)
		}
		return write(append(rows.columns(), blockColumns(columns)...), len(shown.Items))
	})
	return otherVersion, err
}
