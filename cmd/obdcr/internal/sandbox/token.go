package sandbox

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

const (
	tokenLife    = time.Hour
	maxTokenBody = 64 << 10
	tokenRetry   = 10 * time.Second // after an outage that names no time of its own
)

// tokenEndpoint gives access tokens by the client_credentials grant (RFC 6749 section
// 4.4) to clients that authenticate by the method they registered, over mutual TLS
// with a certificate of their software, to which the token is bound (RFC 8705).
type tokenEndpoint struct {
	policy     validate.Policy
	audiences  []string // aud of client assertions, one of them
	clock      func() time.Time
	store      store.Store
	tokens     *token.Memory
	replay     *store.MemoryReplay
	statements *ssa.Verifier
	keys       ssa.SoftwareKeyResolver
	checker    *cert.Checker
	open       func(store.Client) (claims.Secret, error) // the sealed secret
	limiter    dcr.Limiter                               // nil for none
	log        *slog.Logger
	told       func(method claims.AuthMethod, outcome string) // for metrics
}

// tokenError is a refusal (RFC 6749 section 5.2).
type tokenError struct {
	status      int
	code        string
	description string
	retryAfter  time.Duration
}

// The codes of RFC 6749 section 5.2, and one for outages.
const (
	invalidRequest = "invalid_request"
	invalidClient  = "invalid_client"
	invalidScope   = "invalid_scope"
	unavailable    = "temporarily_unavailable"
)

// notTheClient refuses the authentication of a client.
func notTheClient(description string) *tokenError {
	return &tokenError{status: http.StatusUnauthorized, code: invalidClient, description: description}
}

func badRequest(code, description string) *tokenError {
	return &tokenError{status: http.StatusBadRequest, code: code, description: description}
}

func outage(description string, retryAfter time.Duration) *tokenError {
	return &tokenError{status: http.StatusServiceUnavailable, code: unavailable, description: description, retryAfter: max(retryAfter, time.Second)}
}

// ServeHTTP answers one request.
func (t *tokenEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeJSON(w, http.StatusMethodNotAllowed, wireError{invalidRequest, "use POST"})
		return
	}
	by := &credentials{}
	granted, refusal := t.grant(w, r, by)
	if refusal == nil {
		t.told(by.method, "granted")
		writeJSON(w, http.StatusOK, granted)
		return
	}
	t.told(by.method, refusal.code)
	t.log.Info("token refused", "client_id", validate.Echo(by.clientID), "error", refusal.code, "why", refusal.description)
	if refusal.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((refusal.retryAfter+time.Second-1)/time.Second)))
	}
	if refusal.status == http.StatusUnauthorized && by.method == claims.ClientSecretBasic {
		w.Header().Set("WWW-Authenticate", `Basic realm="token"`)
	}
	writeJSON(w, refusal.status, wireError{refusal.code, refusal.description})
}

type wireError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// grantedToken is a good answer (RFC 6749 section 5.1).
type grantedToken struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	Scope       string `json:"scope"`
}

func (t *tokenEndpoint) grant(w http.ResponseWriter, r *http.Request, by *credentials) (*grantedToken, *tokenError) {
	leaf, err := cert.FromTLS(r)
	if err != nil || leaf == nil {
		return nil, notTheClient("a client certificate is required")
	}
	thumbprint := sha256.Sum256(leaf.Raw)
	if t.limiter != nil {
		if wait, ok := t.limiter.Allow(hex.EncodeToString(thumbprint[:])); !ok { // as at registration
			return nil, &tokenError{status: http.StatusTooManyRequests, code: unavailable, description: "too many requests with this certificate", retryAfter: wait}
		}
	}
	form, refusal := readForm(w, r)
	if refusal != nil {
		return nil, refusal
	}
	if refusal = knownGrant(form); refusal != nil {
		return nil, refusal
	}
	if refusal = by.read(r, form); refusal != nil {
		return nil, refusal
	}
	client, registered, refusal := t.client(r.Context(), by)
	if refusal != nil {
		return nil, refusal
	}
	if refusal = t.authenticate(r.Context(), by, leaf, client, registered); refusal != nil {
		return nil, refusal
	}
	scope, refusal := judgeGrant(form, registered)
	if refusal != nil {
		return nil, refusal
	}
	token, err := t.tokens.Issue(r.Context(), client.ID, thumbprint, scope, tokenLife)
	if err != nil {
		t.log.Error("no token can be issued", "error", err)
		return nil, outage("no token can be issued at the moment", tokenRetry)
	}
	return &grantedToken{AccessToken: token.Reveal(), TokenType: "Bearer", ExpiresIn: int(tokenLife / time.Second), Scope: strings.Join(scope, " ")}, nil
}

