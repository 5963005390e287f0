package store

import (
	"database/sql/driver"
	"fmt"
	"sync"
)

// maxNames bounds what a dictionary remembers; a name costs about 100 bytes.
const maxNames = 1 << 20

// names numbers the names of one table, so that an event is a row of small
// integers. It remembers what it looked up. A number is never given to a
// second name, so other processes may add to the table at any time.
type names struct {
	ids            map[string]int64
	lookup, insert string
}

func newNames(table string) *names {
	return &names{
		ids:    map[string]int64{},
		lookup: "SELECT id FROM " + table + " WHERE name = ?",
		insert: "INSERT INTO " + table + " (name) VALUES (?)",
	}
}

func (n *names) clear() { clear(n.ids) }

// id returns the number of a name that has one.
func (n *names) id(c *conn, name string) (id int64, known bool, err error) {
	if id, known := n.ids[name]; known {
		return id, true, nil
	}
	id, known, err = c.queryInt(n.lookup, name)
	if known {
		n.remember(name, id)
	}
	return id, known, err
}

// add returns the number of a name and whether it was given now.
func (n *names) add(c *conn, name string) (id int64, isNew bool, err error) {
	id, known, err := n.id(c, name)
	if known || err != nil {
		return id, false, err
	}
	result, err := c.exec(n.insert, name)
	if err != nil {
		return 0, false, err
	}
	id, err = result.LastInsertId()
	n.remember(name, id)
	return id, true, err
}

func (n *names) remember(name string, id int64) {
	if len(n.ids) >= maxNames {
		clear(n.ids)
	}
	n.ids[name] = id
}

// numbers finds the names of one table by number, and remembers all it read:
// about 30 bytes a name. Where names can go, as users can, it serves within
// one snapshot.
type numbers struct {
	selectPage string
	mu         sync.RWMutex
	names      []string // by number; empty: not looked up yet
}

// numbersPage is how many names are read at a time: those given out together
// are mostly needed together.
const numbersPage = 256

func newNumbers(table string) *numbers {
	return &numbers{names: make([]string, 1), selectPage: "SELECT id, name FROM " + table + " WHERE id >= ? AND id < ?"}
}

// name returns the name with a number; none for 0.
func (n *numbers) name(c *conn, id int64) (string, error) {
	n.mu.RLock()
	var name string
	if id < int64(len(n.names)) {
		name = n.names[id]
	}
	n.mu.RUnlock()
	if name != "" || id == 0 {
		return name, nil
	}
	return n.read(c, id)
}

// read reads the page with a number.
func (n *numbers) read(c *conn, id int64) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	first := id - id%numbersPage
	if missing := first + numbersPage - int64(len(n.names)); missing > 0 {
		n.names = append(n.names, make([]string, missing)...)
	}
	err := c.rows(func(row []driver.Value) error {
		n.names[intOf(row[0])] = textOf(row[1])
		return nil
	}, n.selectPage, first, first+numbersPage)
	if err == nil && n.names[id] == "" {
		err = fmt.Errorf("the name with number %d is missing", id)
	}
	return n.names[id], err
}
