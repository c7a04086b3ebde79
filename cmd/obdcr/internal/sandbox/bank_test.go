package sandbox_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/validate"
)

func allMethods() []claims.AuthMethod {
	return []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth, claims.ClientSecretJWT, claims.ClientSecretBasic, claims.ClientSecretPost}
}

// bank is the TPP's side, over mutual TLS.
func (w *world) bank() *tpp.Client {
	w.t.Helper()
	metadata, err := tpp.Discover(context.Background(), w.Ready.Discovery, w.client())
	require.NoError(w.t, err)
	c, err := tpp.NewClient(tpp.Config{HTTP: w.mutual(), Metadata: metadata, Signer: w.key("tpp/signing.key"),
		KeyID: string(w.file("tpp/signing.kid")), Certificate: w.certificate("tpp/transport.pem")})
	require.NoError(w.t, err)
	return c
}

func status(t testing.TB, err error) int {
	t.Helper()
	var e *tpp.ResponseError
	require.ErrorAs(t, err, &e)
	return e.Status
}

func TestTheLifeOfAClient(t *testing.T) {
	for _, kept := range []string{sandbox.StoreMemory, sandbox.StoreSQLite} {
		w := start(t, sandbox.Config{AuthMethods: allMethods(), Store: kept})
		for _, method := range allMethods() {
			t.Run(kept+" "+string(method), func(t *testing.T) {
				ctx, bank := context.Background(), w.bank()
				build := func(o tpp.RequestOptions) string {
					o.AuthMethod = method
					request, err := bank.Build(string(w.file("tpp/ssa.jwt")), o)
					require.NoError(t, err)
					return request
				}
				client, err := bank.Register(ctx, build(tpp.RequestOptions{}))
				require.NoError(t, err)
				require.Equal(t, strings.HasPrefix(string(method), "client_secret"), !client.Secret.IsZero())

				token, err := bank.AccessToken(ctx, client.Credentials(), "accounts")
				require.NoError(t, err)
				require.Equal(t, "accounts", token.Scope)
				got, err := bank.Get(ctx, client.ClientID, token)
				require.NoError(t, err)
				require.Empty(t, got.Secret, "it was shown once")
				require.JSONEq(t, withoutSecret(t, []byte(client.Document.Reveal())), got.Document.Reveal())

				changed, err := bank.Update(ctx, client.ClientID, build(tpp.RequestOptions{Scopes: []string{"openid", "payments"}}), token)
				require.NoError(t, err)
				require.Equal(t, client.IssuedAt, changed.IssuedAt)
				require.Equal(t, "openid payments", changed.Metadata.Scope.Or(claims.Scope{}).String())
				second, err := bank.AccessToken(ctx, client.Credentials())
				require.NoError(t, err, "the secret is the same")
				require.Equal(t, "openid payments", second.Scope)
				_, err = bank.AccessToken(ctx, client.Credentials(), "accounts")
				require.Equal(t, 400, status(t, err), "a scope that is not registered any more")

				require.NoError(t, bank.Delete(ctx, client.ClientID, second))
				for _, t2 := range []tpp.BearerToken{token, second} {
					_, err = bank.Get(ctx, client.ClientID, t2)
					require.Equal(t, 401, status(t, err))
				}
				require.Equal(t, 401, status(t, bank.Delete(ctx, client.ClientID, token)))
				_, err = bank.AccessToken(ctx, client.Credentials())
				require.Equal(t, 401, status(t, err))
				var e *tpp.ResponseError
				require.ErrorAs(t, err, &e)
				require.EqualValues(t, "invalid_client", e.Code)
			})
		}
	}
}

func withoutSecret(t *testing.T, document []byte) string {
	t.Helper()
	members := map[string]json.RawMessage{}
	require.NoError(t, json.Unmarshal(document, &members))
	delete(members, "client_secret")
	delete(members, "client_secret_expires_at")
	text, err := json.Marshal(members)
	require.NoError(t, err)
	return string(text)
}

