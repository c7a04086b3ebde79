package token

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
)

const introspectionTimeout = 5 * time.Second

// IntrospectionConfig configures an Introspection.
//
// The bank authenticates at the authorization server in one of three ways:
// client_secret_basic (ClientID, ClientSecret), private_key_jwt (ClientID, ClientKey), or
// by the certificate of HTTPClient (ClientID alone, tls_client_auth).
type IntrospectionConfig struct {
	IntrospectionURL string // required: RFC 7662 endpoint, https
	// Revocation chooses how Revoke ends a token: RevokeAsBank, RevokeAsClient, RevokeWith
	// or NoRevocation. The zero value is RevokeAsBank if there is a RevocationURL, and an
	// error if there is none.
	Revocation    RevocationMethod
	RevocationURL string // RFC 7009 endpoint, https; for RevokeAsBank and RevokeAsClient alone, which require it
	// HTTPClient reaches all endpoints, over mutual TLS if the server asks for that. Its
	// redirect policy is ignored, and no redirect followed. Nil is a client with the
	// system's CAs and the suites of FAPI 1.0 Part 2 section 8.5; it needs ClientID, and ClientSecret or ClientKey.
	HTTPClient *http.Client
	// ClientID and ClientSecret authenticate by client_secret_basic (RFC 6749 section
	// 2.3.1). An ID without secret and key is sent in the form, for a client that
	// authenticates by its certificate (RFC 8705 section 2). Without an ID neither is sent.
	ClientID     string
	ClientSecret claims.Secret
	ClientKey    *AssertionKey // authenticates by private_key_jwt, in place of ClientSecret
	Timeout      time.Duration // of each call; 0: 5 s
	// MetadataURL is where Check reads the authorization server's metadata (RFC 8414
	// section 3, OIDC Discovery 1.0 section 4), https. Without it Check reads none.
	MetadataURL string
	// SampleToken returns an access token of some client, for Check. Check looks at what the
	// authorization server says of it, and does not end it. Nil: Check sees no real token.
	SampleToken func(context.Context) (claims.Secret, error)
	Clock       func() time.Time // of client assertions; nil: time.Now
	Random      io.Reader        // of client assertions; nil: crypto/rand.Reader
}

// Introspection implements Tokens over any authorization server that has token
// introspection (RFC 7662). It ends tokens in the way that IntrospectionConfig.Revocation
// chooses. It is safe for concurrent use.
type Introspection struct {
	config IntrospectionConfig
	bank   Authentication
	client http.Client
}

var _ Tokens = (*Introspection)(nil)

// NewIntrospection makes an Introspection. It returns an error for an address that is not
// https or has a fragment or userinfo, for no way to authenticate and for two ways, for a
// key that cannot sign, and for no way to revoke and for one that contradicts RevocationURL.
func NewIntrospection(c IntrospectionConfig) (*Introspection, error) {
	wrong := func(err error) (*Introspection, error) { return nil, fmt.Errorf("token: introspection: %w", err) }
	for _, a := range []struct{ name, address string }{
		{"IntrospectionURL", c.IntrospectionURL}, {"RevocationURL", c.RevocationURL}, {"MetadataURL", c.MetadataURL},
	} {
		if a.address == "" && a.name != "IntrospectionURL" {
			continue
		}
		if _, err := uri.Endpoint(a.address); err != nil {
			return wrong(fmt.Errorf("%s %w", a.name, err))
		}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	i := &Introspection{bank: Authentication{ClientID: c.ClientID, Secret: c.ClientSecret, Key: c.ClientKey}}
	if err := i.bank.check(); err != nil {
		return wrong(err)
	}
	if err := i.bank.probe(c.Clock); err != nil {
		return wrong(fmt.Errorf("ClientKey: %w", err))
	}
	switch {
	case c.HTTPClient == nil && c.ClientSecret.IsZero() && c.ClientKey == nil:
		return wrong(errors.New("nothing authenticates the calls; give ClientID and ClientSecret, ClientID and ClientKey, or an HTTPClient with a certificate"))
	case c.Timeout < 0:
		return wrong(errors.New("the Timeout is negative"))
	case c.Timeout == 0:
		c.Timeout = introspectionTimeout
	}
	if err := c.Revocation.settle(c.RevocationURL); err != nil {
		return wrong(err)
	}
	i.config = c
	if c.HTTPClient != nil {
		i.client = *c.HTTPClient
	}
	if i.client.Transport == nil {
		i.client.Transport = fetch.Transport(nil)
	}
	// A redirect would carry the token to an address that the bank has not configured.
	i.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return i, nil
}

// Introspect implements Tokens. The error wraps ErrInvalid for a token that is not
// active, and for one of another type than Bearer, such as a refresh token. It also wraps
// it if the answer lacks client_id or iat, or if client_id, exp, sub, aud or cnf has a
// value that cannot be read. It wraps ErrUnbound if the answer lacks the certificate's
// thumbprint (x5t#S256 in cnf). Any answer but 200 with one strict JSON object of at most
// 64 KiB is an outage; 401 wraps ErrUnauthenticated. No error contains any part of the
// token.
func (i *Introspection) Introspect(ctx context.Context, token claims.Secret) (AccessToken, error) {
	if !text.IsBearer(token.Reveal(), MaxLength) {
		return AccessToken{}, fmt.Errorf("%w: it is no b64token of at most %d characters", ErrInvalid, MaxLength)
	}
	answer, err := i.introspect(ctx, token)
	if err != nil {
		return AccessToken{}, fmt.Errorf("token: introspection: %w", err)
	}
	return answer.accessToken()
}

// introspect asks about a token and returns the answer, active or not.
func (i *Introspection) introspect(ctx context.Context, token claims.Secret) (introspected, error) {
	a, err := i.post(ctx, i.config.IntrospectionURL, token, i.bank)
	if err != nil {
		return introspected{}, err
	}
	if err := a.refusal(); err != nil {
		return introspected{}, err
	}
	object, err := a.object()
	if err != nil {
		return introspected{}, err
	}
	return readIntrospection(object)
}

// RevokeClient implements Tokens. It does nothing, because RFC 7009 revokes single tokens
// only. The Registrar refuses the tokens of a deleted client all the same: it looks up the
// client, and compares its client_id_issued_at with the token's, after each introspection.
// At the bank's other APIs the tokens end when the Provisioner removes the client.
func (i *Introspection) RevokeClient(context.Context, string) error { return nil }
