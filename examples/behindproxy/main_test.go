package main

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
)

func TestOnlyTheProxyIsBelieved(t *testing.T) {
	var out bytes.Buffer
	o, err := run(t.Context(), &out)
	require.NoError(t, err)
	require.NotEmpty(t, o.clientID)
	var refused *tpp.ResponseError
	require.ErrorAs(t, o.forged, &refused)
	require.Equal(t, http.StatusUnauthorized, refused.Status)
	require.Contains(t, out.String(), "client "+o.clientID)
}
