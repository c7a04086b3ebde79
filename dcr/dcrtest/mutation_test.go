package dcrtest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// set is short for the mutations of a table.
var set = dcrtest.Set

// TestAMutationBreaksItsRule: each mutation reaches the bank, and the bank says which rule it
// broke.
func TestAMutationBreaksItsRule(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t)
	stranger := dcrtest.NewBank(t, dcrtest.WithDirectoryOptions(func(o *ssatest.Options) { o.Issuer, o.Environment = "Another", claims.Production })).Directory()
	forged := bank.Directory().ForgedKey()
	flipped := func(b []byte) []byte { b[0] ^= 1; return b }
	p := bank.NewTPP(t)
	for name, c := range map[string]struct {
		mutation dcrtest.Mutation
		rule     string
	}{
		"a claim":                  {set("/redirect_uris/0", "http://tpp.example"), validate.RuleRedirectURIsHTTPS},
		"a claim behind the last":  {set("/redirect_uris/-", "https://other.example"), validate.RuleRedirectURIsSubsetOfSSA},
		"a claim of another type":  {set("/aud", json.RawMessage(`{"a": 1}`)), validate.RuleRequestMemberType},
		"a claim that is null":     {set("/iss", nil), validate.RuleRequestMemberType},
		"no claim":                 {dcrtest.Remove("/aud"), validate.RuleAudRequired},
		"members at will":          {dcrtest.Edit(func(m map[string]any) { delete(m, "jti") }), validate.RuleJTIRequired},
		"bytes":                    {dcrtest.Bytes(func(b []byte) []byte { return append([]byte(`{"aud":"x",`), b[1:]...) }), validate.RuleRequestJWS},
		"several":                  {dcrtest.All(set("/iss", "x"), set("/software_id", "y")), validate.RuleIssIsSoftwareID},
		"the header":               {dcrtest.Header(set("/typ", json.RawMessage("1"))), validate.RuleHeaderMemberType},
		"a kid":                    {dcrtest.KeyID("unknown"), validate.RuleRequestKeyFound},
		"an algorithm":             {dcrtest.Algorithm(claims.RS256), validate.RuleHeaderAlg},
		"no algorithm":             {dcrtest.All(dcrtest.Algorithm("none"), dcrtest.Unsigned()), validate.RuleHeaderAlg},
		"HS256 with a public key":  {dcrtest.All(dcrtest.Algorithm("HS256"), dcrtest.SignedWithSecret([]byte("public"))), validate.RuleHeaderAlg},
		"no signature":             {dcrtest.Unsigned(), validate.RuleRequestSignature},
		"a foreign key":            {dcrtest.SignedBy(forged), validate.RuleRequestSignature},
		"another salt":             {dcrtest.SaltLength(20), validate.RuleRequestSignature},
		"a signature that differs": {dcrtest.Signature(flipped), validate.RuleRequestSignature},
		"the compact form":         {dcrtest.JWS(func(s string) string { return s + "." }), validate.RuleRequestJWS},
		"another text":             {dcrtest.Exactly("a.b"), validate.RuleRequestJWS},
		"a claim of the statement": {dcrtest.Statement(set("/software_id", "another")), validate.RuleSoftwareIDMatchesSSA},
		"no claim of it":           {dcrtest.Statement(dcrtest.Remove("/software_roles")), validate.RuleSSASoftwareRolesRequired},
		"the header of it":         {dcrtest.Statement(dcrtest.KeyID("unknown")), validate.RuleSSAKeyFound},
		"the signature of it":      {dcrtest.Statement(dcrtest.SignedBy(forged)), validate.RuleSSASignature},
		"the compact form of it":   {dcrtest.StatementOf("a.b.c"), validate.RuleSSAJWS},
		"a foreign directory":      {dcrtest.StatementBy(stranger), validate.RuleSSAIssuerTrusted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := p.Register(c.mutation)
			if several := []string{"a claim", "several", "a claim of the statement"}; slices.Contains(several, name) {
				dcrtest.RequireViolation(t, err, c.rule)
				return
			}
			dcrtest.RequireOnly(t, err, c.rule)
		})
	}
}

