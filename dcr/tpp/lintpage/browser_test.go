package lintpage_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp/lintpage"
	chromium "github.com/obdcr/obdcr/internal/browser"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/validate"
)

// widths are those at which each page is looked at, in pixels. 320 is also that of a window of
// 1280 pixels at 400 %.
var widths = []int{320, 768, 1280}

// pictures is the folder with pictures of the page.
const pictures = "../../../docs/lint-page"

// pictured are the states of the page that have pictures.
var pictured = []string{"form", "verdict", "valid", "faults"}

func pictureName(name string, width int, dark bool) string {
	theme := "light"
	if dark {
		theme = "dark"
	}
	return fmt.Sprintf("%s-%d-%s.png", name, width, theme)
}

// usable holds that the page keeps WCAG 2.2 AA as far as axe-core can tell, in light and dark,
// and is no wider than the window.
func usable(t *testing.T, p *chromium.Page, name string) {
	t.Helper()
	for _, width := range widths {
		for _, dark := range []bool{false, true} {
			p.Look(width, dark)
			p.Axe()
			if os.Getenv("OBDCR_SCREENSHOTS") == "1" {
				p.Screenshot(filepath.Join(pictures, pictureName(name, width, dark)))
			}
		}
		assert.LessOrEqual(t, chromium.Eval[int](p, "document.documentElement.scrollWidth"), width, "%s is wider than the window", name)
	}
	p.Look(1280, false)
}

// beside holds that a finding stands on a line that has a text, beside the very line.
func beside(t *testing.T, p *chromium.Page, rule, text string) {
	t.Helper()
	script := fmt.Sprintf(`(() => { const all = [...document.querySelectorAll(".lines .finding")].filter(f => f.querySelector("a.rule").textContent == %q);
		return all.map(f => f.closest("li").querySelector("mark").textContent)[0] || "" })()`, rule)
	assert.Equal(t, text, chromium.Eval[string](p, script), rule)
}

func TestBrowserJudgesWithAndWithoutScripts(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w := newWorld(t)
	s := serve(t, lintpage.Config{Presets: []lintpage.Preset{w.preset}})
	for name, noScript := range map[string]bool{"with JavaScript": false, "without JavaScript": true} {
		t.Run(name, func(t *testing.T) {
			p := chromium.New(t, chromium.Options{NoScript: noScript})
			require.Equal(t, http.StatusOK, p.Open(s.address))
			p.Fill("#document", w.request(t, plainHTTP))
			require.Equal(t, http.StatusOK, p.Follow("button"))
			assert.Contains(t, p.Title(), "Invalid")
			beside(t, p, validate.RuleRedirectURIsHTTPS, "http://app.example/back")
			p.Until(`document.activeElement.id == "verdict"`)
			assert.Equal(t, http.StatusOK, p.Follow(`.lines .finding a.rule`))
			assert.Contains(t, p.URL(), "/rules#")
			assert.Equal(t, 1, p.Count("div.rule:target"))
		})
	}
}

func TestBrowserShowsEveryStateForEverybody(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w := newWorld(t)
	s := serve(t, lintpage.Config{Presets: []lintpage.Preset{w.preset}})
	p := chromium.New(t, chromium.Options{})
	require.Equal(t, http.StatusOK, p.Open(s.address))
	usable(t, p, "form")
	p.Fill("#document", w.request(t, plainHTTP))
	require.Equal(t, http.StatusOK, p.Follow("button"))
	usable(t, p, "verdict")
	require.Equal(t, http.StatusOK, p.Open(s.address))
	chromium.Eval[string](p, `document.querySelectorAll("details").forEach(d => d.open = true), ""`)
	p.Fill("#document", w.request(t, good))
	p.Fill("#certificate", w.certificate())
	require.Equal(t, http.StatusOK, p.Follow("button"))
	assert.Equal(t, "Valid", p.Text("#verdict-title"))
	usable(t, p, "valid")
	chromium.Eval[string](p, `document.querySelectorAll("details").forEach(d => d.open = true), ""`)
	p.Fill("#policy", `{"profile"`)
	p.Fill("#now", "noon")
	require.Equal(t, http.StatusUnprocessableEntity, p.Follow("button"))
	p.Complaints() // of the status
	p.Until(`document.activeElement.id == "faults"`)
	usable(t, p, "faults")
	require.Equal(t, http.StatusOK, p.Open(s.address+"/rules"))
	p.Axe()
}

func TestBrowserDropsAFile(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w := newWorld(t)
	s := serve(t, lintpage.Config{Presets: []lintpage.Preset{w.preset}})
	file := filepath.Join(t.TempDir(), "request.jwt")
	require.NoError(t, os.WriteFile(file, []byte("\uFEFF"+w.request(t, plainHTTP)), 0o600))
	p := chromium.New(t, chromium.Options{})
	require.Equal(t, http.StatusOK, p.Open(s.address))
	p.Drop("h1", file)
	assert.Contains(t, p.Text("#dropped"), "request.jwt")
	require.Equal(t, http.StatusOK, p.Follow("button"))
	beside(t, p, validate.RuleRedirectURIsHTTPS, "http://app.example/back")
	assert.Contains(t, p.Text("main"), validate.RuleInputEncoding, "it is judged byte for byte")

	without := chromium.New(t, chromium.Options{NoScript: true})
	require.Equal(t, http.StatusOK, without.Open(s.address))
	without.Upload("#file", file)
	require.Equal(t, http.StatusOK, without.Follow("button"))
	beside(t, without, validate.RuleRedirectURIsHTTPS, "http://app.example/back")
}

// TestBrowserNeedsNoMouse goes through the page by the key Tab, from the form to a finding.
func TestBrowserNeedsNoMouse(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w := newWorld(t)
	s := serve(t, lintpage.Config{})
	p := chromium.New(t, chromium.Options{})
	require.Equal(t, http.StatusOK, p.Open(s.address))
	reach := func(until string) {
		t.Helper()
		for range 60 {
			p.TabKey(false)
			require.True(t, chromium.Eval[bool](p, `(c => c.outlineStyle != "none" && parseFloat(c.outlineWidth) >= 2)(getComputedStyle(document.activeElement))`),
				"the focus shows at %s", chromium.Eval[string](p, "document.activeElement.outerHTML.slice(0, 120)"))
			if chromium.Eval[bool](p, "document.activeElement.matches("+fmt.Sprintf("%q", until)+")") {
				return
			}
		}
		require.Fail(t, "the keyboard does not reach "+until)
	}
	reach("a.skip")
	reach("#document")
	p.Type(w.request(t, plainHTTP))
	reach("summary")
	p.Enter()
	reach("#profile")
	reach("button")
	p.Enter()
	p.Until(`document.activeElement.id == "verdict"`)
	reach("#verdict ul a")
	p.Enter()
	p.Until(`document.activeElement.matches(".finding")`)
	reach(".finding a.rule")
}
