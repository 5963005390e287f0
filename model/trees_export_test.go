package model

import "kindred/dataset"

// KnownScores returns the expected raw score of row r for each set of known
// columns, as bits; at a split by an unknown column both sides count by their
// covers. Each column must have one feature.
func KnownScores(m *Trees, rows *dataset.Rows, r int) []float64 {
	bins := make([]uint8, len(m.features))
	m.bin(bins, rows, r)
	var below func(node int32, known int) float64
	below = func(node int32, known int) float64 {
		n := &m.nodes[node]
		switch {
		case n.feature < 0:
			return float64(n.value)
		case known>>m.features[n.feature].column&1 == 0:
			share := m.leftShare(n)
			return share*below(n.left, known) + (1-share)*below(n.right, known)
		case n.goesLeft(bins[n.feature]):
			return below(n.left, known)
		default:
			return below(n.right, known)
		}
	}
	scores := make([]float64, 1<<m.columns)
	for known := range scores {
		scores[known] = m.base
		for _, root := range m.roots {
			scores[known] += below(root, known)
		}
	}
	return scores
}
