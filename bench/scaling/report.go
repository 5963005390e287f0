//go:build unix

package main

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// curve is a model's measurements, the fewest interactions first.
type curve struct {
	Model  string
	Points []measurement
}

// exponent returns e of y ~ interactions^e, by least squares of the logarithms;
// NaN for less than two points.
func (c curve) exponent(y func(measurement) float64) float64 {
	var n, sx, sy, sxx, sxy float64
	for _, p := range c.Points {
		x, y := math.Log(float64(p.Interactions)), math.Log(y(p))
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

func seconds(m measurement) float64 { return m.Seconds }
func memory(m measurement) float64  { return m.MB }

// reportAll prints a table of measurements and draws them.
func reportAll(measured, plot string) error {
	file, err := os.Open(measured)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	curves, err := readCurves(file)
	if err != nil {
		return fmt.Errorf("%s: %w", measured, err)
	}
	if plot != "" {
		if err := os.WriteFile(plot, []byte(draw(curves)), 0o644); err != nil { //nolint:gosec // anybody may look at it
			return err
		}
	}
	fmt.Print(table(curves))
	return nil
}

// readCurves reads what measureAll printed, models in the order they come; of
// several measurements of one model and size the last counts.
func readCurves(r io.Reader) ([]curve, error) {
	lines := csv.NewReader(r)
	lines.FieldsPerRecord = 6
	records, err := lines.ReadAll()
	if err != nil {
		return nil, err
	}
	var curves []curve
	for _, record := range records {
		m := measurement{Model: record[0]}
		if _, err := fmt.Sscan(strings.Join(record[1:], " "), &m.Interactions, &m.Users, &m.Items, &m.Seconds, &m.MB); err != nil {
			return nil, fmt.Errorf("%v: %w", record, err)
		}
		at := slices.IndexFunc(curves, func(c curve) bool { return c.Model == m.Model })
		if at < 0 {
			at, curves = len(curves), append(curves, curve{Model: m.Model})
		}
		c := &curves[at]
		place, known := slices.BinarySearchFunc(c.Points, m.Interactions, func(p measurement, n int) int { return cmp.Compare(p.Interactions, n) })
		if known {
			c.Points[place] = m
		} else {
			c.Points = slices.Insert(c.Points, place, m)
		}
	}
	return curves, nil
}

// sizes returns every number of interactions there is, ascending.
func sizes(curves []curve) (all []int) {
	for _, c := range curves {
		for _, p := range c.Points {
			all = append(all, p.Interactions)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// table returns Markdown: a row a model; of each size seconds and MB.
func table(curves []curve) string {
	var out strings.Builder
	columns := sizes(curves)
	out.WriteString("| model |")
	for _, n := range columns {
		fmt.Fprintf(&out, " %s |", short(n))
	}
	out.WriteString(" exponent, time | memory |\n|" + strings.Repeat(" --- |", len(columns)+3) + "\n")
	for _, c := range curves {
		fmt.Fprintf(&out, "| `%s` |", strings.ReplaceAll(c.Model, "|", `\|`))
		for _, n := range columns {
			cell := "–"
			for _, p := range c.Points {
				if p.Interactions == n {
					cell = fmt.Sprintf("%s s, %.0f MB", digits(p.Seconds), p.MB)
				}
			}
			fmt.Fprintf(&out, " %s |", cell)
		}
		fmt.Fprintf(&out, " %s | %s |\n", power(c.exponent(seconds)), power(c.exponent(memory)))
	}
	return out.String()
}

// power writes an exponent, or a dash for none.
func power(e float64) string {
	if math.IsNaN(e) {
		return "–"
	}
	return fmt.Sprintf("%.2f", e)
}

// short writes 2000000 as 2M.
func short(n int) string {
	switch {
	case n >= 1e6:
		return strconv.FormatFloat(float64(n)/1e6, 'g', 3, 64) + "M"
	case n >= 1e3:
		return strconv.FormatFloat(float64(n)/1e3, 'g', 3, 64) + "k"
	}
	return strconv.Itoa(n)
}

// digits writes a number with two digits or all before the point.
func digits(x float64) string {
	return strconv.FormatFloat(x, 'f', max(0, 1-int(math.Floor(math.Log10(max(x, 1e-9))))), 64)
}
