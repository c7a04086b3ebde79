package main

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func TestAClientIsProvisionedServedByItsRolesAndGoneEverywhere(t *testing.T) {
	var out bytes.Buffer
	o, err := run(t.Context(), &out)
	require.NoError(t, err)
	require.NotEmpty(t, o.clientID)
	require.Equal(t, 1, o.provisioned)
	require.Equal(t, http.StatusOK, o.accounts)
	require.Equal(t, http.StatusForbidden, o.payments, "the software has no role for it")
	require.Equal(t, http.StatusNotFound, o.doubled, "it is not redirected with the token")
	require.Equal(t, http.StatusUnauthorized, o.misused)
	require.Equal(t, http.StatusUnauthorized, o.accountsAfterMisuse, "the bank has ended the token")
	require.Zero(t, o.left)
	require.Equal(t, http.StatusUnauthorized, o.accountsAfter)
	require.Contains(t, out.String(), "client "+o.clientID)
}

func TestTheAuthorizationServerEndsNoTokenForTheBank(t *testing.T) {
	directory, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	defer directory.Close()
	a, err := openAuthServer(directory)
	require.NoError(t, err)
	defer a.server.Close()
	a.tokens["x"] = issued{clientID: "c", at: time.Now()}
	tokens, err := token.NewIntrospection(token.IntrospectionConfig{
		IntrospectionURL: a.server.URL + "/introspect", RevocationURL: a.server.URL + "/revoke",
		HTTPClient: a.server.Client(), ClientID: bankID, ClientSecret: claims.NewSecret(bankSecret),
	})
	require.NoError(t, err)
	_, err = tokens.Revoke(t.Context(), token.Revocation{Token: claims.NewSecret("x")})
	require.ErrorIs(t, err, token.ErrRevocationRefused)
	require.Contains(t, a.tokens, "x")
}
