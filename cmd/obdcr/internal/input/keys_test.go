package input_test

import (
	"crypto"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/inputtest"
	"github.com/obdcr/obdcr/internal/text"
)

// asFile writes data to a file and reads it as the value of a flag.
func asFile(t *testing.T, r *input.Reader, flag, name, data string) *input.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(data), 0o600))
	f, err := r.Read(flag, path)
	require.NoError(t, err)
	return f
}

func password(t *testing.T, r *input.Reader, line string) *input.Password {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(path, []byte(line), 0o600))
	p, err := r.Password("--password-file", path)
	require.NoError(t, err)
	return p
}

func TestASigningKeyIsReadInEveryFormThatHasOneMeaning(t *testing.T) {
	s, r := samples(t), &input.Reader{}
	opens := password(t, r, inputtest.Password+"\r\nand more\n")
	for name, want := range map[string]crypto.Signer{
		"rsa-pkcs8": s.RSA, "rsa-pkcs8-der": s.RSA, "rsa-pkcs8-json": s.RSA, "rsa-pkcs8-bom": s.RSA, "rsa-pkcs1": s.RSA, "rsa-pkcs1-der": s.RSA,
		"rsa-jwk": s.RSA, "rsa-jwk-short": s.RSA, "private-jwks": s.RSA, "private-jwks-two": s.RSA, "bundle": s.RSA,
		"pkcs12": s.RSA, "pkcs12-open": s.RSA, "pkcs12-legacy": s.RSA,
		"ec-pkcs8": s.EC, "ec-pkcs8-der": s.EC, "ec-pkcs8-json": s.EC, "ec-pkcs8-bom": s.EC, "ec-sec1": s.EC, "ec-sec1-der": s.EC, "ec-jwk": s.EC,
	} {
		f := asFile(t, r, "--signing-key", name, s.Files[name])
		opens := opens
		if name == "pkcs12-open" {
			opens = nil
		}
		key, kid, err := f.SigningKey(inputtest.KeyID, opens)
		require.NoError(t, err, name)
		assert.Equal(t, want.Public(), key.Public(), name)
		assert.Equal(t, strings.Contains(name, "jwk"), kid == inputtest.KeyID, "%s: kid %q", name, kid)
		key, err = f.TransportKey(opens)
		if name != "private-jwks-two" {
			require.NoError(t, err, name)
			assert.Equal(t, want.Public(), key.Public(), name)
		}
	}
	for _, name := range []string{"ed25519", "ec-p384"} {
		_, err := asFile(t, r, "--key", name, s.Files[name]).TransportKey(nil)
		require.NoError(t, err, "TLS takes it: %s", name)
	}
}

// TestNoOtherFileIsASigningKey also holds for every error that it names file and flag, and
// repeats nothing of a key.
func TestNoOtherFileIsASigningKey(t *testing.T) {
	s, r := samples(t), &input.Reader{}
	good := []string{"rsa-", "ec-pkcs8", "ec-sec1", "ec-jwk", "private-jwks", "bundle", "pkcs12-open"}
	for name, data := range s.Files {
		public := strings.Contains(name, "public")
		if !public && name != "private-jwks-two" && hasPrefix(name, good) {
			continue
		}
		f := asFile(t, r, "--signing-key", name, data)
		_, _, err := f.SigningKey("", nil)
		var refused *input.Error
		require.True(t, errors.As(err, &refused), "%s: %v", name, err)
		assert.Equal(t, f.Kind, refused.Kind, name)
		requireHelpful(t, name, refused, data)
	}
}

func hasPrefix(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// requireHelpful checks what holds for every error about a file.
func requireHelpful(t *testing.T, name string, e *input.Error, data string) {
	t.Helper()
	require.True(t, strings.HasPrefix(e.Where, "--"), "%s: the flag is not named", name)
	require.Contains(t, e.Where, name, "the file is not named")
	require.NotEmpty(t, e.Found, name)
	require.NotEmpty(t, e.Wanted, name)
	require.NotEmpty(t, e.Fix, name)
	for line := range strings.Lines(e.Error()) {
		line = strings.TrimSuffix(line, "\n")
		require.Empty(t, strings.TrimFunc(line, func(c rune) bool { return !text.Hidden(c) }), "%s: %q", name, line)
	}
	for i := 0; i+32 <= len(data); i += 16 { // no part of a key
		require.NotContains(t, e.Error(), data[i:i+32], name)
	}
	for line := range strings.Lines(e.Error()) {
		line = strings.TrimSuffix(line, "\n")
		if line != "  "+e.Reason && !strings.Contains(line, "/") { // the path of a test's file is long
			require.LessOrEqual(t, len(line), 80, "%s: %s", name, line)
		}
	}
}

func TestAWrongPasswordIsTold(t *testing.T) {
	s, r := samples(t), &input.Reader{}
	for _, name := range []string{"pkcs12", "pkcs12-legacy", "pkcs12-trust"} {
		f := asFile(t, r, "--cert", name, s.Files[name])
		_, without := f.Certificates(nil, true)
		require.ErrorIs(t, without, input.ErrPassword, name)
		_, wrong := f.Certificates(password(t, r, "wrong"), true)
		require.ErrorIs(t, wrong, input.ErrPassword, name)
		require.NotContains(t, wrong.Error(), inputtest.Password)
	}
}

func TestCertificatesAreReadTheKeysFirst(t *testing.T) {
	var warnings []string
	s, r := samples(t), &input.Reader{Warn: func(w string) { warnings = append(warnings, w) }}
	opens := password(t, r, inputtest.Password)
	leaf := s.Software.TransportCertificate.Certificate[0]
	for name, count := range map[string]int{
		"certificate": 1, "certificate-der": 1, "certificate-base64": 1, "certificate-json": 1, "certificates": 2, "certificates-der": 2,
		"bundle": 1, "pkcs12": 2, "pkcs12-open": 1, "pkcs12-legacy": 2,
	} {
		p := opens
		if name == "pkcs12-open" {
			p = nil
		}
		f := asFile(t, r, "--cert", name, s.Files[name])
		certs, err := f.Certificates(p, true)
		require.NoError(t, err, name)
		require.Len(t, certs, count, name)
		assert.Equal(t, leaf, certs[0].Raw, name)
		require.Empty(t, warnings, "%s: the key is due", name)
		_, err = f.Authorities(p)
		require.NoError(t, err, name)
		_, err = f.Authorities(p)
		require.NoError(t, err, name)
		assert.Equal(t, f.HoldsKey(p), len(warnings) == 1, "%s: warned once of the key: %v", name, warnings)
		warnings = nil
	}
	trust, err := asFile(t, r, "--ca", "trust", s.Files["pkcs12-trust"]).Authorities(opens)
	require.NoError(t, err)
	require.Len(t, trust, 1)
}
