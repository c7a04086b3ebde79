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
	t.Run("setup mends what it needs, and looks whether it fits", w.mends)
	t.Run("setup leaves clients alone that it has not made", w.foreign)
	w.serve(t, modeRun)
	for _, method := range []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth} {
		t.Run("a client lives by "+string(method), func(t *testing.T) { w.life(t, method) })
	}
	t.Run("Keycloak finds the subject of an OBWAC", w.subject)
	t.Run("an update changes how a client authenticates", w.changes)
	t.Run("no access token comes from the authorization endpoint", w.responseTypes)
	t.Run("metadata that Keycloak has no room for is no outage", w.long)
	t.Run("a misused token is refused, and stays good where it belongs", w.misuse)
	w.bank.Stop()
	w.config.EndMisusedTokens = true
	w.write(t)
	w.serve(t, modeRun)
	t.Run("a misused token ends, where the bank wants that", w.misuseEnds)
	t.Run("the token of a client that is not registered here is left alone", w.strangers)
	t.Run("a customer's token manages no client", w.customer)
	t.Run("what Keycloak refuses is refused for good", w.refusal)
	t.Run("clients live under Keycloak's profile of FAPI", w.fapi)
	t.Run("a lost client is made again", w.reprovision)
	t.Run("an operator removes a client", w.remove)
	t.Run("a scope that the realm lacks is the bank's fault", w.lacksScope)
	t.Run("one client that cannot be repaired does not hold up the others", w.heldUp)
	t.Run("a TPP's contacts sign in through Keycloak as the directory", w.contacts)
	w.bank.Stop()
	t.Run("a death after Keycloak has the client leaves nothing", w.killedAtPOST)
	t.Run("a death after Keycloak has the change leaves what was before", w.killedAtPUT)
	w.serve(t, modeRun)
	t.Run("an outage of Keycloak passes", w.outage)
}

// long: Keycloak answers 500 to what its columns cannot hold.
func (w *world) long(t *testing.T) {
	secret, err := w.config.secret(false)
	require.NoError(t, err)
	p := &provisioner{admin: w.config.asBank(secret)}
	in := provisioning(strings.Replace(metadata, "https://tpp.example/cb", "https://tpp.example/"+strings.Repeat("c", maxColumn-20), 1))
	in.Client.ID, in.ClientID, in.Client.Application.Name = "long", "long", strings.Repeat("n", 300)
	_, err = p.Provision(t.Context(), in)
	require.NoError(t, err)
	require.NoError(t, p.Deprovision(t.Context(), dcr.Deprovisioning{ID: "long"}))
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
	access := s.token(t, one)
	_, err := s.Get(t.Context(), other.ClientID, access)
	requireStatus(t, err, http.StatusUnauthorized)
	_, err = s.Get(t.Context(), one.ClientID, access)
	require.NoError(t, err)
	require.NoError(t, s.Delete(t.Context(), other.ClientID, s.token(t, other)))
	require.NoError(t, s.Delete(t.Context(), one.ClientID, access))
}

func (w *world) misuseEnds(t *testing.T) {
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
	defer func() { require.NoError(t, b.store.Close()) }()
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
	w.run(t, "-setup")
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
	changed := s.register(t, claims.PrivateKeyJWT).ClientID
	w.keycloak.MustAdmin(http.MethodPut, "/bank/clients/"+changed, map[string]any{"clientId": changed, "serviceAccountsEnabled": true, "directAccessGrantsEnabled": true,
		"attributes": map[string]string{"oauth2.device.authorization.grant.enabled": "true", "post.logout.redirect.uris": "https://evil.example/", "access.token.lifespan": "86400",
			"oidc.ciba.grant.enabled": "true", attributeBound: "false"}}, nil)
	w.keycloak.MustAdmin(http.MethodDelete, "/bank/clients/"+registered.ClientID, nil, nil)
	_, err := s.AccessToken(t.Context(), registered.Credentials())
	requireStatus(t, err, http.StatusUnauthorized)
	require.Contains(t, w.run(t, "-reprovision"), ", 0 failed")
	_, err = s.Get(t.Context(), registered.ClientID, s.token(t, registered))
	require.NoError(t, err, "the sub of its tokens is another one now")
	require.ElementsMatch(t, words(registered), w.scopes(registered.ClientID))
	var kept struct {
		Enabled      bool              `json:"enabled"`
		DirectGrants bool              `json:"directAccessGrantsEnabled"`
		Attributes   map[string]string `json:"attributes"`
	}
	w.keycloak.MustAdmin(http.MethodGet, "/bank/clients/"+changed, nil, &kept)
	require.False(t, kept.DirectGrants)
	for name, want := range map[string]string{"oauth2.device.authorization.grant.enabled": "false", "post.logout.redirect.uris": "", "access.token.lifespan": "",
		"oidc.ciba.grant.enabled": "false", attributeBound: "true"} {
		require.Equal(t, want, kept.Attributes[name], name)
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
	w.keycloak.MustAdmin(http.MethodDelete, "/bank/client-scopes/"+w.clientScope("payments").ID, nil, nil)
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

// heldUp: of two clients one asks for a scope that was removed by hand.
func (w *world) heldUp(t *testing.T) {
	s := w.software(t)
	register := func(scope string) *tpp.ClientInformation {
		registered, err := s.Register(t.Context(), s.request(t, "", tpp.RequestOptions{Scopes: []string{"openid", scope}}))
		require.NoError(t, err)
		return registered
	}
	stays, lost := register("payments"), register("accounts")
	w.keycloak.MustAdmin(http.MethodDelete, "/bank/client-scopes/"+w.clientScope("payments").ID, nil, nil)
	w.keycloak.MustAdmin(http.MethodDelete, "/bank/clients/"+lost.ClientID, nil, nil)
	out, err := w.program(modeRun, "-reprovision").CombinedOutput()
	require.Error(t, err, "it tells a script")
	require.NotContains(t, string(out), " 0 failed")
	require.Contains(t, string(out), stays.ClientID)
	require.Contains(t, w.clients(), lost.ClientID)
	w.run(t, "-setup")
	require.Contains(t, w.run(t, "-reprovision"), ", 0 failed")
	require.Equal(t, []string{"payments"}, w.scopes(stays.ClientID))
	for _, c := range []*tpp.ClientInformation{stays, lost} {
		require.NoError(t, s.Delete(t.Context(), c.ClientID, s.token(t, c)))
	}
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

	require.NotContains(t, w.bank.Output(), "is left to Reconcile", "nothing is half-done: Keycloak was not reached")
	w.bank.Stop()
	w.bank = realtest.Start(t, w.program(modeRun))
	w.keycloak.Restart()
	w.awaitBank(t)
	require.Zero(t, w.reconcile(t).Undone)
	// A Keycloak that has just started may be too slow for the bank, which then answers 503.
	var again *tpp.ClientInformation
	require.Eventually(t, func() bool { again, err = s.Register(t.Context(), request); return err == nil }, time.Minute, time.Second, "the same request")
	require.Eventually(t, func() bool { _, err = s.Get(t.Context(), registered.ClientID, access); return err == nil }, time.Minute, time.Second, "a token of before")
	require.NoError(t, s.Delete(t.Context(), again.ClientID, s.token(t, again)))
}
