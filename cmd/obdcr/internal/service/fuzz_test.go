package service

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParse: whatever a file holds, it is refused with a place for each mistake, or it is
// printed as a file that reads the same.
func FuzzParse(f *testing.F) {
	const good = "issuer: https://bank.example\nstore: {path: a.db}\ntls: {certificate_file: a, key_file: b}\n"
	for _, seed := range []string{good, good + "anchors:\n  - {name: a, issuer: b, environment: sandbox, jwks_url: 'https://k', jwks_hosts: [k]}\n",
		good + "policy: {scopes: [openid]}\nupstream: {registration_endpoint: 'https://a/r', mapping: {const: {a: [1, {b: null}]}}}\n",
		"", "a: &b c\n? [1]\n: 2\n", "- 1\n---\n...\n", "\t{", "issuer: |\n  x\n <<: *y\n", "%YAML 1.1\n---\nissuer: !!binary aGk=\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, written string) {
		c, err := parse("bank.yaml", written)
		if err != nil {
			var wrong *ConfigError
			require.True(t, errors.As(err, &wrong))
			require.NotEmpty(t, wrong.Faults)
			for _, fault := range wrong.Faults {
				require.Positive(t, fault.Line)
				require.Positive(t, fault.Column)
				require.NotEmpty(t, fault.Reason)
			}
			return
		}
		printed := c.Print()
		again, err := parse("bank.yaml", printed)
		require.NoError(t, err)
		require.Equal(t, printed, again.Print())
	})
}
