package main

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func TestQuickstartRegistersAndThenFindsThreeMistakesAtOnce(t *testing.T) {
	var out bytes.Buffer
	o, err := run(t.Context(), &out)
	require.NoError(t, err)

	client, err := o.bank.store.Get(t.Context(), o.registered.ClientID)
	require.NoError(t, err)
	require.Equal(t, claims.Sandbox, client.Environment)
	require.Equal(t, "Test TPP", client.Application.Name)
	names := []string{}
	for _, a := range client.Application.Attributes {
		names = append(names, a.Name)
	}
	require.Equal(t, []string{"software_id_sandbox", "software_client_id_sandbox", "software_client_name_sandbox",
		"software_roles_sandbox", "software_jwks_endpoint_sandbox"}, names)
	kept, err := claims.ParseRequest(client.Metadata)
	require.NoError(t, err)
	require.Equal(t, kept.RedirectURIs, o.request.RedirectURIs, "its owner reads what is kept")
	require.False(t, kept.JWTID.Present(), "what concerns the token alone is not registered")
	require.Equal(t, []string{ssatest.DefaultAudience}, o.bank.Policy().Audiences)

	require.Equal(t, http.StatusBadRequest, o.refused.Status)
	require.Equal(t, "invalid_redirect_uri", o.refused.Code)
	mistakes := []string{"exp.lifetime", "redirect_uris.subset_of_ssa", "id_token_signed_response_alg.algorithm"}
	require.ElementsMatch(t, mistakes, o.rules)
	named := []string{}
	for _, rule := range o.refused.Rules() {
		named = append(named, rule.ID)
	}
	require.NotEmpty(t, named)
	require.Subset(t, mistakes, named, "the bank names no other")
	require.Contains(t, out.String(), "client "+o.registered.ClientID)
}
