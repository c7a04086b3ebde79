package trust_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/trust"
	"github.com/obdcr/obdcr/ssa"
)

func TestADirectoryIsReadAsItIsWritten(t *testing.T) {
	for _, d := range append([]trust.Directory{{Issuer: "A", Environment: claims.Production, JWKSHosts: []string{"keys.example:8443"},
		ClaimNames: map[string]string{"software_roles": "roles"}}}, trust.Of(ssa.KnownDirectories()[0]), trust.Of(ssa.KnownDirectories()[1])) {
		document, err := json.Marshal(d)
		require.NoError(t, err)
		again, err := trust.Parse(string(document))
		require.NoError(t, err)
		require.Equal(t, d.Issuer, again.Issuer)
		require.Equal(t, d.Anchor().JWKSHosts, again.Anchor().JWKSHosts)
		require.Equal(t, d.Anchor().Environment, again.Anchor().Environment)
		require.Equal(t, len(d.ClaimNames), len(again.ClaimNames))
	}
}

func TestADirectoryIsReadStrictly(t *testing.T) {
	for document, named := range map[string]string{
		`{"issuer": "A", "environment": "sandbox", "jwks_host": ["a.example"]}`:                                    "jwks_hosts",
		`{"iss": "A", "environment": "sandbox", "jwks_hosts": ["a.example"]}`:                                      "issuer",
		`{"environment": "sandbox", "jwks_hosts": ["a.example"]}`:                                                  "issuer",
		`{"issuer": "A", "jwks_hosts": ["a.example"]}`:                                                             "environment",
		`{"issuer": "A", "environment": "Sandbox", "jwks_hosts": ["a.example"]}`:                                   "environment",
		`{"issuer": "A", "environment": "sandbox"}`:                                                                "jwks_hosts",
		`{"issuer": "A", "environment": "sandbox", "jwks_hosts": ["https://a.example/"]}`:                          "jwks_hosts",
		`{"issuer": "A", "environment": "sandbox", "jwks_hosts": ["a.example"], "jwks_url": "http://a.example"}`:   "jwks_url",
		`{"issuer": "A", "environment": "sandbox", "jwks_hosts": ["a.example"], "claim_names": {"iss": "issuer"}}`: "claim_names",
		`{"issuer": "A", "issuer": "B", "environment": "sandbox", "jwks_hosts": ["a.example"]}`:                    "issuer",
		`{"issuer": 1, "environment": "sandbox", "jwks_hosts": ["a.example"]}`:                                     "issuer",
		`[]`: "object",
	} {
		d, err := trust.Parse(document)
		require.ErrorContains(t, err, named, document)
		require.Zero(t, d)
	}
}
