package linalg

// Pick finds the entries of a sparse row whose columns have a number in table
// that is not zero: it writes these numbers and the entries' values, in order,
// and returns how many there are. numbers and values must be as long as cols;
// what stands behind those found may be anything. Cost: O(len(cols)).
func Pick(numbers []int32, values []float32, cols []int32, vals []float32, table []int32) int {
	n := len(cols)
	return pick(numbers[:n], values[:n], cols, vals[:n], table)
}

func pickPlain(numbers []int32, values []float32, cols []int32, vals []float32, table []int32) int {
	found := 0
	for k, c := range cols {
		// Mostly there is none; a branch would be guessed wrong too often.
		number := table[c]
		numbers[found], values[found] = number, vals[k]
		if number != 0 {
			found++
		}
	}
	return found
}
