package linalg_test

import (
	"fmt"

	"kindred/linalg"
)

func ExampleTopK() {
	scores := []float32{.1, .9, .4, .9}
	for _, best := range linalg.TopK(nil, scores, 3) {
		fmt.Println(best.Index, best.Score)
	}
	// Output:
	// 1 0.9
	// 3 0.9
	// 2 0.4
}

// One step of alternating least squares: solve (Σ w·y·yᵀ + λI)·x = Σ w·y.
func ExampleSyrkRows() {
	const d = 2
	y := []float32{1, 0, 0, 1, 1, 1} // three items
	rows, weights := []int32{0, 2}, []float32{1, 2}

	a, x := make([]float32, d*d), make([]float32, d)
	linalg.SyrkRows(a, d, y, rows, weights)
	for k := range d {
		a[k*d+k] += 1
	}
	for j, r := range rows {
		linalg.Axpy(weights[j], y[r*d:(r+1)*d], x)
	}
	if err := linalg.Cholesky(a, d); err != nil {
		fmt.Println(err)
		return
	}
	linalg.CholeskySolve(a, d, x)
	fmt.Printf("%.3f\n", x)
	// Output: [0.625 0.250]
}
