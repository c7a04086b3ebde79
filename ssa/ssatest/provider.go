package ssatest

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// Paths of a Provider, below its URL.
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	signInPath    = "/sign-in/"
	authorizePath = signInPath + "authorize"
	passwordPath  = signInPath + "password"
	codePath      = signInPath + "code"
	stylePath     = signInPath + "style.css"
	grantPath     = signInPath + "token" // the one at TokenPath is for software
	userInfoPath  = signInPath + "userinfo"
	endPath       = signInPath + "end"
)

// How a person has signed in: acr and amr of the ID token. A person without a code has
// signed in by the password alone.
const (
	ACRTwoFactors = "urn:openbanking:psd2:sca"
	ACROneFactor  = "urn:openbanking:psd2:ca"
	amrPassword   = "pwd"
	amrCode       = "otp"
)

const (
	maxOpen   = 1000 // sign-ins, codes and access tokens, each
	openLife  = 10 * time.Minute
	codeLife  = time.Minute
	tokenPart = "openid email profile"
	mediaJWT  = "application/jwt"
	mediaJSON = "application/json"
)

// Provider is the sign-in of a directory: an OpenID provider with a password and a second
// factor, for the code flow with PKCE. It has pages for a browser, which need no script, and
// can be walked without one by [Provider.Authorize]. It signs nobody in silently, and keeps no
// session. It is an http.Handler and safe for concurrent use.
//
//	GET  /.well-known/openid-configuration
//	GET  /sign-in/authorize
//	POST /sign-in/password, /sign-in/code
//	POST /sign-in/token                     client_secret_basic or private_key_jwt
//	GET  /sign-in/userinfo                  JSON or a JWT
//	GET  /sign-in/end
type Provider struct {
	config ProviderConfig
	mux    *http.ServeMux
	guard  *http.CrossOriginProtection

	mu       sync.Mutex
	clients  map[string]ProviderClient
	accounts map[string]Account     // by email in lower case
	open     map[string]*openSignIn // begun, by a random id
	codes    map[string]*openSignIn // done, by the code
	tokens   map[string]*openSignIn // by the access token
	faults   ProviderFaults
}

// ProviderConfig has what a Provider needs of the directory that it belongs to.
type ProviderConfig struct {
	URL   string           // required: iss, and the address in front of the paths, without a slash at the end
	JWKS  string           // required: where the directory publishes the key
	Clock func() time.Time // required
	// Key returns the key that signs, RSA for PS256 or on P-256 for ES256, and its kid. Required.
	Key func() (key crypto.Signer, kid string)
	// Hints has the pages tell the accounts with their passwords and codes, for somebody who
	// tries a sandbox.
	Hints bool
}

// ProviderClient is a bank as a Provider knows it.
type ProviderClient struct {
	ID             string        // required
	Secret         claims.Secret // for client_secret_basic; or
	Keys           ssa.KeySet    // for private_key_jwt
	RedirectURIs   []string      // at least one
	AfterSignOut   []string      // post_logout_redirect_uris
	SignedUserInfo bool          // the userinfo is a JWT
}

// Account is a person whom a Provider can sign in.
type Account struct {
	Email         string // required, and what the person signs in with
	Password      string // required
	Code          string // of the second factor, six digits; a person without one has no second factor
	Name          string
	Subject       string // a hash of Email when empty
	Associated    bool   // tpp_associated
	Organisations []string
	Unverified    bool           // email_verified is false
	Claims        map[string]any // further claims, of the ID token and the userinfo; a nil value removes one
}

// ProviderFaults are how a Provider misbehaves. What is nil is as it should be. The functions
// are called with the lock held: they must not call the Provider.
type ProviderFaults struct {
	Discovery     func(document map[string]any)
	IDToken       func(claims map[string]any) // before it is signed
	IDTokenRaw    func(payload []byte) []byte // the payload as it is written
	Forgery       *Forgery                    // how the ID token is signed
	UserInfo      func(claims map[string]any)
	UserInfoForge *Forgery                           // how the JWT of the userinfo is signed
	Answer        func(answer map[string]any)        // of the token endpoint
	Redirect      func(parameters map[string]string) // of the answer that the browser brings to the bank
	// Serve is asked first. It reports whether it has answered.
	Serve func(w http.ResponseWriter, r *http.Request) bool
}

// openSignIn is a sign-in on its way: a request of a bank, then a person, then a code and an
// access token.
type openSignIn struct {
	client             ProviderClient
	redirectURI, state string
	nonce, challenge   string
	until              time.Time
	account            Account
	passed             bool // the password was right
	failures           int
	at                 time.Time // of the sign-in
	used               bool      // the code was exchanged
	access             string
}

// NewProvider makes a Provider. It returns an error if a required field is missing.
func NewProvider(c ProviderConfig) (*Provider, error) {
	if c.URL == "" || c.JWKS == "" || c.Clock == nil || c.Key == nil {
		return nil, errors.New("ssatest: a Provider needs URL, JWKS, Clock and Key")
	}
	p := &Provider{config: c, mux: http.NewServeMux(), guard: http.NewCrossOriginProtection(), clients: map[string]ProviderClient{},
		accounts: map[string]Account{}, open: map[string]*openSignIn{}, codes: map[string]*openSignIn{}, tokens: map[string]*openSignIn{}}
	for pattern, handle := range map[string]http.HandlerFunc{
		"GET " + DiscoveryPath: p.discovery,
		"GET " + authorizePath: p.authorize,
		"POST " + passwordPath: p.password,
		"POST " + codePath:     p.code,
		"GET " + stylePath:     style,
		"POST " + grantPath:    p.grant,
		"GET " + userInfoPath:  p.userInfo,
		"GET " + endPath:       p.end,
	} {
		p.mux.HandleFunc(pattern, handle)
	}
	return p, nil
}

