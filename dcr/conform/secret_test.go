package conform_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/validate"
)

// TestNoReportHoldsASecret: the bank repeats each secret that it has heard or given, in all places and spellings.
func TestNoReportHoldsASecret(t *testing.T) {
	t.Parallel()
	for _, method := range []claims.AuthMethod{claims.PrivateKeyJWT, claims.ClientSecretBasic, claims.ClientSecretPost, claims.ClientSecretJWT} {
		t.Run(string(method), func(t *testing.T) {
			t.Parallel()
			e := &echo{}
			bank := quickBank(t, dcrtest.WithHandler(e.wrap), dcrtest.WithPolicy(func(p *validate.Policy) {
				if method != claims.PrivateKeyJWT {
					p.AuthMethods, p.Widenings = append(p.AuthMethods, method), append(p.Widenings, validate.Widening(method))
				}
			}))
			c := configOf(t, bank)
			c.Policy, c.Request.AuthMethod, c.Filter = nil, method, []string{"get.[a-e]*", "get.own", "answer.secret", "answer.asked", "update.method"}
			report := run(t, c)
			require.NotEmpty(t, e.heard)
			for _, write := range []func(io.Writer) error{report.WriteJSON, report.WriteJUnit, report.WriteHTML,
				func(w io.Writer) error { return report.WriteText(w, conform.TextOptions{Full: true}) }} {
				var b bytes.Buffer
				require.NoError(t, write(&b))
				for _, secret := range e.heard {
					for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)),
						strings.TrimRight(base64.URLEncoding.EncodeToString([]byte("x" + secret))[3:], "=")[:8]} {
						if at := strings.Index(b.String(), form); at >= 0 {
							require.Fail(t, "a secret", "%q of %q in ...%s", form, secret, b.String()[max(at-80, 0):min(at+80, b.Len())])
						}
					}
				}
				require.NotContains(t, b.String(), "PRIVATE KEY")
			}
		})
	}
}

// echo is a bank that repeats secrets.
type echo struct {
	mutex sync.Mutex
	heard []string
}

func (e *echo) wrap(bank http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		_, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		e.hear(credentials)
		answer := httptest.NewRecorder()
		bank.ServeHTTP(answer, r)
		var document map[string]any
		if json.Unmarshal(answer.Body.Bytes(), &document) != nil {
			document = map[string]any{}
		}
		if strings.HasPrefix(r.URL.Path, "/register") && answer.Code == http.StatusCreated {
			document["registration_access_token"] = "reg-access-token-0123456789"
		}
		for _, name := range []string{"client_secret", "registration_access_token", "access_token"} {
			said, _ := document[name].(string)
			e.hear(said)
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.Header().Del("Content-Length")
		if answer.Body.Len() == 0 {
			w.WriteHeader(answer.Code)
			return
		}
		e.mutex.Lock()
		all := strings.Join(e.heard, " ")
		e.mutex.Unlock()
		w.Header().Set("X-Echo", all)
		w.Header().Set("Set-Cookie", "session="+all)
		document["error_description"] = "you sent " + all
		document["data"] = base64.StdEncoding.EncodeToString([]byte("x" + all))
		document["hex"] = hex.EncodeToString([]byte(all))
		w.WriteHeader(answer.Code)
		_ = json.NewEncoder(w).Encode(document)
	})
}

func (e *echo) hear(secret string) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if secret != "" && len(e.heard) < 40 {
		e.heard = append(e.heard, secret)
	}
}

// TestNoReportHoldsATokenThatIsSigned: neither a request nor its statement can be taken from a report and presented elsewhere,
// whatever a case made of it.
func TestNoReportHoldsATokenThatIsSigned(t *testing.T) {
	t.Parallel()
	c := configOf(t, dcrtest.NewBank(t))
	c.Parallel, c.Filter = 4, []string{"register.valid", "answer.statement", "statement.*", "jose.*", "http.*", "token.assertion*"}
	report := run(t, c)
	for i := range report.Results { // so that each exchange is written
		report.Results[i].Verdict = conform.Failed
	}
	for _, write := range []func(io.Writer) error{report.WriteJSON, report.WriteJUnit, report.WriteHTML,
		func(w io.Writer) error { return report.WriteText(w, conform.TextOptions{}) },
		func(w io.Writer) error { return report.WriteText(w, conform.TextOptions{Full: true}) }} {
		var b bytes.Buffer
		require.NoError(t, write(&b))
		require.NotRegexp(t, `eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}`, b.String())
	}
}

// TestAnExchangeTellsWhatItsCaseChanged: and nothing else.
func TestAnExchangeTellsWhatItsCaseChanged(t *testing.T) {
	t.Parallel()
	c := configOf(t, dcrtest.NewBank(t))
	want := map[string][]string{
		"register.valid":                          nil,
		"register.redirect-plain-http":            {`/redirect_uris/0: "http://app.example/cb"`},
		"register.iss-empty":                      {`/iss: ""`},
		"http.type-absent":                        {`Content-Type: ""`},
		"certificate.none":                        {"no client certificate"},
		"get.own":                                 nil,
		"vector.application_type.required/absent": {"/application_type left out"},
	}
	c.Filter = slices.Collect(maps.Keys(want))
	for _, r := range run(t, c).Results {
		require.NotEmpty(t, r.Exchanges, r.ID)
		require.Equal(t, want[r.ID], r.Exchanges[len(r.Exchanges)-1].Differs, r.ID)
	}
}
