package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// TokenLife is how long an access token of the bank's own token endpoint is valid.
const TokenLife = time.Hour

const (
	maxTokenBody = 64 << 10
	tokenRetry   = 10 * time.Second // the Retry-After of an outage whose error gives no time
)

// tokenEndpoint issues access tokens by the client_credentials grant (RFC 6749 section
// 4.4). The client must use mutual TLS with a certificate of its software, and
// authenticate by the method that it registered. The token is bound to the certificate
// (RFC 8705).
//
// It works in three steps: it reads the request; cert.Middleware checks that the
// certificate belongs to the client that the request names; then it checks the proof of
// the authentication method. The proof comes last because it may use up a jti.
type tokenEndpoint struct {
	policy     validate.Policy
	audiences  []string // a client assertion's aud must be one of them
	clock      func() time.Time
	store      store.Store
	tokens     token.Issuer
	replay     store.Replay // of the jti of client assertions
	statements *ssa.Verifier
	keys       ssa.SoftwareKeyResolver
	source     cert.Source
	open       func(store.Client) (claims.Secret, error) // opens a sealed secret
	limiter    dcr.Limiter                               // nil: no limit
	log        *slog.Logger
	told       func(method claims.AuthMethod, outcome string) // for metrics

	authenticated http.Handler // grant behind cert.Middleware
}

// tokenRequest is a token request that was read. Its sender is not authenticated yet. The
// context of the HTTP request carries it through cert.Middleware.
type tokenRequest struct {
	form       url.Values
	by         credentials
	client     store.Client    // the client that the request names; software sets it
	registered *claims.Request // the registered members of client
}

type tokenRequestKey struct{}

func tokenRequestOf(r *http.Request) *tokenRequest {
	asked, ok := r.Context().Value(tokenRequestKey{}).(*tokenRequest)
	if !ok {
		return &tokenRequest{} // names no client, so it is refused
	}
	return asked
}

// newTokenEndpoint assembles the token endpoint of a bank.
func newTokenEndpoint(b *Bank, issued token.Issuer, statements *ssa.Verifier, checker *cert.Checker, keys ssa.SoftwareKeyResolver) (http.Handler, error) {
	c := &b.config
	t := &tokenEndpoint{
		policy: b.policy, audiences: []string{c.Issuer + c.Paths.Token, c.Issuer}, clock: c.Clock, store: c.Store,
		tokens: issued, replay: c.assertions(), statements: statements, keys: keys, source: b.source,
		open: b.registrar.OpenSecret, limiter: c.Limiter, log: c.Logger, told: c.Observer.Token,
	}
	belongs, err := cert.Middleware(cert.MiddlewareConfig{Source: b.source, Checker: checker, Client: t.software, Refused: t.denied})
	if err != nil {
		return nil, err
	}
	t.authenticated = belongs(http.HandlerFunc(t.grant))
	return t, nil
}

// issuer returns what issues the tokens of TokenEndpoint: over the Store, if it keeps tokens.
func (c *Config) issuer() (token.Issuer, error) {
	if keeper, ok := c.Store.(token.Keeper); ok {
		return token.NewKept(keeper, c.Clock, c.Random)
	}
	return token.NewMemory(c.Clock, c.Random), nil
}

// assertions returns what remembers the jti of client assertions.
func (c *Config) assertions() store.Replay {
	if c.Replay != nil {
		return c.Replay
	}
	if replay, ok := c.Store.(store.Replay); ok {
		return replay
	}
	return store.NewMemoryReplay(c.Clock)
}

// ServeHTTP answers one request.
func (t *tokenEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked := &tokenRequest{}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		unfit := cert.Denial{Status: http.StatusMethodNotAllowed, Code: invalidRequest, Description: "use POST"}
		unfit.Write(w, r)
		return
	}
	if refusal := t.read(w, r, asked); refusal != nil {
		t.refuse(w, r, asked, refusal)
		return
	}
	t.authenticated.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tokenRequestKey{}, asked)))
}

