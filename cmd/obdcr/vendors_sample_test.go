package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// TestLookAlikeOfTheVendorsSample lints a request of the project's own that has the
// faults of the sample request on WSO2's page.
func TestLookAlikeOfTheVendorsSample(t *testing.T) {
	directory, software := newSoftware(t)
	statement, err := directory.SignWith(map[string]any{
		"iss": "Another Directory", "iat": scriptTime.AddDate(-2, 0, 0).Unix(), "exp": scriptTime.AddDate(-1, 0, 0).Unix(),
		"aud": "Some TPP", "sub": "Some TPP", "TPPId": "IDSome", "TPPRole": "PISP",
	}, ssatest.Forgery{Header: []byte(`{"typ":"JWT","alg":"HS256"}`), Secret: []byte("a shared secret of 32 characters")})
	require.NoError(t, err)
	token, err := software.SignWith(map[string]any{
		"iss": "Some TPP", "iat": scriptTime.Unix(), "exp": scriptTime.AddDate(6, 0, 0).Unix(),
		"jti": "5f0c1b72-6c5e-11ee-8c99-0242ac120002", "aud": "https://bank.example", "scope": "accounts payments",
		"token_endpoint_auth_method": "private_key_jwt", "grant_types": []string{"authorization_code", "refresh_token"},
		"response_types":               []string{"code", "code id_token"},
		"id_token_signed_response_alg": "ES256", "request_object_signing_alg": "ES256",
		"software_id": software.SoftwareID, "application_type": "web",
		"redirect_uris": []string{"https://tpp.example/redirect"}, "software_statement": statement,
	}, ssatest.Forgery{Algorithm: "RS256"})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "request.jwt")
	require.NoError(t, os.WriteFile(file, []byte(token), 0o600))

	now := scriptTime.Add(time.Minute).Format(time.RFC3339)
	require.Equal(t, sorted(vendorFaults+vendorBesides), lintRules(t, "lint", file, "--now", now))
}

// TestVendorsSampleBreaksWhatItIsKnownFor lints the sample request of WSO2's page.
func TestVendorsSampleBreaksWhatItIsKnownFor(t *testing.T) {
	dir, ok := realtest.Samples(t)
	if !ok {
		return
	}
	file := filepath.Join(dir, "requests", "req_seed.jwt")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	now := timeOfSample(t, sample{Kind: "request"}, strings.TrimSpace(string(text)))
	require.Subset(t, lintRules(t, "lint", file, "--now", now.Format(time.RFC3339)), sorted(vendorFaults))
}

func payloadBytes(t *testing.T, token string) []byte {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	return payload
}
