package lintpage_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp/lintpage"
	"github.com/obdcr/obdcr/validate"
)

// permalink is how a page links to a rule.
func permalink(base, rule string) string { return `href="` + base + `/rules#` + rule + `"` }

func TestTheVerdictIsThatOfALint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := serve(t, lintpage.Config{Presets: []lintpage.Preset{w.preset}})
	got := s.post("/", map[string]string{"document": w.request(t, plainHTTP)})
	assert.Equal(t, http.StatusOK, got.status)
	assert.NotContains(t, got.body, "Want:", "the message has it")
	for _, want := range []string{permalink("", validate.RuleRedirectURIsHTTPS), permalink("", validate.RuleRedirectURIsSubsetOfSSA),
		"<code>400 invalid_redirect_uri</code>", `<mark class="error">http://app.example/back</mark>`, `id="request-8"`, `href="#certificate"`} {
		assert.Contains(t, got.body, want)
	}
	got = s.post("/", map[string]string{"document": w.request(t, good), "certificate": w.certificate()})
	assert.Contains(t, got.body, `class="summary good"`)
	assert.NotContains(t, got.body, `class="finding`)
}

func TestEachFieldCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := serve(t, lintpage.Config{})
	fields := map[string]string{"document": w.request(t, good)}
	states := func() map[string]validate.CheckState { return checks(t, fields) }
	assert.Equal(t, map[string]validate.CheckState{"request signature": "not_checked", "statement signature": "not_checked",
		"audience": "not_checked", "certificate": "not_checked"}, states())
	fields["directory-keys"], fields["software-keys"] = string(w.directory.JWKS()), string(w.software.JWKS())
	fields["audience"], fields["certificate"], fields["authorities"] = w.software.Request().Audience.Or(claims.StringOrList{}).Values[0], w.certificate(), string(w.directory.CAPEM())
	assert.Equal(t, map[string]validate.CheckState{"request signature": "good", "statement signature": "good", "audience": "good", "certificate": "good"}, states())
	fields["audience"] = "0015800001041RHAAY"
	assert.Equal(t, validate.CheckBad, states()["audience"])
	fields["now"] = "2031-01-01T00:00:00Z"
	assert.Contains(t, s.post("/", fields).body, permalink("", validate.RuleExpPast))
	fields["now"], fields["directory"] = "", "uk"
	assert.Contains(t, s.post("/", fields).body, permalink("", validate.RuleSSAEnvironment))
	fields["directory"], fields["policy"] = "", `{"signing_algorithms": ["ES256"]}`
	assert.Contains(t, s.post("/", fields).body, permalink("", validate.RuleHeaderAlg))
	statement, err := w.software.SSA(nil)
	require.NoError(t, err)
	got := s.post("/", map[string]string{"document": statement})
	assert.Contains(t, got.body, "Claims of the software statement")
	assert.NotContains(t, got.body, `id="request-title"`, "it is seen to be a statement")
	got = s.post("/", map[string]string{"document": statement, "kind": "request"})
	assert.Contains(t, got.body, permalink("", validate.RuleSoftwareStatementRequired))
	claimsAlone := `{"redirect_uris": ["https://tpp.example/callback"]}`
	got = s.post("/", map[string]string{"document": claimsAlone, "statement": statement})
	assert.NotContains(t, got.body, permalink("", validate.RuleSoftwareStatementRequired))
	assert.Contains(t, got.body, "as it was given")
}

// checks judges as a page without presets does.
func checks(t *testing.T, fields map[string]string) map[string]validate.CheckState {
	t.Helper()
	page, err := lintpage.New(lintpage.Config{Clock: clock})
	require.NoError(t, err)
	var s lintpage.Submission
	for name, value := range fields {
		require.True(t, s.Set(name, value), name)
	}
	result, err := page.Judge(t.Context(), s)
	require.NoError(t, err)
	states := map[string]validate.CheckState{}
	for _, c := range result.Checks.Named() {
		states[c.Name] = c.State
	}
	return states
}

