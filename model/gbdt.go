package model

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"

	"kindred/dataset"
)

// GBDT boosts regression trees (Friedman, Greedy Function Approximation: A
// Gradient Boosting Machine, Annals of Statistics 2001) by the second order
// (Chen & Guestrin, XGBoost: A Scalable Tree Boosting System, KDD 2016,
// arXiv:1603.02754): each tree splits where
//
//	gain = T(G_L)²/(H_L+λ) + T(G_R)²/(H_R+λ) − T(G)²/(H+λ)
//
// is largest and its leaves add −η·T(G)/(H+λ) to the raw score; G and H are
// sums of the loss's first and second derivatives, T shrinks by L1. Trees grow
// leaf by leaf, the best split first, over histograms of 8-bit bins, of which
// the larger child's is the parent's less its sibling's (Ke et al., LightGBM:
// A Highly Efficient Gradient Boosting Decision Tree, NeurIPS 2017). Missing
// values go to the side that gains more, at each split anew.
//
// Categories are split natively, their bins sorted by G/(H+CategoryL2) (Fisher, On
// Grouping for Maximum Homogeneity, JASA 1958), the most frequent with bins of
// their own. Columns of more than TargetStats codes also get ordered target
// statistics: a training row's is the mean label of its category among the rows
// before it in one random order, shrunk to the mean of all by Shrink rows, and
// again by ten times as many (Prokhorenkova et al., CatBoost, NeurIPS 2018,
// arXiv:1706.09516, section 3.2), and their frequency. Of such columns native
// splits, which overfit, tell apart only categories with CategoryRows rows or
// more in the leaf.
//
// Losses: logistic, squared, and LambdaMART for grouped rows (Burges, From
// RankNet to LambdaRank to LambdaMART, MSR-TR-2010-82): the change in NDCG@k
// that swapping a pair makes weighs the pair; pairs need one of the first k.
//
// Departures: derivatives are rounded at random to whole numbers whose sums
// fit in 32 bits, packed in one word (after Shi et al., Quantized Training of
// Gradient Boosting Decision Trees, NeurIPS 2022, arXiv:2207.09682), so sums
// are exact and the same in any order; one random order serves all trees; of more
// than 2,048 features those present in most rows are used.
//
// Cost: O(features·rows) a level of a tree. Memory: twice the features, and 28,
// bytes a row, and 2 kB a feature and leaf.
type GBDT struct {
	Loss         string  `json:"loss" oneof:"logistic squared lambdamart"`
	Trees        int     `json:"trees" range:"1,100000"`
	LearnRate    float64 `json:"learn_rate" range:"1e-4,1" tune:"0.02,0.2,log"`
	Leaves       int     `json:"leaves" range:"2,4096" tune:"8,256,log"`
	Bins         int     `json:"bins" range:"2,254"`
	MinChild     float64 `json:"min_child" range:"0,1e9" tune:"0.1,100,log"` // the least H of a leaf
	Lambda       float64 `json:"lambda" range:"0,1e9" tune:"0.1,100,log"`
	L1           float64 `json:"l1" range:"0,1e9"`
	RowShare     float64 `json:"row_share" range:"0.01,1" tune:"0.5,1"`          // of rows, drawn for each tree
	ColumnShare  float64 `json:"column_share" range:"0.01,1" tune:"0.3,1"`       // of features, drawn for each tree
	TargetStats  int     `json:"target_stats" range:"0,16777216"`                // 0: none
	CategoryL2   float64 `json:"category_l2" range:"0,1e9" tune:"1,100,log"`     // more L2, of splits by category
	CategoryRows float64 `json:"category_rows" range:"0,1e9" tune:"20,1000,log"` // of a leaf; see above
	CategoryMost int     `json:"category_most" range:"1,254"`                    // told from the rest by one split
	Shrink       float64 `json:"shrink" range:"0.01,1e6" tune:"1,100,log"`       // rows that the prior counts in a mean label
	NDCGAt       int     `json:"ndcg_at" range:"1,10000"`                        // k, of lambdamart
	Patience     int     `json:"patience" range:"0,10000"`                       // trees without improvement; 0: all trees
	ValidShare   float64 `json:"valid_share" range:"0,0.5"`                      // held out when there is no validation data
	Seed         uint64  `json:"seed"`
}

// NewGBDT returns boosted trees as they do well on click-through data.
func NewGBDT() *GBDT {
	return &GBDT{
		Loss: logisticLoss, Trees: 1000, LearnRate: 0.08, Leaves: 31, Bins: 254, MinChild: 1, Lambda: 1,
		RowShare: 1, ColumnShare: 0.7, TargetStats: 32, CategoryL2: 10, CategoryRows: 200, CategoryMost: 32, Shrink: 5, NDCGAt: 10, Patience: 50, ValidShare: 0.1, Seed: 1,
	}
}

