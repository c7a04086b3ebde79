package validate

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
)

func TestOtherNamesAreOfClaimsThatAStatementHas(t *testing.T) {
	for other, claim := range statementNames {
		assert.Contains(t, statementMembers, claim)
		assert.NotContains(t, statementMembers, other)
	}
}

// A pointer has the directory's name of a claim: one that a rule makes, one that a caller
// adds, and one of a type fault, which has it already.
func TestPointersHaveTheNamesOfTheDirectory(t *testing.T) {
	names := map[string]string{"org_id": "organisation/id", "org_status": "org_id", "software_redirect_uris": "redirect_uris", "software_roles": "roles"}
	policy := DefaultPolicy(OBIE33)
	policy.ClaimNames = names
	byPolicy, err := New(Config{Profile: OBIE33, Policy: policy})
	require.NoError(t, err)
	byInput, err := New(Config{Profile: OBIE33, Policy: DefaultPolicy(OBIE33)})
	require.NoError(t, err)
	ssa, faults, err := claims.DecodeSSA(`{"organisation/id": "a b", "org_id": 7, "redirect_uris": ["https://a.example", 1], "roles": ["AISP", "X"], "org_status": "Revoked"}`, names)
	require.NoError(t, err)
	for i, v := range []*Validator{byPolicy, byInput} {
		in := &Input{SSA: ssa, SSAFaults: faults, Now: time.Unix(1_700_000_000, 0),
			Extra: []Violation{{Rule: RuleSSAJWKSEndpointHost, Pointer: "/org_id/x"}}}
		if i == 1 {
			in.ClaimNames = names
		}
		found := map[string][]string{}
		for _, violation := range v.Judge(in).Violations {
			found[violation.Rule] = append(found[violation.Rule], violation.Pointer)
		}
		assert.Equal(t, []string{"/organisation~1id"}, found[RuleSSAOrgIDFormat])
		assert.Equal(t, []string{"/org_id"}, found[RuleSSAMemberType], "as it was sent")
		assert.Equal(t, []string{"/redirect_uris/1"}, found[RuleSSASoftwareRedirectURIsType])
		assert.Equal(t, []string{"/roles/1"}, found[RuleSSASoftwareRolesKnown])
		assert.Equal(t, []string{"/organisation~1id/x"}, found[RuleSSAJWKSEndpointHost])
		assert.Equal(t, []string{"/org_status"}, found[RuleSSAUnknownMember], "our own name is nobody's there")
		assert.True(t, slices.Contains(found[RuleSSAJTIRequired], "/jti"))
	}
}
