package tpp_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

func TestLintOfAValidRequestFindsNothing(t *testing.T) {
	w := newWorld(t)
	request := w.software.Request(ssatest.DefaultAudience)
	token, err := w.software.Sign(&request)
	require.NoError(t, err)
	result := w.lint(t, tpp.LintInput{Request: token, StatementKey: w.directory.Anchor().Keys, SoftwareKeys: w.directory.Resolver()})
	require.True(t, result.Report.Valid(), errorIDs(result.Report))
	require.Equal(t, validate.CheckGood, result.Checks.RequestSignature.State)
	require.Equal(t, validate.CheckGood, result.Checks.StatementSignature.State)
	require.Len(t, result.Documents, 4)

	bare, err := json.Marshal(&request)
	require.NoError(t, err)
	result = w.lint(t, tpp.LintInput{Request: string(bare)})
	require.True(t, result.Report.Valid(), errorIDs(result.Report))
	require.Equal(t, validate.CheckNotChecked, result.Checks.RequestSignature.State)
}

func TestLintGoesOnWhereAServerStops(t *testing.T) {
	w := newWorld(t)
	statement, err := w.software.SSAWith(map[string]any{"software_roles": []string{"AISP"}}, ssatest.Forgery{Key: w.directory.ForgedKey()})
	require.NoError(t, err)
	token := w.request(t, func(c *claims.Request) {
		c.SoftwareStatement = claims.Some(statement)
		c.Scope = claims.Some(claims.Scope{Words: []string{"openid", "payments"}})
	})
	result := w.lint(t, tpp.LintInput{Request: token, StatementKey: w.directory.Anchor().Keys, SoftwareKeys: w.directory.Resolver()})
	require.Equal(t, validate.CheckBad, result.Checks.StatementSignature.State)
	require.Equal(t, validate.CheckGood, result.Checks.RequestSignature.State)
	require.ElementsMatch(t, []string{"ssa.signature", "scope.within_roles"}, errorIDs(result.Report))
	_, err = w.client(t).Register(t.Context(), token)
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, refused.Code, string(result.Report.Wire().Error), "lint computes the code that the server answers")
}

func TestLintOfWhatIsNoRequest(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{"hello", "a.b.c", "[1]", "{", "{}{}", "{\"iss\":1,\"iss\":2}", strings.Repeat("{\"a\":", 20)} {
		result := w.lint(t, tpp.LintInput{Request: text})
		require.False(t, result.Report.Valid(), text)
		require.Equal(t, validate.InvalidClientMetadata, result.Report.Wire().Error)
		require.Contains(t, errorIDs(result.Report), "request.jws")
	}
	validator, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: w.bank.Policy()})
	require.NoError(t, err)
	_, err = tpp.Lint(context.Background(), tpp.LintInput{Validator: validator})
	require.Error(t, err)
	_, err = tpp.Lint(context.Background(), tpp.LintInput{Request: "x"})
	require.Error(t, err)
}

func TestLintOfAStatementAlone(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, nil)
	result := w.lint(t, tpp.LintInput{Statement: statement, StatementKey: w.directory.Anchor().Keys})
	require.True(t, result.Report.Valid(), errorIDs(result.Report))
	statement = w.statement(t, map[string]any{"software_redirect_uris": nil})
	result = w.lint(t, tpp.LintInput{Statement: statement})
	require.Equal(t, []string{"ssa.software_redirect_uris.required"}, errorIDs(result.Report))
}

func TestLintReadsTheStatementByteForByte(t *testing.T) {
	w := newWorld(t)
	for _, change := range []func(string) string{
		func(s string) string { return s + "\n" },
		func(s string) string { return " " + s },
		func(s string) string {
			payload, err := base64.RawURLEncoding.DecodeString(strings.Split(s, ".")[1])
			require.NoError(t, err)
			return string(payload)
		},
	} {
		token := w.request(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(change(c.SoftwareStatement.Or(""))) })
		result := w.lint(t, tpp.LintInput{Request: token})
		require.Contains(t, errorIDs(result.Report), "ssa.jws")
		require.Equal(t, validate.InvalidSoftwareStatement, result.Report.Wire().Error)
	}
}

func TestLintJudgesTheClaimsOfAMalformedToken(t *testing.T) {
	w := newWorld(t)
	token := w.request(t, func(c *claims.Request) { c.ApplicationType = claims.Some(claims.ApplicationType("desktop")) })
	header, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	for _, text := range []string{header + "." + payload, token + "==", token + ".x"} {
		result := w.lint(t, tpp.LintInput{Request: text})
		require.Contains(t, errorIDs(result.Report), "request.jws")
		require.Contains(t, errorIDs(result.Report), "application_type.web_or_mobile")
		require.Equal(t, validate.CheckNotChecked, result.Checks.RequestSignature.State)
	}
}

