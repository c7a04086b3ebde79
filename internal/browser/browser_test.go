package browser_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"image"
	_ "image/png" // the form of pictures
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/browser"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

const policy = "default-src 'none'; style-src 'self'; form-action 'self'"

// head begins a page without a fault.
const head = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
	<meta name="viewport" content="width=device-width"></head><body><main><h1>A page</h1>`

// serve serves pages by their paths over https, and returns the address and the certificate.
func serve(t *testing.T, pages map[string]string) (string, *x509.Certificate) {
	t.Helper()
	directory, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(directory.Close)
	own, err := directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, found := pages[r.URL.Path]
		if r.URL.Path == "/favicon.ico" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if !found {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path != "/free" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		http.SetCookie(w, &http.Cookie{Name: "__Host-seen", Value: "yes", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		file := ""
		if _, part, err := r.FormFile("file"); err == nil {
			file = part.Filename
		}
		fmt.Fprint(w, strings.NewReplacer("METHOD", r.Method, "NAME", r.FormValue("kept"), "FILE", file).Replace(body))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // a browser that does not trust it
	server.TLS = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, own.Leaf
}

func TestAPersonWalksThroughPages(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	address, certificate := serve(t, map[string]string{
		"/": head + `<form method="post" action="/sent" enctype="multipart/form-data"><label>Name <input name="kept" id="kept" value="old"></label>
			<label>More <textarea name="more" id="more"></textarea></label> <label>File <input type="file" name="file" id="file"></label> <button>Send</button></form>`,
		"/sent": head + `<p id="got">METHOD NAME FILE</p>`,
	})
	for _, noScript := range []bool{false, true} {
		page := browser.New(t, browser.Options{Trust: []*x509.Certificate{certificate}, NoScript: noScript})
		require.Equal(t, http.StatusOK, page.Open(address+"/"))
		page.Fill("#kept", "a <b> new one")
		require.Equal(t, "a <b> new one", page.Value("#kept"))
		page.Fill("#more", "lines\nof text")
		require.Equal(t, "lines\nof text", page.Value("#more"))
		path := filepath.Join(t.TempDir(), "statement.txt")
		require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
		page.Upload("#file", path)
		page.TabKey(false)
		page.TabKey(false)
		require.Equal(t, "BUTTON", browser.Eval[string](page, "document.activeElement.tagName"))
		page.TabKey(true)
		require.Equal(t, "file", browser.Eval[string](page, "document.activeElement.id"))
		require.Equal(t, http.StatusOK, page.Follow("button"))
		require.Equal(t, address+"/sent", page.URL())
		require.Equal(t, "POST a new one statement.txt", page.Text("#got"), "the page makes an element of what is not escaped")
		page.Back()
		require.Equal(t, address+"/", page.URL())
		require.Equal(t, http.StatusNotFound, page.Open(address+"/other"))
		require.Empty(t, page.Complaints())
	}
}

func TestPagesOfOnePersonShareCookiesAndOthersDoNot(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	address, certificate := serve(t, map[string]string{"/": head})
	options := browser.Options{Trust: []*x509.Certificate{certificate}}
	page := browser.New(t, options)
	page.Open(address + "/")
	want := browser.Cookie{Name: "__Host-seen", Value: "yes", Domain: "127.0.0.1", Path: "/", Secure: true, HTTPOnly: true, SameSite: "Lax", Session: true}
	require.Equal(t, []browser.Cookie{want}, page.Tab().Cookies())
	require.Empty(t, browser.New(t, options).Cookies())
	answers := page.Responses()
	require.Len(t, answers, 1)
	require.True(t, answers[0].Document)
	require.Equal(t, policy, answers[0].Header.Get("Content-Security-Policy"))
	require.Equal(t, "__Host-seen=yes; Path=/; HttpOnly; Secure; SameSite=Lax", answers[0].Header.Get("Set-Cookie"))
	page.ForgetCookies()
	require.Empty(t, page.Cookies())
}

func TestTheBrowserTrustsOnlyWhomItIsTold(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	address, _ := serve(t, map[string]string{"/": head})
	page := browser.New(t, browser.Options{})
	require.Zero(t, page.Open(address+"/"))
	require.Contains(t, strings.Join(page.Complaints(), "\n"), "net::ERR_CERT_AUTHORITY_INVALID")
}

func TestWhatTheBrowserComplainsOfIsFound(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	pages := map[string]struct {
		body      string
		complaint string // "" for none
	}{
		"/good":   {head, ""},
		"/free":   {head + `<script>console.error("it broke", 7)</script>`, "console.error"},
		"/script": {head + `<script>console.log("it ran")</script>`, "script-src"},
		"/style":  {head + `<p style="color: red">x`, "style-src"},
		"/part":   {head + `<img src="/none.png" alt="x">`, "/none.png"},
		"/label":  {head + `<form><label for="nothing">Name</label><input id="name"></form>`, "FormLabelForMatchesNonExistingIdError"},
		"/quirks": {"<html><title>x</title>", "QuirksMode"},
	}
	bodies := map[string]string{}
	for path, p := range pages {
		bodies[path] = p.body
	}
	address, certificate := serve(t, bodies)
	for path, p := range pages {
		page := browser.New(t, browser.Options{Trust: []*x509.Certificate{certificate}})
		page.Open(address + path)
		page.Until("document.readyState === 'complete'")
		complaints := strings.Join(page.Complaints(), "\n")
		if p.complaint == "" {
			require.Empty(t, complaints, path)
			continue
		}
		require.Contains(t, complaints, p.complaint, path)
	}
}

func TestWithoutScriptsNoneRuns(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	address, certificate := serve(t, map[string]string{"/free": head + `<p id="ran">no</p><script>document.getElementById("ran").textContent = "yes"</script>`})
	for noScript, ran := range map[bool]string{false: "yes", true: "no"} {
		page := browser.New(t, browser.Options{Trust: []*x509.Certificate{certificate}, NoScript: noScript})
		page.Open(address + "/free")
		require.Equal(t, ran, page.Text("#ran"))
	}
}

func TestAPictureIsAsWideAsTheWindowAndAsTallAsThePage(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	address, certificate := serve(t, map[string]string{
		"/free": head + `<style>body, h1 { margin: 0; background: #fff } @media (prefers-color-scheme: dark) { body, h1 { background: #000 } } main { height: 1234px }</style>`,
	})
	page := browser.New(t, browser.Options{Trust: []*x509.Certificate{certificate}, Width: 360})
	page.Open(address + "/free")
	for dark, light := range map[bool]uint32{false: 0xffff, true: 0} {
		page.Look(360, dark)
		path := filepath.Join(t.TempDir(), "page.png")
		page.Screenshot(path)
		file, err := os.Open(path)
		require.NoError(t, err)
		picture, _, err := image.Decode(file)
		require.NoError(t, err)
		require.NoError(t, file.Close())
		require.IsType(t, &image.Paletted{}, picture)
		require.Equal(t, image.Rect(0, 0, 360, 1234), picture.Bounds())
		red, _, _, _ := picture.At(359, 1233).RGBA()
		require.Equal(t, light, red)
	}
}
