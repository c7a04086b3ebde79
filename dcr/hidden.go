package dcr

import (
	"fmt"
	"io"
	"log/slog"
)

// What holds a secret says by String what it is, and is printed and logged as that
// alone, whatever the verb. The tags keep the secret from loggers that write a value
// as JSON when it stands inside of another.

// show writes for package fmt what a value says of itself.
func show(s fmt.State, v fmt.Stringer) { _, _ = io.WriteString(s, v.String()) }

// String names the client. Printed or logged, a Registration shows no secret.
func (r Registration) String() string { return "registration of client " + r.Client.ID }

// Format prints String.
func (r Registration) Format(s fmt.State, _ rune) { show(s, r) }

// LogValue is String.
func (r Registration) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String names the certificate by its thumbprint. Printed or logged, a Caller shows no
// token.
func (c Caller) String() string {
	if c.Certificate == nil {
		return "caller without a certificate"
	}
	return "caller with certificate " + limitKey(c.Certificate)
}

// Format prints String.
func (c Caller) Format(s fmt.State, _ rune) { show(s, c) }

// LogValue is String.
func (c Caller) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String says from whom the request is. Printed or logged, a RegisterInput shows no
// token.
func (in RegisterInput) String() string {
	return "registration request of a " + Caller{Certificate: in.Certificate}.String()
}

// Format prints String.
func (in RegisterInput) Format(s fmt.State, _ rune) { show(s, in) }

// LogValue is String.
func (in RegisterInput) LogValue() slog.Value { return slog.StringValue(in.String()) }

// String names the client that asks. Printed or logged, an IntrospectionConfig shows no
// secret.
func (c IntrospectionConfig) String() string {
	return fmt.Sprintf("introspection by client %.64q", c.ClientID)
}

// Format prints String.
func (c IntrospectionConfig) Format(s fmt.State, _ rune) { show(s, c) }

// LogValue is String.
func (c IntrospectionConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String is that of its configuration.
func (i *Introspection) String() string { return i.config.String() }

// Format prints String.
func (i *Introspection) Format(s fmt.State, _ rune) { show(s, i) }

// LogValue is String.
func (i *Introspection) LogValue() slog.Value { return slog.StringValue(i.String()) }

// String names nothing. Printed or logged, a Config shows no key.
func (c Config) String() string { return "configuration of a registrar" }

// Format prints String.
func (c Config) Format(s fmt.State, _ rune) { show(s, c) }

// LogValue is String.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
