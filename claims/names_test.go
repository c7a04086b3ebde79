package claims

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAMappingOfNamesThatCouldNotBeMeantIsRefused(t *testing.T) {
	for name, names := range map[string]map[string]string{
		"no name":                    {"": "software_jwks_uri"},
		"a claim that moves nowhere": {"software_jwks_endpoint": ""},
		"the issuer":                 {"iss": "issuer"},
		"another claim as issuer":    {"org_id": "iss"},
		"the time of expiry":         {"exp": "expires"},
		"no claim of a statement":    {"software_jwks_uri": "software_jwks_endpoint"},
		"a claim of a request":       {"redirect_uris": "callbacks"},
		"two claims from one":        {"org_id": "id", "software_id": "id"},
		"a control character":        {"software_id": "id\x1b[2J"},
		"a line break":               {"software_id": "i\nd"},
	} {
		assert.Error(t, CheckNames(names), name)
	}
	for _, names := range []map[string]string{
		nil, {}, {"software_jwks_endpoint": "software_jwks_uri", "software_roles": "software_statement_roles"},
		{"org_id": "org_name", "org_name": "org_id"},
	} {
		assert.NoError(t, CheckNames(names), "%v", names)
	}
}

func TestRolesOfAnotherDirectoryMayHaveAStatus(t *testing.T) {
	names := map[string]string{"software_roles": "software_statement_roles"}
	s, faults, err := DecodeSSA(`{"software_statement_roles": [{"role": "AISP", "authorisation_domain": "Open Banking", "status": "Active"},
		{"role": "PISP", "status": "Inactive"}, {"role": "CBPII"}, {"role": "ASPSP", "status": null}]}`, names)
	require.NoError(t, err)
	require.Empty(t, faults)
	assert.Equal(t, Some(Roles{Values: []Role{AISP, CBPII, ASPSP}}), s.SoftwareRoles)

	for text, roles := range map[string]Roles{
		`["AISP"]`: {Values: []Role{AISP}}, `"AISP PISP"`: {Values: []Role{AISP, PISP}, Text: true}, `[]`: {Values: []Role{}},
		`[{"role": "AISP", "status": "Revoked"}]`: {Values: []Role{}},
	} {
		s, faults, err := DecodeSSA(`{"software_statement_roles": `+text+`}`, names)
		require.NoError(t, err)
		assert.Empty(t, faults, text)
		assert.Equal(t, roles, s.SoftwareRoles.Or(Roles{}), text)
	}
	for text, at := range map[string]string{
		`[{"role": 7}]`: "/0/role", `[{"role": null}]`: "/0/role", `[{"status": "Active"}]`: "/0", `[{"role": "AISP"}, "PISP"]`: "/1",
		`["AISP", {"role": "PISP"}]`: "/1", `[{"role": "AISP", "status": 1}]`: "/0/status",
	} {
		s, faults, err := DecodeSSA(`{"software_statement_roles": `+text+`}`, names)
		require.NoError(t, err)
		require.Len(t, faults, 1, text)
		assert.Equal(t, "/software_statement_roles"+at, faults[0].Pointer, text)
		assert.False(t, s.SoftwareRoles.Valid(), text)
	}
	s, faults, err = DecodeSSA(`{"software_roles": [{"role": "AISP", "status": "Active"}]}`, nil)
	require.NoError(t, err)
	assert.Len(t, faults, 1, "under the OBIE directory's name they are texts")
	assert.False(t, s.SoftwareRoles.Valid())
}
