package dcr_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// everyMethod are the authentication methods at the token endpoint.
var everyMethod = []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth, claims.ClientSecretJWT,
	claims.ClientSecretBasic, claims.ClientSecretPost}

// allowEveryMethod makes a policy take all of them, also those outside FAPI-RW.
func allowEveryMethod(p *validate.Policy) {
	p.AuthMethods = everyMethod
	for _, method := range everyMethod[2:] {
		p.Widenings = append(p.Widenings, validate.Widening(method))
	}
}

// clientWorld is a bank with all four verbs and a token endpoint, and a TPP's HTTP
// client that it accepts.
type clientWorld struct {
	*world
	server  *httptest.Server
	http    *http.Client
	tokens  *token.Memory
	secrets map[string]string // what the bank would keep sealed
}

func newClientWorld(t *testing.T) *clientWorld {
	t.Helper()
	w, _ := newWorld(t, allowEveryMethod)
	tokens := token.NewMemory(w.config.Clock, nil)
	w.config.Tokens = tokens
	registrar, err := dcr.NewRegistrar(w.config)
	require.NoError(t, err)
	registration, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: registrar, Path: "/register", Certificate: cert.FromTLS})
	require.NoError(t, err)
	c := &clientWorld{world: w, tokens: tokens, secrets: map[string]string{}}
	mux := http.NewServeMux()
	mux.Handle("/", registration)
	mux.HandleFunc("POST /token", c.token)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(rw http.ResponseWriter, r *http.Request) {
		document, err := dcr.NewDiscoveryHandler(dcr.Discovery{Issuer: c.server.URL, RegistrationEndpoint: c.server.URL + "/register",
			TokenEndpoint: c.server.URL + "/token", Policy: w.config.Validator.Policy()})
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		document.ServeHTTP(rw, r)
	})
	c.server, c.http = serveMutualTLS(t, w, mux)
	return c
}

// discoveryOf is the discovery document of a bank at an address.
func discoveryOf(address string) string {
	return fmt.Sprintf(`{"issuer": %q, "registration_endpoint": %q, "token_endpoint": %q,
		"token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "client_secret_jwt", "tls_client_auth", "private_key_jwt"],
		"token_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256"], "request_object_signing_alg_values_supported": ["PS256", "ES256"],
		"id_token_signing_alg_values_supported": ["PS256", "ES256"], "response_types_supported": ["code", "code id_token"],
		"grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
		"scopes_supported": ["openid", "accounts", "payments", "fundsconfirmations"], "tls_client_certificate_bound_access_tokens": true}`,
		address, address+"/register", address+"/token")
}

// serveMutualTLS serves over TLS, with and without a client certificate, and gives
// the HTTP client of the world's software.
func serveMutualTLS(t *testing.T, w *world, h http.Handler) (*httptest.Server, *http.Client) {
	t.Helper()
	certificate, err := w.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(w.directory.CA)
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = quiet
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool}
	server.StartTLS()
	t.Cleanup(server.Close)
	client := tpp.MutualTLS(w.software.TransportCertificate, pool)
	t.Cleanup(client.CloseIdleConnections)
	return server, client
}

// client discovers the bank and makes a Client of the world's software.
func (c *clientWorld) client(t *testing.T) *tpp.Client {
	t.Helper()
	m, err := tpp.Discover(t.Context(), c.server.URL+"/.well-known/openid-configuration", c.http)
	require.NoError(t, err)
	client, err := tpp.NewClient(tpp.Config{HTTP: c.http, Metadata: m, Signer: c.software.SigningKey,
		KeyID: c.software.SigningKeyID, Certificate: c.certificate(t, c.software), Clock: c.config.Clock})
	require.NoError(t, err)
	return client
}

func (c *clientWorld) statement(t *testing.T) string {
	t.Helper()
	token, err := c.software.SSA(nil)
	require.NoError(t, err)
	return token
}

// token is the token endpoint.
func (c *clientWorld) token(w http.ResponseWriter, r *http.Request) {
	id, method, good := c.authenticated(r)
	record, err := c.store.Get(r.Context(), id)
	if err == nil {
		registered, failed := claims.ParseRequest(record.Metadata)
		good = good && failed == nil && registered.TokenEndpointAuthMethod == claims.Some(method)
	}
	if err != nil || !good || r.PostFormValue("grant_type") != "client_credentials" {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error": "invalid_client", "error_description": "unknown"}`)
		return
	}
	token, err := c.tokens.Issue(r.Context(), id, sha256.Sum256(r.TLS.PeerCertificates[0].Raw), nil, time.Minute)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, `{"access_token": %q, "token_type": "bearer", "expires_in": 60}`, token.Reveal())
}

