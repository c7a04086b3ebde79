package tpp_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// discoveryOf returns the discovery document of a bank that supports everything.
func discoveryOf(address string) string {
	return fmt.Sprintf(`{"issuer": %q, "registration_endpoint": %q, "token_endpoint": %q,
		"token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "client_secret_jwt", "tls_client_auth", "private_key_jwt"],
		"token_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256"], "request_object_signing_alg_values_supported": ["PS256", "ES256"],
		"id_token_signing_alg_values_supported": ["PS256", "ES256"], "response_types_supported": ["code", "code id_token"],
		"grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
		"scopes_supported": ["openid", "accounts", "payments", "fundsconfirmations"], "tls_client_certificate_bound_access_tokens": true}`,
		address, address+"/register", address+"/token")
}

func metadataOf(t *testing.T, address string) *tpp.Metadata {
	t.Helper()
	m, err := tpp.ParseMetadata([]byte(discoveryOf(address)))
	require.NoError(t, err)
	return m
}

// bankMetadata returns the metadata of a bank that supports everything, with changes.
func bankMetadata(t *testing.T, change func(map[string]any)) *tpp.Metadata {
	t.Helper()
	members := map[string]any{}
	require.NoError(t, json.Unmarshal([]byte(discoveryOf("https://bank.example")), &members))
	if change != nil {
		change(members)
	}
	text, err := json.Marshal(members)
	require.NoError(t, err)
	m, err := tpp.ParseMetadata(text)
	require.NoError(t, err)
	return m
}

func TestABuiltRequestIsValidByEveryMethodAndAlgorithm(t *testing.T) {
	w := newWorld(t)
	elliptic, err := w.directory.NewSoftware(ssatest.SoftwareOptions{Algorithm: claims.ES256})
	require.NoError(t, err)
	for _, software := range []*ssatest.EnrolledSoftware{w.software, elliptic} {
		client := w.clientOf(t, software, w.http, bankMetadata(t, nil))
		statement, err := software.SSA(nil)
		require.NoError(t, err)
		for _, method := range everyMethod {
			request, err := client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: method})
			require.NoError(t, err)
			result := w.lint(t, tpp.LintInput{Request: request, StatementKey: w.directory.Anchor().Keys, SoftwareKeys: w.directory.Resolver(),
				Certificate: software.TransportCertificate.Leaf})
			assert.Empty(t, errorIDs(result.Report), "%s %s", software.Algorithm, method)
			assert.Equal(t, validate.CheckGood, result.Checks.RequestSignature.State)
			again, err := client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: method})
			require.NoError(t, err)
			assert.NotEqual(t, request, again, "each has its own jti")
		}
	}
}

func TestWhatIsNotAskedForFollowsFromTheBankAndTheStatement(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, nil)
	m := bankMetadata(t, func(d map[string]any) {
		d["token_endpoint_auth_methods_supported"] = []string{"tls_client_auth", "client_secret_basic"}
		d["scopes_supported"] = []string{"openid", "payments"}
		d["response_types_supported"] = []string{"code"}
		d["grant_types_supported"] = []string{"client_credentials", "authorization_code"}
	})
	random := bytes.NewReader(bytes.Repeat([]byte{0xff}, 16))
	c, err := tpp.BuildFor(m, statement, tpp.RequestOptions{Certificate: w.software.TransportCertificate.Leaf, Now: w.now, Random: random})
	require.NoError(t, err)
	assert.Equal(t, claims.TLSClientAuth, c.TokenEndpointAuthMethod.Or(""))
	assert.Equal(t, "CN="+w.software.SoftwareID+",OU="+w.software.OrgID+",O=OpenBanking,C=GB", c.TLSClientAuthSubjectDN.Or(""))
	assert.False(t, c.TokenEndpointAuthSigningAlg.Present())
	assert.Equal(t, "openid payments", c.Scope.Or(claims.Scope{}).String())
	assert.Equal(t, []claims.ResponseType{claims.Code}, c.ResponseTypes.Or(nil))
	assert.Equal(t, []string{"https://bank.example"}, c.Audience.Or(claims.StringOrList{}).Values, "without an audience it is the issuer")
	assert.Equal(t, w.software.SoftwareID, c.Issuer.Or(""))
	assert.Equal(t, int64(30*60), c.Expiry.Or(0)-c.IssuedAt.Or(0))
	assert.Equal(t, w.software.RedirectURIs, c.RedirectURIs.Or(nil))
	assert.Equal(t, "ffffffff-ffff-4fff-bfff-ffffffffffff", c.JWTID.Or(""))
	assert.Equal(t, statement, c.SoftwareStatement.Or(""), "byte for byte")
}

