package sandbox_test

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/jose"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// jws signs claims under any header.
func jws(t testing.TB, header, payload map[string]any, sign func(input string) []byte) string {
	t.Helper()
	h, err := json.Marshal(header)
	require.NoError(t, err)
	p, err := json.Marshal(payload)
	require.NoError(t, err)
	input := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(p)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign(input))
}

func signPS256(t testing.TB, key *rsa.PrivateKey) func(string) []byte {
	return func(input string) []byte {
		sum := sha256.Sum256([]byte(input))
		signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: 32})
		require.NoError(t, err)
		return signature
	}
}

func signRS256(t testing.TB, key *rsa.PrivateKey) func(string) []byte {
	return func(input string) []byte {
		sum := sha256.Sum256([]byte(input))
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		require.NoError(t, err)
		return signature
	}
}

func signHS256(secret string) func(string) []byte {
	return func(input string) []byte {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(input))
		return mac.Sum(nil)
	}
}

// registered is a client with an authentication method.
func (w *world) registered(method claims.AuthMethod) *tpp.ClientInformation {
	w.t.Helper()
	bank := w.bank()
	request, err := bank.Build(string(w.file("tpp/ssa.jwt")), tpp.RequestOptions{AuthMethod: method})
	require.NoError(w.t, err)
	client, err := bank.Register(context.Background(), request)
	require.NoError(w.t, err)
	return client
}

// assertion returns the claims of a good assertion, with changes; nil removes a claim.
func (w *world) assertion(id string, changes map[string]any) map[string]any {
	now := time.Now().Unix()
	all := map[string]any{"iss": id, "sub": id, "aud": w.Ready.TokenEndpoint, "iat": now, "exp": now + 1800, "jti": rand.Text()}
	maps.Copy(all, changes)
	for name, value := range all {
		if value == nil {
			delete(all, name)
		}
	}
	return all
}

func asserted(token string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {token}}
}

// requireRefused requires the error object of RFC 6749 section 5.2.
func requireRefused(t testing.TB, r reply, status int, code string) {
	t.Helper()
	require.Equal(t, status, r.status, r.body)
	require.Equal(t, code, r.error(t), r.body)
	require.Equal(t, "no-store", r.header.Get("Cache-Control"))
	var members map[string]string
	require.NoError(t, json.Unmarshal([]byte(r.body), &members))
	require.Len(t, members, 2)
	require.NotContains(t, r.body, "access_token")
}

