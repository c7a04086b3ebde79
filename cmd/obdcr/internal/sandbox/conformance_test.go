package sandbox_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/validate"
)

// The scenarios of the OBIE DCR conformance tool (v1.3.1), with the tool's habits. A check
// fails here in the same cases as in the tool.

// toolConfig has the members of config.json that the tool reads.
type toolConfig struct {
	SpecVersion       string   `json:"spec_version"`
	WellknownEndpoint string   `json:"wellknown_endpoint"`
	SSA               string   `json:"ssa"`
	Kid               string   `json:"kid"`
	Aud               string   `json:"aud"`
	RedirectURIs      []string `json:"redirect_uris"`
	Issuer            string   `json:"issuer"`
	PrivateKey        string   `json:"private_key"`
	TransportRootCAs  []string `json:"transport_root_cas"`
	TransportCert     string   `json:"transport_cert"`
	TransportKey      string   `json:"transport_key"`
	GetImplemented    bool     `json:"get_implemented"`
	PutImplemented    bool     `json:"put_implemented"`
	DeleteImplemented bool     `json:"delete_implemented"`
}

// tool is one run of the tool.
type tool struct {
	t         *testing.T
	config    toolConfig
	method    string
	key       *rsa.PrivateKey
	leaf      *x509.Certificate
	client    *http.Client
	discovery struct {
		RegistrationEndpoint *string   `json:"registration_endpoint"`
		TokenEndpoint        string    `json:"token_endpoint"`
		RequestObjectAlgs    []string  `json:"request_object_signing_alg_values_supported"`
		AuthMethods          []string  `json:"token_endpoint_auth_methods_supported"`
		AuthAlgs             *[]string `json:"token_endpoint_auth_signing_alg_values_supported"`
		ResponseTypes        *[]string `json:"response_types_supported"`
	}
}

// toolClient is what the tool remembers of a registration.
type toolClient struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

func newTool(t *testing.T, w *world) *tool {
	t.Helper()
	tool := &tool{t: t}
	require.NoError(t, json.Unmarshal(w.file("conformance.json"), &tool.config))
	require.True(t, tool.config.GetImplemented && tool.config.PutImplemented && tool.config.DeleteImplemented)

	// Discovery: the system's roots, no client certificate. The tool waits for 2 s. A machine that stands still so
	// long is no answer, and is asked again.
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(w.file("ca.pem")))
	plain := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	discovers := func() error {
		response, err := plain.Get(tool.config.WellknownEndpoint)
		if err != nil {
			return err
		}
		require.Equal(t, 200, response.StatusCode)
		return errors.Join(json.NewDecoder(response.Body).Decode(&tool.discovery), response.Body.Close())
	}
	err := discovers()
	for tries := 1; tries < 3 && err != nil; tries++ {
		err = discovers()
	}
	require.NoError(t, err)
	for _, method := range []string{"tls_client_auth", "private_key_jwt", "client_secret_jwt", "client_secret_basic"} {
		if tool.method == "" && slices.Contains(tool.discovery.AuthMethods, method) {
			tool.method = method
		}
	}
	if algs := tool.discovery.AuthAlgs; algs != nil {
		require.Contains(t, *algs, "PS256")
	}

	block, _ := pem.Decode([]byte(tool.config.PrivateKey))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	tool.key = parsed.(*rsa.PrivateKey)
	pair, err := tls.X509KeyPair([]byte(tool.config.TransportCert), []byte(tool.config.TransportKey))
	require.NoError(t, err)
	block, _ = pem.Decode([]byte(tool.config.TransportCert))
	tool.leaf, err = x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	for _, ca := range tool.config.TransportRootCAs {
		require.True(t, pool.AppendCertsFromPEM([]byte(ca)))
	}
	// An http.Transport with a TLS configuration speaks HTTP/1.1 alone.
	tool.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, MinVersion: tls.VersionTLS12, Renegotiation: tls.RenegotiateFreelyAsClient}}}
	t.Cleanup(tool.client.CloseIdleConnections)
	return tool
}