func TestABankWithoutListsIsAskedForTheUsual(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, nil)
	m, err := tpp.ParseMetadata([]byte(`{"registration_endpoint": "https://b.example/r", "token_endpoint": "https://b.example/t"}`))
	require.NoError(t, err)
	_, err = tpp.BuildFor(m, statement, tpp.RequestOptions{Now: w.now})
	require.Error(t, err, "there is no audience, and the bank names no issuer")
	c, err := tpp.BuildFor(m, statement, tpp.RequestOptions{Now: w.now, Audience: "x"})
	require.NoError(t, err)
	assert.Equal(t, claims.PrivateKeyJWT, c.TokenEndpointAuthMethod.Or(""))
	assert.Equal(t, claims.PS256, c.TokenEndpointAuthSigningAlg.Or(""))
	assert.Equal(t, "openid accounts payments", c.Scope.Or(claims.Scope{}).String())
}

func TestWhatABankDoesNotOfferIsToldBeforeItIsSent(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, nil)
	without := func(claim string) string { return w.statement(t, map[string]any{claim: nil}) }
	usual := tpp.RequestOptions{Now: w.now, Audience: "x"}
	_, err := tpp.BuildFor(bankMetadata(t, nil), statement, usual)
	require.NoError(t, err, "what follows differs in one thing from this")
	only := func(member string, values ...string) func(map[string]any) {
		return func(d map[string]any) { d[member] = values }
	}
	for name, c := range map[string]struct {
		statement string
		change    func(map[string]any)
		options   tpp.RequestOptions
	}{
		"a statement that is none":          {"x", nil, tpp.RequestOptions{}},
		"a statement without software_id":   {without("software_id"), nil, tpp.RequestOptions{}},
		"a statement without URIs":          {without("software_redirect_uris"), nil, tpp.RequestOptions{}},
		"a method":                          {statement, only("token_endpoint_auth_methods_supported", "tls_client_auth"), tpp.RequestOptions{AuthMethod: "private_key_jwt"}},
		"no method of OBIE's":               {statement, only("token_endpoint_auth_methods_supported", "none"), tpp.RequestOptions{}},
		"an algorithm":                      {statement, only("request_object_signing_alg_values_supported", "none"), tpp.RequestOptions{}},
		"an algorithm of ID tokens":         {statement, only("id_token_signing_alg_values_supported", "RS256"), tpp.RequestOptions{}},
		"an algorithm of assertions":        {statement, only("token_endpoint_auth_signing_alg_values_supported", "RS256"), tpp.RequestOptions{}},
		"a grant type":                      {statement, nil, tpp.RequestOptions{GrantTypes: []claims.GrantType{claims.CIBA}}},
		"any response type":                 {statement, only("response_types_supported", "token"), tpp.RequestOptions{}},
		"a scope":                           {statement, nil, tpp.RequestOptions{Scopes: []string{"email"}}},
		"tls_client_auth without a subject": {statement, nil, tpp.RequestOptions{AuthMethod: claims.TLSClientAuth}},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Now, c.options.Audience = w.now, "x"
			_, err := tpp.BuildFor(bankMetadata(t, c.change), c.statement, c.options)
			require.Error(t, err)
		})
	}
	_, err = tpp.BuildFor(nil, statement, tpp.RequestOptions{Now: w.now})
	require.Error(t, err)
	_, err = tpp.BuildFor(bankMetadata(t, nil), statement, tpp.RequestOptions{Audience: "x"})
	require.Error(t, err, "there is no time")
	_, err = tpp.BuildFor(bankMetadata(t, nil), statement, tpp.RequestOptions{Now: w.now, Audience: "x", Random: strings.NewReader("short")})
	require.Error(t, err, "there is too little randomness")
}

