package conform

import (
	"crypto/rsa"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
)

func tokenCases() []Case {
	return slices.Concat(tokenGrants, tokenRefusals(), tokenStrangers(), assertionCases())
}

// granted makes a case about the answer of the token endpoint.
func granted(id, title, section string, check func(p *play, x *Exchange)) Case {
	return Case{ID: "token." + id, Group: "token", Title: title, Citation: rfc("6749", section), Needs: []Need{NeedToken}, OBIE: []string{"DCR-002"},
		run: func(p *play) {
			x := p.askToken(p.registered(), nil)
			p.expectStatus(x, http.StatusOK)
			check(p, x)
		}}
}

var tokenGrants = []Case{
	granted("granted", "A registered client gets an access token", "5.1", func(p *play, x *Exchange) {
		if p.text(x, "access_token") == "" {
			p.fail("an access_token that is not empty")
		}
	}),
	granted("type", "The type of the token is Bearer", "5.1", func(p *play, x *Exchange) {
		if !strings.EqualFold(p.text(x, "token_type"), "Bearer") {
			p.fail("token_type Bearer")
		}
	}),
	granted("expires-in", "expires_in is a whole number", "5.1", func(p *play, x *Exchange) {
		value := p.object(x)["expires_in"]
		if value == nil {
			p.allowed("expires_in", "an answer need not have it")
		}
		if seconds, whole := wholeNumber(value); !whole || seconds <= 0 {
			p.fail("expires_in as a whole number above 0")
		}
	}),
	granted("no-refresh-token", "A client gets no refresh token by client_credentials", "4.4.3", func(p *play, x *Exchange) {
		if p.object(x)["refresh_token"] != nil {
			p.allowed("refresh_token", "RFC 6749 section 4.4.3 says that there should be none")
		}
	}),
	{ID: "token.empty-scope", Group: "token", Title: "A token request with an empty scope is taken as one without", Citation: rfc("6749", "3.3"),
		Needs: []Need{NeedToken}, OBIE: []string{"DCR-002"},
		run: func(p *play) {
			x := p.askToken(p.registered(), func(f url.Values, _ http.Header) { f.Set("scope", "") })
			p.expectAnswer(x)
			if x.status() == http.StatusBadRequest && x.code() == "invalid_scope" {
				p.allowed("scope", "the bank has no default scope")
			}
			p.expectStatus(x, http.StatusOK)
		}},
	{ID: "token.registered-scope", Group: "token", Title: "A client gets the scope that it has registered", Citation: rfc("6749", "3.3"),
		Needs: []Need{NeedToken}, run: func(p *play) {
			made := p.register()
			p.expectCreated(made)
			scope := slices.DeleteFunc(words(p.object(made)["scope"]), func(w string) bool { return w == "openid" })
			if len(scope) == 0 {
				p.notRun("the client has registered no scope but openid")
			}
			x := p.askToken(made.client, func(f url.Values, _ http.Header) { f.Set("scope", scope[0]) })
			p.expectStatus(x, http.StatusOK)
			if got := p.object(x)["scope"]; got != nil && !slices.Contains(words(got), scope[0]) {
				p.fail("the scope %s", scope[0])
			}
		}},
	{ID: "token.two", Group: "token", Title: "Two requests give two tokens", Citation: rfc("6749", "10.10"), Needs: []Need{NeedToken},
		run: func(p *play) {
			c := p.registered()
			if first, second := p.freshToken(c), p.freshToken(c); first == second {
				p.allowed("access_token", "the bank gives the same token again while it is valid")
			}
		}},
}

