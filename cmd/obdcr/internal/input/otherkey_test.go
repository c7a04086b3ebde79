package input_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/inputtest"
)

func refused(t *testing.T, err error) *input.Error {
	t.Helper()
	var e *input.Error
	require.ErrorAs(t, err, &e)
	return e
}

func TestAKeyThatNoBankTakesIsNamed(t *testing.T) {
	s, r := samples(t), &input.Reader{}
	for name, want := range map[string]string{
		"small-rsa": "1024 bits", "pss": "RSA-PSS", "secp256k1": "secp256k1", "secp256k1-sec1": "secp256k1", "ed25519": "Ed25519", "ec-p384": "P-384",
	} {
		_, _, err := asFile(t, r, "--signing-key", name, s.Files[name]).SigningKey("", nil)
		e := refused(t, err)
		assert.Contains(t, e.Found, want, name)
		assert.Contains(t, e.Command, "genpkey", "%s: the fix is another key", name)
	}
	_, _, err := asFile(t, r, "--signing-key", "no-key", s.Files["no-key"]).SigningKey("", nil)
	assert.Empty(t, refused(t, err).Command, "a damaged key is copied again")
	_, _, err = asFile(t, r, "--signing-key", "damaged-jwk", s.Files["damaged-jwk"]).SigningKey("", nil)
	assert.Empty(t, refused(t, err).Command, "a damaged key is copied again")
	_, _, err = asFile(t, r, "--signing-key", "pkcs7", s.Files["pkcs7"]).SigningKey("", nil)
	assert.Empty(t, refused(t, err).Command, "a bundle holds no key")
}

func TestAPasswordThatDoesNotServeSaysWhy(t *testing.T) {
	s, r := samples(t), &input.Reader{}
	given := password(t, r, inputtest.Password)
	for _, name := range []string{"encrypted-pkcs8", "encrypted-pkcs1", "encrypted-pkcs8-der"} {
		f := asFile(t, r, "--signing-key", name, s.Files[name])
		_, _, err := f.SigningKey("", nil)
		require.Empty(t, refused(t, err).Reason)
		_, _, err = f.SigningKey("", given)
		e := refused(t, err)
		assert.Contains(t, e.Reason, "--password-file", name)
		assert.Equal(t, "openssl", e.Command[0], name)
	}
	f := asFile(t, r, "--signing-key", "pkcs12", s.Files["pkcs12"])
	_, _, err := f.SigningKey("", password(t, r, "\nnext"))
	require.ErrorIs(t, err, input.ErrPassword)
	empty := refused(t, err).Fix
	_, _, err = f.SigningKey("", password(t, r, "wrong"))
	require.ErrorIs(t, err, input.ErrPassword)
	require.NotEqual(t, empty, refused(t, err).Fix)
}

// written finds the file that a command writes.
var written = regexp.MustCompile(`(?:cp \S+ |> ?|-out |-destkeystore |-o )(\S+)`)

// TestNoCommandWritesOverAFile: neither over the file that it converts, nor over another.
func TestNoCommandWritesOverAFile(t *testing.T) {
	t.Chdir(t.TempDir())
	names := []string{"in", "in.pem", "in.p12", "in.json", "in-plain.pem", "request.jwt", "./request.jwt", "signing.key", "policy.json", "discovery.json", "directory.jwks"}
	commands := 0
	for sample, data := range samples(t).Files {
		for _, name := range names {
			require.NoError(t, os.WriteFile(name, []byte(data), 0o600))
			for _, e := range everyError(t, name) {
				if e.Command == nil {
					continue
				}
				commands++
				for _, found := range written.FindAllStringSubmatch(e.Command.String(), -1) {
					assert.NotEqual(t, filepath.Clean(name), filepath.Clean(found[1]), "%s as %s: %s", sample, name, e.Command)
				}
			}
			require.NoError(t, os.Remove(name))
		}
	}
	require.Greater(t, commands, 100)
	require.NoError(t, os.WriteFile("in-plain.pem", nil, 0o600))
	require.Contains(t, command(t, "in.key", ""), "-out in-plain-2.pem")
}

// everyError returns the errors of a file at each flag.
func everyError(t *testing.T, name string) []*input.Error {
	t.Helper()
	f, err := (&input.Reader{}).Read("", name)
	require.NoError(t, err)
	var found []*input.Error
	for _, ask := range []func() error{
		func() error { _, err := f.Token(input.Request); return err },
		func() error { _, err := f.Token(input.Statement); return err },
		func() error { _, err := f.KeySet(); return err },
		func() error { _, _, err := f.SigningKey("", nil); return err },
		func() error { _, err := f.Certificates(nil, true); return err },
		func() error { _, err := f.Document(input.Policy); return err },
		func() error { _, err := f.Document(input.Discovery); return err },
	} {
		if err := ask(); err != nil {
			found = append(found, refused(t, err))
		}
	}
	for _, want := range []input.Kind{input.Request, input.Statement} {
		if e := f.Judged(want); e != nil {
			found = append(found, e)
		}
	}
	return found
}

func TestAFileOfMoreThanIsReadIsNotCalledBroken(t *testing.T) {
	for _, data := range []string{
		strings.Repeat("[", 17) + strings.Repeat("]", 17), strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000),
	} {
		f := input.Recognise(data)
		require.NotEqual(t, input.BrokenJSON.String(), f.What())
		_, err := f.Document(input.Policy)
		require.Contains(t, refused(t, err).Reason, "column")
	}
}

func TestTextInUTF16IsWritten(t *testing.T) {
	var names strings.Builder // big-endian, no mark: one letter, then what is no ASCII
	names.WriteString("\x00{")
	for range 100 {
		names.WriteString("\x4e\x2d")
	}
	require.Equal(t, input.Binary, input.Recognise(names.String()).Kind)
	require.Equal(t, input.Binary, input.Recognise("\xff\xfe\x00\xd8{\x00").Kind, "half a character")
	require.Equal(t, input.OtherObject, input.Recognise("\xff\xfe{\x00\"\x00\x2d\x4e\"\x00:\x001\x00}\x00").Kind)
}
