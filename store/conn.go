package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"modernc.org/sqlite"
)

// conn is one connection to the database, for one goroutine at a time. It
// speaks to the driver directly: database/sql would add its own locks, pools
// and conversions to every row, about as much as SQLite itself costs here.
type conn struct {
	raw   driver.Conn
	base  context.Context //nolint:containedctx // never ends: for what is not to be interrupted
	stmts map[string]stmt // by SQL; the texts are constants, so few
}

// stmt is what a statement of the driver can do.
type stmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// openConn opens a connection that waits for a lock as long as busy, with a
// page cache of so many KiB.
func openConn(ctx context.Context, path string, busy time.Duration, cacheKiB int) (*conn, error) {
	raw, err := (&sqlite.Driver{}).Open("file:" + (&url.URL{Path: path}).EscapedPath())
	if err != nil {
		return nil, err
	}
	c := &conn{raw: raw, base: context.WithoutCancel(ctx), stmts: map[string]stmt{}}
	for _, pragma := range []string{
		busyTimeout(busy),
		"PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = FULL", // a commit returns after fsync
		fmt.Sprintf("PRAGMA cache_size = -%d", cacheKiB),
		"PRAGMA wal_autocheckpoint = 0", // see checkpoint.go
		"PRAGMA journal_size_limit = 67108864",
		"PRAGMA temp_store = MEMORY",
	} {
		if err := c.script(pragma); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

func (c *conn) close() error {
	errs := make([]error, 0, len(c.stmts)+1)
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

// prepare returns the statement for a text, compiling it once.
func (c *conn) prepare(text string) (stmt, error) {
	if s, ok := c.stmts[text]; ok {
		return s, nil
	}
	raw, err := c.raw.Prepare(text)
	if err != nil {
		return nil, err
	}
	s, ok := raw.(stmt)
	if !ok {
		return nil, errors.Join(errors.New("the driver's statements take no context"), raw.Close())
	}
	c.stmts[text] = s
	return s, nil
}

// script runs statements once, without keeping them.
func (c *conn) script(text string) error {
	raw, err := c.raw.Prepare(text)
	if err != nil {
		return err
	}
	s, ok := raw.(driver.StmtExecContext)
	if !ok {
		return errors.Join(errors.New("the driver's statements take no context"), raw.Close())
	}
	_, err = s.ExecContext(c.base, nil)
	return errors.Join(err, raw.Close())
}

// exec runs a statement that gives no rows. It cannot be interrupted: what
// has begun to be written is written or fails.
func (c *conn) exec(text string, args ...driver.Value) (driver.Result, error) {
	return c.execNamed(text, named(args))
}

func (c *conn) execNamed(text string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.prepare(text)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(c.base, args)
}

// rollback ends a transaction, if SQLite has not ended it already as it does
// when the disk is full.
func (c *conn) rollback() error {
	_, err := c.exec("ROLLBACK")
	var lite *sqlite.Error
	if errors.As(err, &lite) && lite.Code()&0xff == codeError {
		return nil // no transaction is active
	}
	return err
}

// query calls each with every row, whose values stay valid only for the call.
func (c *conn) query(ctx context.Context, each func(row []driver.Value) error, text string, args ...driver.Value) (err error) {
	s, err := c.prepare(text)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, named(args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := ctx.Err(); err != nil { // the driver looks only before the first row
			return err
		}
		if err := each(row); err != nil {
			return err
		}
	}
}

// rows is a query that is not interrupted.
func (c *conn) rows(each func(row []driver.Value) error, text string, args ...driver.Value) error {
	return c.query(c.base, each, text, args...)
}

// queryInt returns the first value of the first row as an integer, and
// whether there was a row.
func (c *conn) queryInt(text string, args ...driver.Value) (n int64, found bool, err error) {
	err = c.rows(func(row []driver.Value) error {
		n, found = intOf(row[0]), true
		return nil
	}, text, args...)
	return n, found, err
}

func named(values []driver.Value) []driver.NamedValue {
	args := make([]driver.NamedValue, len(values))
	for i, v := range values {
		args[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return args
}

// The values of a row by their Go type; NULL is the zero value. A column has
// the type the schema says, so the other result is not needed.

func intOf(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}

func floatOf(v driver.Value) float64 {
	switch x := v.(type) {
	case float64:
		return x
	case int64:
		return float64(x)
	default:
		return 0
	}
}

func textOf(v driver.Value) string {
	s, _ := v.(string)
	return s
}

// nullText is NULL for the empty string.
func nullText(s string) driver.Value {
	if s == "" {
		return nil
	}
	return s
}

// nullTime is NULL for the zero time, else unix milliseconds.
func nullTime(t time.Time) driver.Value {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// nullInt is NULL for nil.
func nullInt(n *int64) driver.Value {
	if n == nil {
		return nil
	}
	return *n
}

func timeOf(v driver.Value) time.Time {
	ms, ok := v.(int64)
	if !ok {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