// TestAMutationOfTheStatementLeavesTheRequest: what a test changes there alone is wrong there
// alone.
func TestAMutationOfTheStatementLeavesTheRequest(t *testing.T) {
	t.Parallel()
	p := dcrtest.NewBank(t).NewTPP(t)
	request, err := p.Request(dcrtest.Statement(set("/software_redirect_uris", []string{"https://a.example"})))
	require.NoError(t, err)
	statement, err := p.Statement(set("/software_redirect_uris", []string{"https://a.example"}))
	require.NoError(t, err)
	require.NotContains(t, request, statement, "each call mints one")
	require.Len(t, strings.Split(statement, "."), 3)
	_, err = p.Register(dcrtest.Exactly(request))
	dcrtest.RequireViolation(t, err, validate.RuleRedirectURIsSubsetOfSSA)
}

func TestACertificateIsRefused(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t)
	p, other := bank.NewTPP(t), bank.NewTPP(t)
	for name, mutation := range map[string]dcrtest.Mutation{
		"of another software": dcrtest.CertificateOf(other),
		"given by the test":   dcrtest.Certificate(other.Software().TransportCertificate),
		"none":                dcrtest.NoCertificate(),
	} {
		_, err := p.Register(mutation)
		require.Equal(t, http.StatusUnauthorized, dcrtest.RequireRefused(t, err).Status, name)
	}
	for name, mutation := range map[string]dcrtest.Mutation{
		"expired":         dcrtest.ExpiredCertificate(),
		"of a foreign CA": dcrtest.ForeignCertificate(),
	} {
		_, err := p.Register(mutation)
		var none *tpp.NoAnswerError
		require.ErrorAs(t, err, &none, "%s: it ends in the handshake", name)
	}
	_, err := p.Register()
	require.NoError(t, err)
}

func TestHTTPIsChanged(t *testing.T) {
	t.Parallel()
	p := dcrtest.NewBank(t).NewTPP(t)
	for name, c := range map[string]struct {
		mutation dcrtest.Mutation
		status   int
	}{
		"a method":       {dcrtest.Method(http.MethodPatch), http.StatusMethodNotAllowed},
		"a path":         {dcrtest.Path("/register/"), http.StatusNotFound},
		"a content type": {dcrtest.ContentType("text/plain"), http.StatusUnsupportedMediaType},
		"no type":        {dcrtest.ContentType(""), http.StatusUnsupportedMediaType},
		"a header":       {dcrtest.HTTPHeader("Content-Type", "application/json"), http.StatusUnsupportedMediaType},
		"a body":         {dcrtest.Body("a.b.c"), http.StatusBadRequest},
		"a long body":    {dcrtest.Body(strings.Repeat("a", 70<<10)), http.StatusRequestEntityTooLarge},
		"all of it": {dcrtest.HTTP(func(r *http.Request) {
			r.URL.Path, r.Body = "/nowhere", io.NopCloser(bytes.NewReader(nil))
		}), http.StatusNotFound},
	} {
		_, err := p.Register(c.mutation)
		require.Equal(t, c.status, dcrtest.RequireRefused(t, err).Status, name)
	}
}

// TestARequestIsSentOnce: a client of package tpp would try the other content type.
func TestARequestIsSentOnce(t *testing.T) {
	t.Parallel()
	asked := 0
	bank := dcrtest.NewBank(t, dcrtest.WithHandler(func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.WriteHeader(http.StatusUnsupportedMediaType)
		})
	}))
	_, err := bank.NewTPP(t).Register()
	require.Equal(t, http.StatusUnsupportedMediaType, dcrtest.RequireRefused(t, err).Status)
	require.Equal(t, 1, asked)
}

// TestTheTokenRequestIsChanged: a mutation changes the client assertion.
func TestTheTokenRequestIsChanged(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t, dcrtest.WithPolicy(func(p *validate.Policy) {
		p.AuthMethods = append(p.AuthMethods, claims.ClientSecretJWT)
		p.Widenings = append(p.Widenings, validate.Widening(claims.ClientSecretJWT))
	}))
	for _, method := range []claims.AuthMethod{claims.PrivateKeyJWT, claims.ClientSecretJWT} {
		client := bank.NewTPP(t, dcrtest.WithRequest(func(o *tpp.RequestOptions) { o.AuthMethod = method })).MustRegister()
		_, err := client.Token(dcrtest.Set("/jti", "a-jti-of-the-test-0001"))
		require.NoError(t, err, method)
		for name, mutation := range map[string]dcrtest.Mutation{
			"a replay":      dcrtest.Set("/jti", "a-jti-of-the-test-0001"),
			"an audience":   dcrtest.Set("/aud", "https://elsewhere.example"),
			"a signature":   dcrtest.Signature(func(b []byte) []byte { b[3]++; return b }),
			"a foreign key": dcrtest.SignedBy(bank.Directory().ForgedKey()),
			"the form":      dcrtest.Form(func(f url.Values) { f.Del("client_assertion") }),
		} {
			_, err := client.Token(mutation)
			require.Contains(t, []string{"invalid_client", "invalid_request"}, dcrtest.RequireRefused(t, err).Code, "%s: %s", method, name)
		}
		_, err = client.Token(dcrtest.Form(func(f url.Values) { f.Set("grant_type", "password") }))
		require.Equal(t, "unsupported_grant_type", dcrtest.RequireRefused(t, err).Code)
	}
}

