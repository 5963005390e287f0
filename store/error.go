package store

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"

	"kindred"
)

// The primary result codes of SQLite that have an answer of their own;
// https://www.sqlite.org/rescode.html.
const (
	codeError    = 1
	codePerm     = 3
	codeBusy     = 5
	codeLocked   = 6
	codeReadOnly = 8
	codeIO       = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNotADB   = 26
)

var errClosed = kindred.Errorf(kindred.Unavailable, "the store is closed")

// explain turns what SQLite said while doing something into what the operator
// can do about it. Errors that already have a kind stay as they are.
func explain(doing string, err error) error {
	var known *kindred.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	cause := fmt.Errorf("store: %s: %w", doing, err)
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return cause
	}
	unavailable := func(advice string) error {
		return kindred.Errorf(kindred.Unavailable, "%s", advice).Because(cause)
	}
	switch lite.Code() & 0xff {
	case codeBusy, codeLocked:
		return unavailable("the database is locked by another process (see what else has it open, then try again)")
	case codeFull:
		return unavailable("the disk is full, nothing was stored (free some space, then try again)")
	case codeReadOnly, codePerm:
		return unavailable("the database cannot be written to (check the rights of the file and its folder)")
	case codeCantOpen:
		return unavailable("the database cannot be opened (check that its folder exists and who may read and write there)")
	case codeCorrupt, codeNotADB:
		return unavailable("the file is damaged or is no database of this program (restore it from a backup)")
	case codeIO:
		return unavailable("the disk reports an error (check the disk and its free space)")
	default:
		return cause
	}
}
