package store

import (
	"database/sql/driver"

	"kindred"
)

// verdicts are what cleaning found, as of one snapshot of the database, for
// events that are asked for in log order. What the catalogue says of an item
// is not stored: it is looked up, and so an item that arrives late clears it.
type verdicts struct {
	conn       *conn
	generation int64 // the live one; 0: none
	isListed   bool  // there is a catalogue
	isMarked   bool  // there are marks
	isReleased bool  // there are events released
	past       *past // as of then; nil: of now

	isWhole         bool                         // users holds everyone of whom something is said
	users           map[int64][2]kindred.Verdict // what is flagged and what released
	marks, releases page
	withdrawn       page
	items           []validity // by number
	pageItems       int64
}

// validity is what the catalogue says of an item: 24 bytes.
type validity struct {
	from, until int64 // unix milliseconds; 0: no bound
	isKnown     bool  // looked up
	isListed    bool  // in the catalogue, or once was
}

// newVerdicts prepares to read about so many events.
func newVerdicts(c *conn, events int) (*verdicts, error) {
	v := &verdicts{conn: c, users: map[int64][2]kindred.Verdict{}, pageItems: min(int64(events)/16+1, numbersPage)}
	if err := v.readHead(); err != nil {
		return nil, err
	}
	rows := int64(min(events, 4096))
	v.marks = page{limit: rows, from: v.generation, text: "SELECT seq, reasons FROM marks WHERE generation = ? AND seq >= ? ORDER BY seq LIMIT ?"}
	v.releases = page{limit: rows, text: "SELECT seq, reasons FROM released_events WHERE seq > ? AND seq >= ? ORDER BY seq LIMIT ?"}
	v.withdrawn = page{limit: rows, text: selectWithdrawn + "WHERE seq > ? AND seq >= ? ORDER BY seq LIMIT ?"}
	if v.isWhole = events > fewEvents; !v.isWhole {
		return v, nil
	}
	set := func(place int) func(row []driver.Value) error {
		return func(row []driver.Value) error {
			said := v.users[intOf(row[0])]
			said[place] = verdictOf(row[1])
			v.users[intOf(row[0])] = said
			return nil
		}
	}
	if err := c.rows(set(0), "SELECT user, reasons FROM flags WHERE generation = ?", v.generation); err != nil {
		return nil, err
	}
	return v, c.rows(set(1), "SELECT user, reasons FROM released_users")
}

// fewEvents is up to how many events users are looked up one by one.
const fewEvents = 4096

// user returns what is flagged of a user and what of that is released.
func (v *verdicts) user(id int64) (said [2]kindred.Verdict, err error) {
	said, known := v.users[id]
	if known || v.isWhole {
		return said, nil
	}
	err = v.conn.rows(func(row []driver.Value) error {
		said = [2]kindred.Verdict{verdictOf(row[0]), verdictOf(row[1])}
		return nil
	}, selectUserVerdict, v.generation, id, id)
	v.users[id] = said
	return said, err
}

const selectUserVerdict = `SELECT (SELECT reasons FROM flags WHERE generation = ? AND user = ?),
	(SELECT reasons FROM released_users WHERE user = ?)`

// readHead reads which generation is live and what there is to look for.
func (v *verdicts) readHead() error {
	return v.conn.rows(func(row []driver.Value) error {
		v.generation, v.isListed = intOf(row[0]), intOf(row[1]) == 1
		v.isMarked, v.isReleased = intOf(row[2]) == 1, intOf(row[3]) == 1
		return nil
	}, selectHead)
}

const selectHead = "SELECT (SELECT id FROM generations WHERE stage = 1), EXISTS (SELECT 1 FROM items WHERE stage = 1), " +
	"EXISTS (SELECT 1 FROM marks), EXISTS (SELECT 1 FROM released_events)"

// of returns the verdict of the event at a place in the log, of a user, an
// item (0: none) and a time.
func (v *verdicts) of(seq, user, item, time int64) (kindred.Verdict, error) {
	var f findings
	var err error
	if v.isMarked {
		f.marks, err = v.marks.at(v.conn, seq)
	}
	if err == nil && v.isReleased {
		f.released, err = v.releases.at(v.conn, seq)
	}
	if err == nil {
		f.withdrawn, err = v.withdrawn.at(v.conn, seq)
	}
	if err != nil {
		return 0, err
	}
	said, err := v.user(user)
	if err != nil {
		return 0, err
	}
	f.flags, f.userReleased = said[0], said[1]
	f = v.past.then(f, seq, user)
	reasons := f.verdict()
	if v.isListed && item != 0 {
		known, err := v.item(item)
		if err != nil {
			return 0, err
		}
		reasons |= known.at(time)
	}
	return reasons, nil
}

// overrule takes what is released from what was found.
func overrule(found, released kindred.Verdict) kindred.Verdict {
	if left := found &^ released; left != found {
		return left | kindred.Released
	}
	return found
}

