package tpp

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// assertionLifetime is how long a client assertion is valid.
const assertionLifetime = 5 * time.Minute

// Credentials are what a registered client authenticates with at the token endpoint.
type Credentials struct {
	ClientID string
	Method   claims.AuthMethod // the registered one
	Secret   claims.Secret     // for the client_secret methods
}

// maxToken is the greatest length of an access token that a Client sends, in bytes.
const maxToken = 16 << 10

// BearerToken is an access token.
type BearerToken struct {
	Value   claims.Secret // the token itself
	Expires time.Time     // zero if the answer has no expires_in, or one that cannot be true
	Scope   string        // the granted scope; "" if the answer has none
}

// AccessToken asks the token endpoint for a token by the client_credentials grant (RFC
// 6749 section 4.4). Get, Update and Delete need one. The client authenticates by its
// registered method, always over mutual TLS. Some banks demand a certain scope for the
// token of Get, Update and Delete. If the call names no scope, AccessToken asks for
// Config.TokenScopes; if these are empty too, for no scope at all. The error is a
// *ResponseError (code invalid_client if the bank does not know the client), a
// *NoAnswerError, or one about the credentials.
func (c *Client) AccessToken(ctx context.Context, by Credentials, scopes ...string) (BearerToken, error) {
	return c.token(ctx, verbToken, by, scopes)
}

// token makes the exchange of AccessToken, for a verb.
func (c *Client) token(ctx context.Context, verb string, by Credentials, scopes []string) (BearerToken, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(scopes) == 0 {
		scopes = c.tokenScopes
	}
	if len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
	authorization, err := c.authenticate(form, by)
	if err != nil {
		return BearerToken{}, failure("%s: %w", verb, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.metadata.TokenEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return BearerToken{}, failure("%s: the token endpoint is no URL", verb)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	a, err := exchange(c.http, verb, r, by.Secret.Reveal(), form.Get("client_assertion"))
	if err != nil {
		return BearerToken{}, err
	}
	if a.status != http.StatusOK {
		return BearerToken{}, unwanted(verb, a, c.clock())
	}
	token, detail := readToken6749(a.body, c.clock())
	if detail != "" {
		return BearerToken{}, &NoAnswerError{Verb: verb, Status: a.status, Reason: detail}
	}
	return token, nil
}

// authenticate adds the parameters of the authentication method to the form, or returns
// the value of the Authorization header.
func (c *Client) authenticate(form url.Values, by Credentials) (authorization string, err error) {
	if !UsableClientID(by.ClientID) {
		return "", errors.New("the client_id is unusable")
	}
	if by.Method.NeedsSecret() && by.Secret.IsZero() {
		return "", fmt.Errorf("%s needs the client's secret", by.Method)
	}
	switch by.Method {
	case claims.PrivateKeyJWT, claims.ClientSecretJWT:
		assertion, err := c.assertion(by)
		if err != nil {
			return "", err
		}
		form.Set("client_id", by.ClientID)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	case claims.TLSClientAuth:
		form.Set("client_id", by.ClientID)
	case claims.ClientSecretPost:
		form.Set("client_id", by.ClientID)
		form.Set("client_secret", by.Secret.Reveal())
	case claims.ClientSecretBasic: // RFC 6749 section 2.3.1: form-encoded first
		pair := url.QueryEscape(by.ClientID) + ":" + url.QueryEscape(by.Secret.Reveal())
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)), nil
	default:
		return "", fmt.Errorf("%q is no authentication method that this client has", text.Echo(string(by.Method)))
	}
	return "", nil
}

// assertion makes a client assertion (OIDC Core section 9, RFC 7523 section 3).
func (c *Client) assertion(by Credentials) (string, error) {
	if by.Method == claims.PrivateKeyJWT && c.signer == nil {
		return "", errors.New("private_key_jwt needs the client's Signer")
	}
	jti, err := claims.NewJTI(c.random)
	if err != nil {
		return "", err
	}
	now := c.clock()
	payload, err := json.Marshal(map[string]any{
		"iss": by.ClientID, "sub": by.ClientID, "aud": c.metadata.TokenAudience, "jti": jti,
		"iat": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	})
	if err != nil {
		return "", err
	}
	if by.Method == claims.ClientSecretJWT {
		return signHS256(payload, by.Secret.Reveal()), nil
	}
	token, err := jose.Sign(payload, c.signer, string(c.algorithm), c.keyID, "JWT")
	if err != nil {
		return "", fmt.Errorf("client assertion: %w", err)
	}
	return token, nil
}

// signHS256 makes a compact JWS with the bytes of the secret as the key, for
// client_secret_jwt. internal/jose has no HMAC on purpose: no other token of this module
// is signed with a shared key.
func signHS256(payload []byte, secret string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(payload)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

// readToken6749 reads the answer of a token endpoint (RFC 6749 section 5.1). detail is
// what is wrong with it, "" if nothing is.
func readToken6749(body []byte, now time.Time) (token BearerToken, detail string) {
	object, err := jsonscan.Parse(string(body))
	if err != nil || object.Kind() != jsonscan.Object {
		return token, "it is no strict JSON object"
	}
	token.Value, token.Scope = claims.NewSecret(textMember(object, "access_token")), textMember(object, "scope")
	if !text.IsBearer(token.Value.Reveal(), maxToken) {
		return BearerToken{}, "it has no usable access_token"
	}
	if !strings.EqualFold(textMember(object, "token_type"), "Bearer") {
		return BearerToken{}, "its token_type is not Bearer"
	}
	if v, there := object.Member("expires_in"); there && v.Kind() != jsonscan.Null {
		seconds, ok := secondsOf(v)
		if !ok {
			return BearerToken{}, "its expires_in is no number of seconds"
		}
		if seconds >= 0 && seconds <= longestToken { // else the token is good, and how long is not known
			token.Expires = now.Add(time.Duration(seconds) * time.Second)
		}
	}
	return token, ""
}

// longestToken is the greatest lifetime of a token that is believed, in seconds: a hundred
// years.
const longestToken = 100 * 365 * 24 * 60 * 60

// secondsOf reads a number of seconds in any spelling of JSON, such as 3600.0 and 3.6e3,
// and also as a string. It drops a fraction. Some token endpoints send such spellings, and
// their tokens are good. A number that no float64 holds becomes an infinite one.
func secondsOf(v jsonscan.Value) (float64, bool) {
	literal := v.Raw()
	if v.Kind() == jsonscan.String {
		literal, _ = v.Text()
		if number, err := jsonscan.Parse(literal); err != nil || number.Kind() != jsonscan.Number {
			return 0, false
		}
	} else if v.Kind() != jsonscan.Number {
		return 0, false
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(literal), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return math.Trunc(seconds), true
}
