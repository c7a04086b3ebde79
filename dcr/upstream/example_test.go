package upstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/upstream"
	"github.com/obdcr/obdcr/store"
)

// A bank gives the Endpoint to its Registrar as Config.Provisioner, which calls Provision.
// The authorization server here answers to everything with one client.
func Example() {
	var address string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		var client map[string]any
		_ = json.Unmarshal(text, &client)
		fmt.Println(r.Method, r.Header.Get("Authorization"), client["scope"])
		client["client_id"], client["registration_access_token"], client["registration_client_uri"] = "chosen-there", "manage", address+"/register/chosen-there"
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(client)
	}))
	defer server.Close()
	address = server.URL

	endpoint, err := upstream.New(upstream.Config{
		RegistrationEndpoint: server.URL + "/register",
		InitialAccessToken: func(context.Context) (claims.Secret, error) {
			return claims.NewSecret("initial"), nil // production: from a vault, renewed before it expires
		},
		Mapping:    upstream.Keycloak(),
		HTTPClient: server.Client(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := store.Client{ID: "record-1", State: store.Creating, JWKSAddress: "https://keystore.example/software.jwks",
		Metadata: json.RawMessage(`{"grant_types":["client_credentials"],"token_endpoint_auth_method":"private_key_jwt","scope":"openid accounts"}`)}
	made, err := endpoint.Provision(context.Background(), dcr.Provisioning{Client: client, ClientID: client.ID})
	fmt.Println(made.ClientID, made.State, err)
	// Output:
	// POST Bearer initial accounts
	// chosen-there [hidden] <nil>
}
