package browser

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
)

// TestAxeFindsWhatIsHardToUse runs axe-core over pages whose policy forbids every script.
func TestAxeFindsWhatIsHardToUse(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		_, _ = w.Write([]byte(`<!doctype html><html lang="en"><title>A page</title><main><h1>A page</h1>` + body))
	}))
	t.Cleanup(server.Close)
	page := New(t, Options{})
	for name, c := range map[string]struct{ body, rule string }{
		"no fault":             {`<label>Name <input name="n"></label>`, ""},
		"a field has no label": {`<input name="n">`, "label"},
		"text is too pale":     {`<p style="color: #999; background: #fff">pale</p>`, "color-contrast"},
		"a target is too small": {`<style>a { display: inline-block; width: 10px; height: 10px; overflow: hidden }</style>
			<a href="/1">one</a><a href="/2">two</a><a href="/3">three</a>`, "target-size"},
	} {
		body = c.body
		page.Open(server.URL)
		found := page.violations()
		page.Complaints() // of what axe-core found too
		if c.rule == "" {
			require.Empty(t, found, name)
			continue
		}
		require.Len(t, found, 1, name)
		require.Equal(t, c.rule, found[0].ID, name)
		require.NotEmpty(t, found[0].Nodes, name)
		require.Contains(t, found[0].String(), found[0].Help)
	}
}
