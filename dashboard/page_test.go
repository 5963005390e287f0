package dashboard_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"kindred"
)

// browser is one page of a headless Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp's handle of a browser is its context
}

// open starts a browser on an address, or skips the test without one. A page
// that throws or breaks its own content policy fails the test.
func open(t *testing.T, address string) *browser {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		t.Skip("no Chromium or Chrome on the path: the pages are not tried")
	}
	if testing.Short() {
		t.Skip("-short: no browser is started")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox,
		chromedp.WindowSize(1280, 900), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	ctx, done := chromedp.NewContext(ctx)
	b := &browser{t, ctx}
	listening := chromedp.Console(ctx)
	var faults []string
	read := make(chan struct{})
	go func() {
		defer close(read)
		for m, err := range listening {
			if err == nil && (m.IsException() || strings.Contains(m.Text, "Content Security Policy")) {
				faults = append(faults, m.Text)
			}
		}
	}()
	t.Cleanup(func() {
		done()
		<-read
		for _, fault := range faults {
			t.Errorf("the page complains: %s", fault)
		}
	})
	b.do(chromedp.EmulateViewport(1280, 900))
	b.do(chromedp.Navigate(address))
	return b
}

func (b *browser) do(action chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, action); err != nil {
		b.t.Fatal(err)
	}
}

// wait returns once a JavaScript expression is true.
func (b *browser) wait(expression string) {
	b.t.Helper()
	safely := "(() => { try { return !!(" + expression + ") } catch { return false } })()" // what it looks for may not be there yet
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](safely, chromedp.WithPollingTimeout(15*time.Second))); err != nil {
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		b.t.Fatalf("waiting for %s: %v; the page reads:\n%.1500s", expression, err, text)
	}
}

func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (b *browser) click(selector string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf("document.querySelector(%q).click(), true", selector))
}

func (b *browser) write(selector, text string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf("(e => { e.value = %q; e.form.requestSubmit(); return true })(document.querySelector(%q))", text, selector))
}

func (b *browser) media(feature, value string) {
	b.t.Helper()
	features := []*emulation.MediaFeature{{Name: feature, Value: value}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		b.t.Fatal(err)
	}
}

