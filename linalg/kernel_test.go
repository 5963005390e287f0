package linalg

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// guarded returns a slice of n floats at every possible offset from an aligned
// address, with canaries on both sides, and a check that they still live.
func guarded(t *testing.T, rng *rand.Rand, n, offset int) ([]float32, func()) {
	t.Helper()
	const canary, guard = 12345.678, 80
	all := make([]float32, guard+offset+n+guard)
	for i := range all {
		all[i] = canary
	}
	lo := guard + offset
	for i := lo; i < lo+n; i++ {
		all[i] = float32(rng.NormFloat64())
	}
	return all[lo : lo+n : lo+n], func() {
		t.Helper()
		for i, v := range all {
			if (i < lo || i >= lo+n) && v != canary {
				t.Fatalf("n=%d offset=%d: wrote %g at %d, outside the slice", n, offset, v, i-lo)
			}
		}
	}
}

func near(a, b, size float64) bool { return math.Abs(a-b) <= 1e-5*(1+math.Abs(size)) }

func TestVectorKernelsEqualTheirTwins(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 150 {
		for offset := range 3 {
			x, checkX := guarded(t, rng, n, offset)
			y, checkY := guarded(t, rng, n, (offset*5)%16)
			if got, want := Dot(x, y), dotPlain(x, y); !near(float64(got), float64(want), float64(n)) {
				t.Fatalf("Dot n=%d: %g, want %g", n, got, want)
			}
			want := slices.Clone(y)
			axpyPlain(.7, x, want)
			Axpy(.7, x, y)
			equal(t, "Axpy", y, want)
			want = slices.Clone(y)
			scalePlain(-1.5, want)
			Scale(-1.5, y)
			equal(t, "Scale", y, want)
			scaleToPlain(want, x, 3)
			scaleTo(y, x, 3)
			equal(t, "scaleTo", y, want)
			checkX()
			checkY()
		}
	}
}

func equal(t *testing.T, name string, got, want []float32) {
	t.Helper()
	for i := range want {
		if !near(float64(got[i]), float64(want[i]), float64(want[i])) {
			t.Fatalf("%s of %d elements: [%d] = %g, want %g", name, len(want), i, got[i], want[i])
		}
	}
}

func TestDotRowsEqualsItsTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for d := range 140 {
		for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9} {
			rows, _ := guarded(t, rng, n*d, d%16)
			query, _ := guarded(t, rng, d, 1)
			dst, check := guarded(t, rng, n, 3)
			want := make([]float32, n)
			dotRowsPlain(want, query, rows)
			DotRows(dst, query, rows)
			equal(t, "DotRows", dst, want)
			check()
		}
	}
}

func TestScoreInt4IsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for dim := 0; dim <= 200; dim += int4Group {
		for _, n := range []int{0, 1, 7, 15, 16, 17, 31, 32, 50} {
			query, codes, rows := make([]int8, dim), make([]int8, dim), make([]byte, Int4Len(n, dim))
			scales, _ := guarded(t, rng, n, 1)
			got, check := guarded(t, rng, n, 2)
			want := make([]float32, n)
			extreme := dim%3 == 0
			for i := range query {
				if query[i] = int8(rng.IntN(256) - 128); extreme {
					query[i] = -128
				}
			}
			for r := range n {
				var sum int32
				for i := range codes {
					if codes[i] = int8(rng.IntN(16) - 8); extreme {
						codes[i] = 7
					}
					sum += int32(codes[i]) * int32(query[i])
				}
				want[r] = float32(sum) * scales[r]
				PackInt4(rows, r, codes)
			}
			ScoreInt4(got, query, rows, scales)
			if !slices.Equal(got, want) {
				t.Fatalf("dim=%d n=%d: %v, want %v", dim, n, got, want)
			}
			check()
			scoreInt4Plain(got, query, rows, scales)
			if !slices.Equal(got, want) {
				t.Fatalf("plain, dim=%d n=%d: %v, want %v", dim, n, got, want)
			}
		}
	}
}

// A row's product must be the same bytes wherever the row stands, or equal
// vectors would not tie.
func TestDotRowsDoesNotDependOnThePlace(t *testing.T) {
	query, row := noise(77), noise(77)
	for n := 8; n < 30; n++ {
		dst := make([]float32, n)
		DotRows(dst, query, slices.Repeat(row, n))
		for i, v := range dst {
			if v != dst[0] {
				t.Fatalf("row %d of %d: %g, not %g", i, n, v, dst[0])
			}
		}
	}
}

func TestFirstAboveEqualsItsTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		for range 20 {
			s, _ := guarded(t, rng, n, n%16)
			if n > 0 {
				s[rng.IntN(n)] = float32(math.NaN())
				s[rng.IntN(n)] = float32(math.Inf(1 - 2*rng.IntN(2)))
			}
			for _, bar := range []float32{float32(rng.NormFloat64()) + 2, float32(math.Inf(-1)), float32(math.Inf(1))} {
				if got, want := firstAbove(s, bar), firstAbovePlain(s, bar); got != want {
					t.Fatalf("n=%d bar=%g: %d, want %d", n, bar, got, want)
				}
			}
		}
	}
}

func TestRaiseEqualsItsTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 70 {
		x, _ := guarded(t, rng, n, n%16)
		maxima, check := guarded(t, rng, n, (n*5)%16)
		if n > 0 {
			x[rng.IntN(n)] = float32(math.NaN())
			x[rng.IntN(n)] = float32(math.Inf(1))
		}
		want := slices.Clone(maxima)
		raisePlain(want, x)
		raise(maxima, x)
		check()
		if !slices.Equal(maxima, want) {
			t.Fatalf("n=%d: %g, want %g", n, maxima, want)
		}
	}
}

func TestDrainEqualsItsTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		sums, check := guarded(t, rng, blockCols, round%16)
		marks := make([]byte, blockGroups)
		for g := range marks {
			marks[g] = byte(rng.IntN(2))
			for k := range groupCols {
				if marks[g] == 0 || rng.IntN(1+round%5) > 0 {
					sums[g*groupCols+k] = 0
				}
			}
		}
		wantSums, wantMarks := slices.Clone(sums), slices.Clone(marks)
		cols, wantCols := make([]int32, blockCols), make([]int32, blockCols)
		vals, wantVals := make([]float32, blockCols), make([]float32, blockCols)
		want := drainPlain(wantCols, wantVals, wantSums, wantMarks, 7000)
		n := drain(cols, vals, sums, marks, 7000)
		check()
		if n != want || !slices.Equal(cols[:n], wantCols[:n]) || !slices.Equal(vals[:n], wantVals[:n]) {
			t.Fatalf("round %d: %d columns %v, want %d %v", round, n, cols[:n], want, wantCols[:want])
		}
		if slices.Max(marks) != 0 || slices.Max(sums) != 0 || slices.Min(sums) != 0 {
			t.Fatalf("round %d: something is left", round)
		}
	}
}

// TestAdaGradEqualsItsTwin expects the very bits: models must be the same on
// every machine that rounds as IEEE 754 says.
func TestAdaGradEqualsItsTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	step := AdaGradStep{Scale: -0.7, Rate: 0.1, Lambda: 0.02, Epsilon: 1}
	for n := range 70 {
		w, checkW := guarded(t, rng, n, n%16)
		squares, checkSquares := guarded(t, rng, n, (n*5)%16)
		g, checkG := guarded(t, rng, n, (n*3)%16)
		for k, x := range squares {
			squares[k] = x * x
			if k%5 == 2 { // as good as nothing
				w[k], g[k] = x*1e-30, 0
			}
		}
		wantW, wantSquares := slices.Clone(w), slices.Clone(squares)
		for range 3 {
			adaGradPlain(wantW, wantSquares, g, step)
			AdaGrad(w, squares, g, step)
		}
		if !slices.Equal(w, wantW) || !slices.Equal(squares, wantSquares) {
			t.Fatalf("n=%d: %v and %v, want %v and %v", n, w, squares, wantW, wantSquares)
		}
		checkW()
		checkSquares()
		checkG()
	}
}

func TestPickEqualsItsTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const width = 320
	set := NewBits(width)
	for c := range width {
		if rng.IntN(2) == 0 {
			set.Set(c)
		}
	}
	for n := range 150 {
		values, _ := guarded(t, rng, n, n%16)
		from := make([]int32, n)
		var wantCols []int32
		var wantVals []float32
		for k := range from {
			from[k] = int32(rng.IntN(width))
			if set.Has(int(from[k])) {
				wantCols, wantVals = append(wantCols, from[k]), append(wantVals, values[k])
			}
		}
		vals, check := guarded(t, rng, n, (n*5)%16)
		cols := make([]int32, n+20)
		found := Pick(cols[:n:n], vals, from, values, set)
		check()
		if !slices.Equal(cols[:found], wantCols) || !slices.Equal(vals[:found], wantVals) {
			t.Fatalf("n=%d: %v, want %v", n, cols[:found], wantCols)
		}
		if slices.Max(cols[n:]) != 0 {
			t.Fatalf("n=%d: wrote behind the columns", n)
		}
		if plain := pickPlain(cols[:n:n], vals, from, values, set); !slices.Equal(cols[:plain], wantCols) || !slices.Equal(vals[:plain], wantVals) {
			t.Fatalf("n=%d, plain: %v, want %v", n, cols[:plain], wantCols)
		}
	}
}

func TestPickOutsideTheSet(t *testing.T) {
	for _, column := range []int32{-1, 64} {
		for n := 1; n < 40; n++ {
			from := make([]int32, n)
			from[n/2] = column
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("n=%d: column %d of 64 was looked for", n, column)
					}
				}()
				Pick(make([]int32, n), make([]float32, n), from, make([]float32, n), NewBits(50))
			}()
		}
	}
}

func TestTileEqualsItsTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for k := range 40 {
		for _, width := range []int{halfCols, tileCols} {
			for _, ld := range []int{width, width + 5, 128} {
				a, _ := guarded(t, rng, 8*50, 1)
				b, _ := guarded(t, rng, k*ld+width, 2)
				c, check := guarded(t, rng, 7*ld+width, k%16)
				for _, left := range []strided{{a, 1, tileRows}, {a, 50, 1}} {
					want := slices.Clone(c)
					tilePlain(want, ld, left, b, ld, width, k)
					tile(c, ld, left, b, ld, width, k)
					equal(t, "tile", c, want)
				}
				check()
			}
		}
	}
}

func TestTransposeOfEveryShape(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for rows := range 35 {
		for cols := range 35 {
			src, _ := guarded(t, rng, rows*(cols+3), 1)
			dst, check := guarded(t, rng, cols*(rows+2), 2)
			want := slices.Clone(dst)
			for r := range rows {
				for c := range cols {
					want[c*(rows+2)+r] = src[r*(cols+3)+c]
				}
			}
			transpose(dst, rows+2, src, cols+3, rows, cols)
			if !slices.Equal(dst, want) {
				t.Fatalf("%d×%d differs", rows, cols)
			}
			check()
		}
	}
}

func TestEightRowKernelsEqualTheirTwins(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 70 {
		for _, stride := range []int{n, n + 3} {
			x, _ := guarded(t, rng, n, 1)
			rows, _ := guarded(t, rng, 7*stride+n, 2)
			y, check := guarded(t, rng, n, 5)
			var got, want [8]float32
			dot8Plain(&want, x, rows, stride)
			dot8(&got, x, rows, stride)
			equal(t, "dot8", got[:], want[:])
			sum := slices.Clone(y)
			axpy8Plain(sum, &got, rows, stride)
			axpy8(y, &got, rows, stride)
			check()
			for i := range sum {
				if math.Abs(float64(sum[i]-y[i])) > 1e-4*(1+float64(n)) {
					t.Fatalf("axpy8 n=%d: [%d] = %g, want %g", n, i, y[i], sum[i])
				}
			}
		}
	}
}

func TestEliminateEqualsItsTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for cols := stripRows; cols < 70; cols++ {
		const stride = 81
		got, check := guarded(t, rng, stripRows*stride, 3)
		for k := range stripRows { // what lies before the diagonal is not read
			got[k*stride+k] = 10 + rng.Float32()
			for j := range k {
				got[k*stride+j] = float32(math.NaN())
			}
		}
		want := slices.Clone(got)
		if !eliminatePlain(want, stride, stripRows, cols) || !eliminate(got, stride, stripRows, cols) {
			t.Fatalf("cols=%d: not definite", cols)
		}
		check()
		for k := range stripRows {
			equal(t, "eliminate", got[k*stride+k:k*stride+cols], want[k*stride+k:k*stride+cols])
		}
	}
}
