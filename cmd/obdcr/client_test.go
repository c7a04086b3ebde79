package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/internal/hangtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// clientBank is a bank with four verbs and a token endpoint, which takes any client
// certificate of the software.
type clientBank struct {
	*dcrtest.Bank
	tokens *token.Memory
}

func newClientBank(t *testing.T) *clientBank {
	t.Helper()
	b := &clientBank{tokens: token.NewMemory(nil, nil)}
	b.Bank = dcrtest.NewBank(t, dcrtest.WithKeysAtOnce(), dcrtest.WithPolicy(func(p *validate.Policy) {
		p.AuthMethods = append(p.AuthMethods, claims.ClientSecretBasic)
		p.Widenings = []validate.Widening{validate.WidenClientSecretBasic}
	}), dcrtest.WithServerConfig(func(c *server.Config) {
		c.TokenEndpoint, c.Tokens, c.Discovery.TokenEndpoint, c.Rest = false, b.tokens, c.Issuer+"/token", b.beside(c.Issuer)
	}))
	return b
}

// beside serves what is no registration endpoint: the token endpoint, discovery documents, and
// banks that misbehave.
func (b *clientBank) beside(address string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", b.token)
	mux.HandleFunc("GET /discovery", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, clientDiscovery(address))
	})
	for at, issuer := range map[string]string{"": address, "/foreign": "https://other.example"} {
		mux.HandleFunc("GET "+at+"/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, strings.Replace(clientDiscovery(address), address, issuer, 1))
		})
	}
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"issuer": "x"}`) })
	mux.HandleFunc("GET /busy", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	mux.HandleFunc("GET /losing", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer": "x", "registration_endpoint": "%[1]s/lost", "token_endpoint": "%[1]s/token"}`, address)
	})
	mux.HandleFunc("GET /secretive", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer": "x", "registration_endpoint": "%[1]s/register", "token_endpoint": "%[1]s/token",
			"token_endpoint_auth_methods_supported": ["client_secret_basic"]}`, address)
	})
	// The same bank, with a token endpoint that accepts any method.
	mux.HandleFunc("GET /lenient", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, strings.Replace(clientDiscovery(address), "/token\"", "/any-token\"", 1))
	})
	mux.HandleFunc("POST /any-token", func(w http.ResponseWriter, r *http.Request) { b.issue(w, r, r.PostFormValue("client_id")) })
	// A bank that gives tokens for one scope alone.
	mux.HandleFunc("GET /scoped", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, strings.Replace(clientDiscovery(address), "/token\"", "/scoped-token\"", 1))
	})
	mux.HandleFunc("POST /scoped-token", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("scope") == "openid accounts" {
			b.token(w, r)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error": "invalid_scope"}`)
	})
	mux.HandleFunc("POST /lost", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	// A bank that is silent, and one that repeats in its refusals what it was sent.
	mux.HandleFunc("POST /silent", hangtest.Hang)
	mux.HandleFunc("GET /telltale", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer": "x", "registration_endpoint": "%[1]s/echo", "token_endpoint": "%[1]s/token"}`, address)
	})
	mux.HandleFunc("/echo/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", r.Header.Get("Authorization"))
		w.Header().Set("Set-Cookie", "session=c00kie-value")
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, "refused: %s; client_secret=unknown-secret", r.Header.Get("Authorization"))
	})
	serveDialects(mux, address)
	return mux
}

func clientDiscovery(address string) string {
	return fmt.Sprintf(`{"issuer": "%[1]s", "registration_endpoint": "%[1]s/register", "token_endpoint": "%[1]s/token",
		"token_endpoint_auth_methods_supported": ["private_key_jwt", "tls_client_auth", "client_secret_basic"],
		"request_object_signing_alg_values_supported": ["PS256"], "scopes_supported": ["openid", "accounts", "payments"]}`, address)
}

// token issues a token to a sender that names an existing client and uses the client's
// method. It does not check the credentials: the tests of dcr/server do.
func (b *clientBank) token(w http.ResponseWriter, r *http.Request) {
	id, method := r.PostFormValue("client_id"), claims.TLSClientAuth
	if name, _, ok := r.BasicAuth(); ok {
		id, method = name, claims.ClientSecretBasic
	} else if r.PostFormValue("client_assertion") != "" {
		method = claims.PrivateKeyJWT
	}
	record, err := b.Store().Get(r.Context(), id)
	if err == nil {
		var registered *claims.Request
		if registered, err = claims.ParseRequest(record.Metadata); err == nil && registered.TokenEndpointAuthMethod.Or("") != method {
			err = errors.New("another method")
		}
	}
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error": "invalid_client", "error_description": "unknown client or credentials"}`)
		return
	}
	b.issue(w, r, id)
}

