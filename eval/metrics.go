// Package eval judges rankings over the full catalogue, predicted ratings, and
// rankers on labelled rows: metrics whose variant is part of their name, means
// with standard errors, and paired comparison of two models. It ranks every item: sampled metrics order models
// wrongly (Krichene & Rendle, On Sampled Metrics for Item Recommendation, KDD
// 2020), so a sample of negatives must be given with the cases.
package eval

import (
	"cmp"
	"math"
	"slices"
)

// Values are the metrics of one ranked list at one cut-off k. Hits are the
// relevant items among the first k; a list shorter than k has misses for the
// rest.
type Values struct {
	Recall       float64 // recall: hits / relevant
	RecallCapped float64 // recall_capped: hits / min(k, relevant)
	Precision    float64 // precision: hits / k, for short lists too
	HitRate      float64 // hit_rate: 1 if there is a hit
	NDCG         float64 // ndcg: gain 1, discount log2(rank+1), ideal over min(k, relevant)
	MAP          float64 // map: sum of precision at each hit / min(k, relevant)
	MAPRelevant  float64 // map_relevant: the same / relevant, as trec_eval does
	MRR          float64 // mrr: 1 / rank of the first hit
}

// names are the metrics' names, in the order of Values.list.
func names() []string {
	return []string{"recall", "recall_capped", "precision", "hit_rate", "ndcg", "map", "map_relevant", "mrr"}
}

func (v Values) list() []float64 {
	return []float64{v.Recall, v.RecallCapped, v.Precision, v.HitRate, v.NDCG, v.MAP, v.MAPRelevant, v.MRR}
}

// Measure returns the metrics at cut-off k of a list of distinct items, best
// first. relevant must ascend without repetition; if it is empty, nothing can
// be said and everything is NaN. Cost: O(k log relevant).
func Measure(ranked, relevant []int32, k int) Values {
	if len(relevant) == 0 || k < 1 {
		n := math.NaN()
		return Values{n, n, n, n, n, n, n, n}
	}
	var hits, gain, precisions, first float64
	for at, item := range ranked[:min(k, len(ranked))] {
		if _, hit := slices.BinarySearch(relevant, item); !hit {
			continue
		}
		hits++
		rank := float64(at + 1)
		if first == 0 {
			first = 1 / rank
		}
		gain += 1 / math.Log2(rank+1)
		precisions += hits / rank
	}
	ideal := 0.0
	for at := range min(k, len(relevant)) {
		ideal += 1 / math.Log2(float64(at)+2)
	}
	all, reachable := float64(len(relevant)), float64(min(k, len(relevant)))
	return Values{
		Recall: hits / all, RecallCapped: hits / reachable, Precision: hits / float64(k),
		HitRate: min(hits, 1), NDCG: gain / ideal,
		MAP: precisions / reachable, MAPRelevant: precisions / all, MRR: first,
	}
}

// unbiasedNames are the metrics of Unbiased, in its order.
func unbiasedNames() []string { return []string{"unbiased_recall", "unbiased_ndcg"} }

// Unbiased returns recall and NDCG at cut-off k with every relevant item i
// counting 1/θ_i, θ being how likely it was to be met at all: the self-normalised
// inverse propensity estimate of what a test would say in which all items had
// been looked at. With G the hits' items by rank r, and R the relevant ones:
//
//	unbiased_recall@k  Σ_(r≤k, G) 1/θ / Σ_R 1/θ
//	unbiased_ndcg@k    Σ_(r≤k, G) 1/θ / log2(r+1), relative to the best order of R
//
// propensities are by item, above 0; an item behind them has the least of them.
// Paper: L. Yang, Y. Cui, Y. Xuan, C. Wang, S. Belongie, D. Estrin, "Unbiased
// Offline Recommender Evaluation for Missing-Not-At-Random Implicit Feedback",
// RecSys 2018. NaN without a relevant item. Cost: O(k log relevant + relevant
// log relevant).
func Unbiased(ranked, relevant []int32, k int, propensities []float32) (recall, ndcg float64) {
	if len(relevant) == 0 || k < 1 {
		return math.NaN(), math.NaN()
	}
	least := float64(slices.Min(propensities))
	weight := func(item int32) float64 {
		if int(item) >= len(propensities) {
			return 1 / least
		}
		return 1 / float64(propensities[item])
	}
	all, hits, gain, ideal := 0., 0., 0., 0.
	weights := make([]float64, len(relevant))
	for n, item := range relevant {
		weights[n] = weight(item)
		all += weights[n]
	}
	slices.SortFunc(weights, func(a, b float64) int { return cmp.Compare(b, a) })
	for at, w := range weights[:min(k, len(weights))] {
		ideal += w / math.Log2(float64(at)+2)
	}
	for at, item := range ranked[:min(k, len(ranked))] {
		if _, hit := slices.BinarySearch(relevant, item); hit {
			hits += weight(item)
			gain += weight(item) / math.Log2(float64(at)+2)
		}
	}
	return hits / all, gain / ideal
}

// Gini returns how unevenly recommendations fall on items: 0 if all are
// recommended equally often, near 1 if one item gets all. Items never
// recommended count as 0. NaN if there are none at all.
func Gini(counts []int) float64 {
	sorted := slices.Sorted(slices.Values(counts))
	total, weighted := 0.0, 0.0
	n := float64(len(sorted))
	for at, c := range sorted {
		total += float64(c)
		weighted += (2*float64(at+1) - n - 1) * float64(c)
	}
	return weighted / (n * total)
}
