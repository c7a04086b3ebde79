package token_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
)

// revoker is an authorization server that ends a token for the owner alone (RFC 7009
// section 2.1), or for everybody. Its introspection says whether the token has ended.
type revoker struct {
	*introspectionServer
	owner   string // "": whoever asks
	refusal string // the body of the answer to others, status 400
	deaf    bool   // answers 200 and ends nothing
	broken  bool   // introspections after the revocation fail
	ended   bool
	form    url.Values // of the revocation
}

func newRevoker(t *testing.T) *revoker {
	t.Helper()
	r := &revoker{introspectionServer: newIntrospectionServer(t), refusal: `{"error":"invalid_request"}`}
	r.answer = func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if request.URL.Path == "/introspect" {
			body := active(nil)
			if r.ended {
				body = `{"active":false}`
			}
			if r.broken {
				body = ""
			}
			_, _ = io.WriteString(w, body)
			return
		}
		id, _, basic := request.BasicAuth()
		if r.form = r.introspectionServer.form; !basic {
			id = r.form.Get("client_id")
		}
		if r.owner != "" && id != r.owner {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, r.refusal)
			return
		}
		r.ended = !r.deaf
	}
	return r
}

func asBank(c *token.IntrospectionConfig) { c.ClientID, c.ClientSecret = "bank", claims.NewSecret("s") }

func TestTheBankEndsATokenWhereItMay(t *testing.T) {
	for name, choice := range map[string]token.RevocationMethod{"by choice": token.RevokeAsBank(), "by the address alone": {}} {
		a := newRevoker(t)
		tokens := a.tokens(t, func(c *token.IntrospectionConfig) { asBank(c); c.Revocation = choice })
		revoked, err := tokens.Revoke(context.Background(), token.Revocation{Token: claims.NewSecret("x")})
		require.NoError(t, err, name)
		require.True(t, revoked.Ended, name)
		require.True(t, a.ended, name)
		require.Equal(t, url.Values{"token": {"x"}, "token_type_hint": {"access_token"}}, a.form, name)
	}
	a := newRevoker(t)
	revoked, err := a.tokens(t, nil).Revoke(context.Background(), token.Revocation{Token: claims.NewSecret("no b64token")})
	require.NoError(t, err)
	require.True(t, revoked.Ended, "nobody issued it")
	require.Zero(t, a.visited)
	require.NoError(t, a.tokens(t, nil).RevokeClient(context.Background(), "abc"), "RFC 7009 cannot, and the look-up of the client does it")
	require.Zero(t, a.visited)
}

func TestAServerThatEndsNoForeignTokenIsToldFromAnOutage(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*revoker)
		refused bool
	}{
		"another client's":        {func(r *revoker) { r.owner = "abc" }, true},
		"unauthorized_client":     {func(r *revoker) { r.owner, r.refusal = "abc", `{"error":"unauthorized_client"}` }, true},
		"a page":                  {func(r *revoker) { r.owner, r.refusal = "abc", `<html>` }, true},
		"no access tokens":        {func(r *revoker) { r.owner, r.refusal = "abc", `{"error":"unsupported_token_type"}` }, true},
		"200, and nothing ends":   {func(r *revoker) { r.deaf = true }, true},
		"200, and nobody knows":   {func(r *revoker) { r.broken = true }, false},
		"credentials of somebody": {func(r *revoker) { r.owner, r.refusal = "abc", `{"error":"invalid_client"}` }, false},
	} {
		a := newRevoker(t)
		c.change(a)
		revoked, err := a.tokens(t, asBank).Revoke(context.Background(), token.Revocation{Token: claims.NewSecret("secret-token")})
		require.Error(t, err, name)
		require.False(t, revoked.Ended, name)
		require.Equal(t, c.refused, errors.Is(err, token.ErrRevocationRefused), name)
		require.NotContains(t, err.Error(), "secret-token", name)
	}
	a := newIntrospectionServer(t)
	for status, refused := range map[int]bool{503: false, 500: false, 401: false, 302: false, 204: false, 404: false, 400: true, 403: true} {
		a.status = status
		revoked, err := a.tokens(t, nil).Revoke(context.Background(), token.Revocation{Token: claims.NewSecret("x")})
		require.Error(t, err, status)
		require.False(t, revoked.Ended, status)
		require.Equal(t, refused, errors.Is(err, token.ErrRevocationRefused), status)
		require.Equal(t, status == http.StatusUnauthorized, errors.Is(err, token.ErrUnauthenticated), status)
	}
}

