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
		items, err := json.Marshal(append([]kindred.ItemID{}, x.Items...))
		if err != nil {
			return err
		}
		sources, err := json.Marshal(append([]string{}, x.Sources...))
		if err != nil {
			return err
		}
		rows[i] = []driver.Value{x.RequestID, nullText(string(x.User)), x.Time.UnixMilli(), x.Model, string(items), string(sources)}
	}
	return db.write(ctx, "storing exposures", len(rows), func(w *writer) error {
		into := newInserter(w.conn, "INSERT OR IGNORE INTO exposures (request, user, time, model, items, sources) VALUES ", 6)
		for _, row := range rows {
			if err := into.add(row...); err != nil {
				return err
			}
		}
		return into.flush()
	})
}

// Exposure returns what was shown in answer to a request.
func (db *DB) Exposure(ctx context.Context, requestID string) (x kindred.Exposure, err error) {
	err = db.read(ctx, "reading an exposure", func(c *conn) error {
		err := c.query(ctx, func(row []driver.Value) error {
			x = kindred.Exposure{
				RequestID: requestID,
				User:      kindred.UserID(textOf(row[0])),
				Time:      timeOf(row[1]),
				Model:     textOf(row[2]),
			}
			if err := json.Unmarshal([]byte(textOf(row[3])), &x.Items); err != nil {
				return fmt.Errorf("items of exposure %q: %w", requestID, err)
			}
			if err := json.Unmarshal([]byte(textOf(row[4])), &x.Sources); err != nil {
				return fmt.Errorf("sources of exposure %q: %w", requestID, err)
			}
			return nil
		}, "SELECT user, time, model, items, sources FROM exposures WHERE request = ?", requestID)
		if err == nil && x.RequestID == "" {
			err = kindred.Errorf(kindred.NotFound, "there is no exposure for request %q", requestID)
		}
		return err
	})
	return x, err
}

// pruneRows is how many exposures one transaction removes, so that other
// writers have their turn.
const pruneRows = 10_000

// PruneExposures removes the exposures before a time and says how many.
func (db *DB) PruneExposures(ctx context.Context, before time.Time) (removed int64, err error) {
	for {
		var n int64
		err := db.write(ctx, "pruning exposures", maxGroupRows, func(w *writer) error {
			result, err := w.conn.exec(`DELETE FROM exposures WHERE request IN
				(SELECT request FROM exposures WHERE time < ? LIMIT ?)`, ceilMilli(before), int64(pruneRows))
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
