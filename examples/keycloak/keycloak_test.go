package main

import (
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/realtest"
)

// TestKeycloak runs the bank in front of a real Keycloak. The parts share it, and stand in
// their order.
func TestKeycloak(t *testing.T) {
	if !realtest.Asked(t, "Keycloak") {
		return
	}
	w := newWorld(t)
	for range 2 { // the second time there is nothing to do
		require.Contains(t, w.run(t, "-setup"), "the realm bank is ready")
	}
	t.Run("Keycloak's own registration is closed", w.closed)
	w.serve(t, modeRun)
	for _, method := range []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth} {
		t.Run("a client lives by "+string(method), func(t *testing.T) { w.life(t, method) })
	}
	t.Run("Keycloak finds the subject of an OBWAC", w.subject)
	t.Run("an update changes how a client authenticates", w.changes)
	t.Run("a misused token ends", w.misuse)
	t.Run("the token of a client that is not registered here is left alone", w.strangers)
	t.Run("a customer's token manages no client", w.customer)
	t.Run("what Keycloak refuses is refused for good", w.refusal)
	t.Run("clients live under Keycloak's profile of FAPI", w.fapi)
	t.Run("a lost client is made again", w.reprovision)
	t.Run("an operator removes a client", w.remove)
	t.Run("a scope that the realm lacks is the bank's fault", w.lacksScope)
	w.bank.Stop()
	t.Run("a death after Keycloak has the client leaves nothing", w.killedAtPOST)
	t.Run("a death after Keycloak has the change leaves what was before", w.killedAtPUT)
	w.serve(t, modeRun)
	t.Run("an outage of Keycloak passes", w.outage)
}

func (w *world) closed(t *testing.T) {
	address := w.config.at("bank", "/clients-registrations/openid-connect")
	answer, err := w.keycloak.HTTP.Post(address, "application/json", strings.NewReader(`{"redirect_uris": ["https://tpp.example/callback"]}`))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusForbidden, answer.StatusCode)
}

func (w *world) life(t *testing.T, method claims.AuthMethod) {
	s := w.software(t)
	registered := s.register(t, method)
	require.ElementsMatch(t, words(registered), w.scopes(registered.ClientID))
	require.Equal(t, http.StatusOK, w.signIn(t, registered, "code id_token"))
	access := s.token(t, registered, "accounts")
	require.Equal(t, "accounts", access.Scope)
	found, err := s.Get(t.Context(), registered.ClientID, access)
	require.NoError(t, err)
	require.Equal(t, registered.Metadata.Scope, found.Metadata.Scope)

	update := s.request(t, registered.ClientID, tpp.RequestOptions{AuthMethod: method, Scopes: []string{"openid", "payments"}})
	changed, err := s.Update(t.Context(), registered.ClientID, update, access)
	require.NoError(t, err)
	require.Equal(t, []string{"payments"}, words(changed))
	require.Equal(t, []string{"payments"}, w.scopes(registered.ClientID))
	_, err = s.AccessToken(t.Context(), registered.Credentials(), "accounts")
	requireStatus(t, err, http.StatusBadRequest) // invalid_scope

	require.NoError(t, s.Delete(t.Context(), registered.ClientID, access))
	require.NotContains(t, w.clients(), registered.ClientID)
	_, err = s.Get(t.Context(), registered.ClientID, access)
	requireStatus(t, err, http.StatusUnauthorized)
	_, err = s.AccessToken(t.Context(), registered.Credentials())
	requireStatus(t, err, http.StatusUnauthorized)
}