func TestWhatIsWrongWithTheFormIsToldAtTheField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := serve(t, lintpage.Config{})
	key := "-----BEGIN PRIVATE KEY-----\nMARKER\n-----END PRIVATE KEY-----"
	jwk := `{"keys": [{"kty": "RSA", "d": "MARKER", "n": "x", "e": "AQAB"}]}`
	for name, fields := range map[string]map[string]string{
		"document":       {"document": " "},
		"kind":           {"document": "{}", "kind": "other"},
		"bank":           {"document": "{}", "bank": "other"},
		"profile":        {"document": "{}", "profile": "obie-1.0"},
		"policy":         {"document": "{}", "policy": "{MARKER"},
		"now":            {"document": "{}", "now": "yesterday"},
		"directory":      {"document": "{}", "directory": "mars"},
		"directory-keys": {"document": "{}", "directory-keys": "[]"},
		"software-keys":  {"document": "{}", "software-keys": jwk},
		"certificate":    {"document": "{}", "certificate": key},
		"authorities":    {"document": "{}", "authorities": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"},
	} {
		got := s.post("/", fields)
		assert.Equal(t, http.StatusUnprocessableEntity, got.status, name)
		assert.Contains(t, got.body, `<a href="#`+name+`">`, name)
		assert.Contains(t, got.body, `id="`+name+`-wrong"`, name)
		if name != "policy" {
			assert.NotContains(t, got.body, "MARKER", "%s: a private key is not written into a page", name)
		}
	}
	got := s.upload("/", key, nil)
	assert.Equal(t, http.StatusUnprocessableEntity, got.status)
	assert.NotContains(t, got.body, "MARKER")
	var fields lintpage.Submission
	page, err := lintpage.New(lintpage.Config{})
	require.NoError(t, err)
	_, err = page.Judge(t.Context(), fields)
	var wrong *lintpage.FormError
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, []string{"document"}, wrong.Fields())
	assert.NotEmpty(t, w.certificate())
}

