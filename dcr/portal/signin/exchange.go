package signin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

const (
	maxAnswer     = 256 << 10 // bytes of an answer of the directory
	assertionLife = time.Minute
	// assertionType is the client_assertion_type of a JWT (RFC 7523 section 2.2).
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

	mediaJSON = "application/json"
	mediaJWT  = "application/jwt"
)

// unfit is why an answer is not one to use.
type unfit string

// Error returns the reason.
func (u unfit) Error() string { return "signin: " + string(u) }

// strict is a transport whose answers are whole, bounded and one of: a strict JSON object, a
// JWT, or a refusal whose body nobody reads. Package oauth2 would read forms too, and take the
// last of duplicate members.
type strict struct{ inner http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s strict) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.inner.RoundTrip(r)
	if err != nil {
		return nil, fetch.Late(r.Context(), err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	media, _, mediaErr := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	known := mediaErr == nil && len(answer.Header.Values("Content-Type")) == 1
	switch {
	case err != nil:
		return nil, fetch.Late(r.Context(), err)
	case len(body) > maxAnswer:
		return nil, unfit("the answer is longer than 256 KiB")
	case answer.Header.Get("Content-Encoding") != "":
		return nil, unfit("the answer is compressed, which was not asked for")
	case known && media == mediaJSON:
		value, err := jsonscan.Parse(string(body))
		if err != nil || value.Kind() != jsonscan.Object {
			return nil, unfit("the answer is no strict JSON object")
		}
	case known && media == mediaJWT:
	case answer.StatusCode == http.StatusOK:
		return nil, unfit("the answer is neither JSON nor a JWT")
	default:
		body = nil
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// granted is what the token endpoint gives.
type granted struct {
	access  *oauth2.Token
	idToken string
}

// exchange sends the code to the token endpoint (OIDC Core section 3.1.3). The bank
// authenticates by client_secret_basic or private_key_jwt.
func (s *SignIn) exchange(ctx context.Context, p *provider, code, verifier string) (*granted, error) {
	options := []oauth2.AuthCodeOption{oauth2.VerifierOption(verifier)}
	if s.config.Key != nil {
		assertion, err := s.assertion()
		if err != nil {
			return nil, err
		}
		options = append(options, oauth2.SetAuthURLParam("client_assertion_type", assertionType),
			oauth2.SetAuthURLParam("client_assertion", assertion))
	}
	ctx, cancel := fetch.WithPatience(ctx, exchangeTime, fetch.Longest(exchangeTime))
	defer cancel()
	access, err := s.client(p).Exchange(oidc.ClientContext(ctx, &s.directory.exchanges), code, options...)
	if err != nil {
		return nil, refusedCode(err)
	}
	idToken, _ := access.Extra("id_token").(string)
	switch {
	case idToken == "":
		return nil, fault(ErrToken, "the token endpoint gave no ID token")
	case !strings.EqualFold(access.TokenType, "Bearer"):
		return nil, fault(ErrToken, "the token endpoint gave an access token that is no bearer token")
	}
	return &granted{access: access, idToken: idToken}, nil
}

// refusedCode says what the token endpoint has against a request.
func refusedCode(err error) error {
	var refusal *oauth2.RetrieveError
	if !errors.As(err, &refusal) {
		return noAnswer("the token endpoint", err)
	}
	status := refusal.Response.StatusCode
	switch code := refusal.ErrorCode; {
	case code == "invalid_grant":
		return fault(ErrDeclined, "the token endpoint refused the code: invalid_grant")
	case code == "invalid_client" || code == "unauthorized_client" || status == http.StatusUnauthorized:
		return fault(ErrUnavailable, "the token endpoint refused the bank's own credentials: compare ClientID, ClientSecret, Key and KeyID with the directory")
	case code != "":
		return fault(ErrUnavailable, "the token endpoint answered "+knownCode(code))
	}
	return fault(ErrUnavailable, "the token endpoint answered with status "+text.Quote(http.StatusText(status)))
}

// noAnswer says why an endpoint gave nothing to use.
func noAnswer(endpoint string, err error) error {
	var bad unfit
	var asURL *url.Error
	switch {
	case errors.As(err, &bad):
		return fault(ErrUnavailable, endpoint+": "+string(bad))
	case errors.As(err, &asURL):
		return fault(ErrUnavailable, endpoint+": "+fetch.Reason(err))
	}
	return fault(ErrUnavailable, endpoint+": the answer has no access token, or is not as OAuth has it")
}

// assertion makes the client assertion of private_key_jwt (OIDC Core section 9). Its audience
// is the issuer and nothing else, as FAPI 2.0 Security Profile section 5.3.3.1 has it: an assertion
// for a token endpoint's address could be made for another directory's, which only says that
// it has that address.
func (s *SignIn) assertion() (string, error) {
	random := make([]byte, secretSize)
	if _, err := io.ReadFull(s.config.Random, random); err != nil {
		return "", fault(ErrUnavailable, "there is no randomness for a client assertion")
	}
	now := s.config.Clock()
	payload, err := json.Marshal(map[string]any{
		"iss": s.config.ClientID, "sub": s.config.ClientID, "aud": s.config.Issuer, "jti": encoded.EncodeToString(random),
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return "", fault(ErrUnavailable, "the client assertion cannot be written")
	}
	token, err := jose.Sign(payload, s.config.Key, string(s.config.Algorithm), s.config.KeyID, "JWT")
	if err != nil {
		return "", fault(ErrUnavailable, "the client assertion cannot be signed: "+text.Detail(err))
	}
	return token, nil
}

// userInfo asks the userinfo endpoint about the person (OIDC Core section 5.3). The answer is
// JSON, or a JWT by one of Config.Algorithms. It must be about the subject of the ID token.
func (s *SignIn) userInfo(ctx context.Context, p *provider, access *oauth2.Token, subject string) (jsonscan.Value, error) {
	ctx, cancel := fetch.WithPatience(ctx, exchangeTime, fetch.Longest(exchangeTime))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.userInfo, nil)
	if err != nil {
		return jsonscan.Value{}, fault(ErrUnavailable, "the userinfo endpoint has no address to use")
	}
	request.Header.Set("Accept", mediaJSON+", "+mediaJWT)
	request.Header.Set("Authorization", "Bearer "+access.AccessToken)
	answer, err := s.directory.exchanges.Do(request)
	if err != nil {
		return jsonscan.Value{}, noAnswer("the userinfo endpoint", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return jsonscan.Value{}, fault(ErrUnavailable, "the userinfo endpoint answered with status "+text.Quote(http.StatusText(answer.StatusCode)))
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return jsonscan.Value{}, noAnswer("the userinfo endpoint", err)
	}
	var about jsonscan.Value
	if media, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); media == mediaJWT {
		about, err = s.signedUserInfo(ctx, p, strings.TrimSpace(string(body)))
	} else {
		about, err = jsonscan.Parse(string(body)) // strict has parsed it
	}
	if err != nil {
		return jsonscan.Value{}, err
	}
	if sub, _ := about.MemberText("sub"); sub != subject {
		return jsonscan.Value{}, fault(ErrToken, "sub of the userinfo is not that of the ID token")
	}
	return about, nil
}

// signedUserInfo verifies the JWT of a userinfo endpoint. iss and aud may be absent (OIDC Core
// section 5.3.2), and so may be exp.
func (s *SignIn) signedUserInfo(ctx context.Context, p *provider, token string) (jsonscan.Value, error) {
	signature := &signed{provider: p, allowed: s.config.Algorithms}
	if err := signature.verify(ctx, token); err != nil {
		return jsonscan.Value{}, err
	}
	about := signature.claims
	if value, there := about.Member("iss"); there {
		if issuer, _ := value.Text(); issuer != s.config.Issuer {
			return jsonscan.Value{}, fault(ErrToken, "iss of the userinfo is not Issuer")
		}
	}
	if value, there := about.Member("aud"); there {
		if audience, ok := texts(value); !ok || !slices.Contains(audience, s.config.ClientID) {
			return jsonscan.Value{}, fault(ErrToken, "aud of the userinfo is not ClientID")
		}
	}
	if _, there := about.Member("exp"); there {
		if err := s.checkLife(about, "the userinfo"); err != nil {
			return jsonscan.Value{}, err
		}
	}
	return about, nil
}
