package model

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"kindred/dataset"
	"kindred/linalg"
)

// pairwise learns user vectors p and item vectors q, all of d elements, from
// samples of a user, an item the user met and another:
//
//	minimise  Σ_samples loss(p_uᵀ(q_i − q_j)) + λ·(‖p_u‖² + ‖q_i‖² + ‖q_j‖²)/2
//
// The last element of every p stands at 1, so that the last of q is the item's
// bias. What the loss is and how j is drawn is the ranking's: BPR or WARP.
//
// Method: stochastic gradients in mini-batches. All samples of a batch see the
// vectors as the batch found them; then the items take their steps, each in
// the order of the samples, and then the users. Which worker does what plays no
// part in that: blocks of samples have random streams of their own, and rows
// are dealt to a fixed number of shards. Each row's rate falls with the root of
// the mean square of its gradients so far (AdaGrad, J. Duchi, E. Hazan,
// Y. Singer, JMLR 12, 2011, one sum for a row instead of one for an element).
//
// Cost of an epoch: some 12d flops a sample and what the ranking draws, bound by
// the memory latency of three rows. Bytes: 4d a user and an item, 12 an
// interaction, and 4d a sample of a batch.
type pairwise struct {
	factors   int
	rate      float32
	lambda    float32
	seed      uint64
	pairs     []met     // in the order of the present epoch
	known     [][]int32 // by user: the items met, ascending
	users     []float32 // users×factors
	items     []float32 // items×factors
	userSums  []float32 // by user: the sum of mean squared gradients
	itemSums  []float32
	batch     []pairSample
	gaps      []float32 // batch×factors: q_i − q_j, each times its rate
	userSteps shards
	itemSteps shards
	losses    []float64 // by block of samples
}

// met is a user with an item.
type met struct{ user, item int32 }

// pairSample is one sample of a batch.
type pairSample struct {
	user, item, other int32
	// slope is −∂loss/∂x at x, the difference of the two scores; 0: nothing to
	// learn.
	slope float32
	// itemRate and otherRate are how much x moves with p_uᵀq_i, and −x with
	// p_uᵀq_j: 1 where the scores are these.
	itemRate, otherRate float32
}

// ranking is the part in which BPR and WARP differ.
type ranking interface {
	// prepare is called before each epoch.
	prepare(fit *pairwise)
	// draw chooses another item for the sample's user and item, sets the slope
	// and returns the loss. It may read the fit, not change it.
	draw(fit *pairwise, dice *rand.Rand, s *pairSample) (loss float64)
}

const (
	sampleBlock = 64 // samples of one random stream
	maxDraws    = 16 // for an item the user has not met; then the sample is passed over
)

// newPairwise draws the first vectors; batch is how many samples one has.
func newPairwise(byUser *linalg.CSR, factors, batch int, initScale float64, seed uint64) *pairwise {
	fit := &pairwise{
		factors: factors, seed: seed,
		pairs:    make([]met, 0, byUser.NNZ()),
		known:    make([][]int32, byUser.Rows()),
		users:    make([]float32, byUser.Rows()*factors),
		items:    make([]float32, byUser.Width*factors),
		userSums: make([]float32, byUser.Rows()),
		itemSums: make([]float32, byUser.Width),
		batch:    make([]pairSample, batch),
		gaps:     make([]float32, batch*factors),
		losses:   make([]float64, (batch+sampleBlock-1)/sampleBlock),
	}
	all := slices.Clone(byUser.Cols)
	for u := range fit.known {
		lo, hi := byUser.Starts[u], byUser.Starts[u+1]
		for _, i := range all[lo:hi] {
			fit.pairs = append(fit.pairs, met{int32(u), i})
		}
		slices.Sort(all[lo:hi])
		fit.known[u] = all[lo:hi:hi]
	}
	dice := rand.New(rand.NewPCG(seed, 0))
	scale := initScale / math.Sqrt(float64(factors))
	for _, vectors := range [][]float32{fit.users, fit.items} {
		for k := range vectors {
			vectors[k] = float32(scale * dice.NormFloat64())
		}
	}
	for u := range fit.known {
		fit.users[(u+1)*factors-1] = 1
	}
	for i := range byUser.Width {
		fit.items[(i+1)*factors-1] = 0
	}
	return fit
}

func (fit *pairwise) user(u int32) []float32 {
	return fit.users[int(u)*fit.factors:][:fit.factors:fit.factors]
}

func (fit *pairwise) item(i int32) []float32 {
	return fit.items[int(i)*fit.factors:][:fit.factors:fit.factors]
}

// met reports whether the user has met the item.
func (fit *pairwise) met(user, item int32) bool {
	_, known := slices.BinarySearch(fit.known[user], item)
	return known
}

// unmet calls draw until it gives an item that the user has not met, and
// reports whether it did before long.
func (fit *pairwise) unmet(user int32, draw func() int32) (item int32, found bool) {
	for range maxDraws {
		item = draw()
		if !fit.met(user, item) {
			return item, true
		}
	}
	return -1, false
}

