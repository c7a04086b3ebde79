package upstream_test

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// real is an authorization server that others wrote.
type real struct {
	*world
	authorizationURL string
	credentials      url.Values // of a customer
	stop, restart    func()
	remove           func(clientID string) // by hand
	clients          func() []string       // the client_ids of what was registered
}

// life runs everything that a bank does with an authorization server.
func (r *real) life(t *testing.T) {
	for _, method := range []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth} {
		t.Run("a client lives and dies by "+string(method), func(t *testing.T) { r.wholeLife(t, method) })
		t.Run("a client that was removed by hand comes back by "+string(method), func(t *testing.T) { r.removedByHand(t, method) })
	}
	t.Run("a token of another client or of a customer manages nothing", r.foreignTokens)
	t.Run("the server does not let the bank revoke a client's token", r.foreignRevocation)
	t.Run("a bank that is killed before the client is stored", r.killed)
	t.Run("a bank that is killed before a new token is stored", r.tokenLost)
	t.Run("a server that is out burns no request", r.out)
}

func (r *real) wholeLife(t *testing.T, method claims.AuthMethod) {
	ctx := soon(t)
	bank, address := r.bank(t, "")
	p := r.person(t, address, method)
	made, err := p.Register(ctx, p.request(t, "", "openid", "accounts"))
	require.NoError(t, err)
	require.Contains(t, r.clients(), made.ClientID)
	scope, _ := made.Metadata.Scope.Get()
	require.ElementsMatch(t, []string{"openid", "accounts"}, scope.Words)

	access, err := p.access(ctx, made.ClientID, "accounts")
	require.NoError(t, err)
	_, err = p.access(ctx, made.ClientID, "payments")
	refusedWith(t, err, http.StatusBadRequest)
	read, err := p.Get(ctx, made.ClientID, access)
	require.NoError(t, err)
	require.Equal(t, made.Metadata.RedirectURIs, read.Metadata.RedirectURIs)

	for range 2 { // the server gives a new registration access token each time
		_, err = p.Update(ctx, made.ClientID, p.request(t, made.ClientID, "openid", "accounts", "payments"), access)
		require.NoError(t, err)
	}
	_, err = p.access(ctx, made.ClientID, "payments")
	require.NoError(t, err, "the server knows the new scope")
	_, err = p.Get(ctx, made.ClientID, access)
	require.NoError(t, err, "a token of before stays good")

	require.NoError(t, p.Delete(ctx, made.ClientID, access))
	require.NotContains(t, r.clients(), made.ClientID)
	require.Empty(t, bank.records(t))
	_, err = p.Get(ctx, made.ClientID, access)
	refusedWith(t, err, http.StatusUnauthorized)
	_, err = p.access(ctx, made.ClientID, "accounts")
	require.Error(t, err, "the server issues no token any more")
	require.NotContains(t, bank.log.String(), "level=ERROR")
}

func (r *real) removedByHand(t *testing.T, method claims.AuthMethod) {
	ctx := soon(t)
	bank, address := r.bank(t, "")
	p := r.person(t, address, method)
	made, err := p.Register(ctx, p.request(t, "", "openid", "accounts"))
	require.NoError(t, err)
	r.remove(made.ClientID)
	_, err = p.access(ctx, made.ClientID, "accounts")
	require.Error(t, err)
	report, err := bank.Registrar().Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Equal(t, 1, report.Done)
	require.Len(t, report.Moved, 1)
	require.Equal(t, made.ClientID, report.Moved[0].Before)
	again := report.Moved[0].After
	require.Contains(t, r.clients(), again)

	access, err := p.access(ctx, again, "accounts")
	require.NoError(t, err)
	_, err = p.Get(ctx, again, access)
	require.NoError(t, err)
	_, err = p.Get(ctx, made.ClientID, access)
	refusedWith(t, err, http.StatusUnauthorized)
	report, err = bank.Registrar().Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Equal(t, dcr.ReprovisionReport{Done: 1, Complete: true}, report, "what is there stays")
	access, err = p.access(ctx, again, "accounts")
	require.NoError(t, err)
	require.NoError(t, p.Delete(ctx, again, access))
	require.NotContains(t, r.clients(), again)
}

