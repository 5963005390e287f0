package model

import "kindred/linalg"

// groupHistogram sums the derivatives of rows by bin, for the features of one
// group of a binTable: G above, H below (see gradients).
type groupHistogram [groupSize][256]uint64

// tileRows is how many rows are counted together: their words and derivatives
// are collected first, for then many of them are fetched from memory at a time,
// and stay in the first cache beside the histogram of a group.
const tileRows = 512

// tile is what a worker collects of some rows.
type tile struct {
	packed, words [tileRows]uint64
}

// count fills the histograms of all groups. Sums of whole numbers are the same
// in any order: many rows are shared out, each worker counting into histograms
// of its own; of few rows the groups are.
func (g *grower) count(hist []groupHistogram, rows []int32) {
	clear(hist)
	tiles := (len(rows) + tileRows - 1) / tileRows
	workers := min(g.workers, tiles/4) // so that adding up costs little
	if workers < 2 {
		linalg.Parallel(g.workers, len(hist), func(worker, lo, hi int) { g.tally(worker, hist[lo:hi], lo, rows) })
		return
	}
	own := [][]groupHistogram{hist}
	for len(own) < workers {
		h := g.take()
		clear(h)
		own = append(own, h)
	}
	linalg.Parallel(workers, tiles, func(worker, lo, hi int) {
		g.tally(worker, own[worker], 0, rows[lo*tileRows:min(hi*tileRows, len(rows))])
	})
	linalg.Parallel(workers, len(hist), func(_, lo, hi int) {
		for _, other := range own[1:] {
			for group := lo; group < hi; group++ {
				hist[group].add(&other[group])
			}
		}
	})
	g.pool = append(g.pool, own[1:]...)
}

// tally counts rows into the histograms of the groups from first on.
func (g *grower) tally(worker int, hist []groupHistogram, first int, rows []int32) {
	t := &g.tiles[worker]
	for lo := 0; lo < len(rows); lo += tileRows {
		some := rows[lo:min(lo+tileRows, len(rows))]
		packed, words := t.packed[:len(some)], t.words[:len(some)]
		collect(packed, g.packed, 1, some)
		for k := range hist {
			collect(words, g.table.words[first+k:], g.table.groups, some)
			hist[k].count(words, packed)
		}
	}
}

// collect copies each row's word from a table with so many words a row.
func collect(to, from []uint64, stride int, rows []int32) {
	to = to[:len(rows)]
	for i, r := range rows {
		to[i] = from[int(r)*stride]
	}
}

// count adds rows, their bins in words.
func (h *groupHistogram) count(words, packed []uint64) {
	packed = packed[:len(words)]
	for i, w := range words {
		p := packed[i]
		h[0][uint8(w)] += p
		h[1][uint8(w>>8)] += p
		h[2][uint8(w>>16)] += p
		h[3][uint8(w>>24)] += p
		h[4][uint8(w>>32)] += p
		h[5][uint8(w>>40)] += p
		h[6][uint8(w>>48)] += p
		h[7][uint8(w>>56)] += p
	}
}

// add adds the sums of other rows, subtract takes them away.
func (h *groupHistogram) add(other *groupHistogram) {
	for f := range h {
		for b, x := range &other[f] {
			h[f][b] += x
		}
	}
}

func (h *groupHistogram) subtract(other *groupHistogram) {
	for f := range h {
		for b, x := range &other[f] {
			h[f][b] -= x
		}
	}
}
