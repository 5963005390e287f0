package store

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"kindred"
)

// The stages of an item; see the schema.
const (
	itemInCatalogue = 1
	itemDeleted     = 2
)

const (
	selectItem = `SELECT name, title, categories, price, available_from, available_until, attributes, updated,
		variant_of, sale_price, stock, backorder FROM items `

	upsertItem = `INSERT INTO items (stage, name, title, categories, price, available_from, available_until, attributes, updated,
		variant_of, sale_price, stock, backorder) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET stage = 1, title = excluded.title,
		categories = excluded.categories, price = excluded.price, available_from = excluded.available_from,
		available_until = excluded.available_until, attributes = excluded.attributes, updated = excluded.updated,
		variant_of = excluded.variant_of, sale_price = excluded.sale_price, stock = excluded.stock, backorder = excluded.backorder`

	dropItem = `UPDATE items SET stage = 2, title = NULL, categories = NULL, price = NULL, available_from = NULL,
		available_until = NULL, attributes = NULL, updated = NULL, variant_of = NULL, sale_price = NULL, stock = NULL,
		backorder = 0 WHERE name = ? AND stage = 1`
)

// PutItems stores items, each in place of the one with its ID. A zero
// UpdatedAt becomes the present.
func (db *DB) PutItems(ctx context.Context, items []kindred.Item) error {
	rows := make([][]driver.Value, len(items))
	for i := range items {
		item := &items[i]
		categories, err := json.Marshal(append([]string{}, item.Categories...))
		if err != nil {
			return err
		}
		attributes, err := attributesJSON(item.Attributes)
		if err != nil {
			return kindred.Errorf(kindred.Invalid, "items[%d]", i).Because(err)
		}
		if item.ID == "" {
			return kindred.Errorf(kindred.Invalid, "items[%d]: an item needs an ID", i)
		}
		rows[i] = []driver.Value{
			string(item.ID), item.Title, string(categories), item.Price, nullTime(item.AvailableFrom),
			nullTime(item.AvailableUntil), attributes, nowIfZero(item.UpdatedAt),
			nullText(string(item.Group)), item.SalePrice, nullInt(item.Stock), item.Backorder,
		}
	}
	return db.write(ctx, "storing items", len(rows), func(w *writer) error {
		for i, row := range rows {
			stage, known, err := w.conn.queryInt("SELECT stage FROM items WHERE name = ?", row[0])
			if err != nil {
				return err
			}
			if !known || stage == itemDeleted {
				w.state.items++
			}
			if _, err := w.conn.exec(upsertItem, row...); err != nil {
				return err
			}
			if err := w.recordPrice(string(items[i].ID), intOf(row[7]), items[i].Cost()); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteItem takes an item out of the catalogue. Events that name it remain.
func (db *DB) DeleteItem(ctx context.Context, id kindred.ItemID) error {
	return db.write(ctx, "deleting an item", 1, func(w *writer) error {
		result, err := w.conn.exec(dropItem, string(id))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			return noItem(id)
		}
		w.state.items -= n
		return err
	})
}

func noItem(id kindred.ItemID) error {
	return kindred.Errorf(kindred.NotFound, "there is no item %q", id)
}

// Item returns an item of the catalogue.
func (db *DB) Item(ctx context.Context, id kindred.ItemID) (item kindred.Item, err error) {
	err = db.read(ctx, "reading an item", func(c *conn) error {
		item.ID = ""
		err := c.query(ctx, func(row []driver.Value) error { return setItem(&item, row) },
			selectItem+"WHERE name = ? AND stage = 1", string(id))
		if err == nil && item.ID == "" {
			err = noItem(id)
		}
		return err
	})
	return item, err
}

// MissingItems returns those of the items that are not in the catalogue, in any
// order.
func (db *DB) MissingItems(ctx context.Context, ids []kindred.ItemID) (missing []kindred.ItemID, err error) {
	err = db.read(ctx, "looking for items", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			missing = append(missing, kindred.ItemID(textOf(row[0])))
			return nil
		}, `SELECT DISTINCT j.value FROM json_each(?) j LEFT JOIN items i ON i.name = j.value WHERE i.stage IS NOT 1`, textsJSON(ids))
	})
	return missing, err
}

// ItemQuery chooses a page of the catalogue, in the order of IDs.
type ItemQuery struct {
	After    kindred.ItemID // the last of the page before
	Limit    int            // 0: no limit
	Category string         // has this category, or one below it
	Search   string         // title contains this, in any case (of ASCII letters)
}

