package model_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"

	"kindred/dataset"
	"kindred/model"
)

// TestWideRowsSameBytes expects the same artefact on any number of cores where
// rows are so wide that the cores share them.
func TestWideRowsSameBytes(t *testing.T) {
	const rows, width = 600, 40
	dice, columns := rand.New(rand.NewPCG(3, 3)), dataset.NewColumns()
	for c := range width {
		columns.Add("c"+strconv.Itoa(c), dataset.NewDict("a", "b", "c", "d"))
	}
	x := &dataset.Rows{Columns: columns}
	for range rows {
		sum := float32(0)
		for range width {
			code := float32(1 + dice.IntN(4))
			x.Vals, sum = append(x.Vals, code), sum+code
		}
		x.Labels = append(x.Labels, float32(int(sum)%2))
	}
	a := model.NewFFM()
	a.Epochs = 2
	var want []byte
	for _, cores := range []int{1, 2, 5} {
		before := runtime.GOMAXPROCS(cores)
		m, err := a.FitRows(t.Context(), x, nil, nil)
		runtime.GOMAXPROCS(before)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := m.WriteTo(&got); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got.Bytes()
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%d cores give other bytes", cores)
		}
	}
}