func TestAssertionsAreSignedByTheSoftware(t *testing.T) {
	w := start(t, sandbox.Config{AuthMethods: allMethods()})
	client := w.mutual()
	id := w.registered(claims.PrivateKeyJWT).ClientID
	own, kid := w.key("tpp/signing.key"), string(w.file("tpp/signing.kid"))
	foreign := spareKey(t, 0)
	ps, without := map[string]any{"alg": "PS256", "kid": kid, "typ": "JWT"}, map[string]any{"alg": "PS256"}
	good := func(changes map[string]any) string { return jws(t, ps, w.assertion(id, changes), signPS256(t, own)) }
	now := time.Now().Unix()

	for name, token := range map[string]string{
		"a good one":                   good(nil),
		"without kid":                  jws(t, without, w.assertion(id, nil), signPS256(t, own)),
		"for the issuer":               good(map[string]any{"aud": w.Ready.Bank}),
		"for the issuer among others":  good(map[string]any{"aud": []string{"https://elsewhere.example", w.Ready.Bank}}),
		"without iat":                  good(map[string]any{"iat": nil}),
		"just expired within the skew": good(map[string]any{"exp": now - 30}),
	} {
		r := w.token(client, asserted(token))
		require.Equal(t, 200, r.status, "%s: %s", name, r.body)
		require.Equal(t, "no-store", r.header.Get("Cache-Control"))
		var granted struct {
			AccessToken string `json:"access_token"`
			TokenType   string `json:"token_type"`
			ExpiresIn   int64  `json:"expires_in"`
			Scope       string `json:"scope"`
		}
		require.NoError(t, json.Unmarshal([]byte(r.body), &granted))
		require.GreaterOrEqual(t, len(granted.AccessToken), 22)
		require.Equal(t, "Bearer", granted.TokenType)
		require.EqualValues(t, 3600, granted.ExpiresIn)
		require.Equal(t, "openid accounts payments fundsconfirmations", granted.Scope)
	}
	used := good(nil)
	require.Equal(t, 200, w.token(client, asserted(used)).status)
	for name, token := range map[string]string{
		"used before":                 used,
		"for somebody else":           good(map[string]any{"aud": "https://elsewhere.example"}),
		"for nobody":                  good(map[string]any{"aud": nil}),
		"expired":                     good(map[string]any{"exp": now - 120}),
		"without exp":                 good(map[string]any{"exp": nil}),
		"with exp as text":            good(map[string]any{"exp": "tomorrow"}),
		"too far ahead":               good(map[string]any{"exp": now + 7200}),
		"of the future":               good(map[string]any{"iat": now + 3600}),
		"not valid yet":               good(map[string]any{"nbf": now + 3600}),
		"without jti":                 good(map[string]any{"jti": nil}),
		"by another issuer":           good(map[string]any{"iss": "somebody"}),
		"about nobody":                good(map[string]any{"sub": nil}),
		"about an unknown client":     good(map[string]any{"sub": "unknown", "iss": "unknown"}),
		"by another key":              jws(t, ps, w.assertion(id, nil), signPS256(t, foreign)),
		"by another key without kid":  jws(t, without, w.assertion(id, nil), signPS256(t, foreign)),
		"by the transport key":        jws(t, without, w.assertion(id, nil), signPS256(t, w.key("tpp/transport.key"))),
		"under an unknown kid":        jws(t, map[string]any{"alg": "PS256", "kid": "x"}, w.assertion(id, nil), signPS256(t, own)),
		"RS256":                       jws(t, map[string]any{"alg": "RS256", "kid": kid}, w.assertion(id, nil), signRS256(t, own)),
		"HS256 by the client_id":      jws(t, map[string]any{"alg": "HS256"}, w.assertion(id, nil), signHS256(id)),
		"none":                        jws(t, map[string]any{"alg": "none"}, w.assertion(id, nil), func(string) []byte { return nil }),
		"with a key in the header":    jws(t, map[string]any{"alg": "PS256", "jwk": map[string]any{}}, w.assertion(id, nil), signPS256(t, own)),
		"with crit":                   jws(t, map[string]any{"alg": "PS256", "crit": []string{"x"}}, w.assertion(id, nil), signPS256(t, own)),
		"no JWS":                      "no.jws",
		"a payload that is no object": "e30.W10.",
	} {
		r := w.token(client, asserted(token))
		requireRefused(t, r, 401, "invalid_client")
		require.Empty(t, r.header.Get("WWW-Authenticate"), name)
	}
	// The refused requests have used up no jti.
	late := w.assertion(id, map[string]any{"aud": "https://elsewhere.example"})
	w.token(client, asserted(jws(t, ps, late, signPS256(t, own))))
	late["aud"] = w.Ready.Bank
	require.Equal(t, 200, w.token(client, asserted(jws(t, ps, late, signPS256(t, own)))).status)
}

