package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"kindred"
)

// ReadItems reads what files say of items, for an evaluation: any format that
// Open guesses; MovieLens's tags.csv, whose tags become the set "tag"; and a
// JSON object of lists by item, as {"17": [3, 5]}, which become the set
// "attributes" (the item2attributes.json that comes with S3-Rec). Of an item in
// several files or rows all attributes are kept, sets joined. The items come in
// the order in which the files first name them; a bad row is an error.
func ReadItems(paths []string) ([]*kindred.Item, error) {
	var all []*kindred.Item
	known := map[kindred.ItemID]*kindred.Item{}
	add := func(item *kindred.Item) {
		if before := known[item.ID]; before != nil {
			join(before, item)
			return
		}
		known[item.ID] = item
		all = append(all, item)
	}
	for _, path := range paths {
		var err error
		switch name := baseName(path); {
		case filepath.Ext(name) == ".json":
			err = readAttributeLists(path, add)
		case name == "tags.csv":
			err = readTags(path, add)
		default:
			err = readRows(path, items, func(row *Row) { add(row.Item) })
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ReadUsers reads what files say of users, as ReadItems does of items.
func ReadUsers(paths []string) ([]*kindred.User, error) {
	var all []*kindred.User
	for _, path := range paths {
		if err := readRows(path, users, func(row *Row) { all = append(all, row.User) }); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// join adds what more says of an item.
func join(item, more *kindred.Item) {
	if item.Title == "" {
		item.Title = more.Title
	}
	if item.Price == 0 {
		item.Price = more.Price
	}
	if item.Group == "" {
		item.Group = more.Group
	}
	if item.AvailableFrom.IsZero() {
		item.AvailableFrom = more.AvailableFrom
	}
	item.Categories = kindred.SetOf(append(item.Categories, more.Categories...)...).Set
	for _, name := range slices.Sorted(maps.Keys(more.Attributes)) {
		a := more.Attributes[name]
		if before, has := item.Attributes[name]; has && before.Type == kindred.StringSet && a.Type == kindred.StringSet {
			a = kindred.SetOf(append(before.Set, a.Set...)...)
		}
		if item.Attributes == nil {
			item.Attributes = kindred.Attributes{}
		}
		item.Attributes[name] = a
	}
}

// readRows reads the rows of one entity.
func readRows(path, entity string, fn func(*Row)) (err error) {
	src, err := Open("auto", []string{path}, Options{Entity: entity})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	for {
		row, err := src.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return kindred.Errorf(kindred.Invalid, "cannot read %s as %s", path, entity).Because(err)
		}
		if (entity == items && row.Item == nil) || (entity == users && row.User == nil) {
			return kindred.Errorf(kindred.Invalid, "%s holds no %s", path, entity)
		}
		fn(&row)
	}
}

// readTags reads MovieLens's tags.csv: userId,movieId,tag,timestamp.
func readTags(path string, fn func(*kindred.Item)) error {
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	t := newCSV(f, ',')
	names, err := t.columns()
	if err != nil {
		return fmt.Errorf("format: %s: %w", path, err)
	}
	item, tag := slices.Index(names, "movieId"), slices.Index(names, "tag")
	if item < 0 || tag < 0 {
		return kindred.Errorf(kindred.Invalid, "%s has no columns movieId and tag", path)
	}
	for {
		rec, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("format: %s: %w", path, err)
		}
		word := strings.ToLower(strings.TrimSpace(rec.cells[tag]))
		fn(&kindred.Item{ID: kindred.ItemID(rec.cells[item]), Attributes: kindred.Attributes{"tag": kindred.SetOf(word)}})
	}
}

// readAttributeLists reads an object of lists of words or numbers.
func readAttributeLists(path string, fn func(*kindred.Item)) error {
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	d := json.NewDecoder(f)
	d.UseNumber()
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return kindred.Errorf(kindred.Invalid, "%s is no JSON object of lists by item", path).Because(err)
	}
	for d.More() {
		id, err := d.Token()
		var list []any
		if err == nil {
			err = d.Decode(&list)
		}
		if err != nil {
			return kindred.Errorf(kindred.Invalid, "%s is no JSON object of lists by item", path).Because(err)
		}
		words := make([]string, len(list))
		for i, x := range list {
			words[i] = fmt.Sprint(x)
		}
		fn(&kindred.Item{ID: kindred.ItemID(fmt.Sprint(id)), Attributes: kindred.Attributes{"attributes": kindred.SetOf(words...)}})
	}
	return nil
}
