package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/text"
)

// assertionLifetime is how long a client assertion is valid. Each call has its own one.
const assertionLifetime = time.Minute

// AssertionKey is what a client signs assertions with: it authenticates by
// private_key_jwt (RFC 7523 section 2.2, OIDC Core section 9). Each call has an assertion
// of its own, with a jti that was not used before, which expires after a minute.
type AssertionKey struct {
	Signer    crypto.Signer    // required: an RSA key, or an ECDSA key on P-256; it may live in an HSM
	KeyID     string           // required: its kid at the authorization server
	Algorithm claims.Algorithm // PS256 or ES256; "": by the type of the key
	// Audience is aud, required: what the authorization server takes for itself, which is
	// its issuer, or at older ones the address of its token endpoint.
	Audience string
}

// Authentication is how a client authenticates at the authorization server. It has a
// Secret or a Key, or neither; then the call carries the ID alone, and the certificate of
// the HTTP client authenticates.
type Authentication struct {
	ClientID string        // required
	Secret   claims.Secret // client_secret_basic (RFC 6749 section 2.3.1)
	Key      *AssertionKey // private_key_jwt
}

// check returns what is wrong with an authentication, and fills in the algorithm.
func (a *Authentication) check() error {
	switch {
	case a.ClientID == "" && !a.Secret.IsZero():
		return errors.New("a secret needs its client ID")
	case a.ClientID == "" && a.Key != nil:
		return errors.New("a key needs its client ID")
	case a.Key == nil:
		return nil
	case !a.Secret.IsZero():
		return errors.New("a client authenticates by a secret or by a key, not by both")
	case jose.IsNil(a.Key.Signer) || a.Key.KeyID == "" || a.Key.Audience == "":
		return errors.New("a key needs Signer, KeyID and Audience")
	}
	key := *a.Key // the caller's stays as it is
	if key.Algorithm == "" {
		key.Algorithm = claims.PS256
		if _, is := key.Signer.Public().(*ecdsa.PublicKey); is {
			key.Algorithm = claims.ES256
		}
	}
	if key.Algorithm != claims.PS256 && key.Algorithm != claims.ES256 {
		return fmt.Errorf("algorithm %q is not one of PS256 and ES256", text.Echo(string(key.Algorithm)))
	}
	a.Key = &key
	return nil
}

// method is the name of the way to authenticate in metadata (RFC 8414 section 2). It is ""
// where the HTTP client authenticates in a way that is not known here.
func (a *Authentication) method() claims.AuthMethod {
	switch {
	case a.Key != nil:
		return claims.PrivateKeyJWT
	case !a.Secret.IsZero():
		return claims.ClientSecretBasic
	case a.ClientID != "":
		return claims.TLSClientAuth
	}
	return ""
}

// applyTo adds the parameters of the authentication to the form of a request, or a header
// to the request. The caller encodes the form afterwards.
func (a *Authentication) applyTo(form url.Values, header http.Header, clock func() time.Time, random io.Reader) error {
	switch {
	case !a.Secret.IsZero():
		r := &http.Request{Header: header}
		r.SetBasicAuth(url.QueryEscape(a.ClientID), url.QueryEscape(a.Secret.Reveal()))
		return nil
	case a.Key != nil:
		assertion, err := a.assertion(clock(), random)
		if err != nil {
			return fmt.Errorf("client assertion: %w", err)
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	if a.ClientID != "" {
		form.Set("client_id", a.ClientID)
	}
	return nil
}

func (a *Authentication) assertion(now time.Time, random io.Reader) (string, error) {
	jti, err := claims.NewJTI(random)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(map[string]any{
		"iss": a.ClientID, "sub": a.ClientID, "aud": a.Key.Audience, "jti": jti,
		"iat": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	})
	if err != nil {
		return "", err
	}
	return jose.Sign(payload, a.Key.Signer, string(a.Key.Algorithm), a.Key.KeyID, "JWT")
}

// probe makes one assertion, to find out whether the key is one that signs.
func (a *Authentication) probe(clock func() time.Time) error {
	if a.Key == nil {
		return nil
	}
	_, err := a.assertion(clock(), rand.Reader)
	return err
}
