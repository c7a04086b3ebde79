package token

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
)

const (
	maxIntrospection     = 64 << 10 // bytes of an answer
	introspectionTimeout = 5 * time.Second
)

// IntrospectionConfig configures an Introspection.
type IntrospectionConfig struct {
	IntrospectionURL string // required: RFC 7662 endpoint, https
	RevocationURL    string // required: RFC 7009 endpoint, https
	// HTTPClient reaches both endpoints, over mutual TLS if the server asks for that. Its
	// redirect policy is ignored, and no redirect followed. Nil is a client with the
	// system's CAs; it needs ClientID and ClientSecret.
	HTTPClient *http.Client
	// ClientID and ClientSecret authenticate by client_secret_basic (RFC 6749 section
	// 2.3.1). An ID without a secret is sent in the form, for a client that authenticates
	// by its certificate (RFC 8705 section 2). Without an ID neither is sent.
	ClientID     string
	ClientSecret claims.Secret
	Timeout      time.Duration // of each call; 0: 5 s
}

// Introspection implements Tokens over any authorization server that has token
// introspection (RFC 7662) and revocation (RFC 7009). It is safe for concurrent use.
type Introspection struct {
	config IntrospectionConfig
	client http.Client
}

var _ Tokens = (*Introspection)(nil)

// NewIntrospection makes an Introspection. It returns an error unless there are two https
// addresses without fragment or userinfo, and a way to authenticate.
func NewIntrospection(c IntrospectionConfig) (*Introspection, error) {
	for name, address := range map[string]string{"IntrospectionURL": c.IntrospectionURL, "RevocationURL": c.RevocationURL} {
		if _, err := uri.Endpoint(address); err != nil {
			return nil, fmt.Errorf("token: introspection: %s %w", name, err)
		}
	}
	switch {
	case !c.ClientSecret.IsZero() && c.ClientID == "":
		return nil, errors.New("token: introspection: a ClientSecret needs its ClientID")
	case c.HTTPClient == nil && c.ClientSecret.IsZero():
		return nil, errors.New("token: introspection: nothing authenticates the calls; give an HTTPClient, or ClientID and ClientSecret")
	case c.Timeout < 0:
		return nil, errors.New("token: introspection: the Timeout is negative")
	case c.Timeout == 0:
		c.Timeout = introspectionTimeout
	}
	i := &Introspection{config: c}
	if c.HTTPClient != nil {
		i.client = *c.HTTPClient
	}
	// A redirect would carry the token to an address that the bank has not configured.
	i.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return i, nil
}

// Introspect implements Tokens. The error wraps ErrInvalid for a token that is not
// active, and for one of another type than Bearer, such as a refresh token. It also wraps
// it if the answer lacks client_id, iat or the certificate's thumbprint (x5t#S256 in cnf):
// such a token is bound to no client or no certificate. Any answer but 200 with one strict
// JSON object of at most 64 KiB is an outage. No error contains any part of the token.
func (i *Introspection) Introspect(ctx context.Context, token claims.Secret) (AccessToken, error) {
	if !text.IsBearer(token.Reveal(), MaxLength) {
		return AccessToken{}, fmt.Errorf("%w: it is no b64token of at most %d characters", ErrInvalid, MaxLength)
	}
	answer, err := i.post(ctx, i.config.IntrospectionURL, token.Reveal())
	if err != nil {
		return AccessToken{}, fmt.Errorf("token: introspection: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return AccessToken{}, fmt.Errorf("token: introspection: the authorization server answered %d", answer.StatusCode)
	}
	if media, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return AccessToken{}, errors.New("token: introspection: the answer is not application/json")
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxIntrospection+1))
	if err != nil {
		return AccessToken{}, fmt.Errorf("token: introspection: the answer broke off: %w", err)
	}
	if len(body) > maxIntrospection {
		return AccessToken{}, fmt.Errorf("token: introspection: the answer has more than %d bytes", maxIntrospection)
	}
	return readIntrospection(string(body))
}

// Revoke implements Tokens. An authorization server answers 200 also for a token that it
// does not know (RFC 7009 section 2.2).
func (i *Introspection) Revoke(ctx context.Context, r Revocation) (Revoked, error) {
	if !text.IsBearer(r.Token.Reveal(), MaxLength) {
		return Revoked{}, nil // no authorization server can have issued it
	}
	answer, err := i.post(ctx, i.config.RevocationURL, r.Token.Reveal())
	if err != nil {
		return Revoked{}, fmt.Errorf("token: revocation: %w", err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxIntrospection)) // so that the connection is used again
	if answer.StatusCode != http.StatusOK {
		return Revoked{}, fmt.Errorf("token: revocation: the authorization server answered %d", answer.StatusCode)
	}
	return Revoked{}, nil
}

