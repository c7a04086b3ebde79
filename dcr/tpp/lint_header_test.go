package tpp_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// A signature whose header is refused is tried by nobody, and so it is not called bad.
func TestASignatureBehindARefusedHeaderIsNotChecked(t *testing.T) {
	w := newWorld(t)
	for name, header := range map[string]map[string]any{
		"typ": {"typ": "foo"}, "jku": {"jku": "https://keys.example"}, "crit": {"crit": []string{"exp"}}, "no kid": {"kid": nil}, "kid": {"kid": 5},
		"no alg": {"alg": nil}, "alg": {"alg": "RS256"},
	} {
		request, err := w.software.SignWith(w.software.Request(ssatest.DefaultAudience), ssatest.Forgery{Members: header})
		require.NoError(t, err)
		result := w.lint(t, w.known(tpp.LintInput{Request: request}))
		require.False(t, result.Report.Valid(), name)
		assert.Equal(t, validate.CheckNotChecked, result.Checks.RequestSignature.State, name)
		assert.NotEmpty(t, result.Checks.RequestSignature.Note, name)
		assert.Equal(t, validate.CheckGood, result.Checks.StatementSignature.State, name)
		status, code := w.post(t, request)
		assert.Equal(t, status, result.Report.Wire().Status, name)
		assert.Equal(t, code, string(result.Report.Wire().Error), name)

		statement, err := w.software.SSAWith(nil, ssatest.Forgery{Members: header})
		require.NoError(t, err)
		request = w.request(t, func(r *claims.Request) { r.SoftwareStatement = claims.Some(statement) })
		result = w.lint(t, w.known(tpp.LintInput{Request: request}))
		assert.Equal(t, validate.CheckNotChecked, result.Checks.StatementSignature.State, name)
	}
}
