package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// IALS learns vectors p_u and q_i so that p_uᵀq_i is near 1 for what was met
// and near 0 for all other pairs, which count little each but are many:
//
//	minimise  Σ_(u,i)∈S c(u,i)·(p_uᵀq_i − 1)²                       observed
//	        + Disliked·Σ_(u,i)∈D (p_uᵀq_i − DislikedTarget)²        observed
//	        + α₀·Σ_u Σ_i (p_uᵀq_i)²                                 unobserved
//	        + λ·Σ_u (n_u + α₀·I)^ν·‖p_u‖² + λ·Σ_i (n_i + α₀·U)^ν·‖q_i‖²  penalty
//
// S holds the pairs of the U users and I items that met and D those that were
// rejected; n counts both, and c is a confidence: a function of the weight by
// Weighting, damped for popular items. Each half of an epoch solves for all vectors of one side
// exactly while the other stands still.
//
// Papers: Y. Hu, Y. Koren, C. Volinsky, "Collaborative Filtering for Implicit
// Feedback Datasets", ICDM 2008; the objective, and why its settings matter:
// S. Rendle, W. Krichene, L. Zhang, Y. Koren, "Revisiting the Performance of
// iALS on Item Recommendation Benchmarks", RecSys 2022, arXiv:2110.14037; the
// solver for Block > 0: S. Rendle, W. Krichene, L. Zhang, J. Anderson,
// "iALS++: Speeding up Matrix Factorization with Subspace Optimization", 2021,
// arXiv:2110.14044.
//
// Departures, all of cost, not of result:
//   - Before each half both sides are rotated to where the Gram matrix of the
//     fixed side is diagonal. Then a vector from n < d pairs takes an n×n
//     system instead of a d×d one (see ridge), and blocks of iALS++ need no
//     Gram products between them.
//   - Blocks run inside the rows, not the rows inside the blocks: with the
//     other side fixed the rows are independent, so the result is the same.
//   - α₀ is given by Alpha, the weight of all pairs together as a multiple of
//     the observed ones (α₀ = Alpha·Σc/(U·I)), and so means the same on small
//     and large catalogues.
//
// Cost of an epoch: Σ over rows of n·min(n, d)·d flops, plus 2(U+I)d² for the
// rotations and about 12d³ for the eigenvectors, which one core does; with
// Block b, d/b times n·min(n, b)·b. Bytes: 4d(U+I) and 16 an interaction.
type IALS struct {
	Factors int     `json:"factors" range:"1,2048" tune:"32,512,log"`
	Epochs  int     `json:"epochs" range:"1,1000"`
	Lambda  float64 `json:"lambda" range:"1e-9,1e6" tune:"1e-4,0.1,log"` // λ
	Alpha   float64 `json:"alpha" range:"1e-6,1e6" tune:"1,100,log"`
	Nu      float64 `json:"nu" range:"0,2" tune:"0,1"` // ν: 0 penalises all alike, 1 by how often they occur
	// Block is how many factors iALS++ solves for at once; 0 solves for all.
	// It pays off when histories are much longer than, say, 128.
	Block       int     `json:"block" range:"0,2048"`
	InitScale   float64 `json:"init_scale" range:"1e-6,1e3"`         // the deviation of a first vector's norm
	WeightPower float64 `json:"weight_power" range:"0,4" tune:"0,1"` // 0: every pair counts 1
	// Weighting turns the weight of a pair into its confidence; see confidence.
	Weighting string `json:"weighting" oneof:"power log bm25"`
	// PopularItems makes a pair count n_i^−PopularItems, n_i being how many
	// users met the item, relative to the mean of all pairs.
	PopularItems float64 `json:"popular_items" range:"-1,2" tune:"0,0.6"`
	// Disliked is how much a rejected pair counts, beside 1 for one that met.
	Disliked       float64 `json:"disliked" range:"0,1e6"`
	DislikedTarget float64 `json:"disliked_target" range:"-1e3,1e3"`
	// Recency makes the k-th newest item of a history that is folded in count
	// k^−Recency, items of one time alike; training takes all alike.
	Recency float64 `json:"recency" range:"0,10" tune:"0,1"`
	// Patience is how many epochs may pass without a better NDCG of held out
	// items before the best vectors are taken; 0: all epochs are run.
	Patience int    `json:"patience" range:"0,1000"`
	Seed     uint64 `json:"seed"`
}

