package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// TestThePolicyPagesExamplesAreFilesForLint runs each command of docs/policy.md that names
// an example, with the example as that file.
func TestThePolicyPagesExamplesAreFilesForLint(t *testing.T) {
	page, err := os.ReadFile("../../docs/policy.md")
	require.NoError(t, err)
	_, software := newSoftware(t)
	claims := software.Request("0015800001041REAAY")
	request, err := software.Sign(&claims)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "request.jwt"), []byte(request), 0o600))
	examples := regexp.MustCompile("(?s)```\nobdcr (lint --policy [^\n]+)\n```\n\n```json\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.Len(t, examples, 9)
	for _, example := range examples {
		args := strings.Fields(example[1])
		require.NoError(t, os.WriteFile(filepath.Join(dir, args[2]), []byte(example[2]), 0o600))
		for i, arg := range args {
			if strings.HasSuffix(arg, ".json") || strings.HasSuffix(arg, ".jwt") {
				args[i] = filepath.Join(dir, arg)
			}
		}
		var notes bytes.Buffer
		code := (&app{in: strings.NewReader(""), err: &notes}).run(append(args, "--now", scriptTime.Format(time.RFC3339)), io.Discard)
		require.Less(t, code, 2, "%s: %s", example[1], notes.String())
	}
}

// What a bank announces and the policy has not is told, so that nobody takes the policy for
// the whole of the document; a document that is too long is no request that breaks a rule.
func TestWhatFromDiscoveryLeavesOutIsTold(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "discovery.json")
	write := func(document string) {
		require.NoError(t, os.WriteFile(name, []byte(document), 0o600))
	}
	write(`{"grant_types_supported": ["authorization_code", "implicit"], "response_types_supported": ["id_token code", "token"],
		"token_endpoint_auth_signing_alg_values_supported": ["PS512"], "token_endpoint_auth_methods_supported": ["private_key_jwt", "tls_client_auth"],
		"scopes_supported": ["openid", "accounts", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s10"]}`)
	got := runs("policy", "from-discovery", name)
	require.Equal(t, 0, got.code, got.err)
	policy, err := validate.ParsePolicy([]byte(got.out), validate.OBIE33)
	require.NoError(t, err)
	assert.Equal(t, []claims.ResponseType{claims.CodeIDToken}, policy.ResponseTypes)
	for _, told := range []string{"implicit", "token", "PS512", "private_key_jwt", "s8 and 2 more"} {
		assert.Contains(t, got.err, told)
	}
	assert.NotContains(t, got.err, "tls_client_auth")

	write(`{"issuer": "https://bank.example"` + strings.Repeat(" ", 2<<20) + `}`)
	got = runs("policy", "from-discovery", name)
	assert.Equal(t, exitUsage, got.code, got.err)
	assert.Empty(t, got.out)
}
