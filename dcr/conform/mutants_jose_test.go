package conform_test

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// joseMutants believe tokens that nobody should.
func joseMutants() []mutant {
	never := func(string, *jws) bool { return true }
	raw := func(is func(text string) bool) func(string, *jws) bool {
		return func(text string, _ *jws) bool { return is(text) }
	}
	payload := func(is func(text string) bool) func(string, *jws) bool {
		return func(_ string, j *jws) bool { return is(strings.TrimSpace(j.rawPayload)) }
	}
	head := func(is func(text string) bool) func(string, *jws) bool {
		return func(_ string, j *jws) bool { return is(j.rawHead) }
	}
	good := func(_ string, j *jws) bool {
		return j.head["alg"] == "ES256" && j.head["kid"] != nil && len(j.head) == 3
	}
	return []mutant{
		{name: "no signature is looked at", fails: []string{"jose.stranger", "jose.changed", "jose.signature-bit", "jose.transport-key", "jose.second", "jose.signature-zero", "jose.signature-of-another", "jose.empty-signature"},
			wrap: believes(never)},
		{name: "a signature of the right header is not looked at", fails: []string{"jose.stranger", "jose.changed", "jose.signature-bit", "jose.signature-zero", "jose.signature-of-another"}, wrap: believes(good)},
		{name: "a signature is taken though it is cut", fails: []string{"jose.signature-short"}, wrap: believes(raw(func(t string) bool { return len(t)-strings.LastIndexByte(t, '.') == 86-8+1 }))},
		{name: "a signature is taken though it is long", fails: []string{"jose.signature-long"}, wrap: believes(raw(func(t string) bool { return len(t)-strings.LastIndexByte(t, '.') == 86+4+1 }))},
		{name: "none is an algorithm", fails: []string{"jose.alg-none", "jose.alg-none-signed", "update.unsigned"}, wrap: believes(headIs("alg", "none"))},
		{name: "none is an algorithm, however it is written", fails: []string{"jose.alg-none-in-capitals"}, wrap: believes(headIs("alg", "nOnE"))},
		{name: "HMAC is an algorithm", fails: []string{"jose.alg-hs256"}, wrap: believes(headIs("alg", "HS256"))},
		{name: "RS256 is an algorithm", rsa: true, fails: []string{"jose.alg-rs256"}, wrap: believes(headIs("alg", "RS256")), play: []string{"jose.*"}},
		{name: "an algorithm in lower case is one", fails: []string{"jose.alg-lower-case"}, wrap: believes(headIs("alg", "es256"))},
		{name: "an algorithm need not be there", fails: []string{"jose.alg-absent", "jose.alg-null"}, wrap: believes(headIs("alg", nil))},
		{name: "the key chooses the algorithm", fails: []string{"jose.alg-other-kind"}, wrap: believes(headIs("alg", "PS256"))},
		{name: "a kid need not be there", fails: []string{"jose.kid-absent", "jose.kid-of-payload"}, wrap: believes(headIs("kid", nil))},
		{name: "a kid may be empty", fails: []string{"jose.kid-empty"}, wrap: believes(headIs("kid", ""))},
		{name: "a kid may be unknown", fails: []string{"jose.kid-unknown"}, wrap: believes(headIs("kid", "obdcr-unknown-key"))},
		{name: "a token of any type is a request", fails: []string{"jose.typ-of-access-token"}, wrap: believes(headIs("typ", "at+jwt"))},
		{name: "extensions are ignored", fails: []string{"jose.crit-unknown", "jose.crit-empty", "jose.b64-false"}, wrap: believes(headHas("crit"))},
		{name: "compression is ignored", fails: []string{"jose.zip"}, wrap: believes(headHas("zip"))},
		{name: "a key in the token is believed", fails: []string{"jose.jwk", "jose.jwk-own"}, wrap: believes(headHas("jwk"))},
		{name: "the address of a key set in the token is ignored", fails: []string{"jose.jku"}, wrap: believes(headHas("jku"))},
		{name: "the address of a certificate in the token is ignored", fails: []string{"jose.x5u"}, wrap: believes(headHas("x5u"))},
		{name: "a certificate in the token is ignored", fails: []string{"jose.x5c"}, wrap: believes(headHas("x5c"))},
		{name: "padding is taken", fails: []string{"jose.padding"}, wrap: believes(raw(func(t string) bool { return strings.HasSuffix(t, "=") }))},
		{name: "blanks are skipped", fails: []string{"jose.blank-inside", "jose.newline-inside"}, wrap: believes(raw(func(t string) bool { return strings.ContainsAny(t, " \n") && strings.Count(t, ".") == 2 }))},
		{name: "the alphabet of base64 does not matter", fails: []string{"jose.standard-alphabet"}, wrap: believes(raw(func(t string) bool { return strings.Contains(t, ".+/") }))},
		{name: "a fourth part is ignored", fails: []string{"jose.four-parts"}, wrap: believes(raw(func(t string) bool { return strings.Count(t, ".") == 3 }))},
		{name: "a third part is not needed", fails: []string{"jose.two-parts"}, wrap: believes(raw(func(t string) bool { return strings.Count(t, ".") == 1 }))},
		{name: "of members that stand there twice the last counts", fails: []string{"jose.payload-member-twice"},
			wrap: believes(payload(func(t string) bool { return strings.Count(t, `"scope"`) == 2 || strings.Contains(t, `\u0073cope`) }))},
		{name: "of members of the header the last counts", fails: []string{"jose.header-member-twice"}, wrap: believes(head(func(t string) bool { return strings.Count(t, `"alg"`) == 2 }))},
		{name: "what stands behind the payload is ignored", fails: []string{"jose.payload-more"}, wrap: believes(payload(func(t string) bool { return strings.HasSuffix(t, "}{}") }))},
		{name: "what stands behind the header is ignored", fails: []string{"jose.header-more"}, wrap: believes(head(func(t string) bool { return strings.HasSuffix(t, "}x") }))},
		{name: "a byte order mark is skipped", fails: []string{"jose.payload-bom"}, wrap: believes(payload(func(t string) bool { return strings.HasPrefix(t, "\uFEFF") }))},
		{name: "what is no UTF-8 is replaced", fails: []string{"jose.payload-invalid-utf-8"}, wrap: believes(payload(func(t string) bool { return strings.Contains(t, "\xff") }))},
		{name: "any depth is read", fails: []string{"jose.payload-deep"}, wrap: mends(func(_ *mutantBank, _ *http.Request, j *jws) bool {
			deep := strings.Contains(j.rawPayload, "[[[[")
			delete(j.payload, "more")
			return deep
		})},
		{name: "malformed tokens are a fault of the bank's", fails: []string{"jose.not-a-token", "jose.json", "jose.flattened"}, play: []string{"jose.*"}, wrap: func(_ *mutantBank, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if registering(r) && strings.Count(bodyOf(r), ".") != 2 {
					w.WriteHeader(http.StatusInternalServerError)
					return
				}
				next.ServeHTTP(w, r)
			})
		}},
	}
}