// picture keeps what the page looks like in the folder that the environment
// variable KINDRED_PICTURES names, for the README and for the eye.
func (b *browser) picture(name string) {
	b.t.Helper()
	folder := os.Getenv("KINDRED_PICTURES")
	if folder == "" {
		return
	}
	time.Sleep(600 * time.Millisecond) // transitions
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

const (
	cards     = "[...document.querySelectorAll('#list article')]"
	listReady = cards + ".length === 12 && !document.querySelector('#list').hasAttribute('aria-busy')"
	listIDs   = cards + ".map(c => c.dataset.id).join(' ')"
)

func TestOverviewShowsTheSystem(t *testing.T) {
	f, srv := newFake(t)
	b := open(t, srv.URL+"/#key="+key)
	b.wait("document.querySelectorAll('.tile strong').length === 6 && document.querySelector('.metrics .gain')")
	if got := eval[string](b, "document.querySelector('.metrics .gain').textContent"); got != "×2.4" {
		t.Errorf("the model is %s as good as popularity, want ×2.4", got)
	}
	if address := eval[string](b, "location.href + ' ' + history.length"); strings.Contains(address, key) {
		t.Errorf("the key is left in the address: %s", address)
	}
	b.wait("document.querySelectorAll('.u-wrap canvas').length === 2")
	b.picture("overview")

	b.click("button[aria-label^='Promote'][aria-label*='ease']")
	b.wait("document.querySelector('dialog').open")
	b.picture("overview-confirm")
	b.click("dialog .primary")
	b.wait("[...document.querySelectorAll('tr')].find(r => r.innerText.includes('-ease') && r.querySelector('.stage-live'))")
	f.mu.Lock()
	defer f.mu.Unlock()
	if !strings.HasSuffix(f.promoted, "ease") {
		t.Errorf("%s was promoted", f.promoted)
	}
}

func TestClickChangesTheList(t *testing.T) {
	f, srv := newFake(t)
	b := open(t, srv.URL+"/#key="+key+"&page=try")
	b.wait(listReady)
	b.write("#who", "somebody-new")
	b.wait("document.querySelector('#name').textContent === 'somebody-new' && " + listReady)
	b.wait("document.querySelector('.history .none')")
	before := eval[string](b, listIDs)
	b.click("#list article:nth-child(3) .open")
	b.wait(listIDs + " !== " + fmt.Sprintf("%q", before))
	b.wait("document.querySelectorAll('.history li .badge').length === 1 && document.querySelectorAll('.similar li').length === 6")
	if n := eval[int](b, "document.querySelectorAll('.card.new').length"); n == 0 {
		t.Error("no card is marked as new")
	}
	third := strings.Fields(before)[2]
	if strings.Contains(" "+eval[string](b, listIDs)+" ", " "+third+" ") {
		t.Errorf("%s was seen and is still recommended", third)
	}
	b.click("#list article:nth-child(2) .acts button:last-child")
	b.wait("document.querySelectorAll('.history li .badge').length === 2")
	b.picture("try")

	f.mu.Lock()
	defer f.mu.Unlock()
	view, buy := f.events[len(f.events)-2], f.events[len(f.events)-1]
	if view.User != "somebody-new" || string(view.Item) != third || view.Kind != kindred.View || view.Position != 3 || view.RequestID != "req-0" {
		t.Errorf("the click became %+v", view)
	}
	if buy.Kind != kindred.Purchase || buy.Position != 2 || buy.RequestID != "req-1" {
		t.Errorf("the purchase became %+v", buy)
	}
}

func TestVisitorStaysInThePage(t *testing.T) {
	f, srv := newFake(t)
	stored := len(f.events)
	b := open(t, srv.URL+"/#key="+key+"&page=try")
	b.wait(listReady)
	b.click("#visitor")
	b.wait("document.querySelector('#name').textContent === 'A new visitor' && " + listReady)
	before := eval[string](b, listIDs)
	b.click("#list article:nth-child(8) .open")
	b.wait(listReady + " && " + listIDs + " !== " + fmt.Sprintf("%q", before))
	b.wait("document.querySelector('.history li .badge')")
	if line := eval[string](b, "document.querySelector('#curl').textContent"); !strings.Contains(line, strings.Fields(before)[7]) || strings.Contains(line, key) {
		t.Errorf("the call reads %s", line)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.events) != stored {
		t.Error("a visitor's click was stored")
	}
}

func TestRulesNarrowTheList(t *testing.T) {
	_, srv := newFake(t)
	b := open(t, srv.URL+"/#key="+key+"&page=try")
	b.wait(listReady)
	b.write("#category", "Books")
	b.wait(listReady + " && " + cards + ".every(c => c.innerText.includes('Books'))")
	b.write("#category", "No such thing")
	b.wait("document.querySelector('#list').innerText.includes('Nothing to recommend')")
	b.write("#category", "")
	b.write("#filter", "!!")
	b.wait("document.querySelector('#list').previousElementSibling.textContent.includes('query.filter')")
}

func TestKeyIsAskedFor(t *testing.T) {
	_, srv := newFake(t)
	b := open(t, srv.URL+"/#key=wrong")
	b.wait("document.querySelector('.key-form .fault').textContent.includes('not valid')")
	b.picture("key")
	b.write("#key", "still wrong")
	b.wait("document.querySelector('.key-form .fault').textContent === 'This key is not valid.'")
	b.write("#key", key)
	b.wait("document.querySelectorAll('.tile strong').length === 6")
	b.click("#forget")
	b.wait("document.querySelector('#key') && !sessionStorage.length")
}

func TestTrouble(t *testing.T) {
	f, srv := newFake(t)
	b := open(t, srv.URL+"/#key="+key)
	b.wait("document.querySelector('#status.ok')")
	f.mu.Lock()
	f.isDown = true
	f.mu.Unlock()
	b.wait("!document.querySelector('#banner').hidden && document.querySelector('#banner').textContent.includes('the store is being opened')")
	f.mu.Lock()
	f.isDown = false
	f.mu.Unlock()
	b.wait("document.querySelector('#banner').hidden && document.querySelector('#status.ok')")
	srv.CloseClientConnections()
	srv.Close()
	b.wait("document.querySelector('#status.offline') && document.querySelector('#banner').textContent.includes('No connection')")
	b.picture("offline")
}

func TestDataShowsWhatWasFound(t *testing.T) {
	f, srv := newFake(t)
	b := open(t, srv.URL+"/#key="+key+"&page=data")
	b.wait("document.querySelectorAll('.tile strong').length === 5 && document.querySelectorAll('tbody tr').length === 7")
	b.wait("document.querySelectorAll('.checked .badge').length === 2 && document.querySelector('.checked').textContent.startsWith('errors: 1, warnings: 1')")
	if got := eval[string](b, "document.querySelector('tbody tr').innerText"); !strings.Contains(got, "bot") || !strings.Contains(got, "60") || !strings.Contains(got, "left out") {
		t.Errorf("the first reason is %q", got)
	}
	b.click("button[aria-label='Examples of unjoined']")
	b.wait("[...document.querySelectorAll('h2')].some(e => e.textContent === 'Examples: unjoined')")
	b.click("button[aria-pressed='false']")
	b.wait("document.querySelector('button[aria-pressed=true]').textContent === 'unreadable 3'")
	text := eval[string](b, "document.querySelector('#main').innerText")
	for _, want := range []string{"of 200 users", "40 older rows had to make way", "u42,<b>mug</b>,loan", "2 attributes, 1 in conflict", "number 150, string 3", "string, required", "1,000 or more"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q: %s", want, text)
		}
	}
	b.do(chromedp.EmulateViewport(1280, 1300))
	b.picture("data")
	b.do(chromedp.EmulateViewport(1280, 900))
	eval[bool](b, "[...document.querySelectorAll('button')].find(e => e.textContent === 'Replay').click(), true")
	b.wait("document.querySelector('#main').innerText.includes('10 of 12 stored, 0 were here already, 2 still rejected')")
	b.click("section button.quiet")
	b.wait("[...document.querySelectorAll('.tile strong')].some(e => e.textContent === '1')")
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.generation != 1 {
		t.Errorf("judged anew %d times", f.generation)
	}
}