// authenticated tells who asks for a token, and whether the credentials are right.
func (c *clientWorld) authenticated(r *http.Request) (id string, method claims.AuthMethod, good bool) {
	id = r.PostFormValue("client_id")
	if name, secret, ok := r.BasicAuth(); ok {
		plain, err := url.QueryUnescape(secret)
		return name, claims.ClientSecretBasic, err == nil && plain == c.secrets[name]
	}
	assertion := r.PostFormValue("client_assertion")
	switch {
	case r.PostFormValue("client_secret") != "":
		return id, claims.ClientSecretPost, r.PostFormValue("client_secret") == c.secrets[id]
	case assertion == "":
		return id, claims.TLSClientAuth, len(r.TLS.PeerCertificates) > 0
	}
	signed, err := ssa.ParseSigned(assertion)
	if err != nil || r.PostFormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return id, "", false
	}
	var claimed struct{ Iss, Sub, Aud, Jti string }
	if json.Unmarshal([]byte(signed.UnverifiedPayload()), &claimed) != nil {
		return id, "", false
	}
	good = claimed.Iss == id && claimed.Sub == id && claimed.Aud == c.server.URL+"/token" && claimed.Jti != ""
	if signed.UnverifiedHeader().Algorithm.Or("") == "HS256" {
		at := strings.LastIndexByte(assertion, '.')
		mac := hmac.New(sha256.New, []byte(c.secrets[id]))
		mac.Write([]byte(assertion[:at]))
		return id, claims.ClientSecretJWT, good && base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) == assertion[at+1:]
	}
	err = signed.Verify(r.Context(), c.software.Keys(), "", []claims.Algorithm{claims.PS256, claims.ES256})
	return id, claims.PrivateKeyJWT, good && err == nil
}

func TestAClientIsRegisteredReadUpdatedAndDeletedByEveryMethod(t *testing.T) {
	c := newClientWorld(t)
	client := c.client(t)
	for _, method := range everyMethod {
		t.Run(string(method), func(t *testing.T) {
			ctx := t.Context()
			options := tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: method}
			request, err := client.Build(c.statement(t), options)
			require.NoError(t, err)
			made, err := client.Register(ctx, request)
			require.NoError(t, err)
			needsSecret := strings.HasPrefix(string(method), "client_secret")
			require.Equal(t, needsSecret, !made.Secret.IsZero())
			require.Equal(t, c.now.Unix(), made.IssuedAt.Unix())
			require.True(t, made.SecretExpiresAt.IsZero())
			require.Empty(t, made.Faults)
			require.Equal(t, c.software.RedirectURIs, made.Metadata.RedirectURIs.Or(nil))
			by := made.Credentials()
			require.Equal(t, tpp.Credentials{ClientID: made.ClientID, Method: method, Secret: made.Secret}, by)
			c.secrets[made.ClientID] = made.Secret.Reveal()

			token, err := client.AccessToken(ctx, by)
			require.NoError(t, err)
			require.Equal(t, c.now.Add(time.Minute), token.Expires)
			got, err := client.Get(ctx, made.ClientID, token)
			require.NoError(t, err)
			require.Empty(t, got.Secret)
			require.Equal(t, made.Metadata.Scope, got.Metadata.Scope)

			options.RedirectURIs = c.software.RedirectURIs[:1]
			request, err = client.Build(c.statement(t), options)
			require.NoError(t, err)
			updated, err := client.Update(ctx, made.ClientID, request, token)
			require.NoError(t, err)
			require.Equal(t, options.RedirectURIs, updated.Metadata.RedirectURIs.Or(nil))
			require.Equal(t, made.IssuedAt, updated.IssuedAt)

			require.NoError(t, client.Delete(ctx, made.ClientID, token))
			_, err = client.Get(ctx, made.ClientID, token)
			var refused *tpp.ResponseError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, http.StatusUnauthorized, refused.Status)
			require.Contains(t, refused.WWWAuthenticate, "Bearer")
			require.False(t, refused.Temporary())
			_, err = client.AccessToken(ctx, by)
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "invalid_client", refused.Code)
		})
	}
}

func TestARefusalNamesTheRulesThatAreBroken(t *testing.T) {
	c := newClientWorld(t)
	client := c.client(t)
	request, err := client.Build(c.statement(t), tpp.RequestOptions{Audience: ssatest.DefaultAudience,
		RedirectURIs: []string{"https://elsewhere.example.com/cb"}})
	require.NoError(t, err)
	_, err = client.Register(t.Context(), request)
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusBadRequest, refused.Status)
	require.Equal(t, "invalid_redirect_uri", refused.Code)
	rules := refused.Rules()
	require.Len(t, rules, 1)
	require.Equal(t, "redirect_uris.subset_of_ssa", rules[0].ID)
	require.NotEmpty(t, refused.Body)
	require.False(t, tpp.MayHaveHappened(err))
}

// TestAfterALostAnswerTheSameRequestTellsWhetherItArrived does what Next advises.
func TestAfterALostAnswerTheSameRequestTellsWhetherItArrived(t *testing.T) {
	c := newClientWorld(t)
	client := c.client(t)
	request, err := client.Build(c.statement(t), tpp.RequestOptions{Audience: ssatest.DefaultAudience})
	require.NoError(t, err)
	_, err = client.Register(t.Context(), request)
	require.NoError(t, err)
	_, err = client.Register(context.Background(), request)
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusBadRequest, refused.Status)
	require.Equal(t, "request.jti.replayed", refused.Rules()[0].ID)
	lost := &tpp.NoAnswerError{Verb: "register", Sent: true}
	require.Contains(t, lost.Next(), "request.jti.replayed")
}
