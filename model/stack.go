package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"

	"kindred/dataset"
	"kindred/linalg"
)

// Stack ranks what its models propose by a second model, learned in rehearsal,
// over what each of them says of the item, in every scaling, and over the
// item's popularity and age, alone and times the length of the history:
//
//	p(item | history) = exp(wᵀx(history, item)) / Σ_proposed exp(wᵀx(history, other))
//
// The objective, the log-likelihood of held-out items, summed over users, less
// λ/2·wᵀw over standardised features, is concave and maximised by Newton's method. Items
// that no model proposes come after all others.
//
// Papers: D. Wolpert, "Stacked generalization", Neural Networks 5, 1992; the
// ranker is the conditional logit of D. McFadden, "Conditional logit analysis
// of qualitative choice behavior", 1974.
//
// Cost: twice the sum of the models' to fit, and features² flops for each of
// some 100 proposals of 3000 users, ten times over.
type Stack struct {
	Models []Component `json:"models" range:"1,16"`
	Lambda float64     `json:"lambda" range:"1e-9,1e6" tune:"1,100,log"`
	Rehearsal
}

// NewStack returns a stack of the usual components.
func NewStack() *Stack { return &Stack{Models: usual(), Lambda: 10, Rehearsal: usualRehearsal()} }

// Kind returns "stack".
func (*Stack) Kind() string { return "stack" }

// Validate reports every setting out of range, those of the models included.
func (a *Stack) Validate() error {
	_, err := algorithmsOf(a.Models)
	return errors.Join(validate(a), a.check(), err)
}

// Fit fits the models and the ranker. It returns a *Stacked.
func (a *Stack) Fit(ctx context.Context, data *dataset.Interactions, progress func(Progress)) (Learned, error) {
	algorithms, err := algorithmsOf(a.Models)
	if err := errors.Join(validate(a), a.check(), err, ctx.Err()); err != nil {
		return nil, err
	}
	t := &teller{steps: 2*len(algorithms) + 1, progress: progress}
	train, cases, lists, err := a.hold(ctx, algorithms, data, t)
	if err != nil {
		return nil, err
	}
	weights, err := a.rank(lists, cases, standingOf(train), len(algorithms))
	if err != nil {
		return nil, err
	}
	t.step()
	learned, err := fitAll(ctx, algorithms, data, t)
	if err != nil {
		return nil, err
	}
	m := newMixture(learned, data, byRange, nil, make([]float32, len(learned)))
	return &Stacked{proposer: proposer{Mixture: m, depth: a.Depth}, standing: standingOf(data), weights: weights}, nil
}

// rank learns the ranker's weights.
func (a *Stack) rank(lists []shortlist, cases []dataset.Case, s standing, many int) ([]float32, error) {
	c := choice{features: features(many), lambda: a.Lambda}
	for n := range lists {
		l := &lists[n]
		if len(l.relevant) == 0 {
			continue
		}
		x := make([]float32, len(l.items)*c.features)
		for at := range l.items {
			s.describe(x[at*c.features:(at+1)*c.features], l, at, many, len(cases[n].History.Items))
		}
		c.x, c.chosen = append(c.x, x), append(c.chosen, l.relevant)
	}
	scales := c.standardise()
	w, err := c.maximise()
	if err != nil {
		return nil, err
	}
	weights := make([]float32, c.features)
	if len(c.x) == 0 { // nothing to learn from: all models alike
		for k := range many {
			weights[k] = 1
		}
		return weights, nil
	}
	for f := range weights {
		weights[f] = float32(w[f] / scales[f])
	}
	return weights, nil
}

// standing is what a ranker knows of items beside what components say.
type standing struct {
	popularity []float32 // log(1 + users)
	age        []float32 // log(1 + days since anyone met the item); 0 without times
}

func standingOf(data *dataset.Interactions) standing {
	s := standing{popularity: make([]float32, data.ByUser.Width), age: make([]float32, data.ByUser.Width)}
	last, newest := make([]int64, data.ByUser.Width), int64(math.MinInt64)
	for i := range last {
		last[i] = math.MaxInt64
	}
	for k, i := range data.ByUser.Cols {
		s.popularity[i]++
		if data.Times == nil {
			continue
		}
		newest = max(newest, data.Times[k])
		if last[i] == math.MaxInt64 || data.Times[k] > last[i] {
			last[i] = data.Times[k]
		}
	}
	for i := range s.popularity {
		s.popularity[i] = float32(math.Log1p(float64(s.popularity[i])))
		if last[i] != math.MaxInt64 {
			s.age[i] = float32(math.Log1p(float64(newest-last[i]) / secondsADay))
		}
	}
	return s
}

// features is how many features describe what so many components propose.
func features(many int) int { return (int(scoreScales)+1)*many + 3 }

// describe writes the features of the item at a place of a shortlist.
func (s *standing) describe(x []float32, l *shortlist, at, many, length int) {
	long := float32(math.Log1p(float64(length)))
	n := 0
	for scale := range scoreScales {
		n += copy(x[n:], l.scores[scale][at*many:(at+1)*many])
	}
	for _, score := range l.scores[byRange][at*many : (at+1)*many] {
		x[n] = long * score
		n++
	}
	i := l.items[at]
	x[n], x[n+1], x[n+2] = s.popularity[i], s.age[i], long*s.popularity[i]
}

// choice is a conditional logit problem: of each list some rows were chosen.
type choice struct {
	features int
	lambda   float64
	x        [][]float32 // by list: rows×features
	chosen   [][]int32
}

