package store

import (
	"context"
	"database/sql/driver"

	"kindred"
)

// MaxPrices is how many changes of an item's price are kept: the latest.
const MaxPrices = 1000

const (
	// A price holds from when its item was changed, and after the one before.
	recordPrice = `INSERT INTO prices
		SELECT i.id, max(?2, ifnull((SELECT max(time) + 1 FROM prices WHERE item = i.id), ?2)), ?3 FROM items i
		WHERE i.name = ?1 AND ?3 <> ifnull((SELECT cost FROM prices WHERE item = i.id ORDER BY time DESC LIMIT 1), 0)`

	forgetPrices = `DELETE FROM prices WHERE item = (SELECT id FROM items WHERE name = ?1) AND time < (
		SELECT time FROM prices WHERE item = (SELECT id FROM items WHERE name = ?1) ORDER BY time DESC LIMIT 1 OFFSET ?2)`

	selectPrices = `SELECT i.name, p.time, p.cost FROM prices p CROSS JOIN items i ON i.id = p.item `
)

// recordPrice notes what is asked for an item from a moment on, if that differs
// from before.
func (w *writer) recordPrice(item string, at int64, cost float64) error {
	result, err := w.conn.exec(recordPrice, item, at, cost)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	_, err = w.conn.exec(forgetPrices, item, int64(MaxPrices-1))
	return err
}

// Prices returns what was asked for an item, the latest first, at most limit;
// of a deleted item, too. Nothing if it is not known.
func (db *DB) Prices(ctx context.Context, item kindred.ItemID, limit int) (prices []kindred.Price, err error) {
	err = db.read(ctx, "reading prices", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			prices = append(prices, priceOf(row))
			return nil
		}, selectPrices+"WHERE p.item = (SELECT id FROM items WHERE name = ?) ORDER BY p.time DESC LIMIT ?", string(item), int64(limit))
	})
	return prices, err
}

// ScanPrices calls fn with every price that was asked for an item, item after
// item, the earliest first.
func (db *DB) ScanPrices(ctx context.Context, fn func(kindred.Price) error) error {
	return db.read(ctx, "scanning prices", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error { return fn(priceOf(row)) }, selectPrices+"ORDER BY p.item, p.time")
	})
}

func priceOf(row []driver.Value) kindred.Price {
	return kindred.Price{Item: kindred.ItemID(textOf(row[0])), From: timeOf(row[1]), Cost: floatOf(row[2])}
}
