package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"

	"kindred/dataset"
	"kindred/linalg"
)

// BayesMF predicts a rating from biases and the product of two vectors, as SVD
// does, but instead of the one best pair of matrices takes many that the
// ratings leave likely, and averages what they predict. How much to shrink, and
// how noisy ratings are, it learns; there is little to set:
//
//	z(u,i) ~ N(b_u + b_i + p_uᵀq_i, 1/τ)
//	(p_u, b_u) ~ N(μ + n_u^(−½)·Σ_(j∈R(u)) y_j, diag(κ)⁻¹)    y_j ~ N(0, diag(ν)⁻¹)
//
// and the same for items, with the users who rated an item in place of the
// items R(u) that a user rated: who is rated by whom, whatever the rating, says
// what to expect, as in SVDPP, of both sides. τ, κ and ν have wide gamma
// priors, μ a standard normal one. An epoch draws everything once (Gibbs); the
// last Samples epochs are kept.
//
// Papers: R. Salakhutdinov, A. Mnih, "Bayesian Probabilistic Matrix
// Factorization using Markov Chain Monte Carlo", ICML 2008; the sets on both
// sides: S. Rendle, L. Zhang, Y. Koren, "On the Difficulty of Evaluating
// Baselines", 2019, arXiv:1905.01395; that they enter through the means of the
// priors: J. Simm et al., "Macau: Scalable Bayesian Factorization with
// High-Dimensional Side Information Using MCMC", MLSP 2017, arXiv:1509.04610.
//
// Departures: precisions are diagonal. A vector is drawn as the solution of its
// ridge regression with noise on the ratings and on the prior's mean, which has
// the same distribution as the usual draw. The item asked for enters by its
// mean given the users of the draw, not by its draw, which has the same
// expectation and less noise.
//
// Cost of an epoch: Σ over rows of n·min(n, d)·d, as iALS, on all cores;
// Samples·12·(Factors+1) bytes an item to serve: some 12 kB by default, so for
// catalogues of 100,000 items and more lower Samples, or take svdpp.
type BayesMF struct {
	Factors int    `json:"factors" range:"1,256" tune:"8,32,log"`
	Burn    int    `json:"burn" range:"0,10000"` // epochs before the first that is kept
	Samples int    `json:"samples" range:"1,1000"`
	Seed    uint64 `json:"seed"`
}

// NewBayesMF returns a BayesMF as it does well on many sets.
func NewBayesMF() *BayesMF { return &BayesMF{Factors: 16, Burn: 20, Samples: 60, Seed: 1} }

// Kind returns "bayesmf".
func (*BayesMF) Kind() string { return "bayesmf" }

// Validate reports every setting out of range.
func (a *BayesMF) Validate() error { return validate(a) }

// Fit draws. It returns a *RatingDraws.
func (a *BayesMF) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	ratings, err := standardise(a.Kind(), data)
	if err != nil {
		return nil, err
	}
	g := newGibbs(a, ratings.byUser)
	m := &RatingDraws{scale: ratings.scale, width: a.Factors + 1, items: ratings.byUser.Width}
	for epoch := 1; epoch <= a.Burn+a.Samples; epoch++ {
		g.half(ctx, epoch, &g.users, &g.items, nil)
		var means []float32
		if epoch > a.Burn {
			means = make([]float32, len(g.items.vectors))
		}
		g.half(ctx, epoch, &g.items, &g.users, means)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		loss := g.noise(epoch)
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return nil, fmt.Errorf("model: bayesmf, epoch %d: the squared error is %v (try fewer factors)", epoch, loss)
		}
		if epoch > a.Burn {
			m.draws = append(m.draws, g.draw(means))
		}
		if progress != nil {
			progress(Progress{Epoch: epoch, Epochs: a.Burn + a.Samples, Loss: map[string]float64{"squared": loss}})
		}
	}
	return m, nil
}

// gibbs is a fit under way. A vector has its bias last; width is Factors+1.
type gibbs struct {
	seed         uint64
	width        int
	precision    float64 // τ
	users, items gibbsSide
}

// gibbsSide is the users or the items.
type gibbsSide struct {
	number  uint64      // 0 or 1, for the dice
	rated   *linalg.CSR // rows of the other side, and z
	drawn   []float32   // rows×width: p and b
	vectors []float32   // rows×width: p and 1, what the other side is multiplied by
	biases  []float32   // rows
	implied []float32   // rows×width: n^(−½)·Σ y
	squared []float64   // by row: error when last drawn

	centre    []float64 // width: μ
	precision []float64 // width: κ
	links     []float32 // other rows×width: y
	linked    []float64 // width: ν
}

func newGibbs(a *BayesMF, z *linalg.CSR) *gibbs {
	g := &gibbs{seed: a.Seed, width: a.Factors + 1, precision: 1}
	g.users, g.items = newGibbsSide(0, z, g.width), newGibbsSide(1, z.Transpose(), g.width)
	dice := rand.New(rand.NewPCG(a.Seed, 0))
	for k := range g.items.vectors {
		if k%g.width != a.Factors {
			g.items.vectors[k] = float32(0.1 * dice.NormFloat64())
		}
	}
	return g
}

