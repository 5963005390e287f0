package store

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"kindred"
)

// AppendExposures stores what was shown. An exposure whose RequestID is
// already stored stays as it was.
func (db *DB) AppendExposures(ctx context.Context, exposures []kindred.Exposure) error {
	rows := make([][]driver.Value, len(exposures))
	for i := range exposures {
		x := &exposures[i]
		if x.RequestID == "" {
			return kindred.Errorf(kindred.Invalid, "exposures[%d]: an exposure needs a request ID", i)
		}
		var about driver.Value
		if len(x.Context) > 0 {
			encoded, err := json.Marshal(x.Context)
			if err != nil {
				return kindred.Errorf(kindred.Invalid, "exposures[%d].context", i).Because(err)
			}
			about = string(encoded)
		}
		rows[i] = []driver.Value{
			x.RequestID, nullText(string(x.User)), x.Time.UnixMilli(), x.Model, textsJSON(x.Items), textsJSON(x.Sources), nullText(x.Session), about,
		}
	}
	return db.write(ctx, "storing exposures", len(rows), func(w *writer) error {
		into := newInserter(w.conn, "INSERT OR IGNORE INTO exposures (request, user, time, model, items, sources, session, context) VALUES ", 8)
		for _, row := range rows {
			if err := into.add(row...); err != nil {
				return err
			}
		}
		return into.flush()
	})
}

// textsJSON encodes texts as a JSON array, without reflection: every list that
// is shown takes two.
func textsJSON[T ~string](texts []T) string {
	b := []byte{'['}
	for i, text := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		if isPlain(string(text)) {
			b = append(append(append(b, '"'), text...), '"')
			continue
		}
		quoted, _ := json.Marshal(string(text)) // a text always has a JSON form
		b = append(b, quoted...)
	}
	return string(append(b, ']'))
}

// isPlain says whether a text stands in JSON as it is.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// Exposure returns what was shown in answer to a request.
func (db *DB) Exposure(ctx context.Context, requestID string) (x kindred.Exposure, err error) {
	err = db.read(ctx, "reading an exposure", func(c *conn) error {
		err := c.query(ctx, func(row []driver.Value) error {
			return setExposure(&x, row)
		}, selectExposure+"WHERE request = ?", requestID)
		if err == nil && x.RequestID == "" {
			err = kindred.Errorf(kindred.NotFound, "there is no exposure for request %q", requestID)
		}
		return err
	})
	return x, err
}

const selectExposure = `SELECT x.request, coalesce(r.name, x.user), x.time, x.model, x.items, x.sources, x.session, x.context
	FROM exposures x LEFT JOIN users u ON u.name = x.user LEFT JOIN aliases a ON a.alias = u.id LEFT JOIN users r ON r.id = a.user `

// setExposure reads a row of selectExposure.
func setExposure(x *kindred.Exposure, row []driver.Value) error {
	*x = kindred.Exposure{
		RequestID: textOf(row[0]),
		User:      kindred.UserID(textOf(row[1])),
		Time:      timeOf(row[2]),
		Model:     textOf(row[3]),
		Session:   textOf(row[6]),
	}
	if err := json.Unmarshal([]byte(textOf(row[4])), &x.Items); err != nil {
		return fmt.Errorf("items of exposure %q: %w", x.RequestID, err)
	}
	if err := json.Unmarshal([]byte(textOf(row[5])), &x.Sources); err != nil {
		return fmt.Errorf("sources of exposure %q: %w", x.RequestID, err)
	}
	if row[7] == nil {
		return nil
	}
	if err := json.Unmarshal([]byte(textOf(row[7])), &x.Context); err != nil {
		return fmt.Errorf("context of exposure %q: %w", x.RequestID, err)
	}
	return nil
}

// ScanExposures calls fn with every exposure of the range, the earliest first.
// It sees one moment of the store. The exposure is fn's to keep.
func (db *DB) ScanExposures(ctx context.Context, r EventRange, fn func(*kindred.Exposure) error) error {
	where, args := r.where()
	return db.read(ctx, "scanning exposures", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			var x kindred.Exposure
			if err := setExposure(&x, row); err != nil {
				return err
			}
			return fn(&x)
		}, selectExposure+where+" ORDER BY time, x.request", args...)
	})
}

// pruneRows is how many exposures one transaction removes, so that other
// writers have their turn.
const pruneRows = 10_000

// PruneExposures removes the exposures before a time and says how many.
func (db *DB) PruneExposures(ctx context.Context, before time.Time) (removed int64, err error) {
	return db.prune(ctx, "pruning exposures", `DELETE FROM exposures WHERE request IN
		(SELECT request FROM exposures WHERE time < ? LIMIT ?)`, before)
}

// prune removes what is before a time by a statement that takes the time and
// how many rows to remove at most.
func (db *DB) prune(ctx context.Context, doing, text string, before time.Time) (removed int64, err error) {
	for {
		var n int64
		err := db.write(ctx, doing, maxGroupRows, func(w *writer) error {
			result, err := w.conn.exec(text, ceilMilli(before), int64(pruneRows))
			if err != nil {
				return err
			}
			n, err = result.RowsAffected()
			return err
		})
		if err != nil {
			return removed, err
		}
		if removed += n; n < pruneRows {
			return removed, nil
		}
	}
}