func TestSecretsProveTheirClient(t *testing.T) {
	w := start(t, sandbox.Config{AuthMethods: allMethods()})
	client := w.mutual()
	grant := func(more ...string) url.Values {
		form := url.Values{"grant_type": {"client_credentials"}}
		for i := 0; i < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		return form
	}
	basic := func(id, secret string) []string {
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}
	}
	byBasic, byPost, byJWT := w.registered(claims.ClientSecretBasic), w.registered(claims.ClientSecretPost), w.registered(claims.ClientSecretJWT)
	require.Equal(t, 200, w.token(client, grant(), basic(byBasic.ClientID, byBasic.Secret.Reveal())...).status)
	require.Equal(t, 200, w.token(client, grant("client_id", byBasic.ClientID, "scope", ""), basic(byBasic.ClientID, byBasic.Secret.Reveal())...).status)
	encoded := strings.ReplaceAll(byBasic.Secret.Reveal(), "-", "%2D")
	require.Equal(t, 200, w.token(client, grant(), basic(byBasic.ClientID, encoded)...).status, "form-encoded")
	require.Equal(t, 200, w.token(client, grant("client_id", byPost.ClientID, "client_secret", byPost.Secret.Reveal())).status)
	hs := map[string]any{"alg": "HS256", "typ": "JWT"}
	require.Equal(t, 200, w.token(client, asserted(jws(t, hs, w.assertion(byJWT.ClientID, nil), signHS256(byJWT.Secret.Reveal())))).status)

	for name, headers := range map[string][]string{
		"another secret": basic(byBasic.ClientID, byPost.Secret.Reveal()), "no secret": basic(byBasic.ClientID, ""), "nobody": basic("nobody", "x"),
		"another method": basic(byPost.ClientID, byPost.Secret.Reveal()), "no Basic": {"Authorization", "Bearer " + byBasic.Secret.Reveal()},
		"a broken one": {"Authorization", "Basic !"}, "an empty one": {"Authorization", "Basic"},
	} {
		r := w.token(client, grant(), headers...)
		requireRefused(t, r, 401, "invalid_client")
		require.Equal(t, `Basic realm="token"`, r.header.Get("WWW-Authenticate"), name)
	}
	for name, form := range map[string]url.Values{
		"another secret": grant("client_id", byPost.ClientID, "client_secret", byBasic.Secret.Reveal()),
		"another method": grant("client_id", byBasic.ClientID, "client_secret", byBasic.Secret.Reveal()),
		"no secret":      grant("client_id", byPost.ClientID), "nobody": grant(), "a secret alone": grant("client_secret", byPost.Secret.Reveal()),
		"a MAC by another secret":        asserted(jws(t, hs, w.assertion(byJWT.ClientID, nil), signHS256(byPost.Secret.Reveal()))),
		"a MAC by no secret":             asserted(jws(t, hs, w.assertion(byJWT.ClientID, nil), signHS256(""))),
		"a MAC for another method":       asserted(jws(t, hs, w.assertion(byPost.ClientID, nil), signHS256(byPost.Secret.Reveal()))),
		"HS512":                          asserted(jws(t, map[string]any{"alg": "HS512"}, w.assertion(byJWT.ClientID, nil), signHS256(byJWT.Secret.Reveal()))),
		"a MAC with crit":                asserted(jws(t, map[string]any{"alg": "HS256", "crit": []string{"x"}}, w.assertion(byJWT.ClientID, nil), signHS256(byJWT.Secret.Reveal()))),
		"a signature where a MAC is due": asserted(jws(t, map[string]any{"alg": "PS256"}, w.assertion(byJWT.ClientID, nil), signPS256(t, w.key("tpp/signing.key")))),
	} {
		require.Equal(t, 401, w.token(client, form).status, name)
	}
	both := grant("client_id", byPost.ClientID, "client_secret", byPost.Secret.Reveal())
	requireRefused(t, w.token(client, both, basic(byPost.ClientID, byPost.Secret.Reveal())...), 400, "invalid_request")
	other := grant("client_id", byPost.ClientID)
	requireRefused(t, w.token(client, other, basic(byBasic.ClientID, byBasic.Secret.Reveal())...), 400, "invalid_request")
}

func TestTheTokenRequestIsJudged(t *testing.T) {
	w := start(t, sandbox.Config{})
	client := w.mutual()
	id := w.registered(claims.TLSClientAuth).ClientID
	form := func(more ...string) url.Values {
		all := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = append(all[more[i]][:0:0], strings.Split(more[i+1], "|")...)
		}
		return all
	}
	require.Equal(t, 200, w.token(client, form()).status)
	require.Equal(t, 200, w.token(client, form("scope", "")).status)
	r := w.token(client, form("scope", "accounts openid"))
	require.Equal(t, 200, r.status)
	require.Contains(t, r.body, `"scope":"accounts openid"`)
	requireRefused(t, w.token(client, form("scope", "accounts everything")), 400, "invalid_scope")
	requireRefused(t, w.token(client, form("grant_type", "authorization_code")), 400, "unsupported_grant_type")
	requireRefused(t, w.token(client, form("grant_type", "")), 400, "invalid_request")
	requireRefused(t, w.token(client, url.Values{}), 400, "invalid_request")
	requireRefused(t, w.token(client, url.Values{"grant_type": {"password"}}), 400, "unsupported_grant_type")
	requireRefused(t, w.token(client, url.Values{"grant_type": {"client_credentials"}}), 401, "invalid_client")
	requireRefused(t, w.token(client, form("client_id", id+"|"+id)), 400, "invalid_request")
	requireRefused(t, w.token(client, form("client_id", "nobody")), 401, "invalid_client")
	requireRefused(t, w.token(client, form("client_assertion", "x")), 400, "invalid_request")
	requireRefused(t, w.token(client, form("x", strings.Repeat("x", 64<<10))), 400, "invalid_request")
	requireRefused(t, w.token(client, form(), "Content-Type", "application/json"), 400, "invalid_request")
	requireRefused(t, send(t, client, http.MethodPost, w.Ready.TokenEndpoint, "a=%zz", "Content-Type", "application/x-www-form-urlencoded"), 400, "invalid_request")
	r = send(t, client, http.MethodGet, w.Ready.TokenEndpoint, "")
	require.Equal(t, 405, r.status)
	require.Equal(t, "POST", r.header.Get("Allow"))

	// The certificate is the client's, and the token is bound to it.
	requireRefused(t, w.token(w.client(), form()), 401, "invalid_client")
	second, request := w.secondTPP()
	require.Equal(t, 201, w.register(second, request).status)
	requireRefused(t, w.token(second, form()), 401, "invalid_client")
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal([]byte(w.token(client, form()).body), &granted))
	r = send(t, second, http.MethodGet, w.Ready.RegistrationEndpoint+"/"+id, "", "Authorization", "Bearer "+granted.AccessToken)
	require.Equal(t, 401, r.status)
	require.Contains(t, r.header.Get("WWW-Authenticate"), "Bearer")
	r = send(t, client, http.MethodGet, w.Ready.RegistrationEndpoint+"/"+id, "", "Authorization", "Bearer "+granted.AccessToken)
	require.Equal(t, 200, r.status, r.body)
}

