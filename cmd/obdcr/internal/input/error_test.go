package input_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
)

// command returns the command that converts an encrypted key of a name.
func command(t *testing.T, name, member string) string {
	t.Helper()
	f := input.Recognise(samples(t).Files["encrypted-pkcs8"])
	f.Name = name
	if member != "" {
		f = f.Member(member, f.Raw)
	}
	_, err := f.TransportKey(nil)
	var refused *input.Error
	require.True(t, errors.As(err, &refused))
	return refused.Command.String()
}

func TestACommandTakesTheNameForOneWord(t *testing.T) {
	for name, want := range map[string]string{
		"tpp.key":          "openssl pkey -in tpp.key -out tpp-plain.pem",
		"keys/tpp":         "openssl pkey -in keys/tpp -out keys/tpp-plain.pem",
		"my key.pem":       "openssl pkey -in 'my key.pem' -out 'my key-plain.pem'",
		"it's":             `openssl pkey -in 'it'\''s' -out 'it'\''s-plain.pem'`,
		"-rf":              "openssl pkey -in ./-rf -out ./-rf-plain.pem",
		"$(rm).pem":        "openssl pkey -in '$(rm).pem' -out '$(rm)-plain.pem'",
		"a\x1b[31m\nb.pem": `openssl pkey -in 'a\u001b[31m\u000ab.pem' -out 'a\u001b[31m\u000ab-plain.pem'`,
		input.Stdin:        "openssl pkey -in FILE -out FILE-plain.pem",
	} {
		assert.Equal(t, want, command(t, name, ""), name)
	}
	assert.Equal(t, "openssl pkey -in FILE -out FILE-plain.pem", command(t, "conformance.json", "private_key"))
}

func TestAMemberIsNamedWithItsFile(t *testing.T) {
	f := input.Recognise("{}")
	f.Flag, f.Name = "--config", "conformance.json"
	m := f.Member("private_key", "")
	_, _, err := m.SigningKey("", nil)
	var refused *input.Error
	require.True(t, errors.As(err, &refused))
	require.Equal(t, "--config conformance.json: private_key", refused.Where)
	require.Equal(t, input.Empty, refused.Kind)
}