func TestOnlyOfferedMethodsAreRegistered(t *testing.T) {
	w := start(t, sandbox.Config{})
	discovery := send(t, w.client(), http.MethodGet, w.Ready.Discovery, "")
	metadata, err := tpp.ParseMetadata([]byte(discovery.body))
	require.NoError(t, err)
	require.Equal(t, []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth}, metadata.AuthMethods)
	metadata.AuthMethods = nil
	request, err := tpp.BuildFor(metadata, string(w.file("tpp/ssa.jwt")), tpp.RequestOptions{AuthMethod: claims.ClientSecretBasic, Now: time.Now()})
	require.NoError(t, err)
	answer := w.register(w.mutual(), w.sign(&request))
	require.Equal(t, 400, answer.status)
	require.Equal(t, "invalid_client_metadata", answer.error(t))
}

// sign signs a request with the TPP's key.
func (w *world) sign(request *claims.Request) string {
	w.t.Helper()
	token, err := tpp.BuildRequest(*request, w.key("tpp/signing.key"), string(w.file("tpp/signing.kid")), claims.PS256)
	require.NoError(w.t, err)
	return token
}

// request makes a good request for a statement.
func (w *world) request(statement string) *claims.Request {
	w.t.Helper()
	request, err := tpp.BuildFor(&tpp.Metadata{Issuer: w.Ready.Bank}, statement, tpp.RequestOptions{Now: time.Now(), Audience: w.Ready.Audience})
	require.NoError(w.t, err)
	return &request
}

func TestBothNamesOfTheBankAreAccepted(t *testing.T) {
	w := start(t, sandbox.Config{})
	for _, audience := range []string{sandbox.Audience, w.Ready.Bank} {
		request := w.request(string(w.file("tpp/ssa.jwt")))
		request.Audience = claims.Some(claims.StringOrList{Values: []string{audience}})
		answer := w.register(w.mutual(), w.sign(request))
		require.Equal(t, 201, answer.status, answer.body)
	}
}

func TestThePolicyIsTheBanks(t *testing.T) {
	w := start(t, sandbox.Config{Policy: []byte(`{"registrations": "one_per_software", "created_status": 200, "response_scope_as_array": true,
		"auth_methods": ["tls_client_auth"], "audiences": ["anotherBank"]}`)})
	require.Equal(t, "anotherBank", w.Ready.Audience)
	answer := w.register(w.mutual(), string(w.file("tpp/request.jwt")))
	require.Equal(t, 200, answer.status, answer.body)
	require.Contains(t, answer.body, `"scope":["openid"`)
	require.Contains(t, answer.body, `"tls_client_auth"`)
	bank := w.bank()
	second, err := bank.Build(string(w.file("tpp/ssa.jwt")), tpp.RequestOptions{Audience: "anotherBank"})
	require.NoError(t, err)
	_, err = bank.Register(context.Background(), second)
	require.Equal(t, 400, status(t, err))

	// AuthMethods replaces the methods of the policy.
	w = start(t, sandbox.Config{Policy: []byte(`{"auth_methods": ["tls_client_auth"]}`), AuthMethods: []claims.AuthMethod{claims.ClientSecretJWT}})
	require.Contains(t, send(t, w.client(), http.MethodGet, w.Ready.Discovery, "").body, `"token_endpoint_auth_methods_supported":["client_secret_jwt"]`)
}

// issue makes a client certificate of the sandbox's CA, as a test from outside would, for a key
// that the sandbox does not have.
func (w *world) issue(org, software string) (tls.Certificate, *rsa.PrivateKey) {
	w.t.Helper()
	key := spareKey(w.t, 0)
	raw, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(7), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		Subject:  pkix.Name{Country: []string{"GB"}, Organization: []string{"OpenBanking"}, OrganizationalUnit: []string{org}, CommonName: software},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, w.certificate("ca.pem"), &key.PublicKey, w.key("ca.key"))
	require.NoError(w.t, err)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, key
}

// secondTPP makes another TPP with the sandbox's verbs alone.
func (w *world) secondTPP() (client *http.Client, token string) {
	w.t.Helper()
	const org, software = "0015800000Another1", "anotherSoftware1234567"
	certificate, transport := w.issue(org, software)
	signing := spareKey(w.t, 1)
	jwks, err := jose.MarshalJWKS([]jose.Key{{ID: "own-sig", Use: "sig", Public: &signing.PublicKey}, {ID: "own-tls", Use: "tls", Public: &transport.PublicKey}})
	require.NoError(w.t, err)
	require.Equal(w.t, 204, w.put("/"+org+"/"+software+".jwks", string(jwks)).status)
	request := w.request(w.ssa(fmt.Sprintf(`{"org_id": %q, "software_id": %q}`, org, software)))
	token, err = tpp.BuildRequest(*request, signing, "own-sig", claims.PS256)
	require.NoError(w.t, err)
	return w.newClient(certificate), token
}

