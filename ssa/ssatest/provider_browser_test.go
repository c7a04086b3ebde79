package ssatest_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/browser"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// TestAPersonSignsInByABrowser walks the pages in Chromium, with scripts and without, on narrow
// and wide windows, light and dark. The bank is on another origin, so that form-action of the
// pages has to admit it.
func TestAPersonSignsInByABrowser(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w := newSignInWorld(t)
	own, err := w.directory.ServerCertificate("localhost")
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(own.Certificate[0]) // its key is that of the directory's server
	require.NoError(t, err)
	bank := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(rw, `<!doctype html><html lang="en"><title>The bank</title><main><h1>The bank</h1><p>%s</p></main>`, html.EscapeString(r.URL.RawQuery))
	}))
	bank.TLS = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	bank.StartTLS()
	defer bank.Close()
	callback := strings.Replace(bank.URL, "127.0.0.1", "localhost", 1) + "/callback"
	require.NoError(t, w.provider.AddClient(ssatest.ProviderClient{ID: "bank", Secret: claims.NewSecret("s"), RedirectURIs: []string{callback}}))
	for _, o := range []browser.Options{{}, {Dark: true, Width: 360}, {NoScript: true, Width: 2560}} {
		o.Trust = []*x509.Certificate{leaf}
		page := browser.New(t, o)
		look := func(name string) {
			if !o.NoScript {
				page.Axe()
			}
			assert.LessOrEqual(t, browser.Eval[float64](page, "document.documentElement.scrollWidth - window.innerWidth"), 0.0, "%s is too wide", name)
		}
		require.Equal(t, http.StatusOK, page.Open(w.request(map[string]string{"redirect_uri": callback})))
		look("password")
		page.Fill("#email", "anna@tpp.example")
		page.Fill("#password", "wrong")
		require.Equal(t, http.StatusUnprocessableEntity, page.Follow("button[value=continue]"))
		require.Equal(t, "anna@tpp.example", page.Value("#email"))
		look("wrong")
		page.Fill("#password", "p")
		require.Equal(t, http.StatusOK, page.Follow("button[value=continue]"))
		look("code")
		page.Fill("#code", "123456")
		require.Equal(t, http.StatusOK, page.Follow("button[value=continue]"))
		require.Contains(t, page.Text("p"), "state=st")
		require.Contains(t, page.Text("p"), "code=")

		page.Open(w.request(map[string]string{"redirect_uri": callback}))
		require.Equal(t, http.StatusOK, page.Follow("button[value=cancel]"))
		require.Contains(t, page.Text("p"), "error=access_denied")
		require.Equal(t, http.StatusBadRequest, page.Open(w.request(map[string]string{"redirect_uri": "https://evil.example"})))
		look("complaint")
		page.Complaints() // of the answers 422 and 400, which are wanted
	}
}
