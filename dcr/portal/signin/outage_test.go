package signin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// TestAnAnswerThatIsNoneIsAnOutage has each endpoint answer what is no answer of OAuth.
func TestAnAnswerThatIsNoneIsAnOutage(t *testing.T) {
	write := func(status int, media, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, body)
		}
	}
	const json = "application/json"
	huge := `{"access_token":"` + strings.Repeat("a", 10<<20) + `"}`
	visited := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }))
	defer elsewhere.Close()
	for name, answer := range map[string]func(http.ResponseWriter){
		"500":             write(500, "text/html", "<h1>"+secret.Reveal()),
		"500 in JSON":     write(500, json, `{"error":"server_error"}`),
		"503, empty":      write(503, json, ""),
		"404":             write(404, "text/plain", "error=invalid_grant"),
		"204":             write(204, json, ""),
		"a page":          write(200, "text/html", "<p>"),
		"a form":          write(200, "application/x-www-form-urlencoded", "access_token=a&token_type=Bearer&id_token=b"),
		"no JSON":         write(200, json, "{"),
		"a list":          write(200, json, "[]"),
		"an empty answer": write(200, json, ""),
		"members twice":   write(200, json, `{"sub":"a","sub":"b","access_token":"a","access_token":"b"}`),
		"10 MiB":          write(200, json, huge),
		"10 MiB of a 400": write(400, json, huge),
		"no Content-Type": func(w http.ResponseWriter) { w.Header()["Content-Type"] = nil; _, _ = fmt.Fprint(w, "{}") },
		"two Content-Types": func(w http.ResponseWriter) {
			w.Header()["Content-Type"] = []string{json, "text/html"}
			_, _ = fmt.Fprint(w, "{}")
		},
		"compressed": func(w http.ResponseWriter) { w.Header().Set("Content-Encoding", "gzip"); write(200, json, "{}")(w) },
		"a redirect": func(w http.ResponseWriter) { w.Header().Set("Location", elsewhere.URL); w.WriteHeader(307) },
		"breaks off": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			write(200, json, `{"access_token":"`)(w)
			panic(http.ErrAbortHandler)
		},
	} {
		for _, path := range []string{ssatest.DiscoveryPath, "/sign-in/token", "/sign-in/userinfo"} {
			t.Run(path+" "+name, func(t *testing.T) {
				w := newWorld(t)
				w.provider.Misbehave(ssatest.ProviderFaults{Serve: func(rw http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path == path {
						answer(rw)
					}
					return r.URL.Path == path
				}})
				if path != ssatest.DiscoveryPath {
					requireRefused(t, w, signin.ErrUnavailable)
					return
				}
				requireNoBegin(t, w)
			})
		}
	}
	assert.False(t, visited, "no redirect is followed")
}

// requireNoBegin begins a sign-in that cannot begin, and returns why.
func requireNoBegin(t *testing.T, w *world) string {
	t.Helper()
	answer := httptest.NewRecorder()
	err := w.signIn.Begin(answer, httptest.NewRequest(http.MethodGet, "https://bank.example/", nil), "/")
	require.ErrorIs(t, err, signin.ErrUnavailable)
	assert.Empty(t, answer.Header(), "nothing was written")
	_, ok := w.signIn.EndAddress(httptest.NewRequest(http.MethodGet, "/", nil), secret)
	assert.False(t, ok)
	return err.Error()
}

func TestRefusalsOfTheTokenEndpointAreSorted(t *testing.T) {
	for code, cause := range map[string]error{
		"invalid_grant": signin.ErrDeclined, "invalid_client": signin.ErrUnavailable, "unauthorized_client": signin.ErrUnavailable,
		"invalid_request": signin.ErrUnavailable, "temporarily_unavailable": signin.ErrUnavailable, "of its own": signin.ErrUnavailable,
	} {
		t.Run(code, func(t *testing.T) {
			w := newWorld(t)
			w.provider.Misbehave(ssatest.ProviderFaults{Serve: func(rw http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/sign-in/token" {
					return false
				}
				rw.Header().Set("Content-Type", "application/json")
				rw.WriteHeader(http.StatusBadRequest)
				_, _ = fmt.Fprintf(rw, `{"error":%q,"error_description":%q}`, code, secret.Reveal()+anna)
				return true
			}})
			requireRefused(t, w, cause)
		})
	}
}

