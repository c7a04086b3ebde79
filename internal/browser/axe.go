package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/obdcr/obdcr/internal/realtest"
)

// axeRules are the tags of the rules that a page has to keep: WCAG 2.2 at level AA with all that
// it contains, and what axe-core holds for good practice.
const axeRules = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]`

// Axe runs axe-core over the page, and the test fails for each rule that an element breaks. The
// page's own policy does not reach it: it runs beside the page's scripts, as a tool of the
// browser. JavaScript has to be on.
func (p *Page) Axe() {
	p.t.Helper()
	for _, v := range p.violations() {
		p.t.Errorf("axe at %s, %d px, dark %t: %s", p.URL(), p.opts.Width, p.opts.Dark, v)
	}
}

// violation is a rule of axe-core that elements break.
type violation struct {
	ID, Impact, Help, HelpURL string
	Nodes                     []struct {
		Target         []any
		HTML           string
		FailureSummary string
	}
}

// String says which rule, where, and what to do.
func (v violation) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s (%s): %s, %s", v.ID, v.Impact, v.Help, v.HelpURL)
	for _, n := range v.Nodes {
		fmt.Fprintf(&text, "\n  %v %.200s: %s", n.Target, n.HTML, strings.Join(strings.Fields(n.FailureSummary), " "))
	}
	return text.String()
}

// violations returns what axe-core finds.
func (p *Page) violations() []violation {
	p.t.Helper()
	if p.opts.NoScript {
		p.t.Fatal("browser: axe-core needs JavaScript")
	}
	script := realtest.AxeCore(p.t)
	text := run(p, "axe-core", func(ctx context.Context, _ *chromedp.Target) (string, error) {
		tree, err := chromedp.Call(ctx, page.GetFrameTree, struct{}{})
		if err != nil {
			return "", err
		}
		world, err := chromedp.Call(ctx, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID, WorldName: "axe"})
		if err != nil {
			return "", err
		}
		if _, err := evaluate(ctx, world.ExecutionContextID, script+"; 'loaded'"); err != nil {
			return "", err
		}
		return evaluate(ctx, world.ExecutionContextID,
			`axe.run(document, {runOnly: `+axeRules+`, resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`)
	})
	var found []violation
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		p.t.Fatalf("axe-core: %v: %.200s", err, text)
	}
	return found
}

// evaluate returns the text that a script ends with, in a world of its own.
func evaluate(ctx context.Context, world runtime.ExecutionContextID, script string) (string, error) {
	got, err := chromedp.Call(ctx, runtime.Evaluate,
		runtime.EvaluateParams{Expression: script, ContextID: world, AwaitPromise: new(true), ReturnByValue: new(true)})
	if err != nil {
		return "", err
	}
	if got.ExceptionDetails != nil {
		return "", fmt.Errorf("axe-core: %s %s", got.ExceptionDetails.Text, got.ExceptionDetails.Exception.Description)
	}
	var text string
	err = json.Unmarshal(got.Result.Value, &text)
	return text, err
}