func TestTheAccessTokenIsChanged(t *testing.T) {
	t.Parallel()
	p := dcrtest.NewBank(t).NewTPP(t)
	client := p.MustRegister()
	for _, token := range []string{"", "unknown"} {
		_, err := client.Get(dcrtest.AccessToken(token))
		require.Equal(t, http.StatusUnauthorized, dcrtest.RequireRefused(t, err).Status)
		require.Equal(t, http.StatusUnauthorized, dcrtest.RequireRefused(t, client.Delete(dcrtest.AccessToken(token))).Status)
	}
	_, err := client.Update(dcrtest.Set("/client_id", "another"))
	dcrtest.RequireViolation(t, err, validate.RuleClientIDMatches)
}

// TestMutationsAreMadeInTheirOrder: and the zero ones change nothing.
func TestMutationsAreMadeInTheirOrder(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t, dcrtest.Option{})
	p := bank.NewTPP(t, dcrtest.TPPOption{})
	client, err := p.Register(dcrtest.Mutation{}, set("/redirect_uris", []string{"http://bad.example"}),
		set("/redirect_uris", p.Software().RedirectURIs), dcrtest.Remove("/redirect_uris/1"))
	require.NoError(t, err)
	uris, _ := client.Metadata.RedirectURIs.Get()
	require.Equal(t, p.Software().RedirectURIs[:1], uris)
}

func TestASoftwareIsTheTests(t *testing.T) {
	t.Parallel()
	bank := dcrtest.NewBank(t, dcrtest.WithServerConfig(func(c *server.Config) { c.Clients.Trust.Bindings = nil }))
	p := bank.NewTPP(t, dcrtest.WithSoftware(func(s *ssatest.SoftwareOptions) {
		s.ClientName, s.Roles = "Savings", []claims.Role{claims.CBPII}
	}), dcrtest.WithRequest(func(o *tpp.RequestOptions) { o.AuthMethod = claims.TLSClientAuth }))
	require.Same(t, bank, p.Bank())
	client := p.MustRegister()
	require.Equal(t, claims.TLSClientAuth, client.Credentials().Method)
	scope, _ := client.Metadata.Scope.Get()
	require.Equal(t, []string{"openid", "fundsconfirmations"}, scope.Words)
	over, err := p.Client()
	require.NoError(t, err)
	_, err = over.AccessToken(t.Context(), client.Credentials())
	require.NoError(t, err)
	_, err = client.Token()
	require.NoError(t, err)
}

// A json.RawMessage is sent as it is: what a reader of JSON would lose is there, and a later
// mutation looks inside of it.
func TestARawValueIsSentAsItIs(t *testing.T) {
	t.Parallel()
	p := dcrtest.NewBank(t).NewTPP(t)
	for raw, rule := range map[string]string{
		`{"a":1,"a":2}`: validate.RuleRequestJWS,
		`"\ud800"`:      validate.RuleRequestMemberType,
	} {
		_, err := p.Register(dcrtest.Set("/jti", json.RawMessage(raw)))
		dcrtest.RequireOnly(t, err, rule)
	}
	request, err := p.Request(dcrtest.Set("/x", json.RawMessage(`{"a":[1.0,"\ud800"]}`)), dcrtest.Set("/x/a/-", 2), dcrtest.Set("/y", json.RawMessage(`[1.50]`)))
	require.NoError(t, err)
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(request, ".")[1])
	require.NoError(t, err)
	require.Contains(t, string(claims), `"x":{"a":[1.0,`)
	require.Contains(t, string(claims), `,2]}`)
	require.Contains(t, string(claims), `"y":[1.50]`)
}
