package conform_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/conform"
)

// escaper is an encoder of JSON that escapes some characters, which are in strings alone.
func escaper(escapes func(c rune) string) func(any) string {
	return func(document any) string {
		var plain, b bytes.Buffer
		encoder := json.NewEncoder(&plain)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(document)
		for _, c := range strings.TrimSpace(plain.String()) {
			if said := escapes(c); said != "" {
				b.WriteString(said)
				continue
			}
			b.WriteRune(c)
		}
		return b.String()
	}
}

// units are the escapes of a character.
func units(format string, c rune) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune{c}) {
		fmt.Fprintf(&b, format, u)
	}
	return b.String()
}

// encoders are those of other languages.
var encoders = map[string]func(any) string{
	"PHP": escaper(func(c rune) string {
		switch {
		case c == '/':
			return `\/`
		case c > 126:
			return units(`\u%04x`, c)
		}
		return ""
	}),
	"Gson": escaper(func(c rune) string {
		if strings.ContainsRune("=<>&'", c) {
			return units(`\u%04x`, c)
		}
		return ""
	}),
	"Python": escaper(func(c rune) string {
		if c > 126 {
			return units(`\u%04x`, c)
		}
		return ""
	}),
	"Jackson": escaper(func(c rune) string {
		if c > 126 || c == '/' || c == '=' {
			return units(`\u%04X`, c)
		}
		return ""
	}),
	"letters": escaper(func(c rune) string { // also of the members' names
		if strings.ContainsRune("cokABCDEFGHIJKLMNOPQRSTUVWXYZ_=/", c) {
			return units(`\u%04x`, c)
		}
		return ""
	}),
}

// jsonEscapes are what a reader resolves.
var jsonEscapes = regexp.MustCompile(`(?:\\u[0-9a-fA-F]{4})+|\\["\\/]`)

// resolved is a text without escapes of JSON, HTML and addresses.
func resolved(text string) string {
	text = html.UnescapeString(jsonEscapes.ReplaceAllStringFunc(text, func(escape string) string {
		var said string
		_ = json.Unmarshal([]byte(`"`+escape+`"`), &said)
		return said
	}))
	return regexp.MustCompile(`%[0-9a-fA-F]{2}`).ReplaceAllStringFunc(text, func(escape string) string {
		said, _ := url.PathUnescape(escape)
		return said
	})
}

// TestNoReportHoldsASecretThatIsEscaped: the bank repeats secrets as encoders of other languages write them, in JSON, in
// JSON within a string, in HTML and in addresses.
func TestNoReportHoldsASecretThatIsEscaped(t *testing.T) {
	t.Parallel()
	secrets := []string{"c2VjcmV0/c2VjcmV0/OWdtZQ==", "say \"sésame\" & <open> \U0001F511 now", "back\\slash'and/more+OK"}
	for name, encode := range encoders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := withHandler(t, func(bank http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					answer := httptest.NewRecorder()
					bank.ServeHTTP(answer, r)
					var document map[string]any
					if json.Unmarshal(answer.Body.Bytes(), &document) != nil {
						document = map[string]any{}
					}
					w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
					w.Header().Set("X-Echo", "https://a.example/?secret="+strings.ToLower(url.QueryEscape(secrets[0])))
					if registers(r) && answer.Code == http.StatusCreated {
						document["registration_access_token"], document["client_secret"] = secrets[0], secrets[1]
						document["nested"] = encode(map[string]any{"client_secret": secrets[2], "clientSecret": secrets[0], "token": "1/2"})
						document["clientSecret"], document["accessToken"] = secrets[1], secrets[0]
						document["error_description"] = "you are " + strings.Join(secrets, " and ")
						document["page"] = "<p title=\"" + html.EscapeString(strings.Join(secrets, " ")) + "\">" + strings.ReplaceAll(secrets[0], "=", "&#x3D;")
					}
					w.WriteHeader(answer.Code)
					if answer.Body.Len() > 0 {
						_, _ = io.WriteString(w, encode(document))
					}
				})
			})
			var journal bytes.Buffer
			c.Policy, c.Filter, c.Journal = nil, []string{"register.valid", "answer.secret", "get.own"}, &journal
			report := run(t, c)
			for i := range report.Results { // so that each exchange is written
				report.Results[i].Verdict = conform.Failed
			}
			for _, write := range []func(io.Writer) error{report.WriteJSON, report.WriteJUnit, report.WriteHTML,
				func(w io.Writer) error { return report.WriteText(w, conform.TextOptions{Full: true, Width: 1 << 16}) },
				func(w io.Writer) error { return report.WriteText(w, conform.TextOptions{Width: 1 << 16}) }} {
				var b bytes.Buffer
				require.NoError(t, write(&b))
				require.Contains(t, b.String(), "[hidden]")
				said := b.String()
				for range 5 {
					for _, secret := range append(secrets, "1/2") {
						if at := strings.Index(said, secret); at >= 0 {
							require.Fail(t, "a secret", "%q in ...%s", secret, said[max(at-80, 0):min(at+80, len(said))])
						}
					}
					said = resolved(said)
				}
			}
		})
	}
}
