package model

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"kindred/dataset"
	"kindred/linalg"
)

// EASE learns a weight for every pair of items so that each item of a user is
// best told from the user's other items:
//
//	minimise  ‖X − X·B‖² + Σ_i (λ + p/(1−p)·g_ii)·‖B_i‖²   with B_jj = 0
//
// X holds the interactions as scaling says, G = XᵀX, and p is Dropout. The
// solution is closed: with Q = (G + Λ)⁻¹, Λ the bracket above,
//
//	B_ij = −Q_ij / Q_jj   for i ≠ j
//
// For each item the Neighbours weights of largest magnitude are kept; the
// others are small, and take part in next to nothing.
//
// With Candidates above 0 no items×items matrix is made: for each item the
// weights of the Candidates items that go with it most are solved for by
// themselves, a ridge regression in their own Gram matrix (see cooccurrence).
//
// Papers: H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data",
// WWW 2019, arXiv:1905.03375; Dropout: H. Steck, "Autoencoders that don't
// overfit towards the Identity", NeurIPS 2020, whose penalty from dropping
// inputs this is; Candidates: H. Steck, "Markov Random Fields for
// Collaborative Filtering", NeurIPS 2019, arXiv:1910.09645. Departures: the
// powers of scaling; the latter paper thresholds correlations and solves for
// items in groups, here each has candidates, and a solution, of its own.
//
// Cost, dense: n³ flops and 2n² bytes for n items, whatever the interactions,
// and so refused above MaxItems; so is keeping weights that take more memory
// than the inverse of MaxItems items, 24 bytes each. With k candidates: n·k³/3 flops, and what
// cooccurrence says. Serving takes 8 bytes a neighbour.
type EASE struct {
	Lambda      float64 `json:"lambda" range:"1e-6,1e9" tune:"10,1000,log"`
	Dropout     float64 `json:"dropout" range:"0,0.99" tune:"0,0.6"`
	WeightPower float64 `json:"weight_power" range:"0,4"` // 0: every pair counts 1
	UserPower   float64 `json:"user_power" range:"0,2" tune:"0,1"`
	ItemPower   float64 `json:"item_power" range:"0,2" tune:"0,1"`
	TargetPower float64 `json:"target_power" range:"-2,2" tune:"0,1"`
	Neighbours  int     `json:"neighbours" range:"0,100000"`  // 0 keeps all weights
	Candidates  int     `json:"candidates" range:"0,5000"`    // 0 solves for all items at once
	MaxItems    int     `json:"max_items" range:"1,10000000"` // that Candidates of 0 bears
	// Recency makes the k-th newest item of a history count k^−Recency.
	Recency float64 `json:"recency" range:"0,10" tune:"0,2"`
}

// NewEASE returns EASE as it does well on many sets.
func NewEASE() *EASE {
	return &EASE{Lambda: 200, UserPower: 0.5, ItemPower: 0.5, TargetPower: 0.5, Neighbours: 500, MaxItems: 60_000}
}

// Kind returns "ease".
func (*EASE) Kind() string { return "ease" }

// Validate reports every setting out of range.
func (a *EASE) Validate() error { return validate(a) }

// Fit learns the weights. It returns an *ItemItem.
func (a *EASE) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	if err := a.affords(data.ByUser.Width); err != nil {
		return nil, err
	}
	x := scaling{a.WeightPower, a.UserPower, a.ItemPower, a.TargetPower}.apply(data)
	var (
		targets *linalg.CSR
		err     error
	)
	if a.Candidates == 0 {
		targets, err = a.dense(ctx, x, progress)
	} else {
		targets, err = a.sparse(ctx, x, progress)
	}
	if err != nil {
		return nil, err
	}
	return x.itemItem(targets, a.Recency), nil
}

// affords refuses what takes more memory than MaxItems allows.
func (a *EASE) affords(items int) error {
	if a.Candidates > 0 {
		return nil
	}
	gigabytes := func(n int) float64 { return 2e-9 * float64(n) * float64(n) } // that n items solved for at once take
	if items > a.MaxItems {
		n := float64(items)
		return fmt.Errorf(
			"model: EASE of %d items takes %.0f GB and %.1g flops, and max_items is %d (solve for each item alone: candidates=200; or raise max_items)",
			items, gigabytes(items), n*n*n, a.MaxItems)
	}
	kept := items
	if a.Neighbours > 0 {
		kept = min(kept, a.Neighbours)
	}
	// Weights are held three times while they are laid together and turned round.
	if held := 24e-9 * float64(items) * float64(kept); held > gigabytes(a.MaxItems) {
		return fmt.Errorf(
			"model: EASE of %d items that keeps %d weights of each takes %.1f GB, and max_items of %d allows %.1f (keep the strongest: neighbours=500; or raise max_items)",
			items, kept, held, a.MaxItems, gigabytes(a.MaxItems))
	}
	return nil
}

// penalty returns what is added to an element of G's diagonal.
func (a *EASE) penalty(g float32) float32 {
	return float32(a.Lambda) + float32(a.Dropout/(1-a.Dropout))*g
}

// dense returns the strongest weights of every item, by target.
func (a *EASE) dense(ctx context.Context, x *scaled, progress func(Progress)) (*linalg.CSR, error) {
	n, workers := x.byUser.Width, runtime.GOMAXPROCS(0)
	q := linalg.NewSymmetric(n)
	linalg.Parallel(workers, n, func(_, lo, hi int) {
		row := make([]float32, n)
		for i := lo; i < hi && ctx.Err() == nil; i++ {
			clear(row)
			x.gramRow(row, i)
			row[i] += a.penalty(row[i])
			q.SetRow(i, row)
		}
	})
	err := q.Invert(workers, func(step, steps int) error {
		if progress != nil {
			progress(Progress{Epoch: step, Epochs: steps})
		}
		return ctx.Err()
	})
	if errors.Is(err, linalg.ErrNotPositiveDefinite) {
		return nil, fmt.Errorf("model: EASE (try a larger lambda): %w", err)
	}
	if err != nil {
		return nil, err
	}
	const together = 16 // rows read at once
	targets := make([][]linalg.Scored, n)
	linalg.Parallel(workers, (n+together-1)/together, func(_, lo, hi int) {
		rows, size := make([]float32, together*n), make([]float32, n)
		for first := lo * together; first < min(hi*together, n); first += together {
			count := min(together, n-first)
			q.Rows(rows[:count*n], first, first+count)
			for k := range count {
				j, row := first+k, rows[k*n:(k+1)*n]
				linalg.Scale(-1/row[j], row)
				row[j] = 0
				targets[j] = strongest(row, size, a.Neighbours)
			}
		}
	})
	return compress(targets), nil
}

// sparse returns the weights of every item's candidates, by target.
func (a *EASE) sparse(ctx context.Context, x *scaled, progress func(Progress)) (*linalg.CSR, error) {
	c, err := newCooccurrence(ctx, x, a.Candidates, progress)
	if err != nil {
		return nil, err
	}
	return c.solveAll(ctx, progress, func(p *regression) {
		k := len(p.items)
		p.ridge.factor(k, func() {
			for n, g := range p.diagonal {
				copy(p.ridge.a[n*k:(n+1)*k], p.row(n))
				p.ridge.a[n*k+n] += a.penalty(g)
			}
		})
		linalg.CholeskySolve(p.ridge.a, k, p.right)
		copy(p.weights, p.right)
	})
}
