package main

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
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
	require.Zero(t, o.left)
	require.Equal(t, http.StatusUnauthorized, o.accountsAfter)
	require.Contains(t, out.String(), "client "+o.clientID)
}
