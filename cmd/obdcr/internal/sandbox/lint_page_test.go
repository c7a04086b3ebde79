package sandbox_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/validate"
)

// TestTheSandboxServesAPageToLintIn: it judges as the bank does, with the directory's keys.
func TestTheSandboxServesAPageToLintIn(t *testing.T) {
	t.Parallel()
	w := start(t, sandbox.Config{})
	b := w.visitor()
	b.Get(w.Ready.Portal + "/")
	require.Contains(t, b.Body, `href="/lint"`, "the portal leads there")
	b.Get(w.Ready.Portal + "/lint")
	require.Equal(t, http.StatusOK, b.Status)
	require.Contains(t, b.Body, "The bank of this sandbox")
	request, certificate := string(w.file("tpp/request.jwt")), string(w.file("tpp/transport.pem"))
	judge := func(fields url.Values) string {
		answer := send(t, w.client(), http.MethodPost, w.Ready.Portal+"/lint", fields.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, http.StatusOK, answer.status, answer.body)
		return answer.body
	}
	require.Contains(t, judge(url.Values{"document": {request}, "certificate": {certificate}}), `class="summary good"`, "all was checked")
	forged := request[:len(request)-8] + "AAAAAAAA"
	require.Contains(t, judge(url.Values{"document": {forged}}), `href="/lint/rules#`+validate.RuleRequestSignature+`"`)
}
