package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"kindred/dataset"
	"kindred/linalg"
)

// TestNMF expects vectors without negative elements, an objective that falls
// with every epoch, and folded in users at the optimum: where an element is
// above 0 the objective is flat, where it is 0 it does not fall.
func TestNMF(t *testing.T) {
	data := tastes(200, 60, 4)
	a := NewNMF()
	a.Factors, a.Alpha, a.Lambda, a.WeightPower = 6, 2, 0.02, 1
	last := math.Inf(1)
	learned, err := a.Fit(t.Context(), data, func(p Progress) {
		sum := p.Loss["observed"] + p.Loss["unobserved"] + p.Loss["penalty"]
		if len(p.Loss) != 3 || sum > last*(1+1e-5) {
			t.Errorf("epoch %d: %v sums to %v after %v", p.Epoch, p.Loss, sum, last)
		}
		last = sum
	})
	if err != nil {
		t.Fatal(err)
	}
	m, ok := learned.(*Factors)
	if !ok {
		t.Fatal("another shape")
	}
	items, d := m.ItemVectors()
	zeros := 0
	for _, x := range items {
		if x < 0 {
			t.Fatalf("an element is %v", x)
		}
		if x == 0 {
			zeros++
		}
	}
	if zeros == 0 || zeros > len(items)*9/10 {
		t.Errorf("%d of %d elements are 0", zeros, len(items))
	}
	dice := rand.New(rand.NewPCG(5, 5))
	alpha := m.objective.Unobserved
	for _, n := range []int{1, 2, 6, 30} {
		var history dataset.History
		for _, i := range dice.Perm(60)[:n] {
			history.Items = append(history.Items, int32(i))
			history.Weights = append(history.Weights, 0.5+dice.Float32())
		}
		user := m.UserVector(nil, history)
		penalty := a.Lambda * (float64(n) + alpha*60)
		for f := range d {
			slope := penalty * float64(user[f])
			size := slope
			for i := range 60 {
				q := items[i*d : (i+1)*d]
				part := alpha * float64(linalg.Dot(user, q)) * float64(q[f])
				for k, met := range history.Items {
					if int(met) == i {
						part += float64(history.Weights[k]) * float64((linalg.Dot(user, q)-1)*q[f])
					}
				}
				slope += part
				size += math.Abs(part)
			}
			if user[f] < 0 || slope < -1e-3*size || (user[f] > 0 && slope > 1e-3*size) {
				t.Errorf("%d items: element %d is %v and the objective's slope there %v (of %v)", n, f, user[f], slope, size)
			}
		}
	}
}
