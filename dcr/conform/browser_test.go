package conform_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
	chromium "github.com/obdcr/obdcr/internal/browser"
	"github.com/obdcr/obdcr/internal/realtest"
)

// pictures is the folder with pictures of the report.
const pictures = "../../docs/conform"

func TestTheReportHasItsPictures(t *testing.T) {
	files, err := os.ReadDir(pictures)
	require.NoError(t, err, "make screenshots draws them")
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = file.Name()
	}
	assert.Equal(t, []string{"report-1280-dark.png", "report-1280-light.png", "report-320-dark.png", "report-320-light.png"}, names)
}

// TestBrowserShowsTheReportForEverybody: WCAG 2.2 AA as far as axe-core can tell, folded and unfolded, in light and dark,
// and no page that is wider than its window.
func TestBrowserShowsTheReportForEverybody(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		report := sampleReport()
		switch r.URL.Path {
		case "/report.html":
		case "/cause.html":
			report.FirstCause = &conform.FirstCause{Status: 400, Code: "invalid_client_metadata", Description: "/aud: " + strings.Repeat("long", 60),
				Settings: []string{"aud: the bank's identifier at the directory (--aud, or aud in --config)", "the clock of this machine, and --lifetime"}}
		default:
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		assert.NoError(t, report.WriteHTML(w))
	}))
	t.Cleanup(server.Close)
	p := chromium.New(t, chromium.Options{})
	require.Equal(t, http.StatusOK, p.Open(server.URL+"/cause.html"))
	for _, width := range []int{320, 1280} {
		for _, dark := range []bool{false, true} {
			p.Look(width, dark)
			p.Axe()
		}
		assert.LessOrEqual(t, chromium.Eval[int](p, "document.documentElement.scrollWidth"), width, "with a first cause")
	}
	require.Equal(t, http.StatusOK, p.Open(server.URL+"/report.html"))
	for _, name := range []string{"report", "unfolded"} {
		if name == "unfolded" {
			chromium.Eval[string](p, `document.querySelectorAll("details").forEach(d => d.open = true), ""`)
		}
		for _, width := range []int{320, 1280} {
			for theme, dark := range map[string]bool{"light": false, "dark": true} {
				p.Look(width, dark)
				p.Axe()
				if os.Getenv("OBDCR_SCREENSHOTS") == "1" && name == "report" {
					p.Screenshot(filepath.Join(pictures, fmt.Sprintf("%s-%d-%s.png", name, width, theme)))
				}
			}
			assert.LessOrEqual(t, chromium.Eval[int](p, "document.documentElement.scrollWidth"), width, name)
		}
	}
	assert.Len(t, p.Responses(), 2, "the pages fetch nothing")
	assert.Zero(t, chromium.Eval[int](p, `document.scripts.length`))
	chromium.Eval[string](p, `document.querySelectorAll("details").forEach(d => d.open = false), ""`)
	assert.Equal(t, "register.redirect-plain-http", chromium.Eval[string](p, `document.querySelector("#case-register\\.redirect-plain-http code").textContent`))
}
