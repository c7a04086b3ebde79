package tpp_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func TestAClientIsRegisteredReadUpdatedAndDeletedByEveryMethod(t *testing.T) {
	w := newWorld(t)
	client := w.client(t)
	for _, method := range everyMethod {
		t.Run(string(method), func(t *testing.T) {
			ctx := t.Context()
			options := tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: method}
			request, err := client.Build(w.statement(t, nil), options)
			require.NoError(t, err)
			made, err := client.Register(ctx, request)
			require.NoError(t, err)
			needsSecret := strings.HasPrefix(string(method), "client_secret")
			require.Equal(t, needsSecret, !made.Secret.IsZero())
			require.Equal(t, w.now.Unix(), made.IssuedAt.Unix())
			require.True(t, made.SecretExpiresAt.IsZero())
			require.Empty(t, made.Faults)
			require.Equal(t, w.software.RedirectURIs, made.Metadata.RedirectURIs.Or(nil))
			by := made.Credentials()
			require.Equal(t, tpp.Credentials{ClientID: made.ClientID, Method: method, Secret: made.Secret}, by)

			token, err := client.AccessToken(ctx, by)
			require.NoError(t, err)
			require.Equal(t, w.now.Add(server.TokenLife), token.Expires)
			got, err := client.Get(ctx, made.ClientID, token)
			require.NoError(t, err)
			require.Empty(t, got.Secret)
			require.Equal(t, made.Metadata.Scope, got.Metadata.Scope)

			options.RedirectURIs = w.software.RedirectURIs[:1]
			request, err = client.Build(w.statement(t, nil), options)
			require.NoError(t, err)
			updated, err := client.Update(ctx, made.ClientID, request, token)
			require.NoError(t, err)
			require.Equal(t, options.RedirectURIs, updated.Metadata.RedirectURIs.Or(nil))
			require.Equal(t, made.IssuedAt, updated.IssuedAt)

			require.NoError(t, client.Delete(ctx, made.ClientID, token))
			_, err = client.Get(ctx, made.ClientID, token)
			var refused *tpp.ResponseError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, http.StatusUnauthorized, refused.Status)
			require.Contains(t, refused.WWWAuthenticate, "Bearer")
			require.False(t, refused.Temporary())
			_, err = client.AccessToken(ctx, by)
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "invalid_client", refused.Code)
		})
	}
}

func TestARefusalNamesTheRulesThatAreBroken(t *testing.T) {
	w := newWorld(t)
	client := w.client(t)
	request, err := client.Build(w.statement(t, nil), tpp.RequestOptions{Audience: ssatest.DefaultAudience,
		RedirectURIs: []string{"https://elsewhere.example.com/cb"}})
	require.NoError(t, err)
	_, err = client.Register(t.Context(), request)
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusBadRequest, refused.Status)
	require.Equal(t, "invalid_redirect_uri", refused.Code)
	rules := refused.Rules()
	require.Len(t, rules, 1)
	require.Equal(t, "redirect_uris.subset_of_ssa", rules[0].ID)
	require.NotEmpty(t, refused.Body)
	require.False(t, tpp.MayHaveHappened(err))
}

// TestAfterALostAnswerTheSameRequestTellsWhetherItArrived does what Next advises.
func TestAfterALostAnswerTheSameRequestTellsWhetherItArrived(t *testing.T) {
	w := newWorld(t)
	client := w.client(t)
	request, err := client.Build(w.statement(t, nil), tpp.RequestOptions{Audience: ssatest.DefaultAudience})
	require.NoError(t, err)
	_, err = client.Register(t.Context(), request)
	require.NoError(t, err)
	_, err = client.Register(context.Background(), request)
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusBadRequest, refused.Status)
	require.Equal(t, "request.jti.replayed", refused.Rules()[0].ID)
	lost := &tpp.NoAnswerError{Verb: "register", Sent: true}
	require.Contains(t, lost.Next(), "request.jti.replayed")
}