func TestASecondTPPIsMadeWithTheVerbs(t *testing.T) {
	w := start(t, sandbox.Config{})
	client, request := w.secondTPP()
	answer := w.register(client, request)
	require.Equal(t, 201, answer.status, answer.body)
	require.Contains(t, answer.body, `"software_client_id":"anotherSoftware1234567"`)

	// A TPP cannot register with another TPP's certificate.
	answer = w.register(client, string(w.file("tpp/request.jwt")))
	require.Equal(t, 401, answer.status)
	require.Equal(t, 401, w.register(w.client(), string(w.file("tpp/request.jwt"))).status, "nor without one")
	require.Equal(t, 201, w.register(w.mutual(), string(w.file("tpp/request.jwt"))).status, "and that burnt no jti")
}

func TestCertificatesOfOtherCAsAreNotLetIn(t *testing.T) {
	w := start(t, sandbox.Config{})
	key := spareKey(t, 0)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.Ready.RegistrationEndpoint, strings.NewReader(""))
	require.NoError(t, err)
	stranger := w.newClient()
	stranger.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, nil
	}
	response, err := stranger.Do(r)
	if err == nil {
		_ = response.Body.Close()
	}
	require.ErrorContains(t, err, "tls")
}

func TestTheRegistrationEndpointIsWhereTheUserWantsIt(t *testing.T) {
	w := start(t, sandbox.Config{Path: "/open-banking/v3.2/register"})
	require.Equal(t, w.Ready.Bank+"/open-banking/v3.2/register", w.Ready.RegistrationEndpoint)
	require.Equal(t, 201, w.register(w.mutual(), string(w.file("tpp/request.jwt"))).status)
	require.Equal(t, 404, send(t, w.mutual(), http.MethodPost, w.Ready.Bank+"/register", "").status)
	var usage *sandbox.UsageError
	for _, path := range []string{"register", "/", "/register/", "//register", "/{id}", "/token", "/metrics", "/a?b"} {
		_, err := sandbox.Start(context.Background(), sandbox.Config{Dir: t.TempDir(), Path: path})
		require.ErrorAs(t, err, &usage, path)
	}
}

func TestTheBanksOtherPages(t *testing.T) {
	w := start(t, sandbox.Config{Store: sandbox.StoreSQLite})
	require.Equal(t, 201, w.register(w.mutual(), string(w.file("tpp/request.jwt"))).status)
	require.Equal(t, 400, w.register(w.mutual(), string(w.file("tpp/request.jwt"))).status)
	get := func(path string) reply { return send(t, w.client(), http.MethodGet, w.Ready.Bank+path, "") }
	for _, path := range []string{"/healthz", "/readyz"} {
		r := get(path)
		require.Equal(t, 200, r.status)
		require.JSONEq(t, `{"status":"ok"}`, r.body)
	}
	require.Contains(t, get("/openapi.yaml").body, "x-profile: obie-3.3\n")
	metrics := get("/metrics").body
	for _, line := range []string{
		`obdcr_operations_total{actor="tpp",environment="sandbox",operation="create",outcome="done"} 1`,
		`obdcr_operations_total{actor="tpp",environment="sandbox",operation="create",outcome="refused"} 1`,
		`obdcr_broken_rules_total{rule="request.jti.replayed"} 1`,
		`obdcr_key_set_events_total{kind="fetched"} 4`,
	} {
		require.Contains(t, metrics, line)
	}
	for _, path := range []string{"/", "//register", "/register/", "/register/a/b", "/register/..", "/register/./a", "/Register", "/token/", "/nothing", "//healthz"} {
		r := send(t, w.mutual(), http.MethodPost, w.Ready.Bank+path, "")
		require.Equal(t, 404, r.status, path)
		require.Equal(t, "no-store", r.header.Get("Cache-Control"), path)
	}
	require.Equal(t, "there is nothing here\n", w.get("/nothing").body)
	require.Equal(t, "there is nothing here\n", w.get("/a/b/c").body)
	r := send(t, w.client(), http.MethodDelete, w.Ready.Bank+"/healthz", "")
	require.Equal(t, 405, r.status)
	require.Equal(t, "GET, HEAD", r.header.Get("Allow"))
	require.Equal(t, 200, send(t, w.client(), http.MethodHead, w.Ready.Bank+"/healthz", "").status)
	r = send(t, w.client(), http.MethodPost, w.Ready.Directory+softwarePath(w), "")
	require.Equal(t, 405, r.status)
	require.Equal(t, "GET, HEAD, PUT", r.header.Get("Allow"))
	require.Equal(t, "GET, HEAD", send(t, w.client(), http.MethodPost, w.Ready.Directory+"/keys.jwks", "").header.Get("Allow"))
	require.Equal(t, 405, send(t, w.mutual(), http.MethodPatch, w.Ready.RegistrationEndpoint, "").status)
}

