//go:build unix

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

// TestExponent finds the power that the points were made with.
func TestExponent(t *testing.T) {
	c := curve{}
	for _, n := range []int{1000, 30_000, 200_000} {
		c.Points = append(c.Points, measurement{Interactions: n, Seconds: 3 * math.Pow(float64(n), 1.5), MB: 7})
	}
	if e := c.exponent(seconds); math.Abs(e-1.5) > 1e-9 {
		t.Errorf("seconds grow as n^%g, want n^1.5", e)
	}
	if e := c.exponent(memory); math.Abs(e) > 1e-9 {
		t.Errorf("memory grows as n^%g, want n^0", e)
	}
}

// TestReport reads measurements in any order, takes the last of equal ones, and
// says so in table and plot.
func TestReport(t *testing.T) {
	curves, err := readCurves(strings.NewReader(`"ials:factors=64,epochs=4",2000000,40,8,4.0,200
"popular",100000,4,2,0.01,10
"ials:factors=64,epochs=4",100000,4,2,9.0,90
"ials:factors=64,epochs=4",100000,4,2,0.2,20
`))
	if err != nil {
		t.Fatal(err)
	}
	got := table(curves)
	for _, want := range []string{
		"| model | 100k | 2M | exponent, time | memory |",
		"| `ials:factors=64,epochs=4` | 0.20 s, 20 MB | 4.0 s, 200 MB | 1.00 | 0.77 |",
		"| `popular` | 0.010 s, 10 MB | – | – | – |",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no row %s in\n%s", want, got)
		}
	}
	svg := draw(curves)
	for _, want := range []string{">ials<", ">popular<", "s ~ n^1.00"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the plot does not say %s", want)
		}
	}
	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(svg, "NaN") {
		t.Error("the plot has a length or an exponent that is no number")
	}
}

// TestMeasure fits both sorts of models on read data, and tells what used the
// processor from what did not.
func TestMeasure(t *testing.T) {
	x, err := read(strings.NewReader("user,item,time\nu,a,5\nu,b,6\nv,a,7\nv,c,8\nw,b,9\nw,c,10\n"))
	if err != nil {
		t.Fatal(err)
	}
	if x.ByUser.Rows() != 3 || x.ByUser.Width != 3 || x.ByUser.NNZ() != 6 || x.Times[0] != 5 {
		t.Fatalf("read %d users, %d items, %d interactions", x.ByUser.Rows(), x.ByUser.Width, x.ByUser.NNZ())
	}
	rows := impressions(x)
	if rows.Len() != 6 || rows.Labels[0] == rows.Labels[1] {
		t.Fatalf("%d rows, labels %v", rows.Len(), rows.Labels)
	}
	for _, text := range []string{"itemknn:neighbours=2", "logistic:epochs=1,patience=0,valid_share=0"} {
		fit, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := fit.run(x, rows); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := parse("nonsense"); err == nil {
		t.Error("an unknown model is fitted")
	}
	if _, err := read(strings.NewReader("u,a\n")); err == nil {
		t.Error("a line without time is read")
	}
	kept := make([]byte, 64<<20)
	used, mb, err := measure(func() error {
		for range 10 {
			for k := range kept {
				kept[k]++
			}
		}
		return nil
	})
	if err != nil || !(used > 0) || mb != 0 && mb < 64 {
		t.Errorf("%g s and %g MB, %v; want more than nothing, and 64", used, mb, err)
	}
}
