// Package secret holds texts that must not be printed by accident. Call [New] to wrap
// one. [Text.Reveal] is the only way to get it back.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Hidden is the text that is printed instead of a secret.
const Hidden = "[hidden]"

// Text is a secret: a password, a token, a key. It is printed, logged and encoded as
// Hidden, by every verb of package fmt, by log/slog, encoding/json, encoding/xml and
// encoding/gob, also inside of another value. Only Reveal returns the text. The zero Text
// means that there is no secret.
//
// Two values cannot be compared by ==, which would compare addresses: use Equal.
type Text struct {
	_     [0]func() // makes == a compile error
	value *string   // fmt shows the address where it cannot call a method, as in unexported fields
}

// New wraps a text.
func New(value string) Text {
	if value == "" {
		return Text{}
	}
	return Text{value: &value}
}

// Reveal returns the secret itself; "" for the zero Text.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// IsZero reports whether there is no secret. Package encoding/json asks it for
// omitzero.
func (t Text) IsZero() bool { return t.value == nil }

// Equal compares two secrets in a time that depends on their lengths alone.
func (t Text) Equal(other Text) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(other.Reveal())) == 1
}

// String returns Hidden.
func (t Text) String() string { return Hidden }

// Format writes Hidden, whatever the verb.
func (t Text) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, Hidden) }

// LogValue returns Hidden.
func (t Text) LogValue() slog.Value { return slog.StringValue(Hidden) }

// MarshalText returns Hidden, for JSON and XML.
func (t Text) MarshalText() ([]byte, error) { return []byte(Hidden), nil }

// GobEncode returns Hidden.
func (t Text) GobEncode() ([]byte, error) { return []byte(Hidden), nil }