func TestChecksPageShowsTheReport(t *testing.T) {
	f, srv := newFake(t)
	b := open(t, srv.URL+"/#key="+key+"&page=checks")
	b.wait("document.querySelectorAll('.finding').length === 2 && document.querySelectorAll('tbody tr').length === 4")
	first := eval[string](b, "document.querySelector('.finding').innerText")
	for _, text := range []string{"clicks have a session", "20 of 1,000, 2.0 %", "owner: web team"} {
		if !strings.Contains(first, text) {
			t.Errorf("the worst does not say %q: %s", text, first)
		}
	}
	if got := eval[string](b, "[...document.querySelectorAll('.step .badge')].map(e => e.textContent).join()"); got != "ready,not yet" {
		t.Errorf("ready for %s", got)
	}
	if got := eval[string](b, "document.querySelector('.examples code').textContent"); got != "<b>null</b>" {
		t.Errorf("the example reads %s", got)
	}
	b.picture("checks")
	b.click("#main h2 button")
	b.wait("document.querySelector('.tile .check-warning').textContent === '2'")
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.checked != 1 {
		t.Errorf("%d reports were asked for", f.checked)
	}
}

func TestLooks(t *testing.T) {
	_, srv := newFake(t)
	b := open(t, srv.URL+"/#key="+key)
	b.wait("document.querySelector('#status.ok')")
	ground := "getComputedStyle(document.body).backgroundColor"
	light := eval[string](b, ground)
	b.media("prefers-color-scheme", "dark")
	b.wait(ground + " !== " + fmt.Sprintf("%q", light))
	if got := eval[string](b, ground); got != "rgb(18, 23, 24)" {
		t.Errorf("the dark ground is %s", got)
	}
	b.picture("overview-dark")
	eval[bool](b, "location.hash = '#/try', true")
	b.wait(listReady + " && document.querySelector('.history li')")
	b.click("#list .open")
	b.wait("document.querySelector('.similar li')")
	b.picture("try-dark")
	b.media("prefers-color-scheme", "light")
	for _, page := range []string{"#/try", "#/overview", "#/checks", "#/features"} {
		b.do(chromedp.EmulateViewport(360, 740))
		eval[bool](b, fmt.Sprintf("location.hash = %q, true", page))
		b.wait("document.querySelector('#list article, .metrics, .finding, #lookup')")
		b.picture("narrow-" + page[2:])
		b.wait("document.documentElement.scrollWidth <= 360") // once the resize is through
	}
}

func TestControlsHaveNames(t *testing.T) {
	_, srv := newFake(t)
	b := open(t, srv.URL+"/#key="+key+"&page=try")
	b.wait(listReady)
	nameless := eval[string](b, `[...document.querySelectorAll("button, input, a")].filter(e =>
		!e.textContent.trim() && !e.ariaLabel && !(e.labels && e.labels.length)).map(e => e.outerHTML).join("\n")`)
	if nameless != "" {
		t.Errorf("without a name:\n%s", nameless)
	}
	if got := eval[string](b, "document.querySelector('nav [aria-current]').textContent"); got != "Try it" {
		t.Errorf("the present page is %q", got)
	}
}
