package dataset

import (
	"math"
	"slices"
	"testing"
)

func TestRows(t *testing.T) {
	columns := NewColumns()
	columns.Add("price", nil)
	columns.Add("site", NewDict("a", "b"))
	columns.AddTo(1, "more", nil)
	if columns.Len() != 3 || columns.Codes(0) != 0 || columns.Codes(1) != 3 || !slices.Equal(columns.Fields, []int32{0, 1, 1}) {
		t.Errorf("columns %+v", columns)
	}
	if columns.Code(1, "b") != 2 || columns.Code(1, "c") != 0 {
		t.Errorf("codes %v and %v, want 2 and 0", columns.Code(1, "b"), columns.Code(1, "c"))
	}
	dense := &Rows{Columns: columns, Labels: []float32{1, 0}, Vals: []float32{1, 2, 3, 4, 5, 6}}
	if cols, vals := dense.Row(1); !slices.Equal(cols, []int32{0, 1, 2}) || !slices.Equal(vals, []float32{4, 5, 6}) {
		t.Errorf("dense row %v %v", cols, vals)
	}
	nan := float32(math.NaN())
	sparse := &Rows{Columns: columns, Labels: []float32{nan, nan}, Starts: []int{0, 0, 1}, Cols: []int32{2}, Vals: []float32{7}, Weights: []float32{1, 3}}
	if cols, vals := sparse.Row(1); !slices.Equal(cols, []int32{2}) || vals[0] != 7 || sparse.Weight(1) != 3 || dense.Weight(1) != 1 {
		t.Errorf("sparse row %v %v", cols, vals)
	}
	if !dense.Labelled() || sparse.Labelled() {
		t.Error("labels are there or not, the other way round")
	}
}