const maxFactors = 2048 // of any vectors

// NewIALS returns iALS as it does well on many sets.
func NewIALS() *IALS {
	return &IALS{
		Factors: 128, Epochs: 10, Lambda: 0.003, Alpha: 30, Nu: 1, InitScale: 0.1,
		Weighting: "power", Disliked: 1, Seed: 1,
	}
}

// Kind returns "ials".
func (*IALS) Kind() string { return "ials" }

// Validate reports every setting out of range.
func (a *IALS) Validate() error { return validate(a) }

// objective is what of IALS a learned model needs for folding in.
type objective struct {
	Unobserved float64 // α₀
	Lambda, Nu float64 // λ, ν
	confidence confidence
	// Disliked is how much a rejected pair counts, DislikedTarget what its
	// product should be near to.
	Disliked, DislikedTarget float64
}

func (o objective) valid() bool {
	return o.Unobserved >= 0 && o.Unobserved < math.Inf(1) && o.Lambda > 0 && o.Lambda < math.Inf(1) &&
		o.Nu >= 0 && o.Nu <= 2 && o.Disliked >= 0 && o.Disliked <= 1e6 && math.Abs(o.DislikedTarget) <= 1e3
}

// penalty is the factor of ‖x‖² for a vector with n pairs out of all others.
func (o objective) penalty(n, others int) float64 {
	return o.Lambda * math.Pow(float64(n)+o.Unobserved*float64(others), o.Nu)
}

// diagonal writes the quadratic term of such a vector, for a fixed side with
// that diagonal Gram matrix.
func (o objective) diagonal(dst, gram []float32, n, others int) {
	unobserved, penalty := float32(o.Unobserved), float32(o.penalty(n, others))
	for f, g := range gram {
		dst[f] = unobserved*g + penalty
	}
}

// Fit alternates. It returns a *Factors; progress gets the three terms of the
// objective by the names above.
func (a *IALS) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	early, train := newStopper(data, a.Patience, a.Seed)
	fit := a.start(train)
	run := epochs{
		name: "iALS", count: a.Epochs, every: 1, early: early, progress: progress, remedy: moreLambda,
		epoch: func(ctx context.Context, _ int) (map[string]float64, error) {
			err := errors.Join(fit.half(ctx, &fit.users, &fit.items), fit.half(ctx, &fit.items, &fit.users))
			return fit.loss(), err
		},
		learned: func(last bool) (Learned, error) {
			vectors := fit.items.vectors
			if !last {
				vectors = slices.Clone(vectors)
			}
			return foldable(vectors, a.Factors, fit.objective)
		},
	}
	return run.run(ctx)
}

// alternation is a fit under way.
type alternation struct {
	objective    objective
	factors      int
	block        int
	users, items side
	workers      []*halfScratch
}

// side is the users or the items.
type side struct {
	met     *linalg.CSR  // rows of the other side, and confidences
	refused *linalg.CSR  // as met; nil: none
	prior   *expectation // what vectors are drawn to; nil: zero
	vectors []float32    // rows×factors, row-major
	gram    []float32    // factors×factors: vectorsᵀ·vectors
	// By row, from the last time the side was solved for.
	observed, penalty []float64
}

// halfScratch is one worker's memory.
type halfScratch struct {
	ridge    ridge
	diagonal []float32 // factors
	ones     []float32 // as many as the longest row has pairs
	// What a vector is drawn to, and from where its solution is sought.
	expected, from []float32 // factors
	// The pairs of a row that refused some.
	rows             []int32
	weights, targets []float32
}