// TestOddInputIsToldPlainly: whatever comes, the page answers with a verdict and escapes it.
func TestOddInputIsToldPlainly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := serve(t, lintpage.Config{Presets: []lintpage.Preset{w.preset}})
	const markup = `<script>alert(1)</script><img src=x onerror=alert(1)>`
	wide := ""
	for _, unit := range utf16.Encode([]rune("\uFEFF" + w.request(t, good))) {
		wide += string([]byte{byte(unit), byte(unit >> 8)})
	}
	for name, c := range map[string]struct{ file, rule string }{
		"an HTML page":   {"<!doctype html><title>" + markup + "</title>", validate.RuleRequestJWS},
		"binary":         {"\x00\x01\x02\xff\xfe" + strings.Repeat("\x90", 300), validate.RuleRequestJWS},
		"gzip":           {"\x1f\x8b\x08\x00MARKUP", validate.RuleRequestJWS},
		"UTF-16":         {wide, validate.RuleInputEncoding},
		"a line break":   {w.request(t, good) + "\n", validate.RuleInputEncoding},
		"broken JSON":    {"{\n  \"redirect_uris\": [\"" + markup + "\",]\n}", validate.RuleRequestJWS},
		"long":           {"eyJ" + strings.Repeat("a", 100_000), validate.RuleRequestSize},
		"deep":           {strings.Repeat("[", 50_000), validate.RuleRequestJWS},
		"deep object":    {strings.Repeat(`{"a":`, 12_000), validate.RuleRequestJWS},
		"markup":         {`{"client_name": "` + markup + `", "redirect_uris": ["http://x.example/` + markup + `"]}`, validate.RuleRedirectURIsHTTPS},
		"many lines":     {`{"a": [` + strings.Repeat("\n1,\n", 1_900) + `1], "redirect_uris": ["http://x.example/"]}`, validate.RuleRedirectURIsHTTPS},
		"a flattened":    {`{"protected": "e30", "payload": "e30", "signature": ""}`, validate.RuleRequestJWS},
		"a damaged one":  {w.request(t, good)[:700], validate.RuleRequestJWS},
		"bidi overrides": {`{"client_name": "a` + "\u202e" + `b", "redirect_uris": ["http://x.example/` + "\u202e" + `"]}`, validate.RuleRedirectURIsHTTPS},
	} {
		got := s.upload("/", c.file, map[string]string{"kind": "request"})
		assert.Equal(t, http.StatusOK, got.status, name)
		assert.Contains(t, got.body, permalink("", c.rule), name)
		assert.NotContains(t, got.body, "<script>alert", name)
		assert.NotContains(t, got.body, "<img src=x", name)
		assert.Less(t, len(got.body), 2<<20, name)
		_, lines, _ := strings.Cut(got.body, `id="verdict"`)
		lines, _, _ = strings.Cut(lines, "<form")
		assert.NotContains(t, lines, "\u202e", name)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	s := serve(t, lintpage.Config{})
	assert.Equal(t, http.StatusUnprocessableEntity, s.upload("/", strings.Repeat("a", lintpage.MaxFile+1), nil).status)
	assert.Equal(t, http.StatusRequestEntityTooLarge, s.upload("/", strings.Repeat("a", 3<<20), nil).status)
	assert.Equal(t, http.StatusRequestEntityTooLarge, s.upload("/", strings.Repeat("a", 9<<20), nil).status)
	assert.Equal(t, http.StatusRequestEntityTooLarge, s.post("/", map[string]string{"document": strings.Repeat("a", 5<<20)}).status)
	assert.Equal(t, http.StatusUnprocessableEntity, s.post("/", map[string]string{"document": "{}", "policy": strings.Repeat(" ", 300<<10) + "{}"}).status)
	many := map[string]string{}
	for _, c := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		many[c] = c
	}
	assert.Equal(t, http.StatusRequestEntityTooLarge, s.upload("/", "{}", many).status)
}

func TestWhoMayAsk(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "/lint"} {
		s := serve(t, lintpage.Config{Base: base, Hosts: []string{"bank.example", "::1", "2001:db8::1"}})
		home := base
		if base == "" {
			home = "/"
		}
		same := func(*http.Request) {}
		named := func(host string) func(*http.Request) { return func(r *http.Request) { r.Host = host } }
		from := func(name, value string) func(*http.Request) {
			return func(r *http.Request) {
				r.Header.Set(name, value)
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
		}
		for _, c := range []struct {
			method, path string
			change       func(*http.Request)
			status       int
		}{
			{"GET", home, same, http.StatusOK},
			{"HEAD", home, same, http.StatusOK},
			{"GET", base + "/", same, http.StatusOK},
			{"GET", base + "/rules", same, http.StatusOK},
			{"GET", base + "/lint.css", same, http.StatusOK},
			{"GET", base + "/lint.js", same, http.StatusOK},
			{"GET", base + "/other", same, http.StatusNotFound},
			{"GET", base + "/../etc/passwd", same, http.StatusTemporaryRedirect},
			{"PUT", home, same, http.StatusMethodNotAllowed},
			{"DELETE", home, same, http.StatusMethodNotAllowed},
			{"POST", base + "/rules", same, http.StatusMethodNotAllowed},
			{"POST", home, same, http.StatusUnsupportedMediaType},
			{"POST", home, from("Content-Type", "application/json"), http.StatusUnprocessableEntity},
			{"POST", home, from("Sec-Fetch-Site", "cross-site"), http.StatusForbidden},
			{"POST", home, from("Sec-Fetch-Site", "same-site"), http.StatusForbidden},
			{"POST", home, from("Origin", "https://stranger.example"), http.StatusForbidden},
			{"POST", home, from("Sec-Fetch-Site", "same-origin"), http.StatusUnprocessableEntity},
			{"GET", home, named("stranger.example"), http.StatusMisdirectedRequest},
			{"GET", base + "/lint.js", named("stranger.example"), http.StatusMisdirectedRequest},
			{"GET", home, named("127.0.0.1.stranger.example:80"), http.StatusMisdirectedRequest},
			{"GET", home, named("localhost:8080"), http.StatusOK},
			{"GET", home, named("[::1]:8080"), http.StatusOK},
			{"GET", home, named("BANK.example"), http.StatusOK},
			{"GET", home, named("[2001:db8::1]:8080"), http.StatusOK},
		} {
			got := s.ask(c.method, c.path, c.change)
			assert.Equal(t, c.status, got.status, "%s %s%s", c.method, base, c.path)
			policy := got.header.Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
				assert.Contains(t, policy, part)
			}
			assert.NotContains(t, policy, "unsafe")
			assert.Equal(t, "no-store", got.header.Get("Cache-Control"))
			assert.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
			assert.Empty(t, got.header.Get("Access-Control-Allow-Origin"))
			assert.Empty(t, got.header.Get("Set-Cookie"))
		}
	}
}