// options are the differences of a scenario's request from the usual one.
type options struct {
	life          time.Duration
	issuer        *string
	responseTypes []string
	alg           string
}

// claims makes and signs a registration request.
func (c *tool) claims(o options) string {
	if o.life == 0 {
		o.life = time.Hour
	}
	if o.alg == "" {
		o.alg = "PS256"
	}
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	now := time.Now().UTC()
	requestObject := "none"
	if len(c.discovery.RequestObjectAlgs) > 0 {
		requestObject = c.discovery.RequestObjectAlgs[0]
	}
	all := map[string]any{
		"aud": c.config.Aud, "exp": now.Add(o.life).Unix(), "iat": now.Unix(), "iss": c.config.Issuer,
		"jti":                             fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]),
		"token_endpoint_auth_signing_alg": o.alg,
		"grant_types":                     []string{"authorization_code", "client_credentials"},
		"subject_type":                    "public",
		"application_type":                "web",
		"redirect_uris":                   c.config.RedirectURIs,
		"token_endpoint_auth_method":      c.method,
		"software_statement":              c.config.SSA,
		"scope":                           "accounts openid",
		"request_object_signing_alg":      requestObject,
		"id_token_signed_response_alg":    o.alg,
	}
	if types := c.discovery.ResponseTypes; types != nil {
		var known []string
		for _, v := range *types {
			if v == "code" || v == "code id_token" {
				known = append(known, v)
			}
		}
		require.NotNil(c.t, known)
		all["response_types"] = known
	}
	if o.responseTypes != nil {
		all["response_types"] = o.responseTypes
	}
	if o.issuer != nil {
		all["iss"] = *o.issuer
	}
	if c.method == "tls_client_auth" {
		all["tls_client_auth_subject_dn"] = c.leaf.Subject.ToRDNSequence().String()
	}
	sign := signPS256(c.t, c.key)
	if o.alg == "RS256" {
		sign = signRS256(c.t, c.key)
	}
	return jws(c.t, map[string]any{"alg": o.alg, "kid": c.config.Kid, "typ": "JWT"}, all, sign)
}

func (c *tool) do(method, address, body string, headers map[string]string) (int, []byte) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, address, reader)
	require.NoError(c.t, err)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	response, err := c.client.Do(r)
	require.NoError(c.t, err)
	require.Equal(c.t, "HTTP/1.1", response.Proto)
	text, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	require.NoError(c.t, response.Body.Close())
	return response.StatusCode, text
}

func (c *tool) post(request string) (int, []byte) {
	return c.do(http.MethodPost, *c.discovery.RegistrationEndpoint, request,
		map[string]string{"Content-Type": "application/jose", "Accept": "application/json"})
}

// register is the test case "Register software client".
func (c *tool) register() toolClient {
	status, body := c.post(c.claims(options{}))
	require.Equal(c.t, 201, status, string(body))
	var client toolClient
	require.NoError(c.t, json.Unmarshal(body, &client))
	require.NotEmpty(c.t, client.ID)
	return client
}

// grant is the test case "Retrieve client credentials grant".
func (c *tool) grant(client toolClient) string {
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {""}}
	headers := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	now := time.Now()
	assertion := map[string]any{"iss": client.ID, "sub": client.ID, "aud": c.discovery.TokenEndpoint, "iat": now.Unix(),
		"exp": now.Add(30 * time.Minute).Unix(), "jti": rand.Text()}
	switch c.method {
	case "tls_client_auth":
		form.Set("client_id", client.ID)
	case "private_key_jwt":
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", jws(c.t, map[string]any{"alg": "PS256", "typ": "JWT"}, assertion, signPS256(c.t, c.key)))
	case "client_secret_jwt":
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", jws(c.t, map[string]any{"alg": "HS256", "typ": "JWT"}, assertion, signHS256(client.Secret)))
	case "client_secret_basic":
		headers["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(client.ID+":"+client.Secret))
	}
	status, body := c.do(http.MethodPost, c.discovery.TokenEndpoint, form.Encode(), headers)
	require.Equal(c.t, 200, status, string(body))
	var granted struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	require.NoError(c.t, json.Unmarshal(body, &granted))
	require.NotEmpty(c.t, granted.AccessToken)
	return granted.AccessToken
}

