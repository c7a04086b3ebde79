package conform

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// request makes a request to the registration endpoint, of a client where c is not nil, and sends it.
func (p *play) request(verb, method string, c *client, changes []change) *Exchange {
	m := &message{method: method, address: p.run.config.Metadata.RegistrationEndpoint, as: p.software()}
	if c != nil {
		m.as, m.address = c.as, c.address(p.run)
	}
	m.contentType, m.token = string(p.run.config.ContentType), unset
	owner := m.as
	m.begin(changes)
	signs := method == http.MethodPost || method == http.MethodPut
	if signs {
		p.prepare(m, c)
		goodHeader, goodClaims := asJSON(m.header), asJSON(m.claims)
		m.finish()
		if m.differs == nil {
			m.differs = m.told(p, owner, goodHeader, goodClaims)
		}
	}
	m.differs = append(slices.Clone(m.differs), m.toldOfHTTP(c)...)
	if c != nil && m.token == unset {
		m.token = p.token(c)
	}
	var payload string
	if signs {
		payload = p.sign(m)
	}
	return p.sendMessage(verb, m, payload)
}

// unset is a bearer token that no change has set.
const unset = "\x00"

// apply makes changes of a message whose header and claims are there.
func apply(m *message, changes []change) {
	m.begin(changes)
	m.finish()
}

// prepare fills in a good request of the message's software.
func (p *play) prepare(m *message, c *client) {
	token := m.as.Statement
	switch {
	case m.statement != nil:
		token = *m.statement
	case len(m.ssaChanges) > 0:
		token = p.mint(m.as, m.ssaChanges)
	}
	m.header = map[string]any{"alg": algorithmOf(m.as.Signer), "kid": m.as.KeyID, "typ": "JWT"}
	m.claims = setAt(p.goodClaims(m.as, c), "/software_statement", token)
	if m.signer == nil {
		m.signer = m.as.Signer
	}
}

// mint asks the directory for a statement with other claims.
func (p *play) mint(s *Registrant, changes map[string]any) string {
	if s.Mint == nil {
		p.notRun("it needs a statement with other claims, which only the directory can sign")
	}
	token, err := s.Mint(p.ctx, changes)
	if err != nil {
		p.notRun("the directory did not mint a statement: %.300s", err)
	}
	return token
}

// goodClaims are the claims of a request that this bank takes.
func (p *play) goodClaims(s *Registrant, c *client) map[string]any {
	o := p.run.config.Request
	o.Now, o.Random, o.Certificate = p.run.config.Clock(), rand.Reader, s.Certificate.Leaf
	if o.Algorithm == "" {
		o.Algorithm = claims.Algorithm(algorithmOf(s.Signer))
	}
	if s != p.software() { // these are about the first software
		o.Issuer, o.RedirectURIs, o.SubjectDN = "", nil, ""
	}
	if c != nil {
		o.ClientID = c.id
		o.AuthMethod, _ = c.credentials()
	}
	payload, err := tpp.BuildPayload(p.run.config.Metadata, s.Statement, o)
	if err != nil {
		p.notRun("no good request can be made: %s", err)
	}
	all, err := objectOf(payload)
	if err != nil {
		p.notRun("no good request can be made: %s", err)
	}
	return all
}

// objectOf reads a JSON object, numbers as they are written.
func objectOf(data []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var all map[string]any
	err := decoder.Decode(&all)
	return all, err
}

// sign makes the body of a message.
func (p *play) sign(m *message) string {
	payload, err := json.Marshal(m.claims)
	if err != nil {
		p.broken("the request cannot be written: %s", err)
	}
	key := m.signer
	if m.unsigned {
		key = nil
	}
	token, err := sign(m.header, payload, key)
	if err != nil {
		p.broken("the request cannot be signed: %s", err)
	}
	if m.raw != nil {
		token = m.raw(token)
	}
	return token
}

// sendMessage sends a message with a body.
func (p *play) sendMessage(verb string, m *message, payload string) *Exchange {
	var reader io.Reader
	if payload != "" {
		reader = strings.NewReader(payload)
	}
	q, err := http.NewRequestWithContext(p.ctx, m.method, m.address, reader)
	if err != nil {
		p.broken("%s: the address is no URL", verb)
	}
	if payload != "" && m.contentType != "" {
		q.Header.Set("Content-Type", m.contentType)
	}
	if m.token != unset && m.token != "" {
		q.Header.Set("Authorization", "Bearer "+m.token)
	}
	q.Header.Set("Accept", "application/json")
	for _, f := range m.http {
		f(q)
	}
	certificate := m.as.Certificate
	if m.certificate != nil {
		certificate = *m.certificate
	}
	return p.exchange(&call{play: p, verb: verb, message: m}, q, certificate)
}