// TestADiscoveryDocumentThatLeadsAwayIsRefused: the document says where the browser, the code
// and the bank's credentials go.
func TestADiscoveryDocumentThatLeadsAwayIsRefused(t *testing.T) {
	with := func(name string, value any) func(map[string]any) {
		return func(d map[string]any) { change(d, name, value) }
	}
	for name, change := range map[string]func(map[string]any){
		"another issuer":             with("issuer", "https://evil.example"),
		"an issuer with a slash":     func(d map[string]any) { d["issuer"] = fmt.Sprint(d["issuer"], "/") },
		"no issuer":                  with("issuer", nil),
		"no authorization_endpoint":  with("authorization_endpoint", nil),
		"no token_endpoint":          with("token_endpoint", nil),
		"no jwks_uri":                with("jwks_uri", nil),
		"http to the browser":        with("authorization_endpoint", "http://directory.example/a"),
		"javascript to the browser":  with("authorization_endpoint", "javascript:alert(1)//"),
		"http to the token endpoint": with("token_endpoint", "http://directory.example/t"),
		"http to the userinfo":       with("userinfo_endpoint", "http://directory.example/u"),
		"http to the keys":           with("jwks_uri", "http://directory.example/k"),
		"http to the sign-out":       with("end_session_endpoint", "http://directory.example/e"),
		"user information":           with("token_endpoint", "https://a:b@directory.example/t"),
		"a fragment":                 with("token_endpoint", "https://directory.example/t#a"),
		"a line end":                 with("token_endpoint", "https://directory.example/t\r\n"),
		"an address of 3 KiB":        with("token_endpoint", "https://directory.example/"+strings.Repeat("a", 3<<10)),
		"an address that is a list":  with("token_endpoint", []string{"https://directory.example/t"}),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.provider.Misbehave(ssatest.ProviderFaults{Discovery: change})
			assert.Contains(t, requireNoBegin(t, w), "discovery document")
		})
	}
}

// TestTheDirectoryDoesNotLeadIntoTheBanksOwnNetwork: neither by DNS nor by an address.
func TestTheDirectoryDoesNotLeadIntoTheBanksOwnNetwork(t *testing.T) {
	guarded := func(c *signin.Config) { c.NotPublic = false }
	for _, name := range []string{"token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"} {
		w := newWorld(t, guarded)
		w.provider.Misbehave(ssatest.ProviderFaults{Discovery: func(d map[string]any) { d[name] = "https://169.254.169.254/latest" }})
		assert.Contains(t, requireNoBegin(t, w), name)
	}
	t.Run("by a name", func(t *testing.T) {
		w := newWorld(t, guarded)
		w.provider.Misbehave(ssatest.ProviderFaults{Discovery: func(d map[string]any) {
			d["token_endpoint"] = strings.Replace(d["token_endpoint"].(string), "127.0.0.1", "localhost", 1)
		}})
		requireRefused(t, w, signin.ErrUnavailable)
	})
	t.Run("the issuer itself", func(t *testing.T) {
		w := newWorld(t, guarded, func(c *signin.Config) { c.Issuer = strings.Replace(c.Issuer, "127.0.0.1", "localhost", 1) })
		assert.Contains(t, requireNoBegin(t, w), "not public")
	})
	t.Run("where the bank permits it", func(t *testing.T) {
		w := newWorld(t)
		w.provider.Misbehave(ssatest.ProviderFaults{Discovery: func(d map[string]any) {
			d["token_endpoint"] = strings.Replace(d["token_endpoint"].(string), "127.0.0.1", "localhost", 1)
		}})
		_, err := w.browser().walk(anna)
		require.NoError(t, err)
	})
}