func (b *clientBank) issue(w http.ResponseWriter, r *http.Request, id string) {
	token, err := b.tokens.Issue(r.Context(), id, sha256.Sum256(r.TLS.PeerCertificates[0].Raw), nil, time.Minute)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, `{"access_token": %q, "token_type": "Bearer", "expires_in": 60}`, token.Reveal())
}

// TestClientScripts runs the verbs of a TPP as their users do, against a bank.
func TestClientScripts(t *testing.T) {
	bank := newClientBank(t)
	directory, software := bank.Directory(), bank.NewTPP(t).Software()
	files := clientFiles(t, directory, software, bank.URL()+"/discovery")
	stranger := httptest.NewTLSServer(nil)
	t.Cleanup(stranger.Close)
	files["other.pem"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: stranger.Certificate().Raw}))
	gate := newGate(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/client",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("BANK", bank.URL())
			e.Setenv("GATE", gate)
			e.Setenv("KID", software.SigningKeyID)
			e.Setenv("AUD", ssatest.DefaultAudience)
			e.Setenv("SOFTWARE", software.SoftwareID)
			e.Setenv("ORG", software.OrgID)
			e.Setenv("DIRECTORY", directory.URL())
			var failed error
			for name, text := range files {
				failed = errors.Join(failed, os.WriteFile(filepath.Join(e.WorkDir, name), []byte(text), 0o600))
			}
			return failed
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			// oneline FILE: the file has one line without a newline, so it can be sent as it is.
			"oneline": func(ts *testscript.TestScript, _ bool, args []string) {
				if text := ts.ReadFile(args[0]); text == "" || strings.ContainsAny(text, "\r\n ") {
					ts.Fatalf("%s cannot be sent as it is", args[0])
				}
			},
			// addline FILE: a line end comes behind the file, as an editor adds it.
			"addline": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(ts.ReadFile(args[0])+"\n"), 0o600))
			},
			// owners FILE: only the owner can read the file.
			"owners": func(ts *testscript.TestScript, _ bool, args []string) {
				info, err := os.Stat(ts.MkAbs(args[0]))
				ts.Check(err)
				if info.Mode().Perm() != 0o600 {
					ts.Fatalf("%s has mode %v", args[0], info.Mode())
				}
			},
			// member FILE NAME VARIABLE: a member of a JSON object becomes a variable.
			"member": func(ts *testscript.TestScript, _ bool, args []string) {
				members := map[string]any{}
				ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &members))
				ts.Setenv(args[2], fmt.Sprint(members[args[1]]))
			},
		},
	})
}

// clientFiles are what a TPP has on its disk.
func clientFiles(t *testing.T, d *ssatest.Directory, s *ssatest.EnrolledSoftware, discovery string) map[string]string {
	t.Helper()
	statement, err := s.SSA(nil)
	require.NoError(t, err)
	transport, transportKey, err := ssatest.PEM(s.TransportCertificate)
	require.NoError(t, err)
	_, signingKey, err := ssatest.PEM(tls.Certificate{PrivateKey: s.SigningKey})
	require.NoError(t, err)
	files := map[string]string{
		"ca.pem": string(d.CAPEM()), "ssa.jwt": statement + "\n", "software.jwks": string(s.JWKS()), "directory.jwks": string(d.JWKS()),
		"signing.key": string(signingKey), "transport.key": string(transportKey), "transport.pem": string(transport),
		"discovery.json": clientDiscovery("https://bank.example"), "bundle.pem": string(transportKey) + string(transport),
	}
	config, err := (&obieconfig.Config{SpecVersion: "3.3", WellknownEndpoint: discovery, SSA: statement, Kid: s.SigningKeyID,
		Aud: ssatest.DefaultAudience, RedirectURIs: s.RedirectURIs, Issuer: s.SoftwareID, PrivateKey: files["signing.key"],
		TransportRootCAs: []string{files["ca.pem"]}, TransportCert: files["transport.pem"], TransportKey: files["transport.key"],
		GetImplemented: true, PutImplemented: true, DeleteImplemented: true, Environment: "sandbox", Brand: "Test",
		DirectoryURL: d.URL(), DirectoryTokenEndpoint: d.URL() + ssatest.TokenPath}).Marshal()
	require.NoError(t, err)
	files["conformance.json"] = string(config)
	return files
}
