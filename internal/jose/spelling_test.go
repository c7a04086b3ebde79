package jose_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/jose"
)

// What editors, shells and libraries do to a token, which nobody sees in it, is named.
func TestASpellingThatIsRefusedIsNamed(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	token, err := jose.Sign([]byte(`{"a":"???>>>"}`), key, jose.ES256, "kid", "JWT")
	require.NoError(t, err)
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	require.Contains(t, payload, "_")
	for name, c := range map[string]struct{ token, word string }{
		"a line break at the end": {token + "\n", "line break"},
		"lines of DOS":            {token + "\r\n", "line break"},
		"a line break within":     {header + "." + payload[:9] + "\n" + payload[9:] + "." + signature, "payload holds a line break"},
		"a blank":                 {" " + token, "white space"},
		"a mark":                  {"\uFEFF" + token, "byte order mark"},
		"UTF-16":                  {strings.Join(strings.Split(token, ""), "\x00") + "\x00", "UTF-16"},
		"padding":                 {token + "==", "padded"},
		"base64":                  {header + "." + strings.ReplaceAll(payload, "_", "/") + "." + signature, "base64url; write"},
		"an encrypted token":      {token + ".a.b", "five parts"},
		"a JSON form":             {`{"payload": "a.b"}`, "JSON"},
		"nothing":                 {"", "empty"},
		"another character":       {token + "!", "canonical base64url"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := jose.Parse(c.token)
			require.ErrorIs(t, err, jose.ErrMalformed)
			require.Contains(t, err.Error(), c.word)
		})
	}
}