// send sends any HTTP request with a client certificate, and records it.
func (p *play) send(verb string, q *http.Request, certificate tls.Certificate) *Exchange {
	return p.exchange(&call{play: p, verb: verb}, q, certificate)
}

// exchange sends a request and returns what was recorded.
func (p *play) exchange(c *call, q *http.Request, certificate tls.Certificate) *Exchange {
	response, err := p.run.client(certificate).Do(q.WithContext(context.WithValue(q.Context(), callKey{}, c)))
	if err == nil {
		_ = response.Body.Close()
	}
	if c.exchange == nil { // it did not come as far as the transport
		c.exchange = &Exchange{Verb: c.verb, Sent: Sent{Method: q.Method, URL: q.URL.String(), Headers: headers(q.Header)},
			lost: err, Error: fmt.Sprint(err)}
		p.add(c.exchange)
	}
	if p.ctx.Err() != nil {
		p.notRun("%s", why(p.ctx))
	}
	return c.exchange
}

// tokenForm is a good token request of a client, with an assertion where its method has one.
func (p *play) tokenForm(c *client) (url.Values, http.Header) {
	form, header := url.Values{"grant_type": {"client_credentials"}}, http.Header{}
	if scopes := p.run.config.TokenScopes; len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
	form.Set("client_id", c.id)
	method, secret := c.credentials()
	switch method {
	case claims.PrivateKeyJWT, claims.ClientSecretJWT:
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", p.assertion(c))
	case claims.ClientSecretPost:
		form.Set("client_secret", secret)
	case claims.ClientSecretBasic:
		form.Del("client_id")
		q := &http.Request{Header: header}
		q.SetBasicAuth(url.QueryEscape(c.id), url.QueryEscape(secret))
	}
	return form, header
}

// assertion makes a client assertion (RFC 7523). The changes are those of set, remove, header and
// signedBy: they change the assertion.
func (p *play) assertion(c *client, changes ...change) string {
	jti, err := claims.NewJTI(rand.Reader)
	if err != nil {
		p.broken("no random number: %s", err)
	}
	now := p.run.config.Clock()
	m := &message{header: map[string]any{"alg": algorithmOf(c.as.Signer), "kid": c.as.KeyID, "typ": "JWT"},
		signer: c.as.Signer, claims: map[string]any{"iss": c.id, "sub": c.id, "aud": p.metadata().TokenAudience, "jti": jti,
			"iat": now.Unix(), "exp": now.Add(assertionLifetime).Unix()}}
	method, secret := c.credentials()
	if method == claims.ClientSecretJWT {
		m.header = map[string]any{"alg": "HS256", "typ": "JWT"}
		m.signer = nil
	}
	apply(m, changes)
	if m.signer == nil && !m.unsigned {
		return p.signHS256(m, secret)
	}
	return p.sign(m)
}

// askToken sends a token request of a client, which edit may change before.
func (p *play) askToken(c *client, edit func(form url.Values, header http.Header), changes ...change) *Exchange {
	form, header := p.tokenForm(c)
	if edit != nil {
		edit(form, header)
	}
	m := &message{header: map[string]any{}, claims: map[string]any{}, as: c.as, method: http.MethodPost,
		address: p.metadata().TokenEndpoint, contentType: "application/x-www-form-urlencoded", token: unset,
		http: []func(*http.Request){func(q *http.Request) {
			for name, values := range header {
				q.Header[name] = values
			}
		}}}
	apply(m, changes)
	return p.sendMessage("token", m, form.Encode())
}

// token returns an access token of a client, the same at each call. It ends the case if the bank gives none.
func (p *play) token(c *client) string {
	c.tokens.Lock()
	defer c.tokens.Unlock()
	if c.token == "" {
		c.token = p.freshToken(c)
	}
	return c.token
}

// freshToken asks for a new access token of a client.
func (p *play) freshToken(c *client) string {
	x := p.askToken(c, nil)
	p.expectStatus(x, http.StatusOK)
	token, _ := x.member("access_token").(string)
	if token == "" {
		p.fail("an access_token in the answer (RFC 6749 section 5.1)")
	}
	return token
}
