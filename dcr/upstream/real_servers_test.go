package upstream_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// identity is that of a server on loopback, by the directory's CA.
func (w *world) identity(t *testing.T) realtest.Identity {
	t.Helper()
	own, err := w.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	certificate, key, err := ssatest.PEM(own)
	require.NoError(t, err)
	return realtest.Identity{Certificate: certificate, Key: key, CA: w.directory.CAPEM()}
}

func TestABankInFrontOfOIDCProvider(t *testing.T) {
	if !realtest.Asked(t, "node-oidc-provider") {
		return
	}
	w := newWorld(t)
	p := realtest.StartOIDCProvider(t, w.identity(t))
	w.setup.TokenURL = p.Address + "/token"
	w.setup.RegistrationEndpoint, w.setup.InitialAccessToken = p.Address+"/reg", p.InitialAccessToken
	w.setup.IntrospectionURL, w.setup.MetadataURL = p.Address+"/token/introspection", p.Address+"/.well-known/openid-configuration"
	w.setup.RevocationURL = p.Address + "/token/revocation"
	w.setup.BankID, w.setup.BankSecret = p.BankID, p.BankSecret
	r := &real{world: w, authorizationURL: p.Address + "/auth", credentials: url.Values{"login": {"customer"}, "password": {"any"}},
		stop: func() { p.Stop() }, restart: p.Restart, remove: p.RemoveClient, clients: p.ClientIDs}
	r.life(t)
	t.Run("a client that the server does not take is refused", r.refused)
	t.Run("clients that the server has forgotten come back", func(t *testing.T) { r.forgotten(t, p.Forget) })
}

// refused asks for something that the bank's policy allows, and the server does not.
func (r *real) refused(t *testing.T) {
	bank, address := r.bank(t, "")
	p := r.person(t, address, claims.PrivateKeyJWT)
	before := r.clients()
	statement, err := p.software.SSA(nil)
	require.NoError(t, err)
	request := p.software.Request()
	request.SoftwareStatement = claims.Some(statement)
	request.IDTokenSignedResponseAlg = claims.Some(claims.ES256)
	signed, err := p.software.Sign(&request)
	require.NoError(t, err)
	for range 2 {
		_, err = p.Register(soon(t), signed)
		refusedWith(t, err, http.StatusBadRequest)
	}
	var refusal *tpp.ResponseError
	require.ErrorAs(t, err, &refusal)
	require.Contains(t, refusal.Description, "id_token_signed_response_alg", "the TPP learns what the server does not take")
	require.Empty(t, bank.records(t))
	require.Equal(t, before, r.clients())
	require.NotContains(t, bank.log.String(), "nobody knows")
}

// forgotten is a server that was restored from an old backup.
func (r *real) forgotten(t *testing.T, forget func()) {
	ctx := t.Context()
	bank, address := r.bank(t, "")
	var people []*person
	for range 3 {
		p := r.person(t, address, claims.TLSClientAuth)
		_, err := p.Register(ctx, p.request(t, "", "openid", "accounts"))
		require.NoError(t, err)
		people = append(people, p)
	}
	r.stop()
	forget()
	r.restart()
	report, err := bank.Registrar().Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Len(t, report.Moved, 3)
	require.Len(t, r.clients(), 3)
	for _, record := range bank.records(t) {
		i := slices.IndexFunc(people, func(p *person) bool { return p.software.SoftwareID == record.SoftwareID })
		access, err := people[i].access(ctx, record.ClientID, "accounts")
		require.NoError(t, err)
		_, err = people[i].Get(ctx, record.ClientID, access)
		require.NoError(t, err)
	}
}

func TestABankInFrontOfKeycloaksRegistration(t *testing.T) {
	if !realtest.Asked(t, "Keycloak") {
		return
	}
	w := newWorld(t)
	k := realtest.StartKeycloak(t, w.identity(t))
	realm := k.Address + "/realms/bank"
	w.setup.Keycloak = true
	w.setup.RegistrationEndpoint = realm + "/clients-registrations/openid-connect"
	w.setup.IntrospectionURL, w.setup.MetadataURL = realm+"/protocol/openid-connect/token/introspect", realm+"/.well-known/openid-configuration"
	w.setup.RevocationURL = realm + "/protocol/openid-connect/revoke"
	w.setup.BankID, w.setup.BankSecret = "obdcr", "bank-secret"
	w.setup.InitialAccessToken = setUpRealm(t, k, w.setup.BankID, w.setup.BankSecret)
	w.setup.Subjects = serveSubjects(t, k)
	w.setup.TokenURL = realm + "/protocol/openid-connect/token"
	r := &real{world: w, authorizationURL: realm + "/protocol/openid-connect/auth", credentials: url.Values{"username": {"customer"}, "password": {"password"}},
		stop: func() { k.Stop() }, restart: k.Restart,
		remove:  func(id string) { k.MustAdmin(http.MethodDelete, "/bank/clients/"+keycloakID(t, k, id), nil, nil) },
		clients: func() []string { return keycloakClients(t, k) }}
	r.life(t)
	t.Run("a policy of the realm for FAPI leaves the bank alone", func(t *testing.T) { r.fapi(t, k) })
}