// statementMutants believe statements that the directory has not signed.
func statementMutants() []mutant {
	raw := func(is func(text string) bool) func(string, *jws) bool {
		return func(text string, _ *jws) bool { return is(text) }
	}
	return []mutant{
		{name: "the statement's signature is not looked at", fails: []string{"statement.changed", "statement.signature-bit", "statement.own-signature", "statement.own-addresses"},
			wrap: trusts(raw(func(t string) bool { return strings.Count(t, ".") == 2 }), nil)},
		{name: "a statement of none is taken", fails: []string{"statement.alg-none"}, wrap: trusts(headIs("alg", "none"), nil)},
		{name: "the statement's kid may be unknown", fails: []string{"statement.unknown-key"}, wrap: trusts(headIs("kid", "obdcr-unknown-key"), nil)},
		{name: "the statement's issuer may be unknown", fails: []string{"statement.unknown-issuer"}, wrap: trusts(func(_ string, s *jws) bool { return s.payload["iss"] == "Obdcr Unknown Directory" },
			func(_ *mutantBank, s *jws) { s.payload["iss"] = "OpenBanking Ltd" })},
		{name: "a key in the statement is believed", fails: []string{"statement.jwk"}, wrap: trusts(headHas("jwk"), nil)},
		{name: "the address of a key set in the statement is ignored", fails: []string{"statement.jku"}, wrap: trusts(headHas("jku"), nil)},
		{name: "extensions of the statement are ignored", fails: []string{"statement.crit"}, wrap: trusts(headHas("crit"), nil)},
		{name: "padding of the statement is taken", fails: []string{"statement.padding"}, wrap: trusts(raw(func(t string) bool { return strings.HasSuffix(t, "==") }), nil)},
		{name: "blanks in the statement are skipped", fails: []string{"statement.newline-inside", "statement.newline-behind"}, wrap: trusts(raw(func(t string) bool { return strings.Contains(t, "\n") }), nil)},
		{name: "a fourth part of the statement is ignored", fails: []string{"statement.four-parts"}, wrap: trusts(raw(func(t string) bool { return strings.Count(t, ".") == 3 }), nil)},
		{name: "keys are read at any host", fails: []string{"statement.jwks-elsewhere", "statement.jwks-loopback"}, wrap: trusts(func(_ string, s *jws) bool {
			address, _ := s.payload["software_jwks_endpoint"].(string)
			return strings.HasSuffix(address, "/keys.jwks")
		}, func(b *mutantBank, s *jws) { s.payload["software_jwks_endpoint"] = b.subject.JWKSURL() })},
		{name: "a statement may be of any age", fails: []string{"statement.too-old"}, policy: nil, wrap: trusts(func(_ string, s *jws) bool { return s.payload["exp"] == nil },
			func(_ *mutantBank, s *jws) { s.payload["iat"] = time.Now().Unix() })},
	}
}

