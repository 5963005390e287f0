package debias

import "math"

// Randomised estimates θ from impressions whose places were drawn by chance,
// or swapped by chance: what stood at k was as good as what stood first, so
//
//	θ_k = clicks at k / shown at k ÷ the same at 1.
//
// Paper: T. Joachims, A. Swaminathan, T. Schnabel, "Unbiased Learning-to-Rank
// with Biased Feedback", WSDM 2017. The curve ends before the first place that
// was never clicked. Cost: O(n log n).
func (x *Impressions) Randomised() (Curve, error) {
	s := x.statistics(func(s *statistics, group int, places []place) bool {
		for _, p := range places {
			s.clicks[group][p.at*s.depth] += p.clicks
			s.shown[group][p.at*s.depth] += p.shown
		}
		return true
	})
	return s.estimate(func(clicks, shown []float64, depth int) (theta []float64) {
		for k := range depth {
			rate := clicks[k*depth] / max(1, shown[k*depth])
			if rate == 0 {
				break
			}
			theta = append(theta, rate)
		}
		return relative(theta)
	})
}

// AllPairs estimates θ from what rankings that differ put at different places,
// without any experiment: for each pair of places k and l it takes the units
// that were shown at both, and compares how often they were clicked here and
// there, ĉ(k,l) being the sum over those units of their click rate at k. A
// unit that is liked more counts at both places, so it favours neither.
//
// Paper: A. Agarwal, I. Zaitsev, X. Wang, C. Li, M. Najork, T. Joachims,
// "Estimating Position Bias without Intrusive Interventions", WSDM 2019,
// arXiv:1812.05161. Departure: they maximise Σ ĉ log(θ_k·r_kl) + (1−ĉ)
// log(1−θ_k·r_kl) for θ and the mean relevance r_kl of each pair; here clicks
// are counted as Poisson, under which r drops out and Σ ĉ(k,l) log(θ_k/(θ_k +
// θ_l)) is left: the Bradley–Terry model, concave, solved by the ascent of D.
// Hunter, "MM Algorithms for Generalized Bradley–Terry Models", Annals of
// Statistics 2004. Both have the same expectation, and for rare clicks the
// same value.
//
// The curve ends before the first place that no chain of pairs joins with the
// first one. Cost: O(n log n), plus units × places².
func (x *Impressions) AllPairs() (Curve, error) {
	s := x.statistics(func(s *statistics, group int, places []place) bool {
		for _, k := range places {
			for _, l := range places {
				if k.at != l.at {
					s.clicks[group][k.at*s.depth+l.at] += k.clicks / k.shown
				}
			}
		}
		return len(places) > 1
	})
	return s.estimate(func(clicks, _ []float64, depth int) []float64 {
		return relative(bradleyTerry(clicks, joined(clicks, depth), depth))
	})
}

// joined returns how many of the first places hang together: from the first of
// them each is reached, and reaches back, over pairs that were clicked.
func joined(clicks []float64, depth int) int {
	reach := func(from func(k, l int) float64) []bool {
		seen, next := make([]bool, depth), []int{0}
		seen[0] = true
		for len(next) > 0 {
			k := next[0]
			next = next[1:]
			for l := range depth {
				if !seen[l] && from(k, l) > 0 {
					seen[l] = true
					next = append(next, l)
				}
			}
		}
		return seen
	}
	there := reach(func(k, l int) float64 { return clicks[k*depth+l] })
	back := reach(func(k, l int) float64 { return clicks[l*depth+k] })
	n := 0
	for n < depth && there[n] && back[n] {
		n++
	}
	return n
}

const (
	maxRounds = 20_000
	tolerance = 1e-10 // relative change at which the ascent stops
)

// bradleyTerry returns the strengths of the first n places.
func bradleyTerry(clicks []float64, n, depth int) []float64 {
	theta, next := make([]float64, n), make([]float64, n)
	for k := range theta {
		theta[k] = 1
	}
	for range maxRounds {
		change := 0.0
		for k := range n {
			won, games := 0.0, 0.0
			for l := range n {
				if k != l {
					won += clicks[k*depth+l]
					games += (clicks[k*depth+l] + clicks[l*depth+k]) / (theta[k] + theta[l])
				}
			}
			next[k] = won / max(games, math.SmallestNonzeroFloat64)
		}
		first := next[0]
		for k := range n {
			next[k] /= first
			change = max(change, math.Abs(next[k]-theta[k])/max(theta[k], math.SmallestNonzeroFloat64))
		}
		theta, next = next, theta
		if change < tolerance {
			break
		}
	}
	return theta
}

// relative divides by the first.
func relative(theta []float64) []float64 {
	if len(theta) == 0 {
		return nil
	}
	first := theta[0]
	for k := range theta {
		theta[k] /= first
	}
	return theta
}
