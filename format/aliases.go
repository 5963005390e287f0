package format

import (
	"time"

	"kindred"
)

// aliasRow is what a file holds of an alias, whatever its format.
type aliasRow struct {
	Alias string    `json:"alias" parquet:"alias"`
	User  string    `json:"user" parquet:"user"`
	Into  string    `json:"into" parquet:"into"`
	Time  time.Time `json:"time" parquet:"time,timestamp(millisecond)"`
	By    string    `json:"by" parquet:"by,dict"`
	Why   string    `json:"why" parquet:"why,dict"`
}

func aliasRowOf(from any) (aliasRow, error) {
	a, ok := from.(kindred.Alias)
	if !ok {
		return aliasRow{}, errRow
	}
	return aliasRow{string(a.ID), string(a.User), string(a.Into), a.Time, a.By, a.Why}, nil
}

func (r aliasRow) size() int { return len(r.Alias) + len(r.User) + len(r.Into) + len(r.Why) }

func (r aliasRow) cells() (names, values []string) {
	return []string{"alias", "user", "into", "time", "by", "why"},
		[]string{r.Alias, r.User, r.Into, rfc3339(&r.Time), r.By, r.Why}
}

// alias reads a further ID of a user, as Write writes it.
func (m *mapper) alias(rec *record) (*kindred.Alias, *Reject) {
	a := &kindred.Alias{
		ID: kindred.UserID(m.cell(rec, "alias")), User: kindred.UserID(m.cell(rec, "user")), Into: kindred.UserID(m.cell(rec, "into")),
		By: m.cell(rec, "by"), Why: m.cell(rec, "why"),
	}
	if a.ID == "" || a.Into == "" {
		return nil, &Reject{Reason: "missing_user", Detail: "names no alias, or not whose it is"}
	}
	var reject *Reject
	a.Time, reject = m.eventTime(rec)
	return a, reject
}
