package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// introspected is what an authorization server says about a token (RFC 7662 section 2.2,
// RFC 8705 section 3.2).
type introspected struct {
	active bool
	token  AccessToken
	faults []introspectionFault // why an active token is not valid all the same
}

// introspectionFault is a member of an introspection that is missing or wrong.
type introspectionFault struct {
	member  string
	detail  string
	unbound bool // no certificate is named
}

// accessToken returns the token of an answer, or an error that wraps ErrInvalid.
func (t introspected) accessToken() (AccessToken, error) {
	if !t.active {
		return AccessToken{}, fmt.Errorf("%w: the authorization server says so", ErrInvalid)
	}
	if len(t.faults) == 0 {
		return t.token, nil
	}
	kind, details := ErrInvalid, make([]string, 0, len(t.faults))
	for _, f := range t.faults {
		if f.unbound {
			kind = ErrUnbound
		}
		details = append(details, f.detail)
	}
	return AccessToken{}, fmt.Errorf("%w: %s", kind, strings.Join(details, "; "))
}

// readIntrospection reads an answer. It returns an error if the answer does not say
// whether the token is active.
func readIntrospection(object jsonscan.Value) (introspected, error) {
	active, _ := object.Member("active")
	if active.Kind() != jsonscan.Bool {
		return introspected{}, errors.New("the answer does not say whether the token is active")
	}
	t := introspected{active: active.Bool()}
	if !t.active {
		return t, nil
	}
	wrong := func(member, format string, values ...any) {
		t.faults = append(t.faults, introspectionFault{member: member, detail: fmt.Sprintf(format, values...)})
	}
	_, said := object.Member("token_type")
	if kind, _ := object.MemberText("token_type"); said && !strings.EqualFold(kind, "Bearer") {
		wrong("token_type", "its type is %s", text.Quote(kind))
	}
	if t.token.ClientID, _ = object.MemberText("client_id"); t.token.ClientID == "" {
		wrong("client_id", "the introspection names no client_id")
	}
	t.readConfirmation(object)
	if t.token.IssuedAt = instant(object, "iat"); t.token.IssuedAt.IsZero() {
		wrong("iat", "the introspection names no iat")
	}
	if exp, said := object.Member("exp"); said {
		if t.token.Expiry = instant(object, "exp"); t.token.Expiry.IsZero() {
			wrong("exp", "exp is no time but a %s", exp.Kind())
		}
	}
	if sub, said := object.Member("sub"); said {
		var clean bool
		if t.token.Subject, clean = sub.Text(); !clean {
			wrong("sub", "sub is no text that can be read")
		}
	}
	if aud, said := object.Member("aud"); said {
		var clean bool
		if t.token.Audience, clean = audience(aud); !clean {
			wrong("aud", "aud is neither a text nor a list of texts")
		}
	}
	scope, _ := object.MemberText("scope")
	t.token.Scope = strings.Fields(scope)
	return t, nil
}

// readConfirmation reads the thumbprint of the certificate that a token is bound to.
func (t *introspected) readConfirmation(object jsonscan.Value) {
	cnf, _ := object.Member("cnf")
	member, said := cnf.Member("x5t#S256")
	if !said {
		t.faults = append(t.faults, introspectionFault{member: "cnf", unbound: true, detail: "the introspection names no certificate"})
		return
	}
	value, _ := member.Text()
	sum, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || len(sum) != len(t.token.CertificateSHA256) || len(value) != base64.RawURLEncoding.EncodedLen(len(sum)) {
		t.faults = append(t.faults, introspectionFault{member: "cnf", detail: "the x5t#S256 of the introspection is no SHA-256 in base64url"})
		return
	}
	t.token.CertificateSHA256 = [32]byte(sum)
}

// audience reads aud: a text, or a list of texts (RFC 7519 section 4.1.3).
func audience(aud jsonscan.Value) (all []string, clean bool) {
	if aud.Kind() != jsonscan.Array {
		one, clean := aud.Text()
		return []string{one}, clean
	}
	for _, element := range aud.Elements() {
		one, clean := element.Text()
		if !clean {
			return nil, false
		}
		all = append(all, one)
	}
	return all, true
}

// instant reads a number of seconds since 1970. It returns the zero time for anything
// that is no positive number.
func instant(object jsonscan.Value, name string) time.Time {
	m, _ := object.Member(name)
	seconds, ok := m.Int64()
	if !ok || seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