func TestADiscoveryDocumentIsReadStrictly(t *testing.T) {
	const good = `"registration_endpoint": "https://b.example/r", "token_endpoint": "https://b.example/t"`
	_, err := tpp.ParseMetadata([]byte(`{` + good + `}`))
	require.NoError(t, err, "what follows differs in one thing from this")
	for name, document := range map[string]string{
		"no JSON":           "<html>",
		"no object":         "[]",
		"no registration":   `{"token_endpoint": "https://b.example/t"}`,
		"no token endpoint": `{"registration_endpoint": "https://b.example/r"}`,
		"a token endpoint for mutual TLS alone": `{"registration_endpoint": "https://b.example/r",
			"mtls_endpoint_aliases": {"token_endpoint": "https://mtls.b.example/t"}}`,
		"a member twice":              `{` + good + `, "issuer": "a", "issuer": "b"}`,
		"an endpoint without TLS":     `{"registration_endpoint": "http://b.example/r", "token_endpoint": "https://b.example/t"}`,
		"an endpoint with a user":     `{"registration_endpoint": "https://a@b.example/r", "token_endpoint": "https://b.example/t"}`,
		"a fragment":                  `{"registration_endpoint": "https://b.example/r#", "token_endpoint": "https://b.example/t"}`,
		"an endpoint of a wrong type": `{"registration_endpoint": 7, "token_endpoint": "https://b.example/t"}`,
		"an alias without TLS":        `{` + good + `, "mtls_endpoint_aliases": {"token_endpoint": "http://b.example/t"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tpp.ParseMetadata([]byte(document))
			require.Error(t, err)
		})
	}
	m, err := tpp.ParseMetadata([]byte(`{` + good + `, "Issuer": "a", "scopes_supported": null,
		"mtls_endpoint_aliases": {"token_endpoint": "https://mtls.b.example/t", "registration_endpoint": "https://mtls.b.example/r"}}`))
	require.NoError(t, err)
	require.Empty(t, m.Issuer)
	require.Nil(t, m.Scopes)
	require.Equal(t, "https://mtls.b.example/t", m.TokenEndpoint)
	require.Equal(t, "https://mtls.b.example/r", m.RegistrationEndpoint)
	require.Equal(t, "https://b.example/t", m.TokenAudience)
}

func TestIDTokensAreSignedByAnAlgorithmOfTheBank(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, nil)
	for want, announced := range map[claims.Algorithm][]string{"ES256": {"RS256", "ES256"}, "PS256": {"ES256", "PS256"}, "": {"RS256"}} {
		m := bankMetadata(t, func(d map[string]any) { d["id_token_signing_alg_values_supported"] = announced })
		c, err := tpp.BuildFor(m, statement, tpp.RequestOptions{Now: w.now, Algorithm: claims.PS256})
		if want == "" {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, c.IDTokenSignedResponseAlg.Or(""))
		require.Equal(t, claims.PS256, c.RequestObjectSigningAlg.Or(""), "that is the client's own")
		require.Equal(t, claims.Web, c.ApplicationType.Or(""))
	}
	c, err := tpp.BuildFor(bankMetadata(t, nil), statement, tpp.RequestOptions{Now: w.now, ApplicationType: claims.Mobile})
	require.NoError(t, err)
	require.Equal(t, claims.Mobile, c.ApplicationType.Or(""))
}

func TestAClientWithoutASigningKeyDoesWhatNeedsNone(t *testing.T) {
	c := tpp.Config{HTTP: http.DefaultClient, Metadata: bankMetadata(t, nil)}
	client, err := tpp.NewClient(c)
	require.NoError(t, err)
	_, err = client.AccessToken(t.Context(), tpp.Credentials{ClientID: "x", Method: claims.PrivateKeyJWT})
	require.Error(t, err, "an assertion needs a signer")
	w := newWorld(t)
	statement := w.statement(t, nil)
	_, err = client.Build(statement, tpp.RequestOptions{})
	require.Error(t, err, "a request needs a signer")
}

// cancelled is a signing key that gives up.
type cancelled struct{ crypto.Signer }

func (cancelled) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, context.Canceled
}

func TestWhyASigningKeyFailedIsToldByItsOwnErrors(t *testing.T) {
	w := newWorld(t)
	_, err := tpp.BuildRequest(claims.Request{}, cancelled{w.software.SigningKey}, "kid", w.software.Algorithm)
	require.ErrorIs(t, err, context.Canceled)
}

func TestAClientNeedsItsCollaborators(t *testing.T) {
	w := newWorld(t)
	good := tpp.Config{HTTP: w.directory.Client(), Metadata: bankMetadata(t, nil), Signer: w.software.SigningKey, KeyID: "kid"}
	_, err := tpp.NewClient(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*tpp.Config){
		"HTTP":      func(c *tpp.Config) { c.HTTP = nil },
		"Metadata":  func(c *tpp.Config) { c.Metadata = nil },
		"Signer":    func(c *tpp.Config) { c.Signer = nil },
		"nil key":   func(c *tpp.Config) { c.Signer = (*rsa.PrivateKey)(nil) },
		"KeyID":     func(c *tpp.Config) { c.KeyID = "" },
		"algorithm": func(c *tpp.Config) { c.Algorithm = claims.RS256 },
		"endpoint": func(c *tpp.Config) {
			c.Metadata = &tpp.Metadata{RegistrationEndpoint: "http://b.example/r", TokenEndpoint: "https://b.example/t"}
		},
	} {
		c := good
		change(&c)
		_, err := tpp.NewClient(c)
		require.Error(t, err, name)
	}
	_, err = tpp.Discover(t.Context(), "http://bank.example/", nil)
	require.Error(t, err, "the address is to be of https")
}
