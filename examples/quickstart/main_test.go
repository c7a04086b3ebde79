package main

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
)

func TestQuickstartRegistersAndThenFindsThreeMistakesAtOnce(t *testing.T) {
	var out bytes.Buffer
	o, err := run(context.Background(), &out)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, o.good.status)

	client, err := o.bank.store.Get(context.Background(), o.good.clientID)
	require.NoError(t, err)
	require.Equal(t, claims.Sandbox, client.Environment)
	require.Equal(t, o.request.SoftwareStatement.Or(""), client.SoftwareStatement)
	require.Equal(t, "Test TPP", client.Application.Name)
	names := []string{}
	for _, a := range client.Application.Attributes {
		names = append(names, a.Name)
	}
	require.Equal(t, []string{"software_id_sandbox", "software_client_id_sandbox", "software_client_name_sandbox",
		"software_roles_sandbox", "software_jwks_endpoint_sandbox"}, names)
	registered, err := claims.ParseRequest(client.Metadata)
	require.NoError(t, err)
	require.Equal(t, o.request.RedirectURIs, registered.RedirectURIs)
	require.False(t, registered.JWTID.Present(), "what concerns the token alone is not registered")

	require.Equal(t, http.StatusBadRequest, o.faulty.status)
	require.Equal(t, "invalid_redirect_uri", o.faulty.code)
	require.ElementsMatch(t, []string{"exp.lifetime", "redirect_uris.subset_of_ssa", "id_token_signed_response_alg.algorithm"}, o.rules)
	require.Contains(t, out.String(), "the bank answers 201")
}