func (c *tool) manage(method string, client toolClient, token, body string) (int, []byte) {
	headers := map[string]string{"Authorization": "Bearer " + token}
	if body != "" {
		headers["Content-Type"], headers["Accept"] = "application/jose", "application/json"
	}
	return c.do(method, *c.discovery.RegistrationEndpoint+"/"+client.ID, body, headers)
}

func (c *tool) remove(client toolClient, token string) {
	status, _ := c.manage(http.MethodDelete, client, token, "")
	require.Equal(c.t, 204, status)
}

func (c *tool) refused(o options) {
	status, body := c.post(c.claims(o))
	require.Equal(c.t, 400, status, string(body))
	var object map[string]any
	require.NoError(c.t, json.Unmarshal(body, &object))
}

// scenarios are the tool's ten scenarios, by their ids.
func (c *tool) scenarios() map[string]func() {
	text := func(s string) *string { return &s }
	return map[string]func(){
		"DCR-001 the registration endpoint is a URL": func() {
			require.NotNil(c.t, c.discovery.RegistrationEndpoint)
			u, err := url.ParseRequestURI(*c.discovery.RegistrationEndpoint)
			require.NoError(c.t, err)
			require.False(c.t, strings.HasSuffix(u.Path, "/"))
		},
		"DCR-002 a client is created": func() {
			client := c.register()
			c.remove(client, c.grant(client))
		},
		"DCR-003 a client is deleted": func() {
			client := c.register()
			token := c.grant(client)
			c.remove(client, token)
			status, _ := c.manage(http.MethodGet, client, token, "")
			require.Equal(c.t, 401, status)
		},
		"DCR-004 invalid requests are refused": func() {
			c.refused(options{life: -time.Hour})
			c.refused(options{issuer: text("foo.is/invalid")})
			c.refused(options{issuer: text("")})
			c.refused(options{issuer: text("123456789012345678901234567890")})
			c.refused(options{alg: "RS256"})
		},
		"DCR-005 a client is retrieved": func() {
			client := c.register()
			token := c.grant(client)
			status, body := c.manage(http.MethodGet, client, token, "")
			require.Equal(c.t, 200, status)
			c.checkSchema(body)
			c.remove(client, token)
		},
		"DCR-007 an empty token opens nothing": func() {
			client := c.register()
			status, _ := c.manage(http.MethodGet, client, "", "")
			require.Equal(c.t, 401, status)
			c.remove(client, c.grant(client))
		},
		"DCR-008 a client is updated": func() {
			client := c.register()
			token := c.grant(client)
			status, body := c.manage(http.MethodPut, client, token, c.claims(options{}))
			require.Equal(c.t, 200, status, string(body))
			c.remove(client, token)
		},
		"DCR-009 a deleted client is not updated": func() {
			client := c.register()
			token := c.grant(client)
			c.remove(client, token)
			status, _ := c.manage(http.MethodPut, client, token, c.claims(options{}))
			require.Equal(c.t, 401, status)
		},
		"DCR-010 a deleted client is not retrieved": func() {
			client := c.register()
			token := c.grant(client)
			c.remove(client, token)
			status, _ := c.manage(http.MethodGet, client, token, "")
			require.Equal(c.t, 401, status)
		},
		"DCR-011 other response types are refused": func() {
			c.refused(options{responseTypes: []string{"id_token", "token"}})
		},
	}
}