func TestALintWithoutATimeJudgesAtPresent(t *testing.T) {
	directory, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	defer directory.Close()
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	request := software.Request(ssatest.DefaultAudience)
	token, err := software.Sign(&request)
	require.NoError(t, err)
	validator, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: validate.DefaultPolicy(validate.OBIE33)})
	require.NoError(t, err)
	result, err := tpp.Lint(t.Context(), tpp.LintInput{Request: token, Validator: validator})
	require.NoError(t, err)
	require.True(t, result.Report.Valid(), errorIDs(result.Report))
}

func TestLintKnowsAnUpdate(t *testing.T) {
	w := newWorld(t)
	request := w.software.Request(ssatest.DefaultAudience)
	request.Unknown = []claims.Member{{Name: "client_id_issued_at", Raw: json.RawMessage("1")}}
	token, err := w.software.Sign(&request)
	require.NoError(t, err)
	for update, rule := range map[bool]string{false: validate.RuleRequestResponseMember, true: validate.RuleRequestResponseMemberUpdate} {
		report := w.lint(t, tpp.LintInput{Request: token, Update: update}).Report
		require.True(t, report.Valid())
		require.Equal(t, validate.OutcomeFailed, report.Outcome(rule))
		require.Equal(t, 1, report.Count(validate.SeverityWarning)+report.Count(validate.SeverityNotice))
	}
}

// A statement of a directory with other names is read by them, whether the policy or the
// anchor has them. Without them the report says where the claims stand.
func TestLintReadsTheNamesOfADirectory(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, map[string]any{"software_jwks_endpoint": nil, "software_jwks_uri": w.software.JWKSURL(), "software_roles": nil,
		"software_statement_roles": []map[string]string{{"role": "AISP", "status": "Active"}}})
	names := map[string]string{"software_jwks_endpoint": "software_jwks_uri", "software_roles": "software_statement_roles"}
	policy := w.bank.Policy()
	policy.ClaimNames = names
	renamed, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	require.NoError(t, err)
	usual, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: w.bank.Policy()})
	require.NoError(t, err)
	plain, named := w.directory.Anchor(), w.directory.Anchor()
	named.ClaimNames = names
	for name, in := range map[string]tpp.LintInput{
		"by the policy": {Validator: renamed}, "by the anchor": {Validator: usual, Anchor: &named}, "by both": {Validator: renamed, Anchor: &named},
		"by the policy, which the anchor leaves out": {Validator: renamed, Anchor: &plain},
	} {
		in.Statement, in.Now = statement, w.now
		result, err := tpp.Lint(t.Context(), in)
		require.NoError(t, err, name)
		require.True(t, result.Report.Valid(), "%s: %v", name, errorIDs(result.Report))
	}
	result, err := tpp.Lint(t.Context(), tpp.LintInput{Validator: usual, Statement: statement, Now: w.now})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{validate.RuleSSASoftwareJWKSEndpointRequired, validate.RuleSSASoftwareRolesRequired}, errorIDs(result.Report))
	for _, v := range result.Report.Violations {
		if v.Severity == validate.SeverityError {
			require.Contains(t, v.Message, names[v.Pointer[1:]], "the message says under which name the claim stands")
		}
	}
}

// What a lint judges outside of the table has passed where it found nothing, and what it did
// not judge has not.
func TestALintNamesWhatItHasJudged(t *testing.T) {
	w := newWorld(t)
	good := w.request(t, func(*claims.Request) {})
	always := []string{validate.RuleRequestSize, validate.RuleInputEncoding, validate.RuleRequestJWS, validate.RuleSSAJWS}
	keys := []string{validate.RuleRequestKeyFound, validate.RuleRequestKeyRevoked, validate.RuleRequestSignature, validate.RuleSSAKeyFound, validate.RuleSSASignature}
	certificate := []string{validate.RuleCertificateValidity, validate.RuleCertificatePurpose, validate.RuleCertificateChain, validate.RuleCertificateBinding}
	for _, with := range []bool{false, true} {
		in := tpp.LintInput{Request: good}
		if with {
			in = w.known(in)
		}
		result := w.lint(t, in)
		require.True(t, result.Report.Valid())
		for _, id := range always {
			assert.Equal(t, validate.OutcomePassed, result.Report.Outcome(id), id)
		}
		for _, id := range slices.Concat(keys, certificate) {
			assert.Equal(t, with, result.Report.Outcome(id) == validate.OutcomePassed, id)
		}
	}
	in := w.known(tpp.LintInput{Request: good})
	in.Authorities = nil
	assert.Equal(t, validate.OutcomeNotApplicable, w.lint(t, in).Report.Outcome(validate.RuleCertificateChain))
}
