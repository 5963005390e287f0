package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestDemoPage runs the demo and uses its page as a visitor would: looks at
// the overview, goes to try it, clicks an item and sees the list change.
func TestDemoPage(t *testing.T) {
	chromium := findBrowser(t)
	page, _ := startDemo(t, filepath.Join(t.TempDir(), "state"))
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox,
		chromedp.WindowSize(1280, 900), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	ctx, done := chromedp.NewContext(ctx)
	defer done()
	b := &pageTest{t, ctx}

	b.visit(page)
	b.wait("document.querySelectorAll('.tile strong').length === 6 && document.querySelector('.metrics .gain')")
	b.wait("document.querySelectorAll('.u-wrap canvas').length === 2")
	b.picture("overview")

	b.visit(page + "&page=try")
	const cards = "[...document.querySelectorAll('#list article')]"
	const ready = cards + ".length === 12 && !document.querySelector('#list').hasAttribute('aria-busy')"
	const ids = cards + ".map(c => c.dataset.id).join(' ')"
	b.wait(ready + " && document.querySelector('.history li')")
	before := b.text(ids)
	b.text("document.querySelector('#list article .open').click(), ''")
	b.wait(ready + " && " + ids + " !== " + fmt.Sprintf("%q", before))
	b.wait("document.querySelector('.similar li')")
	if clicked := strings.Fields(before)[0]; strings.Contains(" "+b.text(ids)+" ", " "+clicked+" ") {
		t.Errorf("%s was clicked and is still recommended", clicked)
	}
	b.picture("try")
}

// pageTest is a page under test.
type pageTest struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp keeps the browser in it
}

func (b *pageTest) visit(address string) {
	b.t.Helper()
	for _, to := range []string{"about:blank", address} { // a change of fragment alone loads nothing
		if _, err := chromedp.Run(b.ctx, chromedp.Navigate(to)); err != nil {
			b.t.Fatal(err)
		}
	}
}

// wait returns once a JavaScript expression is true.
func (b *pageTest) wait(expression string) {
	b.t.Helper()
	safely := "(() => { try { return !!(" + expression + ") } catch { return false } })()"
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](safely, chromedp.WithPollingTimeout(30*time.Second))); err != nil {
		b.t.Fatalf("waiting for %s: %v; the page reads:\n%.1500s", expression, err, b.text("document.body.innerText"))
	}
}

func (b *pageTest) text(expression string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return text
}

// picture keeps what the page looks like in the folder that the environment
// variable KINDRED_PICTURES names, for the README and for the eye.
func (b *pageTest) picture(name string) {
	b.t.Helper()
	folder := os.Getenv("KINDRED_PICTURES")
	if folder == "" {
		return
	}
	time.Sleep(5 * time.Second) // so that the charts have something to show
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// findBrowser returns the path of a Chromium, or skips the test.
func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium or Chrome on the path: the demo's page is not tried")
	return ""
}