// tokenRefusals are token requests that any bank must refuse.
func tokenRefusals() []Case {
	row := func(id, title, section string, codes []string, edit func(p *play, c *client, f url.Values, h http.Header)) Case {
		return Case{ID: "token." + id, Group: "token", Title: title, Citation: rfc("6749", section), Needs: []Need{NeedToken}, run: func(p *play) {
			c := p.registered()
			x := p.askToken(c, func(f url.Values, h http.Header) { edit(p, c, f, h) })
			p.expectTokenError(x, codes...)
		}}
	}
	return []Case{
		row("no-grant", "A token request without grant_type is refused: invalid_request", "5.2",
			[]string{"invalid_request", "unsupported_grant_type"},
			func(_ *play, _ *client, f url.Values, _ http.Header) { f.Del("grant_type") }),
		row("unknown-grant", "A grant that nobody knows is refused: unsupported_grant_type", "5.2", []string{"unsupported_grant_type"},
			func(_ *play, _ *client, f url.Values, _ http.Header) { f.Set("grant_type", "urn:example:obdcr") }),
		row("password-grant", "The password grant is refused", "5.2", []string{"unsupported_grant_type", "unauthorized_client", "invalid_request"},
			func(_ *play, _ *client, f url.Values, _ http.Header) {
				f.Set("grant_type", "password")
				f.Set("username", "obdcr")
				f.Set("password", "obdcr")
			}),
		row("foreign-scope", "A scope that the client has not registered is refused: invalid_scope", "5.2", []string{"invalid_scope"},
			func(_ *play, _ *client, f url.Values, _ http.Header) { f.Set("scope", "obdcr_unknown_scope") }),
		row("twice", "A parameter that stands there twice is refused: invalid_request", "3.2", []string{"invalid_request"},
			func(_ *play, _ *client, f url.Values, _ http.Header) { f.Add("grant_type", "client_credentials") }),
	}
}

// tokenStrangers are token requests by somebody else than the client, or not by POST.
func tokenStrangers() []Case {
	return []Case{
		{ID: "token.unknown-client", Group: "token", Title: "A client that does not exist gets no token: invalid_client",
			Citation: rfc("6749", "5.2"), Needs: []Need{NeedToken}, run: func(p *play) {
				c := p.registered()
				method, secret := c.credentials()
				p.expectInvalidClient(p.askToken(&client{id: "obdcr-unknown-client", method: method, secret: secret, as: c.as}, nil))
			}},
		{ID: "token.no-client", Group: "token", Title: "A token request that names no client is refused", Citation: rfc("6749", "5.2"),
			Needs: []Need{NeedToken}, run: func(p *play) {
				c := p.registered()
				x := p.askToken(c, func(f url.Values, h http.Header) {
					for _, name := range []string{"client_id", "client_secret", "client_assertion", "client_assertion_type"} {
						f.Del(name)
					}
					h.Del("Authorization")
				})
				p.expectTokenError(x, "invalid_client", "invalid_request")
			}},
		{ID: "token.no-certificate", Group: "token", Title: "A token request without a client certificate is refused", Citation: fapi("5.2.2"),
			Needs: []Need{NeedToken}, run: func(p *play) {
				p.expectNoToken(p.askToken(p.registered(), nil, withoutCertificate()))
			}},
		{ID: "token.second-certificate", Group: "token", Title: "A token request with the certificate of another software is refused",
			Citation: fapi("5.2.2"), Needs: []Need{NeedToken, NeedSecondTPP},
			run: func(p *play) { p.expectNoToken(p.askToken(p.registered(), nil, certificate(p.second().Certificate))) }},
		{ID: "token.get", Group: "token", Title: "The token endpoint takes POST alone", Citation: rfc("6749", "3.2"), Needs: []Need{NeedToken},
			run: func(p *play) {
				x := p.ask(http.MethodGet, p.metadata().TokenEndpoint)
				p.expectAnswer(x)
				if x.status() < 400 {
					p.fail("status 405")
				}
				if x.status() != http.StatusMethodNotAllowed {
					p.allowed("status", "the bank answers %d in the place of 405", x.status())
				}
			}},
		{ID: "token.json", Group: "token", Title: "A token request of the type application/json is refused", Citation: rfc("6749", "4.4.2"),
			Needs: []Need{NeedToken}, run: func(p *play) {
				x := p.askToken(p.registered(), nil, contentType("application/json"))
				p.expectAnswer(x)
				if x.status() < 400 {
					p.fail("status 400 with the error invalid_request")
				}
			}},
		{ID: "token.other-method", Group: "token",
			Title: "A client that authenticates by another method than it registered is refused: invalid_client", Citation: rfc("7591", "2"),
			Needs: []Need{NeedToken},
			run:   otherMethod},
		{ID: "token.wrong-secret", Group: "token", Title: "A client with a wrong secret is refused: invalid_client", Citation: rfc("6749", "2.3.1"),
			Needs: []Need{NeedToken}, run: func(p *play) {
				c := p.registered()
				method, _ := c.credentials()
				if !method.NeedsSecret() {
					p.notRun("clients of %s have no secret: play it by another --auth-method", method)
				}
				p.expectInvalidClient(p.askToken(&client{id: c.id, method: method, secret: "obdcr-wrong-secret-0000", as: c.as}, nil))
			}},
		{ID: "token.two-methods", Group: "token", Title: "A client that authenticates in two ways at once is refused", Citation: rfc("6749", "2.3"),
			Needs: []Need{NeedToken}, run: func(p *play) {
				c := p.registered()
				method, _ := c.credentials()
				if method == claims.TLSClientAuth {
					p.notRun("the certificate of tls_client_auth is there whatever else is sent")
				}
				p.expectTokenError(p.askToken(c, func(f url.Values, h http.Header) {
					f.Set("client_secret", "obdcr-wrong-secret-0000")
					f.Set("client_id", c.id)
					q := &http.Request{Header: h}
					q.SetBasicAuth(c.id, "obdcr-wrong-secret-0000")
				}), "invalid_request", "invalid_client")
			}},
	}
}