// start draws the item vectors and computes the confidences.
func (a *IALS) start(data *dataset.Interactions) *alternation {
	byUser := *data.ByUser
	weigh := newConfidence(a.Weighting, a.WeightPower, a.Recency, a.PopularItems, &byUser)
	byUser.Vals = weigh.matrix(&byUser)
	total, longest := 0.0, 0
	for _, c := range byUser.Vals {
		total += float64(c)
	}
	d, users, items := a.Factors, byUser.Rows(), byUser.Width
	fit := &alternation{
		factors: d, block: a.Block,
		objective: objective{
			Unobserved: a.Alpha * total / max(1, float64(users)*float64(items)),
			Lambda:     a.Lambda, Nu: a.Nu, confidence: weigh,
			Disliked: a.Disliked, DislikedTarget: a.DislikedTarget,
		},
		users: newSide(&byUser, d),
		items: newSide(byUser.Transpose(), d),
	}
	if data.Disliked != nil && a.Disliked > 0 {
		fit.users.refused, fit.items.refused = data.Disliked, data.Disliked.Transpose()
	}
	dice := rand.New(rand.NewPCG(a.Seed, 0))
	scale := a.InitScale / math.Sqrt(float64(d))
	for k := range fit.items.vectors {
		fit.items.vectors[k] = float32(scale * dice.NormFloat64())
	}
	fit.items.measure(d)
	for _, s := range []*side{&fit.users, &fit.items} {
		for r := range s.met.Rows() {
			longest = max(longest, s.met.Starts[r+1]-s.met.Starts[r])
		}
	}
	for range workers() {
		w := &halfScratch{diagonal: make([]float32, d), ones: slices.Repeat([]float32{1}, longest)}
		fit.workers = append(fit.workers, w)
	}
	return fit
}

func newSide(met *linalg.CSR, factors int) side {
	n := met.Rows()
	return side{
		met: met, vectors: make([]float32, n*factors), gram: make([]float32, factors*factors),
		observed: make([]float64, n), penalty: make([]float64, n),
	}
}

