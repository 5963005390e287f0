package linalg

// Pick finds the entries of a sparse row whose columns are in a set, which has
// room for all of them: it writes these columns and values, in order, and
// returns how many there are. cols and vals must be as long as from; what stands
// behind those found may be anything. Cost: O(len(from)).
func Pick(cols []int32, vals []float32, from []int32, values []float32, set Bits) int {
	n := len(from)
	return pick(cols[:n], vals[:n], from, values[:n], set)
}

func pickPlain(cols []int32, vals []float32, from []int32, values []float32, set Bits) int {
	found := 0
	for k, c := range from {
		// Mostly it is not; a branch would be guessed wrong too often.
		cols[found], vals[found] = c, values[k]
		found += int(set[c>>6] >> (c & 63) & 1)
	}
	return found
}
