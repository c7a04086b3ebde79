package upstream_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/upstream"
)

func TestAConfigThatCannotBeMeantIsRefused(t *testing.T) {
	ask := func(context.Context) (claims.Secret, error) { return claims.NewSecret("x"), nil }
	good := upstream.Config{RegistrationEndpoint: "https://as.example/register", InitialAccessToken: ask}
	_, err := upstream.New(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*upstream.Config){
		"no address":            func(c *upstream.Config) { c.RegistrationEndpoint = "" },
		"no https":              func(c *upstream.Config) { c.RegistrationEndpoint = "http://as.example/" },
		"nothing authenticates": func(c *upstream.Config) { c.InitialAccessToken = nil },
		"a negative timeout":    func(c *upstream.Config) { c.Timeout = -1 },
		"the endpoint's host":   func(c *upstream.Config) { c.LeftHosts = []string{"as.example"} },
		"a mapping":             func(c *upstream.Config) { c.Mapping.RecordID = "client_id" },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			change(&c)
			_, err := upstream.New(c)
			require.Error(t, err)
		})
	}
}

// member is one member with a value, for Const and Ensure.
func member(name, value string) map[string]json.RawMessage {
	return map[string]json.RawMessage{name: json.RawMessage(value)}
}

const bound = "tls_client_certificate_bound_access_tokens"

func TestAMappingThatCannotBeMeantIsRefused(t *testing.T) {
	type m = upstream.Mapping
	rename := func(pairs ...string) m {
		all := m{Rename: map[string]string{}}
		for i := 0; i < len(pairs); i += 2 {
			all.Rename[pairs[i]] = pairs[i+1]
		}
		return all
	}
	cases := map[string]m{
		"a constant that is no JSON":            {Const: member("a", "{")},
		"a default that is no JSON":             {Ensure: member("a", "")},
		"a constant client_id":                  {Const: member("client_id", `"a"`)},
		"tokens that are not bound":             {Const: member(bound, "false")},
		"tokens that are not bound by default":  {Ensure: member(bound, "false"), DropBoundTokensUnsafe: true},
		"tokens that are not asked for":         {Drop: []string{bound}},
		"the same authentication for all":       {Const: member("token_endpoint_auth_method", `"none"`)},
		"the keys of one for all without":       {Ensure: member("jwks_uri", `"https://keys.example/"`)},
		"an unknown member that is dropped":     {Drop: []string{"softwareid"}},
		"a reserved member that is dropped":     {Drop: []string{"client_id"}},
		"two members of a name":                 rename("scope", "x", "software_id", "x"),
		"a name that is empty":                  rename("scope", ""),
		"a name that is reserved":               rename("scope", "client_secret"),
		"a name that another member has":        rename("scope", "jwks_uri"),
		"a name of the bank's own members":      rename("scope", bound),
		"an unknown member that is renamed":     rename("scopes", "x"),
		"a record id that is a reserved member": {RecordID: "client_id"},
		"a record id that is a member":          {RecordID: "software_id"},
		"a record id that is a dropped member":  {RecordID: "software_id", Drop: []string{"software_id"}},
		"a record id that is a renamed member":  {RecordID: "x", Rename: map[string]string{"scope": "x"}},
		"a record id that is a constant":        {RecordID: "x", Const: member("x", "1")},
		"a chosen member that is not sent":      {Chosen: []string{"scopes"}},
		"a widened member that is not sent":     {Widened: []string{"grants"}},
		"a renamed key set that is chosen":      {Chosen: []string{"keys"}, Rename: map[string]string{"jwks_uri": "keys"}},
	}
	for _, name := range []string{"redirect_uris", "token_endpoint_auth_method", "jwks_uri", "tls_client_auth_subject_dn", bound} {
		cases["dropped: "+name] = m{Drop: []string{name}}
		cases["chosen: "+name] = m{Chosen: []string{name}}
		cases["widened: "+name] = m{Widened: []string{name}}
		cases["constant: "+name] = m{Const: member(name, `"a"`)}
	}
	ask := func(context.Context) (claims.Secret, error) { return claims.NewSecret("x"), nil }
	open := func(mapping m) error {
		_, err := upstream.New(upstream.Config{RegistrationEndpoint: "https://as.example/register", InitialAccessToken: ask, Mapping: mapping})
		return err
	}
	for name, mapping := range cases {
		t.Run(name, func(t *testing.T) { require.Error(t, open(mapping)) })
	}
	for name, mapping := range map[string]m{
		"node-oidc-provider": upstream.OIDCProvider(), "Keycloak": upstream.Keycloak(), "none": {},
		"names that change places":              rename("scope", "software_id", "software_id", "scope"),
		"a name that is free":                   {Rename: map[string]string{"scope": "software_id"}, Drop: []string{"software_id"}},
		"a key set of another name":             rename("jwks_uri", "keys"),
		"redirect URIs for clients without any": {Ensure: member("redirect_uris", `["https://bank.example/none"]`)},
		"a constant that the server may change": {Const: member("tier", "1"), Chosen: []string{"tier"}},
	} {
		t.Run(name, func(t *testing.T) { require.NoError(t, open(mapping)) })
	}
}

func TestBoundTokensAreLeftOutByADangerousNameAlone(t *testing.T) {
	f := newFake(t)
	_, err := f.endpoint(t, nil).Provision(t.Context(), newClient())
	require.NoError(t, err)
	require.Equal(t, true, f.clients["as-1"][bound])
	_, err = f.endpoint(t, with(upstream.Mapping{DropBoundTokensUnsafe: true})).Provision(t.Context(), newClient())
	require.NoError(t, err)
	require.NotContains(t, f.clients["as-2"], bound)
}
