package ssatest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/jsonscan"
)

// algorithmOf is the algorithm that a key signs by.
func algorithmOf(key crypto.Signer) claims.Algorithm {
	if _, ok := key.Public().(*ecdsa.PublicKey); ok {
		return claims.ES256
	}
	return claims.PS256
}

// grant exchanges a code (RFC 6749 section 4.1.3, RFC 7636 section 4.6).
func (p *Provider) grant(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	answer, refused := p.exchange(r)
	switch {
	case refused == nil:
		writeDocument(w, http.StatusOK, answer)
	case refused.Code == "invalid_client":
		w.Header().Set("WWW-Authenticate", `Basic realm="directory"`)
		writeDocument(w, http.StatusUnauthorized, refused)
	default:
		writeDocument(w, http.StatusBadRequest, refused)
	}
}

func (p *Provider) exchange(r *http.Request) (map[string]any, *tokenError) {
	if err := r.ParseForm(); err != nil {
		return nil, &tokenError{"invalid_request", "the body is no form"}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	client, err := p.clientOf(r)
	if err != nil {
		return nil, notThisClient(err.Error())
	}
	if r.PostForm.Get("grant_type") != "authorization_code" {
		return nil, &tokenError{"unsupported_grant_type", "grant_type is not authorization_code"}
	}
	code := r.PostForm.Get("code")
	s := p.codes[code]
	hash := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	switch {
	case s == nil || s.client.ID != client.ID || p.config.Clock().After(s.until):
		return nil, &tokenError{"invalid_grant", "there is no such code, or no longer"}
	case s.used: // RFC 6749 section 4.1.2: what it gave before is revoked
		delete(p.tokens, s.access)
		return nil, &tokenError{"invalid_grant", "the code was used before"}
	case r.PostForm.Get("redirect_uri") != s.redirectURI:
		return nil, &tokenError{"invalid_grant", "redirect_uri is not that of the authorization request"}
	case encode(hash[:]) != s.challenge:
		return nil, &tokenError{"invalid_grant", "code_verifier is not the one that code_challenge is the hash of"}
	}
	s.used = true
	s.access = rand.Text()
	idToken, err := p.idToken(s)
	if err != nil {
		return nil, &tokenError{"server_error", "the ID token cannot be signed"}
	}
	p.keep(p.tokens, s.access, s, p.config.Clock().Add(tokenLife))
	answer := map[string]any{"access_token": s.access, "token_type": "Bearer", "expires_in": int(tokenLife / time.Second),
		"scope": tokenPart, "id_token": idToken}
	if change := p.faults.Answer; change != nil {
		change(answer)
	}
	return answer, nil
}

// keep puts a sign-in into a map of bounded size, until a time. What has ended makes room, and
// if that is not enough, one entry at random.
func (p *Provider) keep(in map[string]*openSignIn, id string, s *openSignIn, until time.Time) {
	s.until = until
	if len(in) >= maxOpen {
		now := p.config.Clock()
		for old, other := range in {
			if now.After(other.until) {
				delete(in, old)
			}
		}
		for old := range in {
			if len(in) < maxOpen {
				break
			}
			delete(in, old)
		}
	}
	in[id] = s
}

// clientOf returns the bank that a token request proves. The caller holds the lock.
func (p *Provider) clientOf(r *http.Request) (ProviderClient, error) {
	id, secret, basic := r.BasicAuth()
	assertion := r.PostForm.Get("client_assertion")
	if r.PostForm.Has("client_secret") || basic == (assertion != "") {
		return ProviderClient{}, errors.New("authenticate by one of client_secret_basic and private_key_jwt")
	}
	if !basic {
		return p.assertedClient(r.PostForm.Get("client_assertion_type"), assertion)
	}
	id, err := url.QueryUnescape(id) // RFC 6749 section 2.3.1
	if err != nil {
		return ProviderClient{}, errors.New("the client id is not form-urlencoded")
	}
	if secret, err = url.QueryUnescape(secret); err != nil {
		return ProviderClient{}, errors.New("the client secret is not form-urlencoded")
	}
	client, ok := p.clients[id]
	if !ok || client.Secret.IsZero() || subtle.ConstantTimeCompare([]byte(client.Secret.Reveal()), []byte(secret)) != 1 {
		return ProviderClient{}, errors.New("there is no such client with that secret")
	}
	return client, nil
}

// assertedClient returns the bank whose key has signed an assertion (RFC 7523 section 3).
func (p *Provider) assertedClient(kind, assertion string) (ProviderClient, error) {
	if kind != assertionType {
		return ProviderClient{}, errors.New("client_assertion_type is not " + assertionType)
	}
	jws, err := jose.Parse(assertion)
	if err != nil {
		return ProviderClient{}, errors.New("client_assertion is no compact JWS")
	}
	payload, err := jsonscan.Parse(jws.Payload())
	if err != nil {
		return ProviderClient{}, errors.New("the payload of the client assertion is no strict JSON")
	}
	id, _ := payload.MemberText("sub")
	client, ok := p.clients[id]
	if issuer, _ := payload.MemberText("iss"); !ok || issuer != id {
		return ProviderClient{}, errors.New("iss and sub of the client assertion are not one and the same client")
	}
	if !signedByOne(jws, client.Keys) {
		return ProviderClient{}, errors.New("the client assertion is not signed by the published key that its kid names")
	}
	return client, checkAssertion(payload, p.config.Clock(), p.config.URL, p.config.URL+grantPath)
}

// userInfo answers what the directory says of the person (OIDC Core section 5.3).
func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.tokens[token]
	if !bearer || s == nil || p.config.Clock().After(s.until) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		http.Error(w, "the access token is not one of this directory, or has expired", http.StatusUnauthorized)
		return
	}
	all := s.account.claimsOf()
	if s.client.SignedUserInfo {
		all["iss"], all["aud"] = p.config.URL, s.client.ID
	}
	if change := p.faults.UserInfo; change != nil {
		change(all)
	}
	if !s.client.SignedUserInfo {
		writeDocument(w, http.StatusOK, all)
		return
	}
	payload, err := json.Marshal(all)
	if err == nil {
		token, err = p.sign(payload, p.faults.UserInfoForge)
	}
	if err != nil {
		http.Error(w, "the userinfo cannot be signed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mediaJWT)
	_, _ = io.WriteString(w, token) // an error means that the client has hung up
}