func (w *world) changes(t *testing.T) {
	s := w.software(t)
	registered := s.register(t, claims.PrivateKeyJWT)
	for _, method := range []claims.AuthMethod{claims.TLSClientAuth, claims.PrivateKeyJWT} {
		access := s.token(t, registered)
		var err error
		registered, err = s.Update(t.Context(), registered.ClientID, s.request(t, registered.ClientID, tpp.RequestOptions{AuthMethod: method}), access)
		require.NoError(t, err)
		require.Equal(t, method, registered.Credentials().Method)
	}
	var kept struct {
		Attributes map[string]string `json:"attributes"`
	}
	w.keycloak.MustAdmin(http.MethodGet, "/bank/clients/"+registered.ClientID, nil, &kept)
	require.Equal(t, "PS256", kept.Attributes["token.endpoint.auth.signing.alg"])
	require.NotContains(t, kept.Attributes, "x509.subjectdn", "nothing of the other way is left")
	require.NoError(t, s.Delete(t.Context(), registered.ClientID, s.token(t, registered)))
}

// subject: Java knows the names of few attribute types.
func (w *world) subject(t *testing.T) {
	leaf, err := x509.ParseCertificate(w.wac.Certificate[0])
	require.NoError(t, err)
	in := provisioning(strings.Replace(metadata, "private_key_jwt", "tls_client_auth", 1))
	in.Client.ID, in.ClientID, in.Client.SubjectDN = "wac", "wac", cert.SubjectDN(leaf.RawSubject)
	secret, err := w.config.secret(false)
	require.NoError(t, err)
	p := &provisioner{admin: w.config.asBank(secret)}
	_, err = p.Provision(t.Context(), in)
	require.NoError(t, err)
	transport := tpp.MutualTLS(w.wac, w.roots)
	t.Cleanup(transport.CloseIdleConnections)
	access := w.grant(t, transport, url.Values{"grant_type": {"client_credentials"}, "client_id": {"wac"}})
	require.NoError(t, w.introspect(t, access))
	require.NoError(t, p.Deprovision(t.Context(), dcr.Deprovisioning{ID: "wac"}))
}

func (w *world) misuse(t *testing.T) {
	s := w.software(t)
	one, other := s.register(t, claims.PrivateKeyJWT), s.register(t, claims.PrivateKeyJWT)
	kept := s.token(t, other)
	for _, address := range []string{other.ClientID, "11111111-2222-3333-4444-555555555555"} {
		access := s.fresh(t, one)
		_, err := s.Get(t.Context(), address, access)
		requireStatus(t, err, http.StatusUnauthorized)
		require.ErrorIs(t, w.introspect(t, access), token.ErrInvalid)
		_, err = s.Get(t.Context(), one.ClientID, access)
		requireStatus(t, err, http.StatusUnauthorized)
	}
	_, err := s.Get(t.Context(), other.ClientID, kept)
	require.NoError(t, err, "no other client's token has ended")
	require.NoError(t, s.Delete(t.Context(), one.ClientID, s.fresh(t, one)))
	require.NoError(t, s.Delete(t.Context(), other.ClientID, kept))
}

// fresh gets a token that is younger than one that has ended: the time has whole seconds.
func (s *software) fresh(t *testing.T, c *tpp.ClientInformation) (access tpp.BearerToken) {
	t.Helper()
	require.Eventually(t, func() bool {
		access = s.token(t, c)
		_, err := s.Get(t.Context(), c.ClientID, access)
		return err == nil
	}, patience, 200*time.Millisecond)
	return access
}

// introspect asks Keycloak about a token as the bank does.
func (w *world) introspect(t *testing.T, access tpp.BearerToken) error {
	t.Helper()
	b, err := openBank(t.Context(), w.config, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, b.clients.Close()) }()
	_, err = b.tokens.Introspect(t.Context(), access.Value)
	return err
}

func (w *world) strangers(t *testing.T) {
	w.keycloak.MustAdmin(http.MethodPost, "/bank/clients", map[string]any{"clientId": "portal", "secret": "portal", "serviceAccountsEnabled": true,
		"attributes": map[string]string{attributeBound: "true"}}, nil)
	s := w.software(t)
	registered := s.register(t, claims.PrivateKeyJWT)
	access := w.grant(t, s.transport, url.Values{"grant_type": {"client_credentials"}, "client_id": {"portal"}, "client_secret": {"portal"}})
	_, err := s.Get(t.Context(), registered.ClientID, access)
	requireStatus(t, err, http.StatusUnauthorized)
	require.NoError(t, w.introspect(t, access))
}

