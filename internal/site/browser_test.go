package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp/lintpage"
	"github.com/obdcr/obdcr/dcr/vectors/signed"
	chromium "github.com/obdcr/obdcr/internal/browser"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/validate"
)

// host serves the site as any web server does.
func host(t *testing.T) *httptest.Server {
	t.Helper()
	folder, err := site()
	require.NoError(t, err)
	server := httptest.NewServer(http.FileServer(http.Dir(folder)))
	t.Cleanup(server.Close)
	return server
}

// ready waits until the program judges.
func ready(p *chromium.Page) { p.Until("typeof obdcrLint === 'function'") }

const badRequest = `{
  "redirect_uris": ["http://app.example/back"],
  "client_name": "<img src=x onerror=alert(1)>"
}`

// TestBrowserJudgesWithoutANetwork loads the page, ends the server, and judges.
func TestBrowserJudgesWithoutANetwork(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	server := host(t)
	p := chromium.New(t, chromium.Options{})
	require.Equal(t, http.StatusOK, p.Open(server.URL))
	ready(p)
	for _, r := range p.Responses() {
		assert.True(t, strings.HasPrefix(r.URL, server.URL) || strings.HasPrefix(r.URL, "data:"), "%s is asked for", r.URL)
	}
	server.Close()
	p.Fill("#document", badRequest)
	p.Click("button")
	p.Until(`document.activeElement.id === "verdict"`)
	assert.Contains(t, p.Title(), "Invalid")
	marked := chromium.Eval[string](p, `[...document.querySelectorAll(".lines .finding")].filter(f => f.querySelector("a.rule").textContent == `+
		fmt.Sprintf("%q", validate.RuleRedirectURIsHTTPS)+`).map(f => f.closest("li").querySelector("mark").textContent)[0]`)
	assert.Equal(t, "http://app.example/back", marked)
	assert.Equal(t, 0, p.Count("main img"))

	file := filepath.Join(t.TempDir(), "request.jwt")
	require.NoError(t, os.WriteFile(file, []byte{0xff, 0xfe, 'e', 0, 'y', 0, 'J', 0}, 0o600))
	p.Drop("h1", file)
	p.Click("button")
	p.Until(`document.querySelector("main").textContent.includes("UTF-16")`)
}

// brokenWords are the words of tables, but for code, that have more than one line.
const brokenWords = `[...document.querySelectorAll("th, td")].flatMap(cell => [...cell.childNodes].filter(n => n.nodeType === 3).flatMap(text =>
	[...text.data.matchAll(/[A-Za-z]+/g)].filter(m => {
		const range = document.createRange();
		range.setStart(text, m.index);
		range.setEnd(text, m.index + m[0].length);
		return new Set([...range.getClientRects()].map(r => r.top)).size > 1;
	}).map(m => m[0])))`

func TestBrowserIsUsableForEverybody(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	server := host(t)
	p := chromium.New(t, chromium.Options{})
	usable := func(name string) {
		t.Helper()
		for _, width := range []int{320, 768, 1280} {
			for _, dark := range []bool{false, true} {
				p.Look(width, dark)
				p.Axe()
			}
			assert.LessOrEqual(t, chromium.Eval[int](p, "document.documentElement.scrollWidth"), width, "%s is wider than the window", name)
		}
	}
	for _, page := range []string{"/rules.html#redirect_uris.https", "/policy.html"} {
		require.Equal(t, http.StatusOK, p.Open(server.URL+page))
		p.Look(320, false)
		assert.Empty(t, chromium.Eval[[]string](p, brokenWords), "%s has words in tables that are broken into pieces", page)
		usable(page)
	}
	require.Equal(t, http.StatusOK, p.Open(server.URL))
	usable("form")
	ready(p)
	p.Fill("#document", badRequest)
	p.Click("button")
	p.Until(`document.activeElement.id === "verdict"`)
	usable("verdict")
	chromium.Eval[string](p, `document.querySelectorAll("details").forEach(d => d.open = true), ""`)
	p.Fill("#policy", "{")
	p.Click("button")
	p.Until(`document.activeElement.id === "faults"`)
	usable("faults")
	require.Equal(t, http.StatusOK, p.Open(server.URL))
	p.TabKey(false)
	assert.Equal(t, "#main", chromium.Eval[string](p, `document.activeElement.getAttribute("href")`))

	without := chromium.New(t, chromium.Options{NoScript: true})
	require.Equal(t, http.StatusOK, without.Open(server.URL))
	assert.Contains(t, without.Text("main"), "obdcr lint --serve")
}

// TestBrowserIsToldWhatFailed: a page that was opened as a file, and a program that has ended.
func TestBrowserIsToldWhatFailed(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	folder, err := site()
	require.NoError(t, err)
	p := chromium.New(t, chromium.Options{})
	p.Open("file://" + filepath.ToSlash(folder) + "/index.html")
	p.Fill("#document", badRequest)
	p.Click("button")
	p.Until(`document.getElementById("progress").textContent.includes("web server")`)
	p.Complaints() // of what a file may not load
	require.Equal(t, http.StatusOK, p.Open(host(t).URL))
	ready(p)
	chromium.Eval[string](p, `obdcrLint = () => { throw new Error("Go program has already exited") }, ""`)
	p.Fill("#document", badRequest)
	p.Click("button")
	p.Until(`document.getElementById("progress").textContent.includes("already exited")`)
}

// TestBrowserSaysWhatTheServedPageSays: the program in the browser and the page of a server are
// the same code, and say the same of each vector, letter by letter.
func TestBrowserSaysWhatTheServedPageSays(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	all, err := signed.Load()
	require.NoError(t, err)
	page, err := lintpage.New(lintpage.Config{Static: true})
	require.NoError(t, err)
	p := chromium.New(t, chromium.Options{})
	require.Equal(t, http.StatusOK, p.Open(host(t).URL))
	ready(p)
	const every = 12 // of the vectors
	judged := 0
	for i := 0; i < len(all); i += every {
		v := &all[i]
		fields := map[string]string{"now": v.Now.Format(time.RFC3339), "profile": string(v.Profile), "policy": string(v.Policy), "audience": v.Audience,
			"kind": string(v.Kind), "directory-keys": keyFile(t, v.Keys.Directory), "software-keys": keyFile(t, v.Keys.Software),
			"certificate": keyFile(t, v.Keys.Certificate), "authorities": keyFile(t, v.Keys.Authorities)}
		if v.Update {
			fields["kind"] = lintpage.KindUpdate
		}
		var s lintpage.Submission
		for name, value := range fields {
			require.True(t, s.Set(name, value), name)
		}
		s.File = string(v.JWS)
		want, err := page.Answer(t.Context(), s)
		require.NoError(t, err)
		arguments, err := json.Marshal([]any{fields, v.JWS}) // bytes become base64
		require.NoError(t, err)
		got := chromium.Eval[string](p, `(([fields, file]) => obdcrLint(fields, Uint8Array.from(atob(file), c => c.charCodeAt(0))).html)(`+string(arguments)+`)`)
		if !assert.Equal(t, string(want.Main), got, v.Name) {
			return
		}
		judged++
	}
	assert.Greater(t, judged, 40)
}

// keyFile reads a file of keys or certificates of the vectors; "" for none.
func keyFile(t *testing.T, name string) string {
	t.Helper()
	if name == "" {
		return ""
	}
	file, err := signed.Files().Open(name)
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // it is only read
	info, err := file.Stat()
	require.NoError(t, err)
	data := make([]byte, info.Size())
	_, err = file.Read(data)
	require.NoError(t, err)
	return string(data)
}
