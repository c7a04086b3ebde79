package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// standIn is an authorization server with the document of node-oidc-provider, an
// introspection endpoint that knows no token, and a registration endpoint for who has the
// initial access token.
func standIn(t *testing.T, initial string) *httptest.Server {
	t.Helper()
	document, err := os.ReadFile("../testdata/oidc-provider-8.8.1.json")
	require.NoError(t, err)
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, status int, body []byte) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(body) // an error means that the bank has hung up
	}
	mux.HandleFunc("GET "+wellKnown, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, document) })
	mux.HandleFunc("POST /introspect", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, []byte(`{"active":false}`)) })
	mux.HandleFunc("POST /reg", func(w http.ResponseWriter, r *http.Request) {
		var client map[string]any
		if r.Header.Get("Authorization") != "Bearer "+initial || json.NewDecoder(r.Body).Decode(&client) != nil {
			answer(w, http.StatusUnauthorized, []byte(`{"error":"invalid_token"}`))
			return
		}
		client["client_id"], client["registration_access_token"] = "chosen-by-the-server", "manages"
		client["registration_client_uri"] = "https://" + r.Host + "/reg/chosen-by-the-server"
		body, _ := json.Marshal(client) // it was JSON before
		answer(w, http.StatusCreated, body)
	})
	s := httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestTheBankOfTheExampleServesInFront(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	as := standIn(t, "initial")
	certificate, key, ca := w.certificateFiles(t)
	address := realtest.FreeAddress(t)
	s := settings{Address: address, Issuer: "https://" + address, OrgID: ssatest.DefaultAudience, Database: filepath.Join(t.TempDir(), "clients.db"),
		Certificate: certificate, Key: key, ClientCAs: ca, Directory: w.directory.Known(), ToDirectory: []ssa.RemoteSource{w.directory.RemoteSource()},
		Discovery: as.URL + wellKnown, Introspect: as.URL + "/introspect", Register: as.URL + "/reg", ToServer: as.Client(),
		Client: token.Authentication{ClientID: "bank", Secret: claims.NewSecret("s")}, Initial: claims.NewSecret("initial"),
		Sealing: claims.NewSecret(strings.Repeat("k", 32))}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serveInFront(ctx, s) }()

	transport := w.transport(t, w.software.TransportCertificate)
	var metadata *tpp.Metadata
	require.Eventually(t, func() bool {
		var err error
		metadata, err = tpp.Discover(ctx, s.Issuer+wellKnown, transport)
		return err == nil
	}, 30*time.Second, 10*time.Millisecond)
	client, err := tpp.NewClient(tpp.Config{HTTP: transport, Signer: w.software.SigningKey, KeyID: w.software.SigningKeyID, Metadata: metadata})
	require.NoError(t, err)
	statement, err := w.software.SSA(nil)
	require.NoError(t, err)
	request, err := client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: claims.PrivateKeyJWT})
	require.NoError(t, err)
	made, err := client.Register(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, "chosen-by-the-server", made.ClientID)
	_, err = client.Get(t.Context(), made.ClientID, tpp.BearerToken{Value: claims.NewSecret("unknown")})
	requireAnswer(t, err, http.StatusUnauthorized)
	stop()
	require.NoError(t, <-served)

	clients, err := sqlite.Open(t.Context(), sqlite.Config{Path: s.Database})
	require.NoError(t, err)
	defer func() { require.NoError(t, clients.Close()) }()
	found, err := store.ByClientID(t.Context(), clients, made.ClientID)
	require.NoError(t, err)
	require.Equal(t, store.Active, found.State)
}