func TestATokenIsEndedAsItsClient(t *testing.T) {
	a := newRevoker(t)
	a.owner = "abc"
	var asked token.AccessToken
	credentials, failure := token.Authentication{ClientID: "abc", Secret: claims.NewSecret("own")}, error(nil)
	tokens := a.tokens(t, func(c *token.IntrospectionConfig) {
		asBank(c)
		c.Revocation = token.RevokeAsClient(func(_ context.Context, t token.AccessToken) (token.Authentication, error) {
			asked = t
			return credentials, failure
		})
	})
	text := claims.NewSecret("x")
	access, err := tokens.Introspect(context.Background(), text)
	require.NoError(t, err)
	require.Equal(t, "Basic "+base64.StdEncoding.EncodeToString([]byte("bank:s")), a.basic)
	r := token.Revocation{Token: text, Access: access}
	revoked, err := tokens.Revoke(context.Background(), r)
	require.NoError(t, err)
	require.True(t, revoked.Ended)
	require.Equal(t, access, asked)

	a.ended, credentials = false, token.Authentication{ClientID: "abc", Key: &token.AssertionKey{Signer: rsaKey(t), KeyID: "k", Audience: "https://as.example"}}
	revoked, err = tokens.Revoke(context.Background(), r)
	require.NoError(t, err)
	require.True(t, revoked.Ended)
	require.NotEmpty(t, a.form.Get("client_assertion"))

	errVault := errors.New("the vault is shut")
	visited := a.visited
	for name, c := range map[string]struct {
		credentials token.Authentication
		failure     error
	}{
		"the function fails": {credentials, errVault}, "nobody": {token.Authentication{}, nil},
		"a secret of nobody": {token.Authentication{Secret: claims.NewSecret("x")}, nil},
		"no signer":          {token.Authentication{ClientID: "abc", Key: &token.AssertionKey{}}, nil},
	} {
		credentials, failure = c.credentials, c.failure
		revoked, err := tokens.Revoke(context.Background(), r)
		require.Error(t, err, name)
		require.False(t, revoked.Ended, name)
		if c.failure != nil {
			require.ErrorIs(t, err, c.failure, name)
		}
	}
	require.Equal(t, visited, a.visited)
}

func TestATokenIsEndedByTheBanksOwnFunctionOrNotAtAll(t *testing.T) {
	a := newRevoker(t)
	errAPI := errors.New("the API is out")
	result, failure := token.Revoked{Ended: true}, error(nil)
	var got token.Revocation
	byFunction := a.tokens(t, func(c *token.IntrospectionConfig) {
		c.RevocationURL, c.Revocation = "", token.RevokeWith(func(_ context.Context, r token.Revocation) (token.Revoked, error) {
			got = r
			return result, failure
		})
	})
	r := token.Revocation{Token: claims.NewSecret("x"), Access: token.AccessToken{ClientID: "abc"}}
	revoked, err := byFunction.Revoke(context.Background(), r)
	require.NoError(t, err)
	require.True(t, revoked.Ended)
	require.Equal(t, r, got)
	result, failure = token.Revoked{}, errAPI
	revoked, err = byFunction.Revoke(context.Background(), r)
	require.ErrorIs(t, err, errAPI)
	require.False(t, revoked.Ended)

	byNothing := a.tokens(t, func(c *token.IntrospectionConfig) { c.RevocationURL, c.Revocation = "", token.NoRevocation() })
	revoked, err = byNothing.Revoke(context.Background(), r)
	require.NoError(t, err)
	require.False(t, revoked.Ended)
	require.Zero(t, a.visited)
}
