package browser

import (
	"context"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// Options say what kind of person looks at a page.
type Options struct {
	// Trust are the certificates of the servers under test. The browser admits their keys
	// whatever the certificates say, and others as it does anyway.
	Trust    []*x509.Certificate
	NoScript bool // JavaScript is off
	Dark     bool // the person prefers dark colours
	Width    int  // of the window in pixels; 1280 unless set
}

// defaultWidth and height are those of a window, in pixels.
const (
	defaultWidth = 1280
	height       = 900
)

// Page is one tab. Its methods fail the test if the browser cannot do what they say.
type Page struct {
	t    testing.TB
	ctx  context.Context
	opts Options
	rec  *recorder
}

// New opens an empty tab with cookies and storage of its own. Tab and cookies are gone with the
// test, which fails if the browser has complained by then and Complaints was not asked.
func New(t testing.TB, o Options) *Page {
	t.Helper()
	return open(t, acquire(t, o.Trust), o, chromedp.WithNewBrowserContext())
}

// Tab opens another tab of the same person: it has the same cookies.
func (p *Page) Tab() *Page {
	p.t.Helper()
	return open(p.t, p.ctx, p.opts)
}

func open(t testing.TB, parent context.Context, o Options, more ...chromedp.ContextOption) *Page {
	t.Helper()
	rec := newRecorder()
	ctx, cancel := chromedp.NewContext(parent, append(more, chromedp.WithListener(rec.note))...)
	p := &Page{t: t, ctx: ctx, opts: o, rec: rec}
	t.Cleanup(func() {
		for _, complaint := range rec.take() {
			t.Errorf("the browser complains: %s", complaint)
		}
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil { // without an end: it would end the tab
		t.Fatalf("Chromium opens no tab: %v", err)
	}
	p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: o.NoScript})
		_, err2 := chromedp.Call(ctx, audits.Enable, struct{}{})
		return errors.Join(err, err2)
	}))
	p.Look(o.Width, o.Dark)
	return p
}

// Look makes the window as wide as asked for, 1280 pixels for 0, and the colours light or dark.
func (p *Page) Look(width int, dark bool) {
	p.t.Helper()
	if width == 0 {
		width = defaultWidth
	}
	p.opts.Width, p.opts.Dark = width, dark
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	p.do(chromedp.EmulateViewport(int64(width), height), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	}))
}

// do runs what is done to a page within a time that even a busy machine keeps.
func (p *Page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	run(p, "", chromedp.Steps(steps...))
}

// run runs an action within patience and returns its result. The selector says in the failure
// which element was meant.
func run[T any](p *Page, selector string, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	got, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatalf("browser: %s: %v\nat %s\n%s", selector, err, p.rec.document(), p.seen())
	}
	return got
}

// seen is what the page shows, for a test that fails. The browser may not be able to tell.
func (p *Page) seen() string {
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	return text
}

// load runs steps that load a document, and returns the status of the last answer; 0 where
// there was none, of which the browser also complains.
func (p *Page) load(selector string, steps ...chromedp.Action[chromedp.Void]) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	answer, err := chromedp.RunResponse(ctx, steps...)
	if failed := (*chromedp.LoadError)(nil); errors.As(err, &failed) {
		return 0
	}
	if err != nil {
		p.t.Fatalf("browser: %s: %v\nat %s\n%s", selector, err, p.rec.document(), p.seen())
	}
	if answer == nil {
		return 0
	}
	return int(answer.Status)
}

// Open goes to an address and returns the status of the answer, after redirects; 0 where there is none.
func (p *Page) Open(address string) int {
	p.t.Helper()
	return p.load(address, chromedp.Navigate(address))
}

// Follow clicks the first element that fits the CSS selector, a link or a button that loads a
// document. It returns the status as Open does.
func (p *Page) Follow(selector string) int {
	p.t.Helper()
	return p.load(selector, chromedp.Click(chromedp.CSS(selector)))
}

// FollowTwice is Follow of a person who clicks twice.
func (p *Page) FollowTwice(selector string) int {
	p.t.Helper()
	return p.load(selector, chromedp.DoubleClick(chromedp.CSS(selector)))
}

// Reload loads the page again, as a person does who then agrees to send a form again.
func (p *Page) Reload() int { p.t.Helper(); return p.load("reload", chromedp.Reload()) }

// Back goes back in the history. The page may come from memory, or be loaded again.
func (p *Page) Back() {
	p.t.Helper()
	before := run(p, "back", chromedp.NavigationEntries())
	if before.CurrentIndex == 0 {
		p.t.Fatal("browser: there is nothing to go back to")
	}
	run(p, "back", func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		to := before.CurrentIndex - 1
		_, err := chromedp.Call(ctx, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: before.Entries[to].ID})
		for err == nil {
			var entries page.GetNavigationHistoryResult
			if entries, err = chromedp.NavigationEntries()(ctx, t); err == nil && entries.CurrentIndex == to {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		return chromedp.Void{}, err
	})
	p.Until("document.readyState === 'complete'")
}

// Cookies returns the cookies of the person, of every site.
func (p *Page) Cookies() []Cookie {
	p.t.Helper()
	id := chromedp.FromContext(p.ctx).BrowserContextID
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	got, err := chromedp.CallBrowser(ctx, storage.GetCookies, storage.GetCookiesParams{BrowserContextID: id})
	if err != nil {
		p.t.Fatal(err)
	}
	var cookies []Cookie
	for _, c := range got.Cookies {
		cookies = append(cookies, Cookie{Name: c.Name, Value: c.Value, Domain: c.Domain, Path: c.Path,
			Secure: c.Secure, HTTPOnly: c.HTTPOnly, SameSite: string(c.SameSite), Session: c.Session})
	}
	return cookies
}

// Cookie is a cookie as the browser keeps it.
type Cookie struct {
	Name, Value, Domain, Path string
	Secure, HTTPOnly          bool
	SameSite                  string // Strict, Lax or None; "" where the server did not say
	Session                   bool   // it ends with the browser
}

// ForgetCookies removes the cookies of the person, of every site.
func (p *Page) ForgetCookies() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	params := storage.ClearCookiesParams{BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID}
	if _, err := chromedp.CallBrowser(ctx, storage.ClearCookies, params); err != nil {
		p.t.Fatal(err)
	}
}
