package dataset

import "math/rand/v2"

// Folds assigns each of n things to one of k folds, evenly by the seed: sizes
// differ by one at most.
func Folds(n, k int, seed uint64) []int32 {
	folds := make([]int32, n)
	for at, i := range rand.New(rand.NewPCG(seed, 0)).Perm(n) {
		folds[i] = int32(at % k)
	}
	return folds
}