// RevokeClient implements Tokens. It does nothing, because RFC 7009 revokes single tokens
// only. The Registrar refuses the tokens of a deleted client all the same: it looks up the
// client, and compares its client_id_issued_at with the token's, after each introspection.
// At the bank's other APIs the tokens end when the Provisioner removes the client.
func (i *Introspection) RevokeClient(context.Context, string) error { return nil }

func (i *Introspection) post(ctx context.Context, address, token string) (*http.Response, error) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	if i.config.ClientID != "" && i.config.ClientSecret.IsZero() {
		form.Set("client_id", i.config.ClientID)
	}
	ctx, cancel := context.WithTimeout(ctx, i.config.Timeout)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		cancel()
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	if !i.config.ClientSecret.IsZero() {
		request.SetBasicAuth(url.QueryEscape(i.config.ClientID), url.QueryEscape(i.config.ClientSecret.Reveal()))
	}
	answer, err := i.client.Do(request)
	if err != nil {
		cancel()
		return nil, err
	}
	answer.Body = &cancelling{ReadCloser: answer.Body, cancel: cancel}
	return answer, nil
}

// cancelling is the body of an answer. Close also ends the timeout of the call, which must
// last until the body has been read.
type cancelling struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (c *cancelling) Close() error {
	defer c.cancel()
	return c.ReadCloser.Close()
}

// readIntrospection reads an answer (RFC 7662 section 2.2, RFC 8705 section 3.2).
func readIntrospection(body string) (AccessToken, error) {
	members, err := jsonscan.Parse(body)
	if err != nil {
		return AccessToken{}, fmt.Errorf("token: introspection: %w", err)
	}
	active, _ := members.Member("active")
	if members.Kind() != jsonscan.Object || active.Kind() != jsonscan.Bool {
		return AccessToken{}, errors.New("token: introspection: the answer does not say whether the token is active")
	}
	if !active.Bool() {
		return AccessToken{}, fmt.Errorf("%w: the authorization server says so", ErrInvalid)
	}
	var t AccessToken
	_, said := members.Member("token_type")
	if kind, _ := members.MemberText("token_type"); said && !strings.EqualFold(kind, "Bearer") {
		return AccessToken{}, fmt.Errorf("%w: its type is %+.64q", ErrInvalid, kind)
	}
	if t.ClientID, _ = members.MemberText("client_id"); t.ClientID == "" {
		return AccessToken{}, fmt.Errorf("%w: the introspection names no client_id", ErrInvalid)
	}
	if t.CertificateSHA256, err = confirmation(members); err != nil {
		return AccessToken{}, err
	}
	if t.IssuedAt = instant(members, "iat"); t.IssuedAt.IsZero() {
		return AccessToken{}, fmt.Errorf("%w: the introspection names no iat", ErrInvalid)
	}
	if exp, said := members.Member("exp"); said {
		if t.Expiry = instant(members, "exp"); t.Expiry.IsZero() {
			return AccessToken{}, fmt.Errorf("%w: exp is no time but a %s", ErrInvalid, exp.Kind())
		}
	}
	scope, _ := members.MemberText("scope")
	t.Scope = strings.Fields(scope)
	return t, nil
}

func confirmation(members jsonscan.Value) (thumbprint [32]byte, err error) {
	cnf, _ := members.Member("cnf")
	value, said := cnf.MemberText("x5t#S256")
	if !said {
		return thumbprint, fmt.Errorf("%w: the introspection names no certificate (cnf, x5t#S256)", ErrInvalid)
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || len(sum) != len(thumbprint) || len(value) != base64.RawURLEncoding.EncodedLen(len(sum)) {
		return thumbprint, fmt.Errorf("%w: the x5t#S256 of the introspection is no SHA-256 in base64url", ErrInvalid)
	}
	return [32]byte(sum), nil
}

// instant reads a number of seconds since 1970. It returns the zero time for anything
// that is no positive number.
func instant(members jsonscan.Value, name string) time.Time {
	m, _ := members.Member(name)
	seconds, ok := m.Int64()
	if !ok || seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