// burst is a limiter that allows each key a number of requests.
type burst struct {
	mu   sync.Mutex
	left map[string]int
}

// Allow implements dcr.Limiter.
func (b *burst) Allow(key string) (time.Duration, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left[key]++
	return 10 * time.Millisecond, b.left[key] <= 200
}

func TestEachCertificateIsLimited(t *testing.T) {
	w := start(t, sandbox.Config{Limiter: &burst{left: map[string]int{}}})
	client := w.mutual()
	other, _ := w.secondTPP()
	refused := map[int]int{}
	for range 210 {
		r := w.register(client, "no request")
		refused[r.status]++
		if r.status == 429 {
			require.Equal(t, "1", r.header.Get("Retry-After"))
		}
	}
	require.Equal(t, map[int]int{400: 200, 429: 10}, refused, "a burst of 200")
	r := w.token(client, nil)
	require.Equal(t, 429, r.status, "registration and tokens share it")
	require.Equal(t, "1", r.header.Get("Retry-After"))
	require.Equal(t, 400, w.register(other, "no request").status, "others are not touched")
}

func TestChaosRefusesAndDelaysSome(t *testing.T) {
	numbers := make(chan float64, 16)
	c := sandbox.Config{Chaos: true, Random: func() float64 {
		select {
		case n := <-numbers:
			return n
		default:
			return 0.5
		}
	}}
	w := start(t, c)
	client := w.client()
	get := func(address string) reply { return send(t, client, http.MethodGet, address, "") }
	require.Equal(t, 200, get(w.Ready.Discovery).status)
	numbers <- 0.01
	r := get(w.Ready.Discovery)
	require.Equal(t, 503, r.status)
	require.Equal(t, "1", r.header.Get("Retry-After"))
	numbers <- 0.01
	require.Equal(t, 503, get(w.Ready.Directory+"/keys.jwks").status, "the directory too")
	numbers <- 0.01
	require.Equal(t, 503, get(w.Ready.Portal+"/").status, "and the portal")
	numbers <- 0.04
	numbers <- 0
	began := time.Now()
	require.Equal(t, 200, get(w.Ready.Discovery).status)
	require.GreaterOrEqual(t, time.Since(began), 200*time.Millisecond)
	numbers <- 0.01
	require.Equal(t, 200, get(w.Ready.Bank+"/healthz").status, "health is told as it is")
}

func TestDelaysDoNotHoldUpTheEnd(t *testing.T) {
	w := start(t, sandbox.Config{})
	require.Equal(t, 204, w.put("/faults", `{"path": "*", "delay_ms": 600000}`).status)
	arrived := make(chan error, 1)
	client := w.client()
	go func() {
		response, err := client.Get(w.Ready.Directory + "/keys.jwks")
		if err == nil {
			_ = response.Body.Close()
			err = errors.New("answered")
		}
		arrived <- err
	}()
	for !strings.Contains(w.get("/fetches").body, "keys.jwks") {
		require.Empty(t, arrived, "it is delayed")
	}
	began := time.Now()
	w.stop()
	require.Less(t, time.Since(began), time.Minute)
	require.NotContains(t, (<-arrived).Error(), "answered", "nothing is said that was not asked for")
}

func TestProfilesAreThoseOfTheRules(t *testing.T) {
	for _, profile := range validate.Profiles() {
		w := start(t, sandbox.Config{Profile: profile})
		require.Equal(t, profile, w.Ready.Profile)
		w.stop()
	}
}