// half solves for all vectors of one side.
func (fit *alternation) half(ctx context.Context, solved, fixed *side) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d := fit.factors
	rotation, err := fixed.diagonalise(d)
	if err != nil {
		return err
	}
	if fit.block > 0 {
		solved.rotate(rotation, d) // blocks start from what there was
	}
	fixed.prior.rotate(rotation)
	solved.prior.rotate(rotation)
	gram := make([]float32, d)
	for f := range gram {
		gram[f] = max(0, fixed.gram[f*d+f])
	}
	linalg.Parallel(len(fit.workers), solved.met.Rows(), func(worker, lo, hi int) {
		for r := lo; r < hi && ctx.Err() == nil; r++ {
			fit.row(fit.workers[worker], solved, fixed, gram, r)
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	solved.measure(d)
	return nil
}

// row solves for row r of a side.
func (fit *alternation) row(w *halfScratch, solved, fixed *side, gram []float32, r int) {
	d := fit.factors
	x := solved.vectors[r*d : (r+1)*d]
	rows, weights, targets := fit.pairs(w, solved, r)
	n, others := len(rows), solved.met.Width
	if n == 0 {
		clear(x)
		return
	}
	fit.objective.diagonal(w.diagonal, gram, n, others)
	penalty := fit.objective.penalty(n, others)
	if solved.prior != nil {
		w.expected, w.from = sized(w.expected, d), sized(w.from, d)
		solved.prior.mean(w.expected, r)
		copy(w.from, w.expected)
		centre(w.from, w.diagonal, penalty)
		solved.observed[r] = w.ridge.solveFrom(x, w.from, fixed.vectors, rows, weights, targets, w.diagonal)
		solved.penalty[r] = penalty * distance(x, w.expected)
		return
	}
	if fit.block > 0 && fit.block < d {
		solved.observed[r] = w.ridge.improve(x, fixed.vectors, rows, weights, targets, w.diagonal, fit.block)
	} else {
		solved.observed[r] = w.ridge.solve(x, fixed.vectors, rows, weights, targets, w.diagonal)
	}
	solved.penalty[r] = penalty * float64(linalg.Dot(x, x))
}

// pairs returns the observed pairs of row r of a side, those that met in
// front, with confidences and targets.
func (fit *alternation) pairs(w *halfScratch, s *side, r int) (rows []int32, weights, targets []float32) {
	rows, weights = s.met.Row(r)
	targets = w.ones[:len(rows)]
	if s.refused == nil || s.refused.Starts[r+1] == s.refused.Starts[r] {
		return rows, weights, targets
	}
	w.rows, w.weights, w.targets = append(w.rows[:0], rows...), append(w.weights[:0], weights...), append(w.targets[:0], targets...)
	refused, _ := s.refused.Row(r)
	for _, other := range refused {
		w.rows = append(w.rows, other)
		w.weights = append(w.weights, float32(fit.objective.Disliked))
		w.targets = append(w.targets, float32(fit.objective.DislikedTarget))
	}
	return w.rows, w.weights, w.targets
}

// loss returns the terms of the objective. It is right after the items were
// solved for: the users then stand in the basis that makes their Gram matrix
// diagonal, so that the trace of the product of both needs only diagonals.
func (fit *alternation) loss() map[string]float64 {
	var observed, unobserved, penalty float64
	for f := range fit.factors {
		at := f*fit.factors + f
		unobserved += float64(fit.users.gram[at]) * float64(fit.items.gram[at])
	}
	for _, x := range fit.items.observed {
		observed += x
	}
	for _, s := range []*side{&fit.users, &fit.items} {
		for _, x := range s.penalty {
			penalty += x
		}
	}
	return map[string]float64{
		"observed": observed, "unobserved": fit.objective.Unobserved * unobserved, "penalty": penalty,
	}
}

// measure computes the Gram matrix.
func (s *side) measure(factors int) {
	linalg.Gram(s.gram, s.vectors, s.met.Rows(), factors, workers())
}

// diagonalise rotates the side to where its Gram matrix is diagonal, largest
// first, and returns the rotation: its rows are the new axes.
func (s *side) diagonalise(factors int) (rotation []float32, err error) {
	gram := make([]float64, len(s.gram))
	for k, g := range s.gram {
		gram[k] = float64(g)
	}
	values, axes, err := linalg.Eigen(gram, factors)
	if err != nil {
		return nil, fmt.Errorf("turning the vectors (try a larger lambda): %w", err)
	}
	rotation = make([]float32, len(axes))
	for k, x := range axes {
		rotation[k] = float32(x)
	}
	s.rotate(rotation, factors)
	clear(s.gram)
	for f, value := range values {
		s.gram[f*factors+f] = float32(value)
	}
	return rotation, nil
}

// rotate multiplies every vector by the rotation.
func (s *side) rotate(rotation []float32, factors int) { rotate(s.vectors, rotation, factors) }

func rotate(all, rotation []float32, factors int) {
	const rows = 256 // together; enough for the matrix product to be fast
	n := len(all) / factors
	turned := make([][]float32, workers())
	linalg.Parallel(len(turned), (n+rows-1)/rows, func(worker, lo, hi int) {
		for b := lo; b < hi; b++ {
			vectors := all[b*rows*factors : min((b+1)*rows, n)*factors]
			turned[worker] = sized(turned[worker], len(vectors))
			clear(turned[worker])
			linalg.GemmT(turned[worker], vectors, rotation, len(vectors)/factors, factors, factors)
			copy(vectors, turned[worker])
		}
	})
}

// workers is how many goroutines a fit runs on.
func workers() int { return runtime.GOMAXPROCS(0) }
