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

// The message tells a claim that is not there from one that is there and gives nothing.
func TestRolesThatAreAllWithdrawnAreNotSaidToBeMissing(t *testing.T) {
	v, err := New(Config{Profile: OBIE33, Policy: DefaultPolicy(OBIE33)})
	require.NoError(t, err)
	moved := map[string]string{"software_roles": "roles"}
	for _, one := range []struct {
		statement string
		names     map[string]string
		want      string
	}{
		{`{}`, nil, "is missing"},
		{`{"software_roles": []}`, nil, "is empty"},
		{`{"roles": [{"role": "AISP", "status": "Withdrawn"}]}`, moved, "holds no role that is Active"},
	} {
		ssa, faults, err := claims.DecodeSSA(one.statement, one.names)
		require.NoError(t, err)
		report := v.Judge(&Input{SSA: ssa, SSAFaults: faults, ClaimNames: one.names, Now: time.Unix(1_700_000_000, 0)})
		at := slices.IndexFunc(report.Violations, func(v Violation) bool { return v.Rule == RuleSSASoftwareRolesRequired })
		require.GreaterOrEqual(t, at, 0, one.statement)
		assert.Equal(t, one.want, report.Violations[at].Message, one.statement)
	}
}

// Our own name of a claim is unknown where the directory has another. It is not near itself.
func TestNoNameIsNearItself(t *testing.T) {
	names := map[string]string{"software_jwks_endpoint": "software_jwks_uri"}
	v, err := New(Config{Profile: OBIE33, Policy: DefaultPolicy(OBIE33)})
	require.NoError(t, err)
	ssa, faults, err := claims.DecodeSSA(`{"software_jwks_endpoint": "https://a.example"}`, names)
	require.NoError(t, err)
	report := v.Judge(&Input{SSA: ssa, SSAFaults: faults, ClaimNames: names, Now: time.Unix(1_700_000_000, 0)})
	at := slices.IndexFunc(report.Violations, func(v Violation) bool { return v.Rule == RuleSSAUnknownMember })
	require.GreaterOrEqual(t, at, 0)
	assert.Empty(t, report.Violations[at].Want)
	assert.NotContains(t, report.Violations[at].Message, "near")
}

// An identifier that is only too long is told its length.
func TestAnIdentifierThatIsTooLongIsToldItsLength(t *testing.T) {
	v, err := New(Config{Profile: OBIE33, Policy: DefaultPolicy(OBIE33)})
	require.NoError(t, err)
	for id, want := range map[string]string{
		"9b5usDpbNtmxDcTzs7GzKp9": "has 23 characters; at most 22", "9b5us-pbNtmxDcTzs7GzKp9": "is no identifier of the directory",
	} {
		ssa, _, err := claims.DecodeSSA(`{"software_id": "`+id+`"}`, nil)
		require.NoError(t, err)
		report := v.Judge(&Input{SSA: ssa, Now: time.Unix(1_700_000_000, 0)})
		at := slices.IndexFunc(report.Violations, func(v Violation) bool { return v.Rule == RuleSSASoftwareIDFormat })
		require.GreaterOrEqual(t, at, 0, id)
		assert.Equal(t, want, report.Violations[at].Message)
	}
}