// otherMethod authenticates by the certificate alone, or by a secret where that is the method.
func otherMethod(p *play) {
	c := p.registered()
	method, _ := c.credentials()
	other := claims.TLSClientAuth
	if method == claims.TLSClientAuth {
		other = claims.PrivateKeyJWT
	}
	p.expectInvalidClient(p.askToken(&client{id: c.id, method: other, as: c.as}, nil))
}

// assertionCases are client assertions that nobody must believe.
func assertionCases() []Case {
	now := func(p *play) int64 { return p.run.config.Clock().Unix() }
	rows := []struct {
		id, title string
		own       bool // needs private_key_jwt: it is about the key
		changes   func(p *play, c *client) []change
	}{
		{"stranger", "A client assertion that a stranger signed is refused", true,
			func(p *play, _ *client) []change { return []change{signedBy(p.stranger(p.software().Signer))} }},
		{"second", "A client assertion that another software signed is refused", true, func(p *play, _ *client) []change {
			return []change{signedBy(p.second().Signer), header("kid", p.second().KeyID)}
		}},
		{"transport-key", "A client assertion that the transport key signed is refused", true,
			func(p *play, _ *client) []change { return transportSigns(p) }},
		{"none", "A client assertion that nobody signed is refused", false,
			func(*play, *client) []change { return []change{header("alg", "none"), unsigned()} }},
		{"rs256", "A client assertion signed by RS256 is refused", true, func(p *play, _ *client) []change { return assertionByRS256(p) }},
		{"unknown-kid", "A client assertion under an unknown kid is refused", true,
			func(*play, *client) []change { return []change{header("kid", "obdcr-unknown-key")} }},
		{"other-audience", "A client assertion for another server is refused", false,
			func(*play, *client) []change { return []change{set("/aud", "https://other.example/token")} }},
		{"no-audience", "A client assertion for nobody is refused", false, func(*play, *client) []change { return []change{remove("/aud")} }},
		{"other-subject", "A client assertion whose sub is another client is refused", false,
			func(*play, *client) []change { return []change{set("/sub", "obdcr-unknown-client")} }},
		{"other-issuer", "A client assertion whose iss is another client is refused", false,
			func(*play, *client) []change { return []change{set("/iss", "obdcr-unknown-client")} }},
		{"expired", "A client assertion that has expired is refused", false,
			func(p *play, _ *client) []change { return []change{set("/iat", now(p)-7200), set("/exp", now(p)-3600)} }},
		{"no-expiry", "A client assertion that never expires is refused", false, func(*play, *client) []change { return []change{remove("/exp")} }},
		{"not-yet", "A client assertion that is not valid yet is refused", false,
			func(p *play, _ *client) []change { return []change{set("/nbf", now(p)+3600)} }},
		{"no-jti", "A client assertion without jti is refused", false, func(*play, *client) []change { return []change{remove("/jti")} }},
	}
	var all []Case
	for _, r := range rows {
		needs := []Need{NeedToken}
		if r.id == "second" {
			needs = append(needs, NeedSecondTPP)
		}
		all = append(all, Case{ID: "token.assertion-" + r.id, Group: "token", Title: r.title, Citation: rfc("7523", "3"), Needs: needs,
			run: func(p *play) {
				c := p.assertionClient(r.own)
				assertion := p.assertion(c, r.changes(p, c)...)
				x := p.askToken(c, func(f url.Values, _ http.Header) { f.Set("client_assertion", assertion) })
				if (r.id == "no-jti") && x.status() == http.StatusOK && !p.run.config.Stricter {
					p.allowed("jti", "RFC 7523 leaves jti to the server")
				}
				p.expectTokenError(x, "invalid_client", "invalid_request")
			}})
	}
	return append(all,
		Case{ID: "token.assertion-replayed", Group: "token", Title: "A client assertion is accepted once", Citation: rfc("7523", "3"),
			Needs: []Need{NeedToken}, run: replayedAssertion},
		Case{ID: "token.assertion-without-kid", Group: "token",
			Title: "A client assertion without kid is accepted: a signing key of the software fits", Citation: rfc("7523", "3"),
			Needs: []Need{NeedToken},
			OBIE:  []string{"DCR-002"}, run: func(p *play) {
				c := p.assertionClient(true)
				assertion := p.assertion(c, header("kid", nil))
				x := p.askToken(c, func(f url.Values, _ http.Header) { f.Set("client_assertion", assertion) })
				p.expectAnswer(x)
				if x.code() == "invalid_client" && p.run.config.Policy == nil {
					p.allowed("kid", "the bank needs a kid in a client assertion")
				}
				p.expectStatus(x, http.StatusOK)
			}})
}

