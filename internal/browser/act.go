package browser

import (
	"context"
	"encoding/json"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Fill replaces what is in a field by a text, as a person does who pastes it.
func (p *Page) Fill(selector, text string) {
	p.t.Helper()
	run(p, selector, chromedp.Focus(chromedp.CSS(selector)))
	run(p, selector, chromedp.Evaluate[string]("document.activeElement.value = ''"))
	if text == "" {
		return
	}
	run(p, selector, func(ctx context.Context, _ *chromedp.Target) (cdp.Empty, error) {
		return chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})
	})
}

// Click clicks the first element that fits the CSS selector, such as a check box. Follow is for
// what loads a document.
func (p *Page) Click(selector string) {
	p.t.Helper()
	run(p, selector, chromedp.Click(chromedp.CSS(selector)))
}

// Choose selects the option of a list that has the value.
func (p *Page) Choose(selector, value string) {
	p.t.Helper()
	run(p, selector, chromedp.SetValue(chromedp.CSS(selector), value))
}

// Upload chooses a file in a field for files.
func (p *Page) Upload(selector, path string) {
	p.t.Helper()
	run(p, selector, chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path}))
}

// Drop drops a file on the middle of an element, as a person does who drags it from another
// window.
func (p *Page) Drop(selector, path string) {
	p.t.Helper()
	at := Eval[[]float64](p, "(e => { e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect(); "+
		"return [r.x + r.width / 2, r.y + r.height / 2] })(document.querySelector("+quote(selector)+"))")
	for _, step := range []string{"dragEnter", "dragOver", "drop"} {
		event := input.DispatchDragEventParams{Type: input.DispatchDragEventType(step), X: at[0], Y: at[1],
			Data: &input.DragData{Items: []*input.DragDataItem{}, Files: []string{path}, DragOperationsMask: 1}}
		run(p, selector, func(ctx context.Context, _ *chromedp.Target) (cdp.Empty, error) {
			return chromedp.Call(ctx, input.DispatchDragEvent, event)
		})
	}
}

// TabKey moves the focus to the next control, or back to the one before.
func (p *Page) TabKey(back bool) {
	p.t.Helper()
	var options []chromedp.KeyOption
	if back {
		options = append(options, chromedp.KeyModifiers(chromedp.ModifierShift))
	}
	p.do(chromedp.KeyEvent(kb.Tab, options...))
}

// Type writes a text where the focus is, as a person does who pastes it by the keyboard.
func (p *Page) Type(text string) {
	p.t.Helper()
	run(p, "", func(ctx context.Context, _ *chromedp.Target) (cdp.Empty, error) {
		return chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})
	})
}

// Enter presses the key Enter where the focus is.
func (p *Page) Enter() { p.t.Helper(); p.do(chromedp.KeyEvent(kb.Enter)) }

// Text returns what a person reads in the first element that fits the CSS selector.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	return run(p, selector, chromedp.Text(chromedp.CSS(selector)))
}

// Value returns what is in a field.
func (p *Page) Value(selector string) string {
	p.t.Helper()
	return run(p, selector, chromedp.Value(chromedp.CSS(selector)))
}

// Count returns how many elements fit the CSS selector; it waits for none.
func (p *Page) Count(selector string) int {
	p.t.Helper()
	return Eval[int](p, "document.querySelectorAll("+quote(selector)+").length")
}

// URL returns the address of the page.
func (p *Page) URL() string { p.t.Helper(); return Eval[string](p, "location.href") }

// Title returns the title of the page.
func (p *Page) Title() string { p.t.Helper(); return Eval[string](p, "document.title") }

// HTML returns the page as the browser understands it.
func (p *Page) HTML() string {
	p.t.Helper()
	return Eval[string](p, "document.documentElement.outerHTML")
}

// Eval returns the value of an expression of JavaScript in the page, in its place where the
// page's own scripts are off or forbidden too.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	return run(p, expression, chromedp.Evaluate[T](expression))
}

// Until waits until an expression of JavaScript is true.
func (p *Page) Until(expression string) {
	p.t.Helper()
	run(p, expression, func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		for {
			// While a document is loaded there may be nothing to ask.
			if ok, err := chromedp.Evaluate[bool](expression)(ctx, t); err == nil && ok {
				return chromedp.Void{}, nil
			}
			select {
			case <-ctx.Done():
				return chromedp.Void{}, ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
}

// quote makes a string literal of JavaScript.
func quote(text string) string {
	literal, _ := json.Marshal(text) // a string can be encoded
	return string(literal)
}