// Items returns a page of the catalogue.
func (db *DB) Items(ctx context.Context, q ItemQuery) (items []kindred.Item, err error) {
	text := selectItem + "WHERE stage = 1 AND name > ?"
	args := []driver.Value{string(q.After)}
	if q.Category != "" {
		text += ` AND EXISTS (SELECT 1 FROM json_each(categories) WHERE value = ?2
			OR value LIKE ?3 || ' > %' ESCAPE '\' OR value LIKE ?3 || '>%' ESCAPE '\' OR value LIKE ?3 || '/%' ESCAPE '\')`
		args = append(args, q.Category, likeEscaped(q.Category))
	}
	if q.Search != "" {
		text += ` AND title LIKE ? ESCAPE '\'`
		args = append(args, likeAnywhere(q.Search))
	}
	text += " ORDER BY name LIMIT ?"
	args = append(args, limitOf(q.Limit))
	err = db.read(ctx, "reading items", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			var item kindred.Item
			err := setItem(&item, row)
			items = append(items, item)
			return err
		}, text, args...)
	})
	return items, err
}

// ScanItems calls fn with every item of the catalogue, in the order in which
// their IDs were first heard of. The item is fn's to keep.
func (db *DB) ScanItems(ctx context.Context, fn func(*kindred.Item) error) error {
	return db.read(ctx, "scanning items", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			var item kindred.Item
			if err := setItem(&item, row); err != nil {
				return err
			}
			return fn(&item)
		}, selectItem+"WHERE stage = 1")
	})
}

// ScanDeletedItems calls fn with the ID of every item that was taken out of the
// catalogue.
func (db *DB) ScanDeletedItems(ctx context.Context, fn func(kindred.ItemID) error) error {
	return db.read(ctx, "scanning deleted items", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error { return fn(kindred.ItemID(textOf(row[0]))) },
			"SELECT name FROM items WHERE stage = 2")
	})
}

// setItem reads a row of selectItem.
func setItem(item *kindred.Item, row []driver.Value) error {
	*item = kindred.Item{
		ID:             kindred.ItemID(textOf(row[0])),
		Title:          textOf(row[1]),
		Price:          floatOf(row[3]),
		AvailableFrom:  timeOf(row[4]),
		AvailableUntil: timeOf(row[5]),
		UpdatedAt:      timeOf(row[7]),
		Group:          kindred.ItemID(textOf(row[8])),
		SalePrice:      floatOf(row[9]),
		Backorder:      intOf(row[11]) != 0,
	}
	if stock, counted := row[10].(int64); counted {
		item.Stock = &stock
	}
	if text := textOf(row[2]); text != "[]" {
		if err := json.Unmarshal([]byte(text), &item.Categories); err != nil {
			return fmt.Errorf("categories of item %q: %w", item.ID, err)
		}
	}
	var err error
	item.Attributes, err = attributesOf(row[6])
	if err != nil {
		return fmt.Errorf("item %q: %w", item.ID, err)
	}
	return nil
}

// attributesJSON is the form in which attributes are kept; NULL for none.
func attributesJSON(attributes kindred.Attributes) (driver.Value, error) {
	if len(attributes) == 0 {
		return nil, nil
	}
	for name, a := range attributes {
		if err := a.Valid(); err != nil {
			return nil, fmt.Errorf("attribute %q: %w", name, err)
		}
	}
	text, err := json.Marshal(attributes)
	return string(text), err
}

func attributesOf(v driver.Value) (attributes kindred.Attributes, err error) {
	if v == nil {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(textOf(v)), &attributes); err != nil {
		return nil, fmt.Errorf("attributes: %w", err)
	}
	return attributes, nil
}

func nowIfZero(t time.Time) int64 {
	if t.IsZero() {
		t = time.Now()
	}
	return t.UnixMilli()
}

// likeAnywhere is the LIKE pattern, escaped by \, for texts that contain part.
func likeAnywhere(part string) string { return "%" + likeEscaped(part) + "%" }

// likeEscaped is the LIKE pattern, escaped by \, for a text.
func likeEscaped(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}

// limitOf is a LIMIT; -1 is none.
func limitOf(limit int) int64 {
	if limit <= 0 {
		return -1
	}
	return int64(limit)
}
