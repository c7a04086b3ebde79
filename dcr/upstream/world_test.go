package upstream_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/upstream"
	"github.com/obdcr/obdcr/store"
)

const initialToken = "initial"

// fake is an authorization server that speaks RFC 7591 and RFC 7592, and errs as it is
// told.
type fake struct {
	*httptest.Server
	mu       sync.Mutex
	made     int
	clients  map[string]map[string]any // by client_id
	tokens   map[string]string         // registration access token, by client_id
	received []map[string]any          // bodies
	calls    []string                  // method and path

	answer func(w http.ResponseWriter, r *http.Request) bool // answers in its place, if true
	alter  func(client map[string]any)                       // changes an answer about a client
	newID  func(n int) string
	tail   string // behind an answer about a client
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{clients: map[string]map[string]any{}, tokens: map[string]string{}, newID: func(n int) string { return fmt.Sprintf("as-%d", n) }}
	f.Server = httptest.NewTLSServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	body := map[string]any{}
	if text, _ := io.ReadAll(r.Body); len(text) > 0 {
		if json.Unmarshal(text, &body) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		f.received = append(f.received, maps.Clone(body))
	}
	if f.answer != nil && f.answer(w, r) {
		return
	}
	id, access := strings.TrimPrefix(r.URL.Path, "/register/"), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case r.Method == http.MethodPost && access == initialToken:
		f.made++
		id = f.newID(f.made)
		f.show(w, http.StatusCreated, id, body)
	case r.Method == http.MethodPost || f.clients[id] == nil || f.tokens[id] != access:
		answerJSON(w, http.StatusUnauthorized, `{"error":"invalid_token"}`)
	case r.Method == http.MethodPut:
		f.show(w, http.StatusOK, id, body)
	case r.Method == http.MethodDelete:
		delete(f.clients, id)
		w.WriteHeader(http.StatusNoContent)
	}
}

// show registers a client, with a new token, and answers with it.
func (f *fake) show(w http.ResponseWriter, status int, id string, body map[string]any) {
	f.clients[id], f.tokens[id] = maps.Clone(body), fmt.Sprintf("token-%d", len(f.calls))
	body["client_id"], body["registration_access_token"], body["registration_client_uri"] = id, f.tokens[id], f.URL+"/register/"+id
	if f.alter != nil {
		f.alter(body)
	}
	text, _ := json.Marshal(body)
	answerJSON(w, status, string(text)+f.tail)
}

func answerJSON(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// endpoint makes an Endpoint of the server.
func (f *fake) endpoint(t *testing.T, change func(*upstream.Config)) *upstream.Endpoint {
	t.Helper()
	c := upstream.Config{RegistrationEndpoint: f.URL + "/register", HTTPClient: f.Client(),
		InitialAccessToken: func(context.Context) (claims.Secret, error) { return claims.NewSecret(initialToken), nil }}
	if change != nil {
		change(&c)
	}
	e, err := upstream.New(c)
	require.NoError(t, err)
	return e
}

// registered is the metadata of a client with every member that servers disagree about.
const registered = `{"redirect_uris":["https://tpp.example/a","https://tpp.example/b"],"token_endpoint_auth_method":"private_key_jwt",
	"token_endpoint_auth_signing_alg":"PS256","grant_types":["client_credentials","authorization_code"],"response_types":["code id_token"],
	"software_id":"software","scope":"openid accounts","software_statement":"a.b.c","application_type":"web",
	"id_token_signed_response_alg":"PS256","request_object_signing_alg":"PS256","extension":true}`

// newClient is what a Registrar gives for a new client.
func newClient() dcr.Provisioning {
	return dcr.Provisioning{ClientID: "record", Client: store.Client{ID: "record", State: store.Creating, Metadata: json.RawMessage(registered),
		Application: claims.Application{Name: "Test TPP"}, JWKSAddress: "https://keys.example/software.jwks"}}
}

// changed is a provisioning of the client after the first one.
func changed(p dcr.Provisioning, done dcr.Provisioned) dcr.Provisioning {
	p.Client.State, p.State, p.ClientID = store.Updating, done.State, done.ClientID
	return p
}

// set changes one member of the metadata; nil removes it.
func set(t *testing.T, p *dcr.Provisioning, name string, value any) {
	t.Helper()
	var members map[string]any
	require.NoError(t, json.Unmarshal(p.Client.Metadata, &members))
	members[name] = value
	if value == nil {
		delete(members, name)
	}
	var err error
	p.Client.Metadata, err = json.Marshal(members)
	require.NoError(t, err)
}

func logTo(out *bytes.Buffer) func(*upstream.Config) {
	return func(c *upstream.Config) { c.Logger = slog.New(slog.NewTextHandler(out, nil)) }
}