// epoch takes every pair once, in an order of its own, and returns the terms
// of the objective: the mean loss of its samples and the penalty of a sample.
func (fit *pairwise) epoch(ctx context.Context, r ranking, epoch int) (map[string]float64, error) {
	dice := rand.New(rand.NewPCG(fit.seed, uint64(epoch)<<32))
	dice.Shuffle(len(fit.pairs), func(a, b int) { fit.pairs[a], fit.pairs[b] = fit.pairs[b], fit.pairs[a] })
	loss := 0.0
	for lo := 0; lo < len(fit.pairs); lo += len(fit.batch) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		loss += fit.step(r, fit.pairs[lo:min(lo+len(fit.batch), len(fit.pairs))], uint64(epoch)<<32+uint64(lo/sampleBlock)+1)
	}
	norms := linalg.Dot(fit.users, fit.users)/float32(max(1, len(fit.known))) + 2*linalg.Dot(fit.items, fit.items)/float32(max(1, len(fit.itemSums)))
	return map[string]float64{
		"ranking": loss / float64(max(1, len(fit.pairs))), "penalty": float64(fit.lambda * norms / 2),
	}, nil
}

// step takes one batch; stream numbers its first random stream.
func (fit *pairwise) step(r ranking, pairs []met, stream uint64) (loss float64) {
	const ahead = 3 // samples whose vectors are asked for before their turn
	samples := fit.batch[:len(pairs)]
	blocks := (len(pairs) + sampleBlock - 1) / sampleBlock
	linalg.Parallel(workers(), blocks, func(_, lo, hi int) {
		for b := lo; b < hi; b++ {
			dice := rand.New(rand.NewPCG(fit.seed, stream+uint64(b)))
			fit.losses[b] = 0
			for k := b * sampleBlock; k < min((b+1)*sampleBlock, len(pairs)); k++ {
				if k+ahead < len(pairs) {
					next := pairs[k+ahead]
					linalg.Prefetch(fit.known[next.user])
					linalg.Prefetch(fit.user(next.user))
					linalg.Prefetch(fit.item(next.item))
				}
				s := &samples[k]
				*s = pairSample{user: pairs[k].user, item: pairs[k].item, other: -1, itemRate: 1, otherRate: 1}
				fit.losses[b] += r.draw(fit, dice, s)
				if s.slope != 0 {
					gap := fit.gaps[k*fit.factors:][:fit.factors]
					copy(gap, fit.item(s.item))
					if s.itemRate != 1 {
						linalg.Scale(s.itemRate, gap)
					}
					linalg.Axpy(-s.otherRate, fit.item(s.other), gap)
				}
			}
		}
	})
	for _, x := range fit.losses[:blocks] {
		loss += x
	}
	fit.userSteps.clear()
	fit.itemSteps.clear()
	for k := range samples {
		if s := &samples[k]; s.slope != 0 {
			fit.userSteps.add(s.user, int32(k))
			fit.itemSteps.add(s.item, int32(k))
			fit.itemSteps.add(s.other, int32(k))
		}
	}
	linalg.Parallel(workers(), shardCount, func(_, lo, hi int) { fit.stepItems(samples, fit.itemSteps[lo:hi]) })
	linalg.Parallel(workers(), shardCount, func(_, lo, hi int) { fit.stepUsers(samples, fit.userSteps[lo:hi]) })
	return loss
}

func (fit *pairwise) stepItems(samples []pairSample, own [][]shardStep) {
	for _, steps := range own {
		for _, step := range steps {
			s := &samples[step.sample]
			slope := s.slope * s.itemRate
			if step.row == s.other {
				slope = -s.slope * s.otherRate
			}
			fit.toward(fit.item(step.row), &fit.itemSums[step.row], slope, fit.user(s.user))
		}
	}
}

func (fit *pairwise) stepUsers(samples []pairSample, own [][]shardStep) {
	for _, steps := range own {
		for _, step := range steps {
			s := &samples[step.sample]
			user := fit.user(s.user)
			fit.toward(user, &fit.userSums[s.user], s.slope, fit.gaps[int(step.sample)*fit.factors:][:fit.factors])
			user[fit.factors-1] = 1
		}
	}
}

// toward moves x along slope·direction, less the penalty.
func (fit *pairwise) toward(x []float32, sum *float32, slope float32, direction []float32) {
	*sum += slope * slope * linalg.Dot(direction, direction) / float32(fit.factors)
	rate := fit.rate / float32(math.Sqrt(float64(*sum)+1e-12))
	linalg.Scale(1-rate*min(fit.lambda, 1/rate), x)
	linalg.Axpy(rate*slope, direction, x)
}

// shardCount is how many shards rows are dealt to, whatever the number of
// workers.
const shardCount = 32

// shards are the steps of a batch by the row they change, so that each row is
// changed by one worker, in the order of the samples.
type shards [shardCount][]shardStep

// shardStep is one row's step for one sample.
type shardStep struct{ row, sample int32 }

func (s *shards) clear() {
	for k := range s {
		s[k] = s[k][:0]
	}
}

func (s *shards) add(row, sample int32) {
	own := &s[row%shardCount]
	*own = append(*own, shardStep{row, sample})
}

// checkEpochs is how many epochs pass between two looks at what was held out:
// a look costs as much as some epochs.
const checkEpochs = 3

// checks returns the patience of a stopper that looks every checkEpochs.
func checks(patience int) int { return (patience + checkEpochs - 1) / checkEpochs }

// run goes through the epochs of BPR or WARP and returns the best item vectors,
// ready to fold histories of the data in.
func (fit *pairwise) run(ctx context.Context, r ranking, data *dataset.Interactions, e epochs) (Learned, error) {
	e.every, e.remedy = checkEpochs, lessRate
	e.epoch = func(ctx context.Context, number int) (map[string]float64, error) {
		r.prepare(fit)
		return fit.epoch(ctx, r, number)
	}
	e.learned = func(bool) (Learned, error) { return encoded(slices.Clone(fit.items), fit.users, fit.factors, data) }
	return e.run(ctx)
}