func (w *world) customer(t *testing.T) {
	s := w.software(t)
	registered := s.register(t, claims.TLSClientAuth)
	id := registered.ClientID
	w.keycloak.MustAdmin(http.MethodPut, "/bank/clients/"+id, map[string]any{"clientId": id, "serviceAccountsEnabled": true, "directAccessGrantsEnabled": true}, nil)
	w.keycloak.MustAdmin(http.MethodPost, "/bank/users", map[string]any{"username": "customer", "enabled": true, "email": "jo@example.com", "emailVerified": true,
		"firstName": "Jo", "lastName": "Bloggs", "credentials": []map[string]any{{"type": "password", "value": "secret"}}}, nil)
	access := w.grant(t, s.transport, url.Values{"grant_type": {"password"}, "client_id": {id}, "username": {"customer"}, "password": {"secret"}, "scope": {"openid accounts"}})
	require.NoError(t, w.introspect(t, access))
	_, err := s.Get(t.Context(), id, access)
	requireStatus(t, err, http.StatusUnauthorized)
	requireStatus(t, s.Delete(t.Context(), id, access), http.StatusUnauthorized)
	require.NoError(t, s.Delete(t.Context(), id, s.fresh(t, registered)))
}

// policies replaces the realm's client policies, and the profiles that they may name.
func (w *world) policies(profiles, policies []any) {
	w.keycloak.MustAdmin(http.MethodPut, "/bank/client-policies/policies", map[string]any{"policies": []any{}}, nil)
	w.keycloak.MustAdmin(http.MethodPut, "/bank/client-policies/profiles", map[string]any{"profiles": profiles}, nil)
	w.keycloak.MustAdmin(http.MethodPut, "/bank/client-policies/policies", map[string]any{"policies": policies}, nil)
}

// policy is a client policy that puts a profile on the clients that meet a condition.
func policy(profile, condition string, configuration map[string]any) map[string]any {
	return map[string]any{"name": "strict", "enabled": true, "profiles": []string{profile},
		"conditions": []any{map[string]any{"condition": condition, "configuration": configuration}}}
}

// fapi: the profile that Keycloak has for FAPI fits what the program makes of clients.
func (w *world) fapi(t *testing.T) {
	w.policies([]any{}, []any{policy("fapi-1-advanced", "client-attributes", map[string]any{"attributes": `[{"key": "obdcr.environment", "value": "sandbox"}]`})})
	defer w.policies([]any{}, []any{})
	for _, method := range []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth} {
		s := w.software(t)
		registered := s.register(t, method)
		access := s.token(t, registered)
		changed, err := s.Update(t.Context(), registered.ClientID, s.request(t, registered.ClientID, tpp.RequestOptions{AuthMethod: method}), access)
		require.NoError(t, err)
		require.NotEqual(t, http.StatusOK, w.signIn(t, changed, "token"), "an access token would be bound to no certificate")
		require.NotEqual(t, http.StatusOK, w.signIn(t, changed, "code id_token"), "without a request object")
		require.NoError(t, s.Delete(t.Context(), registered.ClientID, access))
	}
}

