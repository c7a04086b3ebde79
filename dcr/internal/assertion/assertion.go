// Package assertion judges client assertions: the JWTs by which a client authenticates at
// a token endpoint (RFC 7523 section 2.2, OIDC Core section 9). Call [Parse] first, then
// [Assertion.CheckMAC] or [Assertion.CheckHeader] and [Assertion.SignedBy] for the
// signature, and [Assertion.CheckClaims] last.
package assertion

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

const (
	algHS256 = "HS256"
	maxJTI   = 256 // bytes
)

// Assertion is a client assertion. Nothing in it is proved before the checks have passed.
type Assertion struct {
	token   string
	jws     *jose.JWS
	payload jsonscan.Value
}

// Refused is the reason why an assertion is refused. Its text is an error_description, so
// it has no package prefix.
type Refused string

// Error returns the reason.
func (r Refused) Error() string { return string(r) }

// Parse reads a client assertion. It checks no signature and no claim. Every error of this
// package is a Refused.
func Parse(token string) (*Assertion, error) {
	a := &Assertion{token: token}
	var err error
	if a.jws, err = jose.Parse(token); err != nil {
		return nil, Refused("the client assertion is no compact JWS")
	}
	if a.payload, err = jsonscan.Parse(a.jws.Payload()); err != nil || a.payload.Kind() != jsonscan.Object {
		return nil, Refused("the payload of the client assertion is no strict JSON object")
	}
	return a, nil
}

// ClientID returns sub, the client that the sender claims to be; "" if there is none.
func (a *Assertion) ClientID() string { return a.text("sub") }

// Method returns the authentication method of the assertion, by its alg.
func (a *Assertion) Method() claims.AuthMethod {
	if strings.HasPrefix(a.jws.Algorithm(), "HS") {
		return claims.ClientSecretJWT
	}
	return claims.PrivateKeyJWT
}

func (a *Assertion) text(name string) string {
	value, clean := a.payload.MemberText(name)
	if !clean {
		return ""
	}
	return value
}

// CheckMAC checks an HS256 signature. Its key is the client's secret. The header may hold
// alg, kid and typ alone. CheckMAC checks that itself, because the gate of internal/jose
// admits no HMAC.
func (a *Assertion) CheckMAC(secret claims.Secret) error {
	if a.jws.Algorithm() != algHS256 {
		return Refused("a client assertion by a shared secret is signed HS256 here")
	}
	header, err := jsonscan.Parse(a.jws.HeaderJSON())
	if err != nil {
		return Refused("the header of the client assertion is no strict JSON object")
	}
	for name := range header.Members() {
		if !slices.Contains([]string{"alg", "kid", "typ"}, name) {
			return Refused("the header of the client assertion holds more than alg, kid and typ")
		}
	}
	at := strings.LastIndexByte(a.token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(a.token[at+1:])
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(a.token[:at]))
	if err != nil || secret.IsZero() || !hmac.Equal(signature, mac.Sum(nil)) {
		return Refused("the client assertion is not signed with the client's secret")
	}
	return nil
}

// CheckHeader checks the header of a signature. Its alg must be allowed, and must be the
// registered one if the client registered one.
func (a *Assertion) CheckHeader(allowed []claims.Algorithm, registered claims.Algorithm) error {
	if err := a.jws.Gate(text.Strings(allowed)); err != nil {
		return Refused("the header of the client assertion: " + text.Detail(err))
	}
	if registered != "" && string(registered) != a.jws.Algorithm() {
		return Refused("the client registered " + text.Echo(string(registered)) + " for its assertions")
	}
	return nil
}

// KeyID returns the kid of the header, and whether there is one.
func (a *Assertion) KeyID() (kid string, named bool) { return a.jws.KeyID() }

// SignedBy reports whether one of the keys has signed the assertion. The caller has chosen
// the keys by KeyID, where there is one.
func (a *Assertion) SignedBy(keys []ssa.Key, allowed []claims.Algorithm) bool {
	names := text.Strings(allowed)
	return slices.ContainsFunc(keys, func(k ssa.Key) bool {
		return a.jws.Verify(jose.Key{ID: k.ID, Algorithm: string(k.Algorithm), Use: k.Use, Public: k.Public}, names) == nil
	})
}

// Expected is what CheckClaims compares the claims of an assertion with.
type Expected struct {
	ClientID    string        // iss and sub must be it
	Audiences   []string      // aud must name one of them
	Now         time.Time     // the time by which exp, iat and nbf are judged
	Skew        time.Duration // how much the clocks of client and bank may differ
	MaxLifetime time.Duration // how far in the future exp may be
}

// CheckClaims judges the claims of an assertion whose signature is good (RFC 7523 section
// 3). It returns the jti and the time until which the assertion would be accepted again:
// the caller must refuse a second use of the jti until then.
func (a *Assertion) CheckClaims(e Expected) (jti string, until time.Time, err error) {
	if e.ClientID == "" || a.ClientID() != e.ClientID || a.text("iss") != e.ClientID {
		return "", time.Time{}, Refused("iss and sub of the client assertion are not both the client_id")
	}
	if !a.meant(e.Audiences) {
		return "", time.Time{}, Refused("aud of the client assertion is neither the token endpoint nor the issuer")
	}
	if until, err = a.checkTimes(e); err != nil {
		return "", time.Time{}, err
	}
	if jti = a.text("jti"); jti == "" || len(jti) > maxJTI {
		return "", time.Time{}, Refused("jti of the client assertion is missing or too long")
	}
	return jti, until, nil
}

// meant reports whether aud is one of the audiences, or an array that has one of them.
func (a *Assertion) meant(audiences []string) bool {
	aud, _ := a.payload.Member("aud")
	if value, clean := aud.Text(); clean && slices.Contains(audiences, value) {
		return true
	}
	for _, e := range aud.Elements() {
		if value, clean := e.Text(); clean && slices.Contains(audiences, value) {
			return true
		}
	}
	return false
}

// checkTimes judges exp, which is required, and iat and nbf, which are optional.
func (a *Assertion) checkTimes(e Expected) (until time.Time, err error) {
	now, skew := e.Now.Unix(), int64(e.Skew/time.Second)
	v, _ := a.payload.Member("exp")
	exp, ok := v.Whole()
	switch {
	case !ok || exp < 0 || exp > math.MaxInt64/4:
		return time.Time{}, Refused("exp of the client assertion is missing or no time")
	case exp <= now-skew:
		return time.Time{}, Refused("the client assertion has expired")
	case exp > now+skew+int64(e.MaxLifetime/time.Second):
		return time.Time{}, Refused("exp of the client assertion is too far ahead")
	}
	for _, name := range []string{"iat", "nbf"} {
		v, there := a.payload.Member(name)
		if at, ok := v.Whole(); there && (!ok || at > now+skew) {
			return time.Time{}, Refused(name + " of the client assertion is no time, or in the future")
		}
	}
	return time.Unix(exp, 0).Add(e.Skew), nil
}