func (r *real) foreignTokens(t *testing.T) {
	ctx := soon(t)
	_, address := r.bank(t, "")
	p, other := r.person(t, address, claims.TLSClientAuth), r.person(t, address, claims.PrivateKeyJWT)
	made, err := p.Register(ctx, p.request(t, "", "openid", "accounts"))
	require.NoError(t, err)
	foreign, err := other.Register(ctx, other.request(t, "", "openid", "accounts"))
	require.NoError(t, err)

	theirs, err := other.access(ctx, foreign.ClientID, "accounts")
	require.NoError(t, err)
	_, err = other.Get(ctx, made.ClientID, theirs)
	refusedWith(t, err, http.StatusUnauthorized)
	_, err = p.Get(ctx, made.ClientID, theirs)
	refusedWith(t, err, http.StatusUnauthorized)

	customers := tpp.BearerToken{Value: p.customerToken(t, r.authorizationURL, r.setup.TokenURL, made.ClientID, r.credentials)}
	_, err = p.Get(ctx, made.ClientID, customers)
	refusedWith(t, err, http.StatusUnauthorized)
	refusedWith(t, p.Delete(ctx, made.ClientID, customers), http.StatusUnauthorized)
	require.Contains(t, r.clients(), made.ClientID)
	own, err := p.access(ctx, made.ClientID, "accounts")
	require.NoError(t, err)
	_, err = p.Get(ctx, made.ClientID, own)
	require.NoError(t, err, "the client's own token does")
}

// foreignRevocation asks for the end of a client's token by RFC 7009 as the bank.
func (r *real) foreignRevocation(t *testing.T) {
	ctx := soon(t)
	_, address := r.bank(t, "")
	p := r.person(t, address, claims.PrivateKeyJWT)
	made, err := p.Register(ctx, p.request(t, "", "openid", "accounts"))
	require.NoError(t, err)
	access, err := p.access(ctx, made.ClientID, "accounts")
	require.NoError(t, err)
	tokens, err := token.NewIntrospection(token.IntrospectionConfig{IntrospectionURL: r.setup.IntrospectionURL, RevocationURL: r.setup.RevocationURL,
		ClientID: r.setup.BankID, ClientSecret: claims.NewSecret(r.setup.BankSecret), Revocation: token.RevokeAsBank(),
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: r.roots(), MinVersion: tls.VersionTLS12}}}})
	require.NoError(t, err)
	held, err := tokens.Introspect(ctx, access.Value)
	require.NoError(t, err)
	result, err := tokens.Revoke(ctx, token.Revocation{Token: access.Value, Access: held})
	require.ErrorIs(t, err, token.ErrRevocationRefused)
	require.False(t, result.Ended)
	_, err = p.Get(ctx, made.ClientID, access)
	require.NoError(t, err, "the token is as good as before")
	require.NoError(t, p.Delete(ctx, made.ClientID, access))
}

func (r *real) killed(t *testing.T) {
	ctx := soon(t)
	s := r.setup
	s.Database = t.TempDir() + "/clients.db"
	p := r.person(t, "https://bank.example", claims.PrivateKeyJWT)
	request := p.request(t, "", "openid", "accounts")
	orphan := s.kill(t, request, p.leaf(t))
	require.Contains(t, r.clients(), orphan)

	bank, address := r.bank(t, s.Database)
	require.Len(t, bank.records(t), 1)
	id := bank.records(t)[0].ID
	require.Equal(t, store.Creating, bank.records(t)[0].State)
	report, err := bank.Registrar().Reconcile(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Undone: 1}, report)
	require.Empty(t, bank.records(t))
	require.Contains(t, bank.log.String(), id, "the operator learns which client to look for")
	require.Contains(t, bank.log.String(), "level=ERROR")
	require.Contains(t, r.clients(), orphan)

	again := r.personOf(t, address, p.software, claims.PrivateKeyJWT)
	made, err := again.Register(ctx, request)
	require.NoError(t, err, "the same request may come again")
	require.NotEqual(t, orphan, made.ClientID)
}

