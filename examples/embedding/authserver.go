package main

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// The bank's credentials at its authorization server.
const bankID, bankSecret = "registration-service", "example-secret"

// authServer stands for the bank's authorization server: any product that issues
// certificate-bound tokens and has introspection (RFC 7662), revocation (RFC 7009) and an
// API for clients. It is too simple to copy.
type authServer struct {
	server *httptest.Server
	keys   ssa.KeyResolver

	mu      sync.Mutex
	clients map[string]oauthClient
	tokens  map[string]issued
}

// oauthClient is the server's record of a client.
type oauthClient struct {
	JWKSURI string `json:"jwks_uri"`
}

type issued struct {
	clientID, thumbprint string
	at                   time.Time
}

const tokenLife = 5 * time.Minute

func openAuthServer(d *ssatest.Directory) (*authServer, error) {
	a := &authServer{keys: d.Resolver(), clients: map[string]oauthClient{}, tokens: map[string]issued{}}
	certificate, err := d.ServerCertificate("127.0.0.1")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metadata", a.metadata)
	mux.HandleFunc("POST /token", a.token)
	mux.HandleFunc("POST /introspect", asBank(a.introspect))
	mux.HandleFunc("POST /revoke", asBank(a.revoke))
	mux.HandleFunc("PUT /clients/{id}", asBank(a.putClient))
	mux.HandleFunc("DELETE /clients/{id}", asBank(a.deleteClient))
	mux.HandleFunc("DELETE /clients/{id}/tokens", asBank(a.deleteTokens))
	a.server = httptest.NewUnstartedServer(mux)
	a.server.TLS = &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: roots(d),
		MinVersion: tls.VersionTLS12, CipherSuites: suites(),
	}
	a.server.StartTLS()
	return a, nil
}

// asBank lets only the bank's own services through.
func asBank(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if id, secret, ok := r.BasicAuth(); !ok || id != bankID || secret != bankSecret {
			http.Error(w, "not for you", http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

// token issues tokens by client_credentials to clients that sign with a key of their
// software. It binds a token to the certificate of the connection.
func (a *authServer) token(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id := r.PostFormValue("client_id")
	client, known := a.clients[id]
	signed, err := ssa.ParseSigned(r.PostFormValue("client_assertion"))
	if err == nil {
		err = signed.Verify(r.Context(), a.keys, client.JWKSURI, []claims.Algorithm{claims.PS256})
	}
	if !known || err != nil || len(r.TLS.PeerCertificates) == 0 {
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	token := rand.Text()
	a.tokens[token] = issued{clientID: id, thumbprint: base64.RawURLEncoding.EncodeToString(sum[:]), at: time.Now()}
	writeJSON(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(tokenLife.Seconds())})
}

func (a *authServer) metadata(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer": a.server.URL, "introspection_endpoint": a.server.URL + "/introspect", "tls_client_certificate_bound_access_tokens": true,
	})
}

// introspect answers with client_id, iat and cnf: without one of them the bank refuses the
// token. The subject of these tokens is the client itself.
func (a *authServer) introspect(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, ok := a.tokens[r.PostFormValue("token")]
	if !ok || time.Since(t.at) > tokenLife {
		writeJSON(w, http.StatusOK, map[string]any{"active": false})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"active": true, "client_id": t.clientID, "iat": t.at.Unix(), "exp": t.at.Add(tokenLife).Unix(),
		"sub": t.clientID, "aud": a.server.URL, "cnf": map[string]string{"x5t#S256": t.thumbprint},
	})
}

// revoke ends no token for the bank, because none was issued to it (RFC 7009 section 2.1).
func (a *authServer) revoke(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.tokens[r.PostFormValue("token")]; ok {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "invalid_request", "error_description": "the token was issued to another client"})
	}
}

func (a *authServer) putClient(w http.ResponseWriter, r *http.Request) {
	var c oauthClient
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&c); err != nil {
		http.Error(w, "no client", http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clients[r.PathValue("id")] = c
	w.WriteHeader(http.StatusNoContent)
}

// deleteClient also ends the client's tokens.
func (a *authServer) deleteClient(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	delete(a.clients, r.PathValue("id"))
	a.mu.Unlock()
	a.deleteTokens(w, r)
}

func (a *authServer) deleteTokens(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.tokens, func(_ string, t issued) bool { return t.clientID == r.PathValue("id") })
	w.WriteHeader(http.StatusNoContent)
}

// count returns the number of clients.
func (a *authServer) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.clients)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // maps of text and numbers always encode
}
