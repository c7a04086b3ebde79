package dcr_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

func (w *world) lint(t *testing.T, in tpp.LintInput) *tpp.LintResult {
	t.Helper()
	in.Validator, in.Now = w.config.Validator, w.now
	result, err := tpp.Lint(context.Background(), in)
	require.NoError(t, err)
	return result
}

func TestLintOfAValidRequestFindsNothing(t *testing.T) {
	w, _ := newWorld(t, nil)
	result := w.lint(t, tpp.LintInput{Request: w.token(t, nil), StatementKey: w.directory.Anchor().Keys, SoftwareKey: w.directory.Resolver()})
	require.True(t, result.Report.Valid(), ruleIDs(result.Report))
	require.Equal(t, validate.SignatureValid, result.Request)
	require.Equal(t, validate.SignatureValid, result.Statement)
	require.Len(t, result.Documents, 4)

	request := w.software.Request(ssatest.DefaultAudience)
	bare, err := json.Marshal(&request)
	require.NoError(t, err)
	result = w.lint(t, tpp.LintInput{Request: string(bare)})
	require.True(t, result.Report.Valid(), ruleIDs(result.Report))
	require.Equal(t, validate.SignatureNotChecked, result.Request)
}

func TestLintGoesOnWhereAServerStops(t *testing.T) {
	w, r := newWorld(t, nil)
	statement, err := w.software.SSAWith(map[string]any{"software_roles": []string{"AISP"}}, ssatest.Forgery{Key: w.directory.ForgedKey()})
	require.NoError(t, err)
	token := w.token(t, func(c *claims.Request) {
		c.SoftwareStatement = claims.Some(statement)
		c.Scope = claims.Some(claims.Scope{Words: []string{"openid", "payments"}})
	})
	result := w.lint(t, tpp.LintInput{Request: token, StatementKey: w.directory.Anchor().Keys, SoftwareKey: w.directory.Resolver()})
	require.Equal(t, validate.SignatureInvalid, result.Statement)
	require.Equal(t, validate.SignatureValid, result.Request)
	require.ElementsMatch(t, []string{"ssa.signature", "scope.within_roles"}, ruleIDs(result.Report))
	_, refusal := w.register(t, r, token)
	require.Equal(t, refusal.Code, result.Report.Wire().Error, "lint computes the code that the server answers")
}

func TestLintOfWhatIsNoRequest(t *testing.T) {
	w, _ := newWorld(t, nil)
	for _, text := range []string{"hello", "a.b.c", "[1]", "{", "{}{}", "{\"iss\":1,\"iss\":2}", strings.Repeat("{\"a\":", 20)} {
		result := w.lint(t, tpp.LintInput{Request: text})
		require.False(t, result.Report.Valid(), text)
		require.Equal(t, validate.InvalidClientMetadata, result.Report.Wire().Error)
		require.Contains(t, ruleIDs(result.Report), "request.jws")
	}
	_, err := tpp.Lint(context.Background(), tpp.LintInput{Validator: w.config.Validator})
	require.Error(t, err)
	_, err = tpp.Lint(context.Background(), tpp.LintInput{Request: "x"})
	require.Error(t, err)
}

func TestLintOfAStatementAlone(t *testing.T) {
	w, _ := newWorld(t, nil)
	statement, err := w.software.SSA(nil)
	require.NoError(t, err)
	result := w.lint(t, tpp.LintInput{Statement: statement, StatementKey: w.directory.Anchor().Keys})
	require.True(t, result.Report.Valid(), ruleIDs(result.Report))
	statement, err = w.software.SSA(map[string]any{"software_redirect_uris": nil})
	require.NoError(t, err)
	result = w.lint(t, tpp.LintInput{Statement: statement})
	require.Equal(t, []string{"ssa.software_redirect_uris.required"}, ruleIDs(result.Report))
}