func newGibbsSide(number uint64, rated *linalg.CSR, width int) gibbsSide {
	n := rated.Rows()
	s := gibbsSide{
		number: number, rated: rated, drawn: make([]float32, n*width), vectors: make([]float32, n*width),
		biases: make([]float32, n), implied: make([]float32, n*width), squared: make([]float64, n),
		centre: make([]float64, width), precision: make([]float64, width),
		links: make([]float32, rated.Width*width), linked: make([]float64, width),
	}
	for f := range width {
		s.precision[f], s.linked[f] = 10, 10
	}
	for r := range n {
		s.vectors[(r+1)*width-1] = 1
	}
	return s
}

// half draws all of one side. means, unless nil, gets each row's mean given the
// other side, which is what it is drawn around.
func (g *gibbs) half(ctx context.Context, epoch int, drawn, fixed *gibbsSide, means []float32) {
	workers := make([]gibbsScratch, runtime.GOMAXPROCS(0))
	linalg.Parallel(len(workers), drawn.rated.Rows(), func(worker, lo, hi int) {
		w := &workers[worker]
		w.start(g.width)
		for r := lo; r < hi && ctx.Err() == nil; r++ {
			w.source.Seed(g.seed^uint64(r)<<1^drawn.number, uint64(epoch))
			g.row(w, drawn, fixed, r, means)
		}
	})
	if ctx.Err() != nil {
		return
	}
	dice := rand.New(rand.NewPCG(g.seed+1, uint64(epoch)<<1|drawn.number))
	drawn.drawPrior(dice)
	drawn.drawLinks(dice, fixed.rated)
}

// gibbsScratch is one worker's memory.
type gibbsScratch struct {
	source   *rand.PCG
	dice     *rand.Rand
	fold     gaussianFold
	centre   []float32 // width: the prior's mean
	noisy    []float32 // width: the same with noise
	left     []float32 // ratings less the other side's biases
	mistaken []float32 // left with noise
}

func (w *gibbsScratch) start(width int) {
	if w.dice == nil {
		w.source = rand.NewPCG(0, 0)
		w.dice = rand.New(w.source)
		w.centre, w.noisy = make([]float32, width), make([]float32, width)
	}
}

func (g *gibbs) row(w *gibbsScratch, drawn, fixed *gibbsSide, r int, means []float32) {
	width := g.width
	cols, z := drawn.rated.Row(r)
	implied, x := drawn.implied[r*width:(r+1)*width], drawn.drawn[r*width:(r+1)*width]
	impliedVector(implied, drawn.links, cols)
	for f, mu := range drawn.centre {
		w.centre[f] = float32(mu) + implied[f]
		w.noisy[f] = w.centre[f] + float32(w.dice.NormFloat64()/math.Sqrt(drawn.precision[f]))
	}
	w.left, w.mistaken = sized(w.left, len(cols)), sized(w.mistaken, len(cols))
	deviation := 1 / math.Sqrt(g.precision)
	for k, j := range cols {
		w.left[k] = z[k] - fixed.biases[j]
		w.mistaken[k] = w.left[k] + float32(deviation*w.dice.NormFloat64())
	}
	if len(cols) == 0 {
		copy(x, w.centre) // nothing of it is ever seen but this mean
	} else {
		w.fold.solve(x, w.noisy, fixed.vectors, cols, w.mistaken, g.precision, drawn.precision)
	}
	if means != nil {
		w.fold.solve(means[r*width:(r+1)*width], w.centre, fixed.vectors, cols, w.left, g.precision, drawn.precision)
	}
	drawn.squared[r] = 0
	for k, j := range cols {
		miss := float64(w.left[k] - linalg.Dot(x, fixed.vectors[int(j)*width:(int(j)+1)*width]))
		drawn.squared[r] += miss * miss
	}
	copy(drawn.vectors[r*width:(r+1)*width-1], x[:width-1])
	drawn.biases[r] = x[width-1]
}

// gaussianFold solves for a vector around a mean:
//
//	minimise  Σ_k τ·(t_k − y_kᵀx)² + Σ_f κ_f·(x_f − mean_f)²  over x
type gaussianFold struct {
	ridge    ridge
	weights  []float32
	targets  []float32
	diagonal []float32
}

func (s *gaussianFold) solve(x, mean, y []float32, rows []int32, targets []float32, precision float64, prior []float64) {
	width, n := len(x), len(rows)
	s.weights, s.targets, s.diagonal = sized(s.weights, n), sized(s.targets, n), sized(s.diagonal, width)
	for k, row := range rows {
		s.weights[k] = float32(precision)
		s.targets[k] = targets[k] - linalg.Dot(mean, y[int(row)*width:(int(row)+1)*width])
	}
	for f, kappa := range prior {
		s.diagonal[f] = float32(kappa)
	}
	clear(x)
	if n > 0 {
		s.ridge.solve(x, y, rows, s.weights, s.targets, s.diagonal)
	}
	linalg.Axpy(1, mean, x)
}

