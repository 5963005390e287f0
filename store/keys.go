package store

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"kindred"
)

// Key is a key to the API. Its secret is not kept.
type Key struct {
	Hash      [32]byte // SHA-256 of the secret
	Name      string
	Scopes    []string
	CreatedAt time.Time
	Revoked   bool
}

// PutKey stores a new key. Its name may not have been used before, even by a
// key since revoked.
func (db *DB) PutKey(ctx context.Context, k Key) error {
	scopes, err := json.Marshal(append([]string{}, k.Scopes...))
	if err != nil {
		return err
	}
	revoked := int64(0)
	if k.Revoked {
		revoked = 1
	}
	return db.write(ctx, "storing a key", 1, func(w *writer) error {
		result, err := w.conn.exec("INSERT INTO keys (name, hash, scopes, created, revoked) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			k.Name, k.Hash[:], string(scopes), k.CreatedAt.UnixMilli(), revoked)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			return kindred.Errorf(kindred.Conflict, "there is a key %q already (choose another name)", k.Name)
		}
		return err
	})
}

// Keys returns all keys by name, the revoked ones too.
func (db *DB) Keys(ctx context.Context) (keys []Key, err error) {
	err = db.read(ctx, "reading keys", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			k := Key{Name: textOf(row[0]), CreatedAt: timeOf(row[3]), Revoked: intOf(row[4]) != 0}
			hash, _ := row[1].([]byte)
			copy(k.Hash[:], hash)
			if err := json.Unmarshal([]byte(textOf(row[2])), &k.Scopes); err != nil {
				return fmt.Errorf("scopes of key %q: %w", k.Name, err)
			}
			keys = append(keys, k)
			return nil
		}, "SELECT name, hash, scopes, created, revoked FROM keys ORDER BY name")
	})
	return keys, err
}

// RevokeKey makes a key useless for good.
func (db *DB) RevokeKey(ctx context.Context, name string) error {
	return db.write(ctx, "revoking a key", 1, func(w *writer) error {
		result, err := w.conn.exec("UPDATE keys SET revoked = 1 WHERE name = ?", name)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			return kindred.Errorf(kindred.NotFound, "there is no key %q", name)
		}
		return err
	})
}