// readForm reads the body's parameters, each of which may stand there once.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, *tokenError) {
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
			return nil, badRequest(invalidRequest, validate.Echo(name)+" stands there twice")
		}
	}
	return form, nil
}

// client finds the client that somebody claims to be, with what it registered.
func (t *tokenEndpoint) client(ctx context.Context, by *credentials) (store.Client, *claims.Request, *tokenError) {
	unknown := notTheClient("there is no such client, or not any more")
	record, err := t.store.Get(ctx, by.clientID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Client{}, nil, unknown
	case err != nil:
		t.log.Error("a client cannot be read", "error", err)
		return store.Client{}, nil, outage("clients cannot be read at the moment", tokenRetry)
	}
	client, visible := record.Visible()
	if !visible {
		return store.Client{}, nil, unknown
	}
	registered, err := claims.ParseRequest(client.Metadata)
	if err != nil {
		t.log.Error("a record cannot be read", "error", err)
		return store.Client{}, nil, outage("clients cannot be read at the moment", tokenRetry)
	}
	if method := registered.TokenEndpointAuthMethod.Or(""); method != by.method {
		return store.Client{}, nil, notTheClient("the client registered " + validate.Echo(string(method)) + " and used " + string(by.method))
	}
	return client, registered, nil
}

// knownGrant wants the one grant that there is. What the request lacks is told before
// who sends it is judged.
func knownGrant(form url.Values) *tokenError {
	switch form.Get("grant_type") {
	case "":
		return badRequest(invalidRequest, "grant_type is missing")
	case string(claims.ClientCredentials):
		return nil
	}
	return badRequest("unsupported_grant_type", "the sandbox knows client_credentials alone")
}

// judgeGrant wants a grant and a scope that the client registered. A scope that is
// empty or left out is all of it.
func judgeGrant(form url.Values, registered *claims.Request) ([]string, *tokenError) {
	if !slices.Contains(registered.GrantTypes.Or(nil), claims.ClientCredentials) {
		return nil, badRequest("unauthorized_client", "the client did not register the grant type client_credentials")
	}
	all := registered.Scope.Or(claims.Scope{}).Words
	asked := strings.Fields(form.Get("scope"))
	if len(asked) == 0 {
		return all, nil
	}
	for _, word := range asked {
		if !slices.Contains(all, word) {
			return nil, badRequest(invalidScope, validate.Echo(word)+" is not in the scope that the client registered")
		}
	}
	return asked, nil
}

// authenticate wants the certificate to be of the client's software, and the method's
// own proof besides.
func (t *tokenEndpoint) authenticate(ctx context.Context, by *credentials, leaf *x509.Certificate, c store.Client, registered *claims.Request) *tokenError {
	statement, err := t.statements.RereadUnsafe(c.SoftwareStatement, c.Environment)
	if err != nil {
		return notTheClient("the keys of the client's software are not known any more: the directory has moved")
	}
	keys, err := statement.SoftwareKeys(t.keys)
	if err != nil {
		return notTheClient("the keys of the client's software are not known any more: the directory has moved")
	}
	_, err = t.checker.Check(ctx, leaf, cert.SoftwareOf(statement, keys))
	if refusal := certificateRefusal(err); refusal != nil {
		return refusal
	}
	switch by.method {
	case claims.TLSClientAuth:
		return t.checkSubject(leaf, registered)
	case claims.ClientSecretBasic, claims.ClientSecretPost:
		return checkSecret(by.secret, c)
	case claims.ClientSecretJWT:
		if refusal := t.checkMAC(by, c); refusal != nil {
			return refusal
		}
	case claims.PrivateKeyJWT:
		if refusal := t.checkSignature(ctx, by, keys, registered); refusal != nil {
			return refusal
		}
	default:
		return notTheClient("the client registered a method that is not known here")
	}
	return t.checkAssertion(ctx, by)
}

// certificateRefusal is nil for a certificate that is accepted.
func certificateRefusal(err error) *tokenError {
	var e *cert.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return outage("the client certificate cannot be judged at the moment", tokenRetry)
	case errors.Is(e.Kind, ssa.ErrKeySourceUnavailable):
		return outage("the key set of the software cannot be read at the moment", e.RetryAfter)
	}
	return notTheClient("the client certificate is refused: " + e.Kind.Error() + ": " + e.Detail)
}