// fapi puts the profile that Keycloak has for FAPI on all clients with bound tokens, which
// the bank's own client is not.
func (r *real) fapi(t *testing.T, k *realtest.Keycloak) {
	ctx := soon(t)
	responseTypes := []string{"token", "code id_token"} // without a request object
	under := func(condition string, configuration map[string]any) {
		k.MustAdmin(http.MethodPut, "/bank/client-policies/policies", map[string]any{"policies": []any{map[string]any{"name": "fapi", "enabled": true,
			"profiles": []string{"fapi-1-advanced"}, "conditions": []any{map[string]any{"condition": condition, "configuration": configuration}}}}}, nil)
	}
	_, address := r.bank(t, "")
	for _, method := range []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth} {
		k.MustAdmin(http.MethodPut, "/bank/client-policies/policies", map[string]any{"policies": []any{}}, nil)
		p := r.person(t, address, method)
		made, err := p.Register(ctx, p.request(t, "", "openid", "accounts"))
		require.NoError(t, err)
		for _, responseType := range responseTypes {
			require.Equal(t, http.StatusOK, r.signIn(t, p, made.ClientID, responseType), "%s: what the policy is for", responseType)
		}
		access, err := p.access(ctx, made.ClientID, "accounts")
		require.NoError(t, err)
		require.NoError(t, p.Delete(ctx, made.ClientID, access))

		under("client-attributes", map[string]any{"attributes": `[{"key": "tls.client.certificate.bound.access.tokens", "value": "true"}]`})
		made, err = p.Register(ctx, p.request(t, "", "openid", "accounts"))
		require.NoError(t, err)
		access, err = p.access(ctx, made.ClientID, "accounts")
		require.NoError(t, err)
		_, err = p.Get(ctx, made.ClientID, access)
		require.NoError(t, err)
		_, err = p.Update(ctx, made.ClientID, p.request(t, made.ClientID, "openid", "accounts", "payments"), access)
		require.NoError(t, err)
		for _, responseType := range responseTypes {
			require.NotEqual(t, http.StatusOK, r.signIn(t, p, made.ClientID, responseType), responseType)
		}
		under("any-client", map[string]any{})
		_, err = p.Get(ctx, made.ClientID, access)
		refusedWith(t, err, http.StatusServiceUnavailable) // the bank introspects by a secret
		k.MustAdmin(http.MethodPut, "/bank/client-policies/policies", map[string]any{"policies": []any{}}, nil)
		require.NoError(t, p.Delete(ctx, made.ClientID, access))
	}
}

// signIn begins to sign a customer in, and returns the status: 200 with a form to sign in.
func (r *real) signIn(t *testing.T, p *person, clientID, responseType string) int {
	t.Helper()
	query := url.Values{"client_id": {clientID}, "redirect_uri": {p.software.RedirectURIs[0]}, "response_type": {responseType}, "scope": {"openid"}, "nonce": {"n"}}
	browser := &http.Client{Transport: p.http.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(soon(t), http.MethodGet, r.authorizationURL+"?"+query.Encode(), http.NoBody)
	require.NoError(t, err)
	answer, err := browser.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}

// setUpRealm makes what docs/authorization-servers.md names, and a customer. It returns an
// initial access token.
func setUpRealm(t *testing.T, k *realtest.Keycloak, bankID, bankSecret string) string {
	t.Helper()
	k.MustAdmin(http.MethodPost, "", map[string]any{"realm": "bank", "enabled": true}, nil)
	for _, scope := range []string{"accounts", "payments", "fundsconfirmations"} {
		id := k.MustAdmin(http.MethodPost, "/bank/client-scopes", map[string]any{"name": scope, "protocol": "openid-connect",
			"attributes": map[string]string{"include.in.token.scope": "true"}}, nil)
		k.MustAdmin(http.MethodPut, "/bank/default-optional-client-scopes/"+id, nil, nil)
	}
	k.MustAdmin(http.MethodPost, "/bank/clients", map[string]any{"clientId": bankID, "secret": bankSecret, "publicClient": false,
		"standardFlowEnabled": false, "directAccessGrantsEnabled": false}, nil)
	k.MustAdmin(http.MethodPost, "/bank/users", map[string]any{"username": "customer", "enabled": true, "emailVerified": true,
		"email": "customer@example.org", "firstName": "A", "lastName": "Customer",
		"credentials": []map[string]any{{"type": "password", "value": "password"}}}, nil)
	var initial struct {
		Token string `json:"token"`
	}
	k.MustAdmin(http.MethodPost, "/bank/clients-initial-access", map[string]any{"expiration": 0, "count": 1000}, &initial)
	return initial.Token
}

// serveSubjects answers with the sub of a client's own tokens, which is the identifier of
// its service account.
func serveSubjects(t *testing.T, k *realtest.Keycloak) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var account struct {
			ID string `json:"id"`
		}
		status, _, err := k.Admin(r.Context(), http.MethodGet, "/bank/clients/"+strings.Trim(r.URL.Path, "/")+"/service-account-user", nil, &account)
		if err != nil || status != http.StatusOK {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, account.ID)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

type keycloakClient struct {
	ID       string `json:"id"`
	ClientID string `json:"clientId"`
}

// registered returns the clients that were made by registration: Keycloak gives them their
// id as client_id.
func keycloakClients(t *testing.T, k *realtest.Keycloak) []string {
	t.Helper()
	var all []keycloakClient
	k.MustAdmin(http.MethodGet, "/bank/clients", nil, &all)
	var ids []string
	for _, c := range all {
		if c.ID == c.ClientID {
			ids = append(ids, c.ClientID)
		}
	}
	return ids
}

func keycloakID(t *testing.T, k *realtest.Keycloak, clientID string) string {
	t.Helper()
	var found []keycloakClient
	k.MustAdmin(http.MethodGet, "/bank/clients?clientId="+url.QueryEscape(clientID), nil, &found)
	require.Len(t, found, 1)
	return found[0].ID
}