// tokenMutants are token endpoints that give tokens to anybody.
func tokenMutants() []mutant {
	every := func(_ *mutantBank, _ *jws) bool { return true }
	claim := func(name string, value func(j *jws) any, is func(v any) bool) func(*mutantBank, *jws) bool {
		return func(_ *mutantBank, j *jws) bool {
			if !is(j.payload[name]) {
				return false
			}
			j.payload[name] = value(j)
			return true
		}
	}
	absent := func(v any) bool { return v == nil }
	later := func(*jws) any { return time.Now().Add(time.Minute).Unix() }
	return []mutant{
		{name: "no assertion is verified", fails: []string{"token.assertion-stranger", "token.assertion-transport-key", "token.assertion-second", "token.assertion-none", "token.assertion-unknown-kid"}, wrap: assertion(every)},
		{name: "an assertion of none is taken", fails: []string{"token.assertion-none"}, wrap: assertion(func(_ *mutantBank, j *jws) bool { return j.head["alg"] == "none" })},
		{name: "an assertion of RS256 is taken", rsa: true, play: []string{"token.*"}, fails: []string{"token.assertion-rs256"}, wrap: assertion(func(_ *mutantBank, j *jws) bool { return j.head["alg"] == "RS256" })},
		{name: "an assertion for another server is taken", fails: []string{"token.assertion-other-audience"}, wrap: func(b *mutantBank, h http.Handler) http.Handler {
			return assertion(claim("aud", func(*jws) any { return b.address }, func(v any) bool { return v == "https://other.example/token" }))(b, h)
		}},
		{name: "an assertion for nobody is taken", fails: []string{"token.assertion-no-audience"}, wrap: func(b *mutantBank, h http.Handler) http.Handler {
			return assertion(claim("aud", func(*jws) any { return b.address }, absent))(b, h)
		}},
		{name: "an assertion's subject is not compared", fails: []string{"token.assertion-other-subject"}, wrap: assertion(claim("sub", func(j *jws) any { return j.payload["iss"] }, func(v any) bool { return v == "obdcr-unknown-client" }))},
		{name: "an assertion's issuer is not compared", fails: []string{"token.assertion-other-issuer"}, wrap: assertion(claim("iss", func(j *jws) any { return j.payload["sub"] }, func(v any) bool { return v == "obdcr-unknown-client" }))},
		{name: "an assertion never expires", fails: []string{"token.assertion-no-expiry"}, wrap: assertion(claim("exp", later, absent))},
		{name: "an assertion that has expired is taken", fails: []string{"token.assertion-expired"}, wrap: assertion(func(_ *mutantBank, j *jws) bool {
			if at, ok := j.payload["exp"].(interface{ Int64() (int64, error) }); ok {
				if n, err := at.Int64(); err == nil && n < time.Now().Unix() {
					j.payload["iat"], j.payload["exp"] = time.Now().Unix(), time.Now().Add(time.Minute).Unix()
					return true
				}
			}
			return false
		})},
		{name: "an assertion may not be valid yet", fails: []string{"token.assertion-not-yet"}, wrap: assertion(claim("nbf", func(*jws) any { return time.Now().Unix() }, func(v any) bool { return v != nil }))},
		{name: "an assertion needs no jti", fails: []string{"token.assertion-no-jti"}, wrap: assertion(claim("jti", func(*jws) any { return time.Now().String() }, absent))},
		{name: "an assertion needs a kid", fails: []string{"token.assertion-without-kid"}, wrap: form(func(_ *mutantBank, _ *http.Request, f url.Values) {
			if j, ok := loose(f.Get("client_assertion")); ok && j.head["kid"] == nil {
				f.Set("client_assertion", "x")
			}
		})},
		{name: "an assertion may be used again", fails: []string{"token.assertion-replayed", "race.assertion"}, wrap: assertion(func(_ *mutantBank, j *jws) bool {
			if j.payload["jti"] == nil || j.head["alg"] != "ES256" || len(j.head) != 3 {
				return false
			}
			j.payload["jti"] = claims.AuthMethod(time.Now().String())
			return true
		})},
	}
}