// TestThePageLoadsNothingOfOthers: no script or style stands in the page, and all that it loads
// is its own.
func TestThePageLoadsNothingOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := serve(t, lintpage.Config{Base: "/lint"})
	for _, body := range []string{s.ask("GET", "/lint", func(*http.Request) {}).body, s.post("/lint", map[string]string{"document": w.request(t, plainHTTP)}).body} {
		assert.NotContains(t, body, "<style")
		assert.NotContains(t, body, " style=")
		assert.NotContains(t, body, " onclick=")
		for _, attribute := range []string{` src="`, `<link rel="stylesheet" href="`, ` action="`} {
			for _, rest := range strings.Split(body, attribute)[1:] {
				assert.True(t, strings.HasPrefix(rest, "/lint"), "%s%.40s", attribute, rest)
			}
		}
		assert.NotContains(t, strings.ReplaceAll(body, "<script src=", ""), "<script")
	}
}

func TestEveryRuleHasAPermalink(t *testing.T) {
	t.Parallel()
	s := serve(t, lintpage.Config{})
	body := s.ask("GET", "/rules", func(*http.Request) {}).body
	for _, r := range validate.Rules() {
		assert.Equal(t, 1, strings.Count(body, `id="`+r.ID+`"`), r.ID)
	}
}

func TestConfigurationsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]lintpage.Config{
		"base":    {Base: "lint/"},
		"host":    {Hosts: []string{"a b"}},
		"profile": {Presets: []lintpage.Preset{{Name: "x", Profile: "obie-0"}}},
		"name":    {Presets: []lintpage.Preset{{Profile: validate.OBIE33}}},
		"twice":   {Presets: []lintpage.Preset{{Name: "x", Profile: validate.OBIE33}, {Name: "x", Profile: validate.OBIE33}}},
		"dialect": {Presets: []lintpage.Preset{{Name: "none", Profile: validate.OBIE33}}},
	} {
		_, err := lintpage.New(c)
		assert.Error(t, err, name)
	}
}

func TestThePageHasItsPictures(t *testing.T) {
	t.Parallel()
	want := map[string]bool{}
	for _, name := range pictured {
		for _, width := range widths {
			want[pictureName(name, width, false)], want[pictureName(name, width, true)] = true, true
		}
	}
	files, err := os.ReadDir(pictures)
	require.NoError(t, err, "make screenshots draws them")
	size := int64(0)
	for _, file := range files {
		info, err := file.Info()
		require.NoError(t, err)
		size += info.Size()
		assert.True(t, want[file.Name()], "%s is of no page", file.Name())
		delete(want, file.Name())
	}
	assert.Empty(t, want, "make screenshots draws them")
	assert.Less(t, size, int64(4<<20))
}