// signIn begins to sign a customer in, and returns the status: 200 with a form to sign in.
func (w *world) signIn(t *testing.T, c *tpp.ClientInformation, responseType string) int {
	t.Helper()
	redirects, _ := c.Metadata.RedirectURIs.Get()
	query := url.Values{"client_id": {c.ClientID}, "redirect_uri": {redirects[0]}, "response_type": {responseType}, "scope": {"openid"}, "nonce": {"n"}}
	browser := &http.Client{Transport: w.keycloak.HTTP.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := browser.Get(w.config.at("bank", "/protocol/openid-connect/auth?"+query.Encode()))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}

func (w *world) refusal(t *testing.T) {
	s := w.software(t)
	registered := s.register(t, claims.PrivateKeyJWT)
	before := w.clients()
	allowed := map[string]any{"allowed-client-authenticators": []string{"client-jwt", "client-secret"}, "default-client-authenticator": "client-jwt"}
	executor := map[string]any{"executor": "secure-client-authenticator", "configuration": allowed}
	w.policies([]any{map[string]any{"name": "strict", "executors": []any{executor}}}, []any{policy("strict", "any-client", map[string]any{})})
	request := s.request(t, "", tpp.RequestOptions{AuthMethod: claims.TLSClientAuth})
	for range 2 { // the jti is not used up
		_, err := s.Register(t.Context(), request)
		requireStatus(t, err, http.StatusBadRequest)
		require.ElementsMatch(t, before, w.clients())
	}
	access := s.token(t, registered)
	update := s.request(t, registered.ClientID, tpp.RequestOptions{AuthMethod: claims.TLSClientAuth, Scopes: []string{"openid", "accounts"}})
	_, err := s.Update(t.Context(), registered.ClientID, update, access)
	requireStatus(t, err, http.StatusBadRequest)
	require.ElementsMatch(t, words(registered), w.scopes(registered.ClientID))
	found, err := s.Get(t.Context(), registered.ClientID, s.token(t, registered))
	require.NoError(t, err)
	require.Equal(t, claims.PrivateKeyJWT, found.Credentials().Method)

	w.policies([]any{}, []any{})
	again, err := s.Register(t.Context(), request)
	require.NoError(t, err)
	require.NoError(t, s.Delete(t.Context(), again.ClientID, s.token(t, again)))
	require.NoError(t, s.Delete(t.Context(), registered.ClientID, access))
}

func (w *world) reprovision(t *testing.T) {
	s := w.software(t)
	registered := s.register(t, claims.PrivateKeyJWT)
	disabled := s.register(t, claims.PrivateKeyJWT).ClientID
	w.keycloak.MustAdmin(http.MethodPut, "/bank/clients/"+disabled, map[string]any{"clientId": disabled, "serviceAccountsEnabled": true, "enabled": false}, nil)
	w.keycloak.MustAdmin(http.MethodDelete, "/bank/clients/"+registered.ClientID, nil, nil)
	_, err := s.AccessToken(t.Context(), registered.Credentials())
	requireStatus(t, err, http.StatusUnauthorized)
	require.Contains(t, w.run(t, "-reprovision"), ", 0 failed")
	_, err = s.Get(t.Context(), registered.ClientID, s.token(t, registered))
	require.NoError(t, err, "the sub of its tokens is another one now")
	require.ElementsMatch(t, words(registered), w.scopes(registered.ClientID))
	var kept struct {
		Enabled bool `json:"enabled"`
	}
	w.keycloak.MustAdmin(http.MethodGet, "/bank/clients/"+disabled, nil, &kept)
	require.False(t, kept.Enabled, "who disabled it enables it")
}

func (w *world) remove(t *testing.T) {
	s := w.software(t)
	registered := s.register(t, claims.PrivateKeyJWT)
	access := s.token(t, registered)
	require.Contains(t, w.run(t, "-remove", registered.ClientID, "-reason", "its authorisation was withdrawn"), "is removed")
	_, err := s.Get(t.Context(), registered.ClientID, access)
	requireStatus(t, err, http.StatusUnauthorized)
	require.NotContains(t, w.clients(), registered.ClientID)
	require.Error(t, w.program(modeRun, "-remove", registered.ClientID).Run(), "there is no such client any more")
}

func (w *world) lacksScope(t *testing.T) {
	var all []named
	w.keycloak.MustAdmin(http.MethodGet, "/bank/client-scopes", nil, &all)
	for _, scope := range all {
		if scope.Name == "payments" {
			w.keycloak.MustAdmin(http.MethodDelete, "/bank/client-scopes/"+scope.ID, nil, nil)
		}
	}
	s, before := w.software(t), w.clients()
	request := s.request(t, "", tpp.RequestOptions{})
	_, err := s.Register(t.Context(), request)
	requireStatus(t, err, http.StatusServiceUnavailable)
	require.ElementsMatch(t, before, w.clients())
	require.Contains(t, w.bank.Output(), "payments", "the log names it")
	w.run(t, "-setup")
	_, err = s.Register(t.Context(), request)
	require.NoError(t, err)
}

func (w *world) killedAtPOST(t *testing.T) {
	before := w.clients()
	w.serve(t, modeKilled)
	s := w.software(t)
	request := s.request(t, "", tpp.RequestOptions{})
	_, err := s.Register(t.Context(), request)
	requireNoAnswer(t, err)
	require.Len(t, w.clients(), len(before)+1, "Keycloak has a client that nobody knows")
	require.Equal(t, 1, w.reconcile(t).Undone)
	require.ElementsMatch(t, before, w.clients())

	w.serve(t, modeRun)
	defer w.bank.Stop()
	registered, err := s.Register(t.Context(), request)
	require.NoError(t, err, "the same request")
	require.NoError(t, s.Delete(t.Context(), registered.ClientID, s.token(t, registered)))
}

func (w *world) killedAtPUT(t *testing.T) {
	w.serve(t, modeRun)
	s := w.software(t)
	registered := s.register(t, claims.PrivateKeyJWT)
	access := s.token(t, registered)
	update := s.request(t, registered.ClientID, tpp.RequestOptions{Scopes: []string{"openid", "accounts"}})
	w.bank.Stop()

	w.serve(t, modeKilled)
	_, err := s.Update(t.Context(), registered.ClientID, update, access)
	requireNoAnswer(t, err)
	require.Equal(t, []string{"accounts"}, w.scopes(registered.ClientID), "Keycloak is ahead")
	require.Equal(t, 1, w.reconcile(t).Undone)
	require.ElementsMatch(t, words(registered), w.scopes(registered.ClientID))

	w.serve(t, modeRun)
	defer w.bank.Stop()
	found, err := s.Get(t.Context(), registered.ClientID, access)
	require.NoError(t, err, "a token of before is good")
	require.Equal(t, registered.Metadata.Scope, found.Metadata.Scope)
	_, err = s.Update(t.Context(), registered.ClientID, update, access)
	require.NoError(t, err, "the same request")
	require.NoError(t, s.Delete(t.Context(), registered.ClientID, access))
}

func (w *world) outage(t *testing.T) {
	s := w.software(t)
	registered := s.register(t, claims.PrivateKeyJWT)
	access := s.token(t, registered)
	request := s.request(t, "", tpp.RequestOptions{})
	w.keycloak.Stop()
	for range 2 {
		_, err := s.Register(t.Context(), request)
		requireStatus(t, err, http.StatusServiceUnavailable)
		var refused *tpp.ResponseError
		require.ErrorAs(t, err, &refused)
		require.NotZero(t, refused.RetryAfter)
	}
	_, err := s.Get(t.Context(), registered.ClientID, access)
	requireStatus(t, err, http.StatusServiceUnavailable)

	w.keycloak.Restart()
	require.Equal(t, 1, w.reconcile(t).Undone)
	again, err := s.Register(t.Context(), request)
	require.NoError(t, err, "the same request")
	_, err = s.Get(t.Context(), registered.ClientID, access)
	require.NoError(t, err, "a token of before")
	require.NoError(t, s.Delete(t.Context(), again.ClientID, s.token(t, again)))
}