// grantMutants give tokens for requests that nobody should answer.
func grantMutants() []mutant {
	grant := func(b *mutantBank, r *http.Request, w http.ResponseWriter, id string) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(`{"access_token":"` + b.issue(r.Context(), id) + `","token_type":"Bearer","expires_in":3600}`))
	}
	given := func(match func(r *http.Request, f url.Values) (id string, ok bool)) wrapper {
		return func(b *mutantBank, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tokened(r) {
					f, _ := url.ParseQuery(bodyOf(r))
					if id, ok := match(r, f); ok {
						grant(b, r, w, id)
						return
					}
				}
				next.ServeHTTP(w, r)
			})
		}
	}
	return []mutant{
		{name: "a grant need not be named", fails: []string{"token.no-grant"}, wrap: form(func(_ *mutantBank, _ *http.Request, f url.Values) {
			if !f.Has("grant_type") {
				f.Set("grant_type", "client_credentials")
			}
		})},
		{name: "any grant will do", fails: []string{"token.unknown-grant", "token.password-grant"}, wrap: form(func(_ *mutantBank, _ *http.Request, f url.Values) {
			if f.Has("grant_type") && len(f["grant_type"]) == 1 {
				f.Set("grant_type", "client_credentials")
			}
		})},
		{name: "any scope will do", fails: []string{"token.foreign-scope"}, wrap: form(func(_ *mutantBank, _ *http.Request, f url.Values) { f.Del("scope") })},
		{name: "of two parameters the last counts", fails: []string{"token.twice"}, wrap: form(func(_ *mutantBank, _ *http.Request, f url.Values) { f.Set("grant_type", f.Get("grant_type")) })},
		{name: "a token for a client_id alone", fails: []string{"token.other-method"}, wrap: given(func(r *http.Request, f url.Values) (string, bool) {
			return f.Get("client_id"), f.Get("client_id") != "obdcr-unknown-client" && !f.Has("client_assertion") && f.Has("client_id")
		})},
		{name: "a token for a client that does not exist", fails: []string{"token.unknown-client"}, wrap: given(func(_ *http.Request, f url.Values) (string, bool) {
			return "obdcr-unknown-client", f.Get("client_id") == "obdcr-unknown-client"
		})},
		{name: "a token for nobody", fails: []string{"token.no-client"}, wrap: given(func(r *http.Request, f url.Values) (string, bool) {
			return "nobody", f.Get("grant_type") == "client_credentials" && !f.Has("client_id") && r.Header.Get("Content-Type") != "application/json"
		})},
		{name: "a token for a wrong secret", method: claims.ClientSecretPost, fails: []string{"token.wrong-secret"}, wrap: given(func(_ *http.Request, f url.Values) (string, bool) {
			return f.Get("client_id"), f.Get("client_secret") == "obdcr-wrong-secret-0000"
		}), play: []string{"token.*"}},
		{name: "two ways to authenticate are one too many for nobody", fails: []string{"token.two-methods"}, wrap: form(func(_ *mutantBank, r *http.Request, f url.Values) {
			if f.Has("client_assertion") {
				r.Header.Del("Authorization")
				f.Del("client_secret")
			}
		})},
		{name: "a token by GET", fails: []string{"token.get"}, wrap: replies(onPath("GET", "/token"), 200, "application/json", `{}`)},
		{name: "a token for JSON", fails: []string{"token.json"}, wrap: requests(tokened, func(_ *mutantBank, r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		})},
		{name: "a token without a certificate", fails: []string{"token.no-certificate"}, wrap: shows(func(_ *mutantBank, r *http.Request) bool { return tokened(r) && len(r.TLS.PeerCertificates) == 0 })},
		{name: "a token with another software's certificate", fails: []string{"token.second-certificate"}, wrap: shows(func(b *mutantBank, r *http.Request) bool {
			return tokened(r) && len(r.TLS.PeerCertificates) > 0 && r.TLS.PeerCertificates[0].Equal(b.other.TransportCertificate.Leaf)
		}), play: []string{"token.*"}},
		{name: "a token of another type", fails: []string{"token.type"}, wrap: answers(tokened, member("token_type", "mac"), 200)},
		{name: "a token without a type", fails: []string{"token.type"}, wrap: answers(tokened, member("token_type", nil), 200)},
		{name: "the life of a token is a text", fails: []string{"token.expires-in"}, wrap: answers(tokened, member("expires_in", "3600"), 200)},
		{name: "a token of another scope", fails: []string{"token.registered-scope"}, wrap: answers(tokened, member("scope", "other"), 200)},
		{name: "an empty scope is refused", fails: []string{"token.empty-scope"}, wrap: func(_ *mutantBank, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if f, _ := url.ParseQuery(bodyOf(r)); tokened(r) && f.Has("scope") && f.Get("scope") == "" {
					http.Error(w, `{"error":"invalid_request"}`, http.StatusBadRequest)
					return
				}
				next.ServeHTTP(w, r)
			})
		}},
		{name: "invalid_client is called otherwise", fails: []string{"token.unknown-client", "delete.token-endpoint"}, wrap: answers(tokened, member("error", "access_denied"), 401)},
	}
}