// drawPrior draws μ and κ from what the rows with ratings are, less what their
// partners imply.
func (s *gibbsSide) drawPrior(dice *rand.Rand) {
	width := len(s.centre)
	for f := range width {
		sum, n := 0.0, 0.0
		s.eachRated(func(r int) {
			sum += float64(s.drawn[r*width+f] - s.implied[r*width+f])
			n++
		})
		variance := 1 / (n*s.precision[f] + 1)
		s.centre[f] = variance*s.precision[f]*sum + math.Sqrt(variance)*dice.NormFloat64()
		squares := 0.0
		s.eachRated(func(r int) {
			miss := float64(s.drawn[r*width+f]-s.implied[r*width+f]) - s.centre[f]
			squares += miss * miss
		})
		s.precision[f] = drawPrecision(dice, n, squares)
	}
}

func (s *gibbsSide) eachRated(fn func(r int)) {
	for r := range s.rated.Rows() {
		if s.rated.Starts[r] < s.rated.Starts[r+1] {
			fn(r)
		}
	}
}

// drawLinks draws the y one after the other and then ν. byOther are the
// ratings by the other side's rows: those that row j speaks for.
func (s *gibbsSide) drawLinks(dice *rand.Rand, byOther *linalg.CSR) {
	width := len(s.centre)
	residuals := make([]float32, len(s.drawn)) // what neither μ nor y explain
	for k, x := range s.drawn {
		residuals[k] = x - s.implied[k] - float32(s.centre[k%width])
	}
	gained, n := make([]float32, width), 0.0
	squares := make([]float64, width)
	for j := range byOther.Rows() {
		rows, _ := byOther.Row(j)
		if len(rows) == 0 {
			continue
		}
		n++
		link, weight := s.links[j*width:(j+1)*width], 0.0
		clear(gained)
		for _, r := range rows {
			share := s.share(int(r))
			weight += float64(share) * float64(share)
			linalg.Axpy(share, residuals[int(r)*width:(int(r)+1)*width], gained)
		}
		for f, old := range link {
			precision := s.linked[f] + s.precision[f]*weight
			mean := s.precision[f] * (float64(gained[f]) + weight*float64(old)) / precision
			link[f] = float32(mean + dice.NormFloat64()/math.Sqrt(precision))
			gained[f] = link[f] - old
			squares[f] += float64(link[f]) * float64(link[f])
		}
		for _, r := range rows {
			linalg.Axpy(-s.share(int(r)), gained, residuals[int(r)*width:(int(r)+1)*width])
		}
	}
	for f := range s.linked {
		s.linked[f] = drawPrecision(dice, n, squares[f])
	}
}

// share is n^(−½) of a row with n ratings.
func (s *gibbsSide) share(r int) float32 {
	return float32(1 / math.Sqrt(float64(s.rated.Starts[r+1]-s.rated.Starts[r])))
}

// noise draws τ and returns the sum of the squared errors.
func (g *gibbs) noise(epoch int) (squared float64) {
	for _, x := range g.items.squared {
		squared += x
	}
	g.precision = drawPrecision(rand.New(rand.NewPCG(g.seed+2, uint64(epoch))), float64(g.items.rated.NNZ()), squared)
	return squared
}

// drawPrecision draws the precision of n numbers of mean zero with that sum of
// squares, under the gamma prior that stands for one number of variance 0.05.
func drawPrecision(dice *rand.Rand, n, squares float64) float64 {
	const number, variance = 1, 0.05
	return drawGamma(dice, (n+number)/2) / ((squares + number*variance) / 2)
}

// drawGamma draws from the gamma distribution of that shape and scale 1:
// G. Marsaglia, W. Tsang, "A Simple Method for Generating Gamma Variables",
// ACM TOMS 2000.
func drawGamma(dice *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return drawGamma(dice, shape+1) * math.Pow(1-dice.Float64(), 1/shape)
	}
	d := shape - 1./3
	for {
		x := dice.NormFloat64()
		v := 1 + x/math.Sqrt(9*d)
		if v *= v * v; v > 0 && math.Log(1-dice.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// draw keeps what predicting needs of the epoch.
func (g *gibbs) draw(means []float32) ratingDraw {
	d := ratingDraw{
		precision: g.precision, vectors: append([]float32(nil), g.items.vectors...), biases: append([]float32(nil), g.items.biases...),
		means: means, links: append([]float32(nil), g.users.links...),
	}
	for f, mu := range g.users.centre {
		d.centre = append(d.centre, float32(mu))
		d.prior = append(d.prior, float32(g.users.precision[f]))
	}
	return d
}
