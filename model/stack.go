package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"

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
// That is the ranker "linear". The ranker "gbdt" boosts trees over the same
// features instead, by LambdaMART for NDCG@20 and until a fifth of the users says
// stop: it finds what holds only together. With fewer than a hundred users to
// learn from, or where no tree is of use, the linear ranker stands in.
//
// Papers: D. Wolpert, "Stacked generalization", Neural Networks 5, 1992; the
// ranker is the conditional logit of D. McFadden, "Conditional logit analysis
// of qualitative choice behavior", 1974; for the trees see GBDT.
//
// Cost: twice the sum of the models' to fit, and features² flops for each of
// some 100 proposals of 3000 users, ten times over.
type Stack struct {
	Models []Component `json:"models" range:"1,16"`
	Ranker string      `json:"ranker" oneof:"linear gbdt"`
	Lambda float64     `json:"lambda" range:"1e-9,1e6" tune:"1,100,log"` // of the linear ranker
	Rehearsal
}

// NewStack returns a stack of the usual components.
func NewStack() *Stack {
	return &Stack{Models: usual(), Ranker: "linear", Lambda: 10, Rehearsal: usualRehearsal()}
}

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
	m := &Stacked{standing: standingOf(data)}
	if err := a.rank(ctx, m, describeAll(lists, cases, standingOf(train), len(algorithms))); err != nil {
		return nil, err
	}
	t.step()
	learned, err := fitAll(ctx, algorithms, data, t)
	if err != nil {
		return nil, err
	}
	mixture := newMixture(learned, data, byRange, nil, make([]float32, len(learned)))
	m.proposer = proposer{Mixture: mixture, depth: a.Depth}
	return m, nil
}

// describeAll describes the proposals of all cases with anything relevant.
func describeAll(lists []shortlist, cases []dataset.Case, s standing, many int) *choice {
	c := &choice{components: many, features: features(many)}
	for n := range lists {
		if l := &lists[n]; len(l.relevant) > 0 {
			c.x = append(c.x, s.describe(l, many, len(cases[n].History.Items)))
			c.chosen = append(c.chosen, l.relevant)
		}
	}
	return c
}

// treeLists is how many lists trees need; fewer are left to the linear ranker.
const treeLists = 100

// rank learns the ranker. With nothing to learn from, all models count alike.
func (a *Stack) rank(ctx context.Context, m *Stacked, c *choice) (err error) {
	if len(c.x) == 0 {
		m.weights = make([]float32, c.features)
		for k := range c.components {
			m.weights[k] = 1
		}
		return nil
	}
	if a.Ranker == "gbdt" && len(c.x) >= treeLists {
		m.trees, err = a.boost(ctx, c)
		if err != nil || len(m.trees.roots) > 0 {
			return err
		}
		m.trees = nil // none is better than none
	}
	m.weights, err = a.weigh(c)
	return err
}

// weigh learns the linear ranker's weights.
func (a *Stack) weigh(c *choice) ([]float32, error) {
	c.lambda = a.Lambda
	scales := c.standardise()
	w, err := c.maximise()
	if err != nil {
		return nil, err
	}
	weights := make([]float32, c.features)
	for f := range weights {
		weights[f] = float32(w[f] / scales[f])
	}
	return weights, nil
}

// boost learns trees: a list is a group, what was chosen has label 1.
func (a *Stack) boost(ctx context.Context, c *choice) (*Trees, error) {
	rows := &dataset.Rows{Columns: columns(c.features)}
	for n, x := range c.x {
		from := len(rows.Labels)
		rows.Vals = append(rows.Vals, x...)
		for range len(x) / c.features {
			rows.Labels, rows.Groups = append(rows.Labels, 0), append(rows.Groups, int32(n))
		}
		for _, at := range c.chosen[n] {
			rows.Labels[from+int(at)] = 1
		}
	}
	g := NewGBDT()
	g.Loss, g.NDCGAt, g.ValidShare, g.Seed = rankingLoss, stopperK, 0.2, a.Seed
	g.Leaves, g.LearnRate, g.MinChild = 15, 0.05, 5 // few positives: small trees, small steps
	learned, err := g.FitRows(ctx, rows, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("model: stack: learning its ranker: %w", err)
	}
	trees, ok := learned.(*Trees)
	if !ok {
		return nil, fmt.Errorf("model: stack: its ranker is a %T, not trees", learned)
	}
	return trees, nil
}

// columns are those of the features.
func columns(features int) *dataset.Columns {
	c := dataset.NewColumns()
	for f := range features {
		c.Add(strconv.Itoa(f), nil)
	}
	return c
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

// describe returns the features of a shortlist's items, row-major, for a
// history of some length.
func (s *standing) describe(l *shortlist, many, length int) []float32 {
	x := make([]float32, 0, len(l.items)*features(many))
	long := float32(math.Log1p(float64(length)))
	for at, i := range l.items {
		for scale := range scoreScales {
			x = append(x, l.scores[scale][at*many:(at+1)*many]...)
		}
		for _, score := range l.scores[byRange][at*many : (at+1)*many] {
			x = append(x, long*score)
		}
		x = append(x, s.popularity[i], s.age[i], long*s.popularity[i])
	}
	return x
}

// choice is a conditional logit problem: of each list some rows were chosen.
type choice struct {
	components, features int
	lambda               float64
	x                    [][]float32 // by list: rows×features
	chosen               [][]int32
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
