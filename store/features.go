package store

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"kindred"
)

// FeatureValue is a value given to a property of a user or item, to hold from
// a moment on.
type FeatureValue struct {
	Position int64  // in the log of values; given at reading
	Entity   string // user or item
	ID       string
	Name     string
	Time     time.Time
	Value    *kindred.Attribute // nil: none any more
}

// AppendFeatureValues stores values, in their order. It returns when they have
// reached the disk: all of them, or on an error none.
func (db *DB) AppendFeatureValues(ctx context.Context, values []FeatureValue) error {
	rows := make([][]driver.Value, len(values))
	for i := range values {
		v := &values[i]
		var text driver.Value
		if v.Value != nil {
			if err := v.Value.Valid(); err != nil {
				return kindred.Errorf(kindred.Invalid, "values[%d]", i).Because(err)
			}
			encoded, err := json.Marshal(v.Value)
			if err != nil {
				return kindred.Errorf(kindred.Invalid, "values[%d]", i).Because(err)
			}
			text = string(encoded)
		}
		rows[i] = []driver.Value{v.Entity, v.ID, v.Name, v.Time.UnixMilli(), text}
	}
	return db.write(ctx, "storing feature values", len(rows), func(w *writer) error {
		into := newInserter(w.conn, "INSERT INTO feature_values (entity, id, name, time, value) VALUES ", 5)
		for _, row := range rows {
			if err := into.add(row...); err != nil {
				return err
			}
		}
		return into.flush()
	})
}

// FeatureValuesAfter calls fn with at most limit values that follow a place in
// the log of values, in its order; 0 is the place before the first. The value
// is fn's to keep.
func (db *DB) FeatureValuesAfter(ctx context.Context, after int64, limit int, fn func(FeatureValue) error) error {
	return db.read(ctx, "reading feature values", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			v := FeatureValue{Position: intOf(row[0]), Entity: textOf(row[1]), ID: textOf(row[2]), Name: textOf(row[3]), Time: timeOf(row[4])}
			if row[5] != nil {
				v.Value = &kindred.Attribute{}
				if err := json.Unmarshal([]byte(textOf(row[5])), v.Value); err != nil {
					return fmt.Errorf("feature value %d: %w", v.Position, err)
				}
			}
			return fn(v)
		}, "SELECT seq, entity, id, name, time, value FROM feature_values WHERE seq > ? ORDER BY seq LIMIT ?", after, int64(limit))
	})
}

// FeatureLog is what the features of a set were for a list when it was shown.
type FeatureLog struct {
	RequestID string
	Set       string
	Version   string         // of the set
	User      kindred.UserID // empty for an anonymous session
	Time      time.Time      // the moment the values are of
	// Events, Values and Changes are the places in the logs of events, of
	// feature values and of changes up to which they were known.
	Events, Values, Changes int64
	Data                    []byte // the values, in a form of the writer's own
	// IsFinal says that what was known then can no longer be told, so that the
	// values cannot be computed again; see DB.Changes.
	IsFinal bool
}

// AppendFeatureLogs stores what features were. A set's log of a list that is
// already stored stays as it was.
func (db *DB) AppendFeatureLogs(ctx context.Context, logs []FeatureLog) error {
	return db.write(ctx, "storing feature logs", len(logs), func(w *writer) error {
		into := newInserter(w.conn, `INSERT OR IGNORE INTO feature_logs
			(request, feature_set, version, user, time, events, written, changes, data) VALUES `, 9)
		for i := range logs {
			l := &logs[i]
			err := into.add(l.RequestID, l.Set, l.Version, nullText(string(l.User)), l.Time.UnixMilli(), l.Events, l.Values, l.Changes, l.Data)
			if err != nil {
				return err
			}
		}
		return into.flush()
	})
}

// ScanFeatureLogs calls fn with every log of a set in a span of time, in the
// order in which they were stored. The log is fn's to keep.
func (db *DB) ScanFeatureLogs(ctx context.Context, set string, r EventRange, fn func(*FeatureLog) error) error {
	where, args := r.where()
	if where == "" {
		where = "WHERE true"
	}
	return db.featureLogs(ctx, fn, where+" AND feature_set = ? ORDER BY seq", append(args, set)...)
}

// LatestFeatureLogs calls fn with at most n logs of a set, the one stored last
// first. The log is fn's to keep.
func (db *DB) LatestFeatureLogs(ctx context.Context, set string, n int, fn func(*FeatureLog) error) error {
	return db.featureLogs(ctx, fn, "WHERE feature_set = ? ORDER BY seq DESC LIMIT ?", set, int64(n))
}

func (db *DB) featureLogs(ctx context.Context, fn func(*FeatureLog) error, where string, args ...driver.Value) error {
	return db.read(ctx, "reading feature logs", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			data, ok := row[8].([]byte)
			if !ok {
				return fmt.Errorf("the feature log of request %q has no values", textOf(row[0]))
			}
			return fn(&FeatureLog{
				RequestID: textOf(row[0]), Set: textOf(row[1]), Version: textOf(row[2]), User: kindred.UserID(textOf(row[3])),
				Time: timeOf(row[4]), Events: intOf(row[5]), Values: intOf(row[6]), Changes: intOf(row[7]),
				Data: append([]byte(nil), data...), IsFinal: intOf(row[9]) != 0,
			})
		}, `SELECT request, feature_set, version, user, time, events, written, changes, data,
				changes < (SELECT max(seq) FROM changes WHERE what = 0)
			FROM feature_logs `+where, args...)
	})
}

// PruneFeatureLogs removes the logs before a time, and the log of changes
// before it, and says how many of the first.
func (db *DB) PruneFeatureLogs(ctx context.Context, before time.Time) (removed int64, err error) {
	if err := db.pruneChanges(ctx, before); err != nil {
		return 0, err
	}
	return db.prune(ctx, "pruning feature logs", `DELETE FROM feature_logs WHERE seq IN
		(SELECT seq FROM feature_logs WHERE time < ? LIMIT ?)`, before)
}