// Serves reports whether a path belongs to the Provider.
func (p *Provider) Serves(path string) bool {
	return path == DiscoveryPath || strings.HasPrefix(path, signInPath)
}

// ServeHTTP answers at the paths of the Provider, and 404 at any other.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	serve := p.faults.Serve
	p.mu.Unlock()
	if serve != nil && serve(w, r) {
		return
	}
	text.NoStore(w.Header())
	if r.URL.Path != grantPath {
		if err := p.guard.Check(r); err != nil {
			http.Error(w, "the form was sent from another site", http.StatusForbidden)
			return
		}
	}
	p.mux.ServeHTTP(w, r)
}

// AddClient registers a bank, in the place of one with the same ID.
func (p *Provider) AddClient(c ProviderClient) error {
	if c.ID == "" || len(c.RedirectURIs) == 0 || c.Secret.IsZero() == (len(c.Keys.Keys) == 0) {
		return errors.New("ssatest: a ProviderClient needs ID, RedirectURIs, and one of Secret and Keys")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clients[c.ID] = c
	return nil
}

// AddAccount adds a person, in the place of one with the same Email.
func (p *Provider) AddAccount(a Account) error {
	if a.Email == "" || a.Password == "" {
		return errors.New("ssatest: an Account needs Email and Password")
	}
	if a.Subject == "" {
		sum := sha256.Sum256([]byte(a.Email))
		a.Subject = hex.EncodeToString(sum[:10])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accounts[strings.ToLower(a.Email)] = a
	return nil
}

// Misbehave sets the faults, in the place of those that were set.
func (p *Provider) Misbehave(f ProviderFaults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// discovery serves the document of OIDC Discovery section 3.
func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	url := p.config.URL
	document := map[string]any{
		"issuer":                                           url,
		"authorization_endpoint":                           url + authorizePath,
		"token_endpoint":                                   url + grantPath,
		"userinfo_endpoint":                                url + userInfoPath,
		"end_session_endpoint":                             url + endPath,
		"jwks_uri":                                         p.config.JWKS,
		"scopes_supported":                                 strings.Fields(tokenPart),
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         []string{"query"},
		"grant_types_supported":                            []string{"authorization_code"},
		"subject_types_supported":                          []string{"public"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"id_token_signing_alg_values_supported":            []string{p.algorithm()},
		"userinfo_signing_alg_values_supported":            []string{p.algorithm()},
		"token_endpoint_auth_methods_supported":            []string{"client_secret_basic", "private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"PS256", "ES256"},
		"acr_values_supported":                             []string{ACRTwoFactors, ACROneFactor},
		"authorization_response_iss_parameter_supported":   true,
		"claims_supported":                                 []string{"sub", "email", "email_verified", "name", "tpp_associated", "org_id", "acr", "amr", "auth_time"},
	}
	p.mu.Lock()
	if change := p.faults.Discovery; change != nil {
		change(document)
	}
	p.mu.Unlock()
	writeDocument(w, http.StatusOK, document)
}

// algorithm is that of the signatures.
func (p *Provider) algorithm() string {
	key, _ := p.config.Key()
	return string(algorithmOf(key))
}

// claimsOf returns what the directory says of a person.
func (a *Account) claimsOf() map[string]any {
	all := map[string]any{"sub": a.Subject, "email": a.Email, "email_verified": !a.Unverified, "tpp_associated": a.Associated}
	if a.Name != "" {
		all["name"] = a.Name
	}
	if a.Organisations != nil {
		all["org_id"] = a.Organisations
	}
	apply(all, a.Claims)
	return all
}

// idToken makes the ID token of a sign-in (OIDC Core section 2). The caller holds the lock.
func (p *Provider) idToken(s *openSignIn) (string, error) {
	now := p.config.Clock()
	all := s.account.claimsOf()
	maps.Copy(all, map[string]any{"iss": p.config.URL, "aud": s.client.ID, "iat": now.Unix(), "exp": now.Add(tokenLife).Unix(),
		"auth_time": s.at.Unix(), "acr": ACROneFactor, "amr": []string{amrPassword}})
	if s.account.Code != "" {
		all["acr"], all["amr"] = ACRTwoFactors, []string{amrPassword, amrCode}
	}
	if s.nonce != "" {
		all["nonce"] = s.nonce
	}
	sum := sha256.Sum256([]byte(s.access))
	all["at_hash"] = encode(sum[:sha256.Size/2])
	if change := p.faults.IDToken; change != nil {
		change(all)
	}
	payload, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("ssatest: %w", err)
	}
	if change := p.faults.IDTokenRaw; change != nil {
		payload = change(payload)
	}
	return p.sign(payload, p.faults.Forgery)
}

// sign signs a payload by the directory's key, but for what a forgery changes.
func (p *Provider) sign(payload []byte, forge *Forgery) (string, error) {
	key, kid := p.config.Key()
	var f Forgery
	if forge != nil {
		f = *forge
	}
	return f.orElse(algorithmOf(key), kid, key).token(payload)
}

// writeDocument answers with JSON.
func writeDocument(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", mediaJSON)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // an error means that the client has hung up
}
