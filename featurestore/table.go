package featurestore

import (
	"context"
	"math"
	"slices"

	"kindred"
	"kindred/feature"
	"kindred/format"
)

// tableRows is how many users or items are read and passed on at a time.
const tableRows = 4096

// ScanFeatures calls fn with blocks of rows: what the features of a set are
// now, of all if set is empty, for each user and item that anything is known
// of, or for those of one entity alone. Users come first, each sort in the
// order of its IDs; features of anything but users or items are left out. Each
// row tells the moment that it was read at, for the state follows the log
// meanwhile. Without rows fn is called once, with the columns. Memory: the IDs,
// and a block of 4,096 rows.
func (s *Service) ScanFeatures(ctx context.Context, set, entity string, fn func(columns []format.BlockColumn, rows int) error) error {
	t, err := s.tableOf(set, feature.Entity(entity))
	if err != nil {
		return err
	}
	state := s.state.Load()
	if state == nil {
		return s.notReady()
	}
	isBegun := false
	for _, entity := range t.entities() {
		for ids := range slices.Chunk(state.Entities(entity), tableRows) {
			if err := ctx.Err(); err != nil {
				return err
			}
			columns, err := s.readTable(t, entity, ids)
			if err != nil {
				return err
			}
			isBegun = true
			if err := fn(columns, len(ids)); err != nil {
				return err
			}
		}
	}
	if isBegun {
		return nil
	}
	return fn(t.columns(s.plan, "", nil, 0, nil), 0)
}

// table is the features of a table, of users and of items.
type table struct {
	users, items []feature.Ref
}

func (s *Service) tableOf(set string, entity feature.Entity) (t table, err error) {
	if s.IsEmpty() {
		return t, kindred.Errorf(kindred.Invalid, "no features are defined (write \"features: {preset: basic}\" into kindred.yaml to begin with)")
	}
	var refs []feature.Ref
	if set == "" {
		for _, d := range s.plan.Definitions() {
			refs = append(refs, d.Ref())
		}
		slices.Sort(refs)
	} else if refs = s.plan.Sets()[set].Features; refs == nil {
		return t, kindred.Errorf(kindred.Invalid, "there is no feature set %.64q ('kindred features' lists them)", set)
	}
	for _, ref := range refs {
		switch of, _ := ref.Split(); {
		case entity != "" && of != entity:
		case of == feature.User:
			t.users = append(t.users, ref)
		case of == feature.Item:
			t.items = append(t.items, ref)
		}
	}
	if len(t.users)+len(t.items) == 0 {
		return t, kindred.Errorf(kindred.Invalid, "there are no features of users or items alone among those asked for")
	}
	return t, nil
}

func (t table) entities() (list []feature.Entity) {
	if len(t.users) > 0 {
		list = append(list, feature.User)
	}
	if len(t.items) > 0 {
		list = append(list, feature.Item)
	}
	return list
}

func (s *Service) readTable(t table, entity feature.Entity, ids []string) ([]format.BlockColumn, error) {
	r := feature.Request{Rows: len(ids), At: s.now().UnixMilli()}
	if entity == feature.User {
		r.Users, r.Features = ids, t.users
	} else {
		r.Items, r.Features = ids, t.items
	}
	reading, err := s.Read(&r)
	return t.columns(s.plan, entity, ids, r.At, reading.Columns), err
}

// columns makes a block of what was read of one entity; the features of the
// other have no values.
func (t table) columns(plan *feature.Plan, entity feature.Entity, ids []string, at int64, read []feature.Column) []format.BlockColumn {
	columns := []format.BlockColumn{
		{Name: "entity", Type: format.TextColumn, Texts: slices.Repeat([]string{string(entity)}, len(ids))},
		{Name: "id", Type: format.TextColumn, Texts: ids},
		{Name: "time", Type: format.TimeColumn, Times: slices.Repeat([]int64{at}, len(ids))},
	}
	for _, of := range []feature.Entity{feature.User, feature.Item} {
		refs := t.users
		if of == feature.Item {
			refs = t.items
		}
		if of == entity {
			columns = append(columns, blockColumns(read)...)
			continue
		}
		for _, ref := range refs {
			kind, _ := plan.TypeOf(ref)
			columns = append(columns, emptyColumn(ref, kind, len(ids)))
		}
	}
	return columns
}

func emptyColumn(ref feature.Ref, kind feature.Type, rows int) format.BlockColumn {
	c := format.BlockColumn{Name: ColumnName(ref), Type: columnType(kind)}
	switch c.Type {
	case format.TextColumn:
		c.Texts, c.Missing = make([]string, rows), slices.Repeat([]bool{true}, rows)
	case format.TextsColumn:
		c.Lists = make([][]string, rows)
	case format.VectorColumn:
		c.Vectors = make([][]float32, rows)
	default:
		c.Numbers = slices.Repeat([]float64{math.NaN()}, rows)
	}
	return c
}
