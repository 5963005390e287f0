//go:build unix

package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The plot is one panel a model, both axes logarithmic; lengths are in pixels.
const (
	across                  = 5 // panels in a row
	panelWidth, panelHeight = 206.0, 190.0
	left, right             = 34.0, 8.0 // from a panel's edge to its axes, as below
	top, bottom             = 40.0, 22.0
	heading                 = 44.0
	timeColour, dataColour  = "#1f5fbf", "#c4611a"
)

// axis maps powers of ten to pixels.
type axis struct{ from, to, start, end float64 }

func (a axis) at(x float64) float64 {
	return a.start + (math.Log10(x)-a.from)/(a.to-a.from)*(a.end-a.start)
}

// canvas is an SVG that grows.
type canvas struct{ strings.Builder }

func (c *canvas) text(x, y float64, attributes, text string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" %s>%s</text>`+"\n", x, y, attributes, html.EscapeString(text))
}

func (c *canvas) line(points []string, colour, more string) {
	fmt.Fprintf(c, `<polyline points="%s" fill="none" stroke="%s" %s/>`+"\n", strings.Join(points, " "), colour, more)
}

func point(x, y float64) string { return fmt.Sprintf("%.1f,%.1f", x, y) }

// draw returns the curves as SVG.
func draw(curves []curve) string {
	rows := (len(curves) + across - 1) / across
	width, height := across*panelWidth+10, heading+float64(rows)*panelHeight+6
	var c canvas
	fmt.Fprintf(&c, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="10">`+"\n", width, height)
	fmt.Fprintf(&c, `<rect width="%.0f" height="%.0f" fill="white"/>`+"\n", width, height)
	c.text(10, 18, `font-size="14" font-weight="bold"`, "Cost of a fit against interactions")
	c.text(10, 34, `fill="`+timeColour+`"`, "— processor seconds")
	c.text(130, 34, `fill="`+dataColour+`"`, "— peak resident MB, data included")
	c.text(330, 34, `fill="#888"`, "- - n log n, through the first seconds")
	horizontal, vertical := span(curves)
	for k, one := range curves {
		x, y := 5+float64(k%across)*panelWidth, heading+float64(k/across)*panelHeight
		horizontal.start, horizontal.end = x+left, x+panelWidth-right
		vertical.start, vertical.end = y+panelHeight-bottom, y+top
		c.panel(one, horizontal, vertical)
	}
	c.WriteString("</svg>\n")
	return c.String()
}

// span returns axes on which all curves find room.
func span(curves []curve) (horizontal, vertical axis) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, c := range curves {
		for _, p := range c.Points {
			low, high = min(low, p.Seconds), max(high, p.Seconds, p.MB)
		}
	}
	n := sizes(curves)
	horizontal.from, horizontal.to = math.Log10(float64(n[0]))-.15, math.Log10(float64(n[len(n)-1]))+.15
	vertical.from, vertical.to = math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	return horizontal, vertical
}

// panel draws one model.
func (c *canvas) panel(one curve, horizontal, vertical axis) {
	name, settings, _ := strings.Cut(one.Model, ":")
	c.text(horizontal.start, vertical.end-24, `font-size="11" font-weight="bold"`, name)
	c.text(horizontal.end, vertical.end-24, `text-anchor="end" font-size="7" fill="#666"`, settings)
	c.text(horizontal.start, vertical.end-10, `fill="`+timeColour+`"`, "s ~ n^"+power(one.exponent(seconds)))
	c.text(horizontal.end, vertical.end-10, `text-anchor="end" fill="`+dataColour+`"`, "MB ~ n^"+power(one.exponent(memory)))
	for e := vertical.from; e <= vertical.to; e++ {
		y := vertical.at(math.Pow(10, e))
		c.line([]string{point(horizontal.start, y), point(horizontal.end, y)}, "#e4e4e4", "")
		c.text(horizontal.start-4, y+3, `text-anchor="end" fill="#666"`, fmt.Sprintf("%g", math.Pow(10, e)))
	}
	for n := math.Pow(10, math.Ceil(horizontal.from)); math.Log10(n) <= horizontal.to; n *= 10 {
		x := horizontal.at(n)
		c.line([]string{point(x, vertical.start), point(x, vertical.end)}, "#e4e4e4", "")
		c.text(x, vertical.start+13, `text-anchor="middle" fill="#666"`, short(int(math.Round(n))))
	}
	first := one.Points[0]
	var guide, spent, held []string
	for _, p := range one.Points {
		n, n0 := float64(p.Interactions), float64(first.Interactions)
		x := horizontal.at(n)
		guide = append(guide, point(x, vertical.at(first.Seconds*n*math.Log(n)/(n0*math.Log(n0)))))
		spent = append(spent, point(x, vertical.at(p.Seconds)))
		held = append(held, point(x, vertical.at(max(p.MB, 1))))
	}
	c.line(guide, "#888", `stroke-dasharray="4 3"`)
	c.curve(held, dataColour)
	c.curve(spent, timeColour)
}

// curve draws a line with its points.
func (c *canvas) curve(points []string, colour string) {
	c.line(points, colour, `stroke-width="1.6"`)
	for _, p := range points {
		x, y, _ := strings.Cut(p, ",")
		fmt.Fprintf(c, `<circle cx="%s" cy="%s" r="2.4" fill="%s"/>`+"\n", x, y, colour)
	}
}