// checkSchema is the tool's check of the answer to GET.
func (c *tool) checkSchema(body []byte) {
	var a struct {
		ClientID              *string  `json:"client_id"`
		ClientSecret          *string  `json:"client_secret"`
		ClientIDIssuedAt      *int     `json:"client_id_issued_at"`
		ClientSecretExpiresAt *int     `json:"client_secret_expires_at"`
		RedirectURIs          []string `json:"redirect_uris"`
		AuthMethod            *string  `json:"token_endpoint_auth_method"`
		GrantTypes            []string `json:"grant_types"`
		ResponseTypes         []string `json:"response_types"`
		SoftwareID            *string  `json:"software_id"`
		Scope                 *string  `json:"scope"`
		SoftwareStatement     *string  `json:"software_statement"`
		ApplicationType       *string  `json:"application_type"`
		IDTokenAlg            *string  `json:"id_token_signed_response_alg"`
		RequestObjectAlg      *string  `json:"request_object_signing_alg"`
		AuthAlg               *string  `json:"token_endpoint_auth_signing_alg"`
		SubjectDN             *string  `json:"tls_client_auth_subject_dn"`
	}
	require.NoError(c.t, json.Unmarshal(body, &a))
	text := func(v *string, required bool, most int) string {
		c.t.Helper()
		if v == nil {
			require.False(c.t, required)
			return ""
		}
		require.GreaterOrEqual(c.t, len(*v), 1)
		require.LessOrEqual(c.t, len(*v), most)
		return *v
	}
	text(a.ClientID, true, 36)
	text(a.ClientSecret, false, 36)
	text(a.Scope, true, 256)
	text(a.IDTokenAlg, true, 5)
	text(a.RequestObjectAlg, true, 5)
	text(a.SubjectDN, c.method == "tls_client_auth", 128)
	text(a.AuthAlg, strings.HasSuffix(c.method, "_jwt"), 5)
	require.Equal(c.t, c.config.SSA, text(a.SoftwareStatement, true, 1<<20))
	require.Equal(c.t, c.method, text(a.AuthMethod, true, 40))
	require.Contains(c.t, []string{"web", "mobile"}, text(a.ApplicationType, true, 10))
	if id := text(a.SoftwareID, false, 22); id != "" {
		require.Regexp(c.t, regexp.MustCompile(`^[0-9a-zA-Z]{1,22}$`), id)
	}
	require.NotEmpty(c.t, a.RedirectURIs)
	for _, address := range a.RedirectURIs {
		u, err := url.ParseRequestURI(address)
		require.NoError(c.t, err)
		require.Equal(c.t, "https", u.Scheme)
		require.NotContains(c.t, []string{"localhost", "127.0.0.1"}, u.Host)
		require.LessOrEqual(c.t, len(address), 256)
	}
	require.NotEmpty(c.t, a.GrantTypes)
	require.Subset(c.t, []string{"client_credentials", "authorization_code", "refresh_token"}, a.GrantTypes)
	require.Subset(c.t, []string{"code", "code id_token"}, a.ResponseTypes)
}

func TestTheConformanceToolIsSatisfied(t *testing.T) {
	t.Parallel()
	if !fulltest.Asked() {
		t.Log("each method was played at one version: OBDCR_FULL=1 plays it at both")
	}
	for version, profile := range map[string]validate.Profile{"3.2": validate.OBIE32, "3.3": validate.OBIE33} {
		for i, method := range []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth, claims.ClientSecretJWT, claims.ClientSecretBasic} {
			if !fulltest.Asked() && (i%2 == 0) != (profile == validate.OBIE33) {
				continue
			}
			w := start(t, sandbox.Config{Profile: profile, AuthMethods: []claims.AuthMethod{method}, Store: sandbox.StoreSQLite})
			tool := newTool(t, w)
			require.Equal(t, version, tool.config.SpecVersion)
			require.EqualValues(t, method, tool.method)
			for name, play := range tool.scenarios() {
				t.Run(version+" "+string(method)+" "+name, func(t *testing.T) {
					tool.t = t
					play()
				})
			}
			tool.t = t
			w.stop()
		}
	}
}