// tokenLost is a crash that loses the registration access token that an update gave.
func (r *real) tokenLost(t *testing.T) {
	ctx := soon(t)
	s := r.setup
	s.Database = t.TempDir() + "/clients.db"
	bank, address := r.bank(t, s.Database)
	p := r.person(t, address, claims.TLSClientAuth)
	made, err := p.Register(ctx, p.request(t, "", "openid", "accounts"))
	require.NoError(t, err)
	access, err := p.access(ctx, made.ClientID, "accounts")
	require.NoError(t, err)
	s.ClientID, s.Access = made.ClientID, access.Value.Reveal()
	s.kill(t, p.request(t, made.ClientID, "openid", "accounts", "payments"), p.leaf(t))

	report, err := bank.Registrar().Reconcile(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, dcr.ReconcileReport{Undone: 1}, report)
	require.Contains(t, bank.log.String(), "Reprovision")
	read, err := p.Get(ctx, made.ClientID, access)
	require.NoError(t, err, "the client goes on")
	scope, _ := read.Metadata.Scope.Get()
	require.NotContains(t, scope.Words, "payments", "as it was before")

	repaired, err := bank.Registrar().Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Len(t, repaired.Moved, 1)
	require.Contains(t, bank.log.String(), made.ClientID, "the operator learns which client is left over")
	again := repaired.Moved[0].After
	access, err = p.access(ctx, again, "accounts")
	require.NoError(t, err)
	_, err = p.access(ctx, again, "payments")
	require.Error(t, err)
	require.NoError(t, p.Delete(ctx, again, access))
	require.Contains(t, r.clients(), made.ClientID)
	r.remove(made.ClientID)
}

func (r *real) out(t *testing.T) {
	ctx := t.Context()
	bank, address := r.bank(t, "")
	p := r.person(t, address, claims.PrivateKeyJWT)
	kept, err := p.Register(ctx, p.request(t, "", "openid", "accounts"))
	require.NoError(t, err)
	access, err := p.access(ctx, kept.ClientID, "accounts")
	require.NoError(t, err)
	update := p.request(t, kept.ClientID, "openid", "accounts", "payments")
	other := r.person(t, address, claims.PrivateKeyJWT)
	request := other.request(t, "", "openid", "accounts")

	r.stop()
	for range 2 {
		_, err = other.Register(ctx, request)
		refusedWith(t, err, http.StatusServiceUnavailable)
	}
	_, err = p.Update(ctx, kept.ClientID, update, access)
	refusedWith(t, err, http.StatusServiceUnavailable)
	refusedWith(t, p.Delete(ctx, kept.ClientID, access), http.StatusServiceUnavailable)
	require.Len(t, bank.records(t), 1, "nothing is half done")
	r.restart()

	served(t, func() error { _, err := other.Register(ctx, request); return err })
	served(t, func() error { _, err := p.Update(ctx, kept.ClientID, update, access); return err })
	served(t, func() error { return p.Delete(ctx, kept.ClientID, access) })
	require.NotContains(t, r.clients(), kept.ClientID)
}

// served sends the same request until it is answered: a server that has just started may be
// too slow for the bank, which then answers 503.
func served(t *testing.T, send func() error) {
	t.Helper()
	var refused *tpp.ResponseError
	for until := time.Now().Add(time.Minute); ; {
		err := send()
		if !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable || time.Now().After(until) {
			require.NoError(t, err, "the same request")
			return
		}
		time.Sleep(time.Second)
	}
}

// personOf makes another client of a bank for a software.
func (w *world) personOf(t *testing.T, bankURL string, software *ssatest.EnrolledSoftware, method claims.AuthMethod) *person {
	t.Helper()
	return w.equip(t, bankURL, &person{software: software, method: method})
}
