package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/inputtest"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/validate"
)

// told is what a report in JSON says of a file.
type told struct {
	Valid bool
	Wire  *struct {
		Status      int
		Error       validate.Code
		Description string `json:"error_description"`
	}
	Violations []struct{ Rule string }
	Checks     map[string]validate.CheckState
}

// lintJSON runs lint for JSON, and returns the exit code.
func lintJSON(t *testing.T, args ...string) (code int, reports []told) {
	t.Helper()
	var out, messages bytes.Buffer
	code = (&app{err: &messages}).run(append([]string{"lint", "-o", "json"}, args...), &out)
	require.NotEmpty(t, out.Bytes(), messages.String())
	if out.Bytes()[0] != '[' {
		out = *bytes.NewBuffer(slices.Concat([]byte("["), out.Bytes(), []byte("]")))
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &reports))
	return code, reports
}

// brokenTokens are files that end in .jwt and are no tokens.
func brokenTokens() map[string]string {
	return map[string]string{
		"empty": "", "blanks": " \n", "HTML": "<html><body>Sign in</body></html>", "text": "not a token\n", "JWE": "eyJhbGciOiJkaXIifQ.a.b.c.d",
		"NULs": strings.Repeat("\x00", 100), "long NULs": strings.Repeat("\x00", 70_000), "bytes": strings.Repeat("\xfe\x01", 35_000),
		"letters": strings.Repeat("a", dcr.MaxRequestBody+1), "text of a MiB": strings.Repeat("a b\n", 1<<18), "more than a MiB": strings.Repeat("a b\n", 1<<19),
		"a flattened JWS": `{"payload":"` + strings.Repeat("a", 70_000) + `","protected":"e30","signature":"AA"}`, "broken JSON": `{"iss": `,
		"long broken JSON": `{"iss": "` + strings.Repeat("a", 70_000), "long HTML": "<html>" + strings.Repeat("<p>", 30_000), "an array": `["a"]`,
		"a short flattened JWS": `{"payload":"e30","protected":"e30","signature":"AA"}`, "a refusal": `{"error":"invalid_client","error_description":"no"}`,
		"an object": `{"a": 1}`, "half a token": "eyJhbGciOiJQUzI1NiJ9.e30", "a Latin-1 text": "caf\xe9", "a broken PEM": "-----BEGIN CERTIFICATE-----\nMII",
	}
}

// A file of a folder that ends as a token does is judged, whatever it holds. Over 64 KiB the
// size is what is wrong with it, as at the bank.
func TestABrokenTokenInAFolderFails(t *testing.T) {
	for name, data := range brokenTokens() {
		for _, extension := range tokenExtensions() {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "x"+extension), []byte(data), 0o600))
			code, reports := lintJSON(t, dir)
			require.Equal(t, exitViolated, code, name)
			require.Len(t, reports, 1, name)
			require.NotNil(t, reports[0].Wire, name)
			if len(data) > dcr.MaxRequestBody {
				assert.Equal(t, 413, reports[0].Wire.Status, name)
				assert.Equal(t, validate.RuleRequestSize, reports[0].Violations[0].Rule, name)
				assert.Len(t, reports[0].Violations, 1, name)
			}
			assert.Len(t, reports[0].Checks, 4, name)
			_, reports = lintJSON(t, "ssa", dir)
			require.Len(t, reports, 1, name)
			assert.False(t, reports[0].Valid, name)
		}
	}
}

// What is sound and of another kind is left out of a folder, whatever its name.
func TestAnotherKindOfFileIsLeftOutOfAFolder(t *testing.T) {
	directory, software := newSoftware(t)
	files, err := inputtest.New(directory, software)
	require.NoError(t, err)
	for _, name := range []string{"statement", "jwks", "certificate", "rsa-pkcs8", "policy", "discovery", "config", "pkcs12", "csr"} {
		require.Contains(t, files.Files, name)
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x.jwt"), []byte(files.Files[name]), 0o600))
		var out, messages bytes.Buffer
		require.Equal(t, exitUsage, (&app{err: &messages}).run([]string{"lint", dir}, &out), name)
		require.Contains(t, messages.String(), "x.jwt", "it is named")
	}
}

// The answer that lint tells for a file that is no request is the bank's to these bytes, word
// for word.
func TestTheAnswerToAWrongFileIsTheBanks(t *testing.T) {
	bank := newClientBank(t)
	tpp := bank.NewTPP(t)
	samples, err := inputtest.New(bank.Directory(), tpp.Software())
	require.NoError(t, err)
	path, compared := filepath.Join(t.TempDir(), "x.jwt"), 0
	for _, files := range []map[string]string{brokenTokens(), samples.Files} {
		for name, data := range files {
			require.NoError(t, os.WriteFile(path, []byte(data), 0o600))
			_, reports := lintJSON(t, path)
			if reports[0].Valid || len(reports[0].Violations) != 1 || strings.HasSuffix(name, "-claims") || name == "object" {
				continue // it is judged as a request, or claims that would be signed
			}
			compared++
			answer, err := tpp.HTTP().Post(bank.URL()+"/register", "application/jwt", strings.NewReader(data))
			require.NoError(t, err, name)
			said, err := io.ReadAll(answer.Body)
			require.NoError(t, err, name)
			require.NoError(t, answer.Body.Close())
			wire := reports[0].Wire
			assert.Equal(t, answer.StatusCode, wire.Status, name)
			if wire.Status == 413 {
				assert.Contains(t, string(said), wire.Description, name)
				continue
			}
			var refusal validate.WireError
			require.NoError(t, json.Unmarshal(said, &refusal), "%s: %s", name, said)
			assert.Equal(t, refusal.Error, wire.Error, name)
			assert.Equal(t, refusal.Description, wire.Description, name)
		}
	}
	require.Greater(t, compared, 30)
}