// standardise divides each feature by its standard deviation over all rows,
// and returns these; 1 for a feature that never varies.
func (c *choice) standardise() []float64 {
	n, sums, squares := 0., make([]float64, c.features), make([]float64, c.features)
	for _, rows := range c.x {
		for at, v := range rows {
			sums[at%c.features] += float64(v)
			squares[at%c.features] += float64(v) * float64(v)
		}
		n += float64(len(rows) / c.features)
	}
	for f := range squares {
		mean := sums[f] / max(1, n)
		squares[f] = math.Sqrt(max(0, squares[f]/max(1, n)-mean*mean))
		if squares[f] < 1e-6 {
			squares[f] = 1
		}
	}
	for _, rows := range c.x {
		for at := range rows {
			rows[at] /= float32(squares[at%c.features])
		}
	}
	return squares
}

// The bounds of Newton's method, which as a rule needs six steps.
const (
	newtonSteps    = 20
	newtonHalvings = 10
	newtonGain     = 1e-7
)

// maximise returns the weights of the greatest penalised likelihood.
func (c *choice) maximise() ([]float64, error) {
	w := make([]float64, c.features)
	value, gradient, hessian := c.derivatives(w)
	for range newtonSteps {
		step, err := newtonStep(hessian, gradient)
		if err != nil {
			return nil, fmt.Errorf("model: stack: the ranker has no unique solution (raise lambda): %w", err)
		}
		before := value
		for range newtonHalvings {
			next := make([]float64, len(w))
			for f := range w {
				next[f] = w[f] + step[f]
			}
			v, g, h := c.derivatives(next)
			if v >= value {
				w, value, gradient, hessian = next, v, g, h
				break
			}
			for f := range step {
				step[f] /= 2
			}
		}
		if !(value > before+newtonGain) {
			break
		}
	}
	return w, nil
}

// newtonStep solves for the step. Single precision does: it errs by as much as
// another step makes good.
func newtonStep(hessian, gradient []float64) ([]float64, error) {
	factor, step := make([]float32, len(hessian)), make([]float32, len(gradient))
	for k, v := range hessian {
		factor[k] = float32(v)
	}
	for f, v := range gradient {
		step[f] = float32(v)
	}
	if err := linalg.Cholesky(factor, len(step)); err != nil {
		return nil, err
	}
	linalg.CholeskySolve(factor, len(step), step)
	wide := make([]float64, len(step))
	for f, v := range step {
		wide[f] = float64(v)
	}
	return wide, nil
}

// choiceLists are summed up apart, so that the sum does not depend on workers.
const choiceLists = 64

// derivatives returns, for each list, the penalised log-likelihood, its gradient, and its
// Hessian negated.
func (c *choice) derivatives(w []float64) (value float64, gradient, hessian []float64) {
	groups := (len(c.x) + choiceLists - 1) / choiceLists
	parts := make([]derivative, groups)
	linalg.Parallel(runtime.GOMAXPROCS(0), groups, func(_, lo, hi int) {
		for g := lo; g < hi; g++ {
			parts[g] = newDerivative(c.features)
			for n := g * choiceLists; n < min(len(c.x), (g+1)*choiceLists); n++ {
				parts[g].add(w, c.x[n], c.chosen[n])
			}
		}
	})
	sum := newDerivative(c.features)
	for g := range parts {
		sum.value += parts[g].value
		for k, v := range parts[g].gradient {
			sum.gradient[k] += v
		}
		for k, v := range parts[g].hessian {
			sum.hessian[k] += v
		}
	}
	n := max(1, float64(len(c.x)))
	sum.value /= n
	for f := range w {
		sum.value -= c.lambda / n / 2 * w[f] * w[f]
		sum.gradient[f] = sum.gradient[f]/n - c.lambda/n*w[f]
	}
	for k := range sum.hessian {
		sum.hessian[k] /= n
		if k%(c.features+1) == 0 {
			sum.hessian[k] += c.lambda / n
		}
	}
	return sum.value, sum.gradient, sum.hessian
}

// derivative is a log-likelihood with its first and negated second derivative.
type derivative struct {
	value             float64
	gradient, hessian []float64 // features, features²
}

func newDerivative(features int) derivative {
	return derivative{gradient: make([]float64, features), hessian: make([]float64, features*features)}
}

// add adds one list: the mean over the rows chosen.
func (d *derivative) add(w []float64, rows []float32, chosen []int32) {
	d0 := len(w)
	n := len(rows) / d0
	row := func(at int) []float32 { return rows[at*d0 : (at+1)*d0] }
	p, highest := make([]float64, n), math.Inf(-1)
	for at := range p {
		for f, v := range row(at) {
			p[at] += w[f] * float64(v)
		}
		highest = max(highest, p[at])
	}
	for _, at := range chosen {
		d.value += (p[at] - highest) / float64(len(chosen))
		for f, v := range row(int(at)) {
			d.gradient[f] += float64(v) / float64(len(chosen))
		}
	}
	sum := 0.
	for at := range p {
		p[at] = math.Exp(p[at] - highest)
		sum += p[at]
	}
	d.value -= math.Log(sum)
	mean := make([]float64, d0)
	for at := range p {
		p[at] /= sum
		x := row(at)
		for f, v := range x {
			px := p[at] * float64(v)
			mean[f] += px
			for g, u := range x[:f+1] {
				d.hessian[f*d0+g] += px * float64(u)
			}
		}
	}
	for f, m := range mean {
		d.gradient[f] -= m
		for g, u := range mean[:f+1] {
			d.hessian[f*d0+g] -= m * u
		}
	}
}
