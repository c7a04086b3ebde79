package claims

import "github.com/obdcr/obdcr/internal/secret"

// Secret is a text that must not be shown by accident: a client secret, an access
// token, a key. [NewSecret] makes one, and its method Reveal, which returns a string,
// is the only way back. The zero Secret is none (IsZero).
//
// Printed by any verb of package fmt, logged by log/slog, or encoded as JSON, XML or
// gob, a Secret gives [hidden] in its place, also inside of another value. Secrets
// cannot be compared by ==; Equal does that in constant time.
type Secret = secret.Text

// NewSecret wraps a secret; the empty text gives the zero Secret.
func NewSecret(value string) Secret { return secret.New(value) }