func TestTheSubjectIsComparedAsThePolicySays(t *testing.T) {
	w := start(t, sandbox.Config{Policy: []byte(`{"subject_dn_match": "reversed"}`)})
	var claimed struct {
		SoftwareID string `json:"software_id"`
		OrgID      string `json:"org_id"`
	}
	w.json("tpp/ssa.json", &claimed)
	bank := w.bank()
	request, err := bank.Build(string(w.file("tpp/ssa.jwt")), tpp.RequestOptions{AuthMethod: claims.TLSClientAuth, Audience: w.Ready.Audience,
		SubjectDN: "C=GB,O=OpenBanking,OU=" + claimed.OrgID + ",CN=" + claimed.SoftwareID})
	require.NoError(t, err)
	client, err := bank.Register(context.Background(), request)
	require.NoError(t, err)
	_, err = bank.AccessToken(context.Background(), client.Credentials())
	require.NoError(t, err)

	// Another certificate of the software, with another name: its key is in the set.
	certificate, key := w.issue(claimed.OrgID, "another name")
	publishTransport(t, w, key)
	r := w.token(w.newClient(certificate), url.Values{"grant_type": {"client_credentials"}, "client_id": {client.ClientID}})
	requireRefused(t, r, 401, "invalid_client")
	require.Contains(t, r.body, "tls_client_auth_subject_dn")
}

func TestKeysThatCannotBeReadAreNobodysFault(t *testing.T) {
	c := &clock{}
	w := start(t, sandbox.Config{Clock: c.now, AuthMethods: allMethods()})
	client := w.mutual()
	id := w.registered(claims.TLSClientAuth).ClientID
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}}
	require.Equal(t, 200, w.token(client, form).status)
	require.Equal(t, 204, w.put("/faults", `{"path": "*", "status": 500}`).status)
	c.putForward(30 * time.Minute)
	require.Equal(t, 200, w.token(client, form).status, "keys that are known serve for an hour")
	c.putForward(2 * time.Hour)
	r := w.token(client, form)
	requireRefused(t, r, 503, "temporarily_unavailable")
	require.NotEmpty(t, r.header.Get("Retry-After"))
	require.Equal(t, 204, send(t, w.client(), http.MethodDelete, w.Ready.Directory+"/faults", "").status)
	c.putForward(11 * time.Second)
	require.Equal(t, 200, w.token(client, form).status)
}

func TestANewSigningKeyServesAtOnce(t *testing.T) {
	for _, header := range []map[string]any{{"alg": "PS256"}, {"alg": "PS256", "kid": "new"}} {
		w := start(t, sandbox.Config{})
		id := w.registered(claims.PrivateKeyJWT).ClientID
		key := spareKey(t, 0)
		jwks, err := jose.MarshalJWKS([]jose.Key{{ID: "new", Use: "sig", Public: &key.PublicKey},
			{ID: "tls", Use: "tls", Public: &w.key("tpp/transport.key").PublicKey}})
		require.NoError(t, err)
		require.Equal(t, 204, w.put(softwarePath(w), string(jwks)).status)
		r := w.token(w.mutual(), asserted(jws(t, header, w.assertion(id, nil), signPS256(t, key))))
		require.Equal(t, 200, r.status, r.body)
		r = w.token(w.mutual(), asserted(jws(t, header, w.assertion(id, nil), signPS256(t, w.key("tpp/signing.key")))))
		requireRefused(t, r, 401, "invalid_client")
	}
}
