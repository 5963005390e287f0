// Package dataset turns events into what models learn from: indices for
// identifiers, sparse user×item matrices weighted by kind and age, and splits
// for honest judgement. It does no I/O and takes the present moment as an
// argument.
//
// Identifiers live outside, indices inside: Dict is the only door between.
package dataset

// Dict numbers identifiers 0, 1, 2, … in the order in which they first come.
type Dict struct {
	ids   []string
	index map[string]int32
}

// NewDict returns a dictionary of the given identifiers, which must differ.
func NewDict(ids ...string) *Dict {
	d := &Dict{index: make(map[string]int32, len(ids))}
	for _, id := range ids {
		d.Add(id)
	}
	return d
}

// Add returns the index of id, numbering it if it is new.
func (d *Dict) Add(id string) int32 {
	if i, known := d.index[id]; known {
		return i
	}
	i := int32(len(d.ids))
	d.ids = append(d.ids, id)
	d.index[id] = i
	return i
}

// Index returns the index of id and whether it has one.
func (d *Dict) Index(id string) (int32, bool) {
	i, known := d.index[id]
	return i, known
}

// ID returns the identifier with index i.
func (d *Dict) ID(i int32) string { return d.ids[i] }

// Len returns how many identifiers there are.
func (d *Dict) Len() int { return len(d.ids) }

// IDs returns all identifiers in index order. The slice is the dictionary's.
func (d *Dict) IDs() []string { return d.ids }
