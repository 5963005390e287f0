package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// output is where commands print: results to w, everything else to err.
type output struct {
	w, err *os.File
	json   bool
	quiet  bool
}

// result prints a result: as JSON if asked for, else by calling text.
func (o *output) result(value any, text func()) error {
	if !o.json {
		text()
		return nil
	}
	encoder := json.NewEncoder(o.w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func (o *output) printf(format string, args ...any) { fmt.Fprintf(o.w, format, args...) }

// notef prints what is not a result: what is going on, what to do next.
func (o *output) notef(format string, args ...any) {
	if !o.quiet {
		fmt.Fprintf(o.err, format, args...)
	}
}

// table prints rows in aligned columns, numbers to the right.
func (o *output) table(header []string, rows [][]string) {
	w := tabwriter.NewWriter(o.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // to a terminal or pipe: nobody is left to be told
}

// progress draws a bar with rate and remaining time on a terminal, and
// nothing elsewhere or when quiet.
type progress struct {
	bars *mpb.Progress
	bar  *mpb.Bar
}

// progress begins a bar that counts up to total bytes, or rows.
func (o *output) progress(name string, total int64, unit string) *progress {
	if o.quiet || !isTerminal(o.err) {
		return &progress{}
	}
	speed := decor.AverageSpeed(decor.SizeB1024(0), "% .1f")
	if unit != "bytes" {
		speed = decor.AverageSpeed(0, "%.0f "+unit+"/s")
	}
	bars := mpb.New(mpb.WithOutput(o.err), mpb.WithWidth(40), mpb.WithRefreshRate(200*time.Millisecond))
	bar := bars.AddBar(total,
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(name+" ")),
		mpb.AppendDecorators(
			decor.Percentage(decor.WCSyncSpace),
			decor.Name("  "),
			speed,
			decor.Name("  "),
			decor.AverageETA(decor.ET_STYLE_GO),
		))
	return &progress{bars: bars, bar: bar}
}

func (p *progress) set(done int64) {
	if p.bar != nil {
		p.bar.SetCurrent(done)
	}
}

func (p *progress) done() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// count writes 1234567 as 1,234,567.
func count[T int | int64](n T) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