// replayedAssertion uses an assertion twice.
func replayedAssertion(p *play) {
	c := p.assertionClient(false)
	assertion := p.assertion(c)
	again := func(f url.Values, _ http.Header) { f.Set("client_assertion", assertion) }
	p.expectStatus(p.askToken(c, again), http.StatusOK)
	x := p.askToken(c, again)
	p.expectAnswer(x)
	if x.status() == http.StatusOK && !p.run.config.Stricter {
		p.allowed("jti", "RFC 7523 section 3 leaves it to the server to remember jti")
	}
	p.expectInvalidClient(x)
}

// assertionByRS256 signs an assertion by RS256, where the bank does not take that.
func assertionByRS256(p *play) []change {
	if _, is := p.software().Signer.Public().(*rsa.PublicKey); !is {
		p.notRun("the signing key is no RSA key")
	}
	if slices.Contains(p.policy().MemberAlgorithms.TokenEndpointAuth, claims.RS256) {
		p.allowed("member_algorithms", "this bank takes RS256")
	}
	return []change{header("alg", string(claims.RS256))}
}

// assertionClient registers a client that authenticates by an assertion: private_key_jwt, or
// client_secret_jwt where that is the method of the run and own is not asked for.
func (p *play) assertionClient(own bool) *client {
	switch {
	case p.method() == claims.PrivateKeyJWT, p.method() == claims.ClientSecretJWT && !own:
		return p.registered()
	case slices.Contains(p.metadata().AuthMethods, claims.PrivateKeyJWT):
		return p.registered(p.byMethod(claims.PrivateKeyJWT)...)
	}
	p.notOffered("the bank does not announce private_key_jwt")
	return nil
}

// expectTokenError ends the case as failed unless the token endpoint refuses with one of the codes: by 400,
// or by 401 where the client is not known.
func (p *play) expectTokenError(x *Exchange, codes ...string) {
	p.expectAnswer(x)
	status := http.StatusBadRequest
	if x.code() == "invalid_client" && x.status() == http.StatusUnauthorized {
		status = http.StatusUnauthorized
	}
	if x.status() >= 400 && x.status() < 500 && !slices.Contains(codes, x.code()) && !p.run.config.Stricter {
		p.allowed("error", "the bank refuses with %d %s, where %s would say more", x.status(), x.toldCode(), strings.Join(codes, " or "))
	}
	p.expectCode(x, status, codes...)
}

// expectInvalidClient ends the case as failed unless the client is refused (RFC 6749 section 5.2).
func (p *play) expectInvalidClient(x *Exchange) { p.expectTokenError(x, "invalid_client") }

// expectNoToken ends the case as failed if a token comes, whatever comes else.
func (p *play) expectNoToken(x *Exchange) {
	if x.lost != nil && handshake(x.lost) {
		return
	}
	p.expectAnswer(x)
	if x.status() < 400 || x.status() >= 500 {
		p.fail("no token: a refusal in the handshake, or 401 with the error invalid_client")
	}
}