// read reads the form and the credentials of a request. It refuses a sender without a
// certificate before it reads the body.
func (t *tokenEndpoint) read(w http.ResponseWriter, r *http.Request, asked *tokenRequest) *cert.Denial {
	leaf, err := t.source(r)
	if err != nil || leaf == nil {
		return notTheClient("a client certificate is required")
	}
	if t.limiter != nil {
		if wait, ok := t.limiter.Allow(dcr.LimitKey(leaf)); !ok {
			return &cert.Denial{Status: http.StatusTooManyRequests, Code: unavailable, Description: "too many requests with this certificate", RetryAfter: wait}
		}
	}
	// The address that the discovery document gives has no query. Parameters there would end
	// in logs, and RFC 6749 section 2.3.1 forbids credentials in them.
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		return badRequest(invalidRequest, "send the parameters in the body, not in the address")
	}
	var refusal *cert.Denial
	if asked.form, refusal = readForm(w, r); refusal != nil {
		return refusal
	}
	if refusal = knownGrant(asked.form); refusal != nil {
		return refusal
	}
	return asked.by.read(r, asked.form)
}

// software returns the software of the client that the request names, for
// cert.Middleware. The sender has not proved yet that it is that client.
func (t *tokenEndpoint) software(r *http.Request) (cert.Software, error) {
	asked := tokenRequestOf(r)
	client, err := store.ByClientID(r.Context(), t.store, asked.by.clientID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return cert.Software{}, cert.ErrUnknownClient
	case err != nil:
		return cert.Software{}, fmt.Errorf("server: a client cannot be read: %w", err)
	}
	registered, err := claims.ParseRequest(client.Metadata)
	if err != nil {
		return cert.Software{}, fmt.Errorf("server: the record of client %s cannot be read: %w", client.ID, err)
	}
	statement, err := t.statements.RereadUnsafe(client.SoftwareStatement, client.Environment)
	if err != nil {
		return cert.Software{}, fmt.Errorf("%w: %w", cert.ErrNoKeySet, err)
	}
	keys, err := statement.SoftwareKeys(t.keys)
	if err != nil {
		return cert.Software{}, fmt.Errorf("%w: %w", cert.ErrNoKeySet, err)
	}
	if client.JWKSAddress != "" && client.JWKSAddress != keys.Address {
		return cert.Software{}, fmt.Errorf("%w: the anchor's claim names lead to another key set than at registration", cert.ErrNoKeySet)
	}
	asked.client, asked.registered = client, registered
	return cert.SoftwareOf(statement, keys), nil
}

// denied logs and counts a refusal by cert.Middleware, which has answered it already.
func (t *tokenEndpoint) denied(r *http.Request, d cert.Denial) {
	t.note(r.Context(), tokenRequestOf(r), &d)
}

// refuse answers, logs and counts a refusal by the endpoint itself.
func (t *tokenEndpoint) refuse(w http.ResponseWriter, r *http.Request, asked *tokenRequest, refusal *cert.Denial) {
	t.note(r.Context(), asked, refusal)
	refusal.Write(w, r)
}

func (t *tokenEndpoint) note(ctx context.Context, asked *tokenRequest, d *cert.Denial) {
	t.told(asked.by.method, d.Code)
	level, why := slog.LevelInfo, any(d.Description)
	if d.Status == http.StatusServiceUnavailable {
		level = slog.LevelError
	}
	if d.Err != nil {
		why = text.Bounded{Err: d.Err}
	}
	t.log.Log(ctx, level, "token refused", "client_id", text.Echo(asked.by.clientID), "error", d.Code, "why", why)
}

// grant issues a token to a client whose certificate cert.Middleware has accepted.
func (t *tokenEndpoint) grant(w http.ResponseWriter, r *http.Request) {
	asked := tokenRequestOf(r)
	granted, refusal := t.issue(r.Context(), asked)
	if refusal != nil {
		t.refuse(w, r, asked, refusal)
		return
	}
	t.told(asked.by.method, "granted")
	writeJSON(w, http.StatusOK, granted)
}