func (a validity) at(time int64) kindred.Verdict {
	switch {
	case !a.isListed:
		return kindred.UnknownItem
	case a.from != 0 && time < a.from || a.until != 0 && time >= a.until:
		return kindred.OutsideValidity
	default:
		return 0
	}
}

// item looks an item up, with its neighbours where many are to be read.
func (v *verdicts) item(id int64) (validity, error) {
	if id < int64(len(v.items)) && v.items[id].isKnown {
		return v.items[id], nil
	}
	first := id - id%v.pageItems
	if missing := first + v.pageItems - int64(len(v.items)); missing > 0 {
		v.items = append(v.items, make([]validity, missing)...)
	}
	err := v.conn.rows(func(row []driver.Value) error {
		v.items[intOf(row[0])] = validityOf(row[1:])
		return nil
	}, "SELECT id, stage, available_from, available_until FROM items WHERE id >= ? AND id < ?", first, first+v.pageItems)
	return v.items[id], err
}

// validityOf reads stage, available_from and available_until.
func validityOf(row []driver.Value) validity {
	return validity{isKnown: true, isListed: intOf(row[0]) != 0, from: intOf(row[1]), until: intOf(row[2])}
}

func verdictOf(v driver.Value) kindred.Verdict { return kindred.Verdict(intOf(v)) } //nolint:gosec // stored as such

// page is a part of a table of reasons by place in the log, read ahead.
type page struct {
	text  string // wants from, the first place and the limit
	from  int64
	limit int64
	rows  []kindred.Mark
	upto  int64 // what lies before has been read
}

// at returns the reasons at a place, which is not before that of the last
// call.
func (p *page) at(c *conn, seq int64) (kindred.Verdict, error) {
	for len(p.rows) > 0 && p.rows[0].Seq < seq {
		p.rows = p.rows[1:]
	}
	if len(p.rows) == 0 && seq >= p.upto {
		if err := p.read(c, seq); err != nil {
			return 0, err
		}
	}
	if len(p.rows) > 0 && p.rows[0].Seq == seq {
		return p.rows[0].Reasons, nil
	}
	return 0, nil
}

func (p *page) read(c *conn, seq int64) error {
	var rows []kindred.Mark
	err := c.rows(func(row []driver.Value) error {
		rows = append(rows, kindred.Mark{Seq: intOf(row[0]), Reasons: verdictOf(row[1])})
		return nil
	}, p.text, p.from, seq, p.limit)
	p.rows, p.upto = rows, 1<<62
	if int64(len(rows)) == p.limit {
		p.upto = rows[len(rows)-1].Seq + 1
	}
	return err
}

// userVerdicts sets the verdicts of a user's events, each of which is at one of
// the moments.
func userVerdicts(c *conn, moments []moment, events []kindred.Event) error {
	v := verdicts{conn: c}
	if err := v.readHead(); err != nil {
		return err
	}
	found, err := v.findings(moments)
	if err != nil {
		return err
	}
	for i := range events {
		events[i].Verdict = found[i].verdict()
	}
	if !v.isListed {
		return nil
	}
	return c.rows(func(row []driver.Value) error {
		e := &events[intOf(row[0])]
		e.Verdict |= validityOf(row[2:]).at(intOf(row[1]))
		return nil
	}, `SELECT j.key, e.time, i.stage, i.available_from, i.available_until
		FROM json_each(?) j CROSS JOIN events e ON e.seq = j.value CROSS JOIN items i ON i.id = e.item`, seqsJSON(moments))
}

// findingsOf returns what was found about the events at some moments.
func findingsOf(c *conn, moments []moment) ([]findings, error) {
	v := verdicts{conn: c}
	if err := v.readHead(); err != nil {
		return nil, err
	}
	return v.findings(moments)
}

func (v *verdicts) findings(moments []moment) ([]findings, error) {
	v.users = map[int64][2]kindred.Verdict{}
	places := seqsJSON(moments)
	found := make([]findings, len(moments))
	for i := range found {
		said, err := v.user(moments[i].user)
		if err != nil {
			return nil, err
		}
		found[i].flags, found[i].userReleased = said[0], said[1]
	}
	set := func(part func(f *findings) *kindred.Verdict) func(row []driver.Value) error {
		return func(row []driver.Value) error {
			*part(&found[intOf(row[0])]) = verdictOf(row[1])
			return nil
		}
	}
	var err error
	if v.isMarked {
		err = v.conn.rows(set(func(f *findings) *kindred.Verdict { return &f.marks }),
			"SELECT j.key, m.reasons FROM json_each(?) j CROSS JOIN marks m ON m.generation = ? AND m.seq = j.value", places, v.generation)
	}
	if err == nil && v.isReleased {
		err = v.conn.rows(set(func(f *findings) *kindred.Verdict { return &f.released }),
			"SELECT j.key, r.reasons FROM json_each(?) j CROSS JOIN released_events r ON r.seq = j.value", places)
	}
	if err == nil {
		err = v.conn.rows(set(func(f *findings) *kindred.Verdict { return &f.withdrawn }), selectWithdrawnOf, places)
	}
	return found, err
}