// Kind returns "gbdt".
func (*GBDT) Kind() string { return "gbdt" }

// Validate reports every setting out of range.
func (a *GBDT) Validate() error { return validate(a) }

// FitRows boosts. It returns a *Trees with the trees up to the one best on
// what validates; progress gets the losses by the names learn and valid.
func (a *GBDT) FitRows(ctx context.Context, train, valid *dataset.Rows, progress func(Progress)) (RowModel, error) {
	if err := errors.Join(a.Validate(), ctx.Err()); err != nil {
		return nil, err
	}
	if err := checkRows(train, valid); err != nil {
		return nil, err
	}
	if a.Loss == rankingLoss && train.Groups == nil {
		return nil, fmt.Errorf("model: gbdt: the loss lambdamart needs groups (qid in libsvm, --group in CSV)")
	}
	b := a.start(train, valid)
	for tree := 1; tree <= a.Trees && !b.done; tree++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		loss := b.boost(tree)
		if err := finite(loss, fmt.Sprintf("gbdt, tree %d", tree), lessRate); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(Progress{Epoch: tree, Epochs: a.Trees, Loss: loss})
		}
		b.judge(loss, tree)
	}
	b.model.keep(b.best.trees)
	b.model.expect()
	return b.model, nil
}

// booster is a fit under way.
type booster struct {
	settings *GBDT
	model    *Trees
	learn    sample
	table    *binTable // of the training rows
	scores   []float32 // raw, by training row
	held     sample
	// The rows held out and their scores; table and scores of the training
	// rows where they are some of these.
	heldTable  *binTable
	heldScores []float32
	gradients  *gradients
	grower     *grower
	best       struct {
		loss  float64
		tree  int
		trees int // in the model then
	}
	done bool // no tree more is of use
}

// start bins the rows.
func (a *GBDT) start(train, valid *dataset.Rows) *booster {
	b := &booster{settings: a}
	b.best.loss = math.Inf(1)
	share := a.ValidShare
	if a.Patience == 0 {
		share = 0
	}
	b.learn, b.held = holdOut(train, valid, share, a.Seed)
	features, ordered := a.features(b.learn)
	base := prior(a.Loss, b.learn)
	b.model = &Trees{loss: a.Loss, columns: train.Columns.Len(), features: features, base: base}
	b.table = newBinTable(train, features, ordered)
	b.scores = filled(train.Len(), float32(base))
	b.heldTable, b.heldScores = b.table, b.scores
	if b.held.rows != train {
		b.heldTable = newBinTable(b.held.rows, features, nil)
		b.heldScores = filled(b.held.rows.Len(), float32(base))
	}
	b.gradients = newGradients(a, b.learn)
	b.grower = newGrower(a, features, b.table, len(b.learn.index))
	return b
}

func filled(n int, x float32) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = x
	}
	return s
}

// boost adds one tree and returns the losses before learning it and after.
func (b *booster) boost(tree int) map[string]float64 {
	a := b.settings
	loss := map[string]float64{"learn": b.gradients.compute(b.scores, tree)}
	g := b.grower
	g.sampleRows(b.learn, tree)
	g.sampleFeatures(tree)
	splits := g.grow(b.gradients)
	if len(splits) == 0 {
		b.done = a.RowShare == 1 && a.ColumnShare == 1 || b.gradients.flat()
		return b.withValid(loss)
	}
	root := b.model.add(splits)
	b.update(root)
	return b.withValid(loss)
}

// update adds the newest tree to all scores.
func (b *booster) update(root int32) {
	if b.settings.RowShare == 1 {
		b.grower.addLeaves(b.scores)
	} else {
		b.model.addTree(b.scores, b.table, b.learn.index, root)
	}
	if len(b.held.index) > 0 {
		b.model.addTree(b.heldScores, b.heldTable, b.held.index, root)
	}
}

func (b *booster) withValid(loss map[string]float64) map[string]float64 {
	switch {
	case len(b.held.index) == 0:
	case b.settings.Loss == rankingLoss:
		loss["valid"] = -meanNDCG(b.held, b.heldScores, b.settings.NDCGAt)
	default:
		loss["valid"] = b.held.meanLoss(b.settings.Loss, runtime.GOMAXPROCS(0), func(_, r int) float64 { return float64(b.heldScores[r]) })
	}
	return loss
}

// judge remembers the best tree, and stops after Patience trees that were not.
func (b *booster) judge(loss map[string]float64, tree int) {
	x, held := loss["valid"]
	if !held || b.settings.Patience == 0 || x < b.best.loss {
		b.best.loss, b.best.tree, b.best.trees = x, tree, len(b.model.roots)
	}
	if held && b.settings.Patience > 0 && tree-b.best.tree >= b.settings.Patience {
		b.done = true
	}
}