func (t *tokenEndpoint) issue(ctx context.Context, asked *tokenRequest) (*grantedToken, *cert.Denial) {
	accepted, ok := cert.AcceptanceFrom(ctx)
	if !ok {
		return nil, outage("the client cannot be checked at the moment", tokenRetry, errors.New("server: the request did not pass cert.Middleware"))
	}
	if refusal := t.prove(ctx, asked, accepted); refusal != nil {
		return nil, refusal
	}
	scope, refusal := judgeGrant(asked.form, asked.registered, t.managementScope())
	if refusal != nil {
		return nil, refusal
	}
	grants := token.AccessToken{ClientID: asked.client.ClientID, CertificateSHA256: sha256.Sum256(accepted.Certificate.Raw), Scope: scope}
	if t.policy.ManagementAudience != "" {
		grants.Audience = []string{t.policy.ManagementAudience}
	}
	access, err := t.tokens.IssueToken(ctx, grants, TokenLife)
	if err != nil {
		return nil, outage("no token can be issued at the moment", tokenRetry, err)
	}
	return &grantedToken{AccessToken: access.Reveal(), TokenType: "Bearer", ExpiresIn: int(TokenLife / time.Second), Scope: strings.Join(scope, " ")}, nil
}

// prove checks the proof of the authentication method. A client must use the method that
// it registered: another method may be weaker.
func (t *tokenEndpoint) prove(ctx context.Context, asked *tokenRequest, accepted *cert.Acceptance) *cert.Denial {
	by := &asked.by
	if method := asked.registered.TokenEndpointAuthMethod.Or(""); method != by.method {
		return notTheClient("the client registered " + text.Echo(string(method)) + " and used " + string(by.method))
	}
	switch by.method {
	case claims.TLSClientAuth:
		return t.checkSubject(accepted.Certificate, asked.registered)
	case claims.ClientSecretBasic, claims.ClientSecretPost:
		return checkSecret(by.secret, asked.client)
	case claims.ClientSecretJWT:
		if refusal := t.checkMAC(by, asked.client); refusal != nil {
			return refusal
		}
	case claims.PrivateKeyJWT:
		if refusal := t.checkSignature(ctx, by, accepted.Software.Keys, asked.registered); refusal != nil {
			return refusal
		}
	default:
		return notTheClient("the client registered a method that is not known here")
	}
	return t.checkAssertion(ctx, by)
}

// readForm reads the parameters of the body. A parameter must not be repeated (RFC 6749
// section 3.2).
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, *cert.Denial) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, badRequest(invalidRequest, "send Content-Type application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTokenBody))
	if err != nil {
		return nil, badRequest(invalidRequest, "the body cannot be read, or is too large")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, badRequest(invalidRequest, "the body is no form")
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, badRequest(invalidRequest, text.Echo(name)+" stands there twice")
		}
	}
	return form, nil
}

// knownGrant refuses all grants but client_credentials. It runs before the client is
// authenticated, so that a developer learns of a missing parameter first.
func knownGrant(form url.Values) *cert.Denial {
	switch form.Get("grant_type") {
	case "":
		return badRequest(invalidRequest, "grant_type is missing")
	case string(claims.ClientCredentials):
		return nil
	}
	return badRequest("unsupported_grant_type", "this token endpoint knows client_credentials alone")
}

// managementScope returns the words of the policy's management_scope that no client can
// register, because the policy's scopes lack them. Each client may have these. A word that
// can be registered is granted to those that have registered it.
func (t *tokenEndpoint) managementScope() []string {
	return slices.DeleteFunc(strings.Fields(t.policy.ManagementScope), func(word string) bool { return slices.Contains(t.policy.Scopes, word) })
}

// judgeGrant checks that the client registered the grant and the scope, and returns the
// scope. Words of management need no registration. A request without a scope gets all that
// the client registered, and these.
func judgeGrant(form url.Values, registered *claims.Request, management []string) ([]string, *cert.Denial) {
	if !slices.Contains(registered.GrantTypes.Or(nil), claims.ClientCredentials) {
		return nil, badRequest("unauthorized_client", "the client did not register the grant type client_credentials")
	}
	all := slices.Concat(registered.Scope.Or(claims.Scope{}).Words, management)
	asked := strings.Fields(form.Get("scope"))
	if len(asked) == 0 {
		return all, nil
	}
	for _, word := range asked {
		if !slices.Contains(all, word) {
			return nil, badRequest(invalidScope, text.Echo(word)+" is not in the scope that the client registered")
		}
	}
	return asked, nil
}
