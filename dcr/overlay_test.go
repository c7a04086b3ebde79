package dcr_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/validate"
)

const bankRegistration = "https://bank.example/register"

// realDocument is the discovery document of a server, as it was served. Keycloak has a realm
// with the scopes of OBIE; node-oidc-provider has mutual TLS, CIBA, and the algorithms and
// methods of FAPI.
func realDocument(t *testing.T, name string) []byte {
	t.Helper()
	document, err := os.ReadFile("testdata/" + name + ".json")
	require.NoError(t, err)
	return document
}

func compacted(t *testing.T, document []byte) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Compact(&out, document))
	return out.String()
}

// warned lists kind and pointer of each warning, with its values.
func warned(o dcr.Overlay) []string {
	var all []string
	for _, w := range o.Warnings {
		all = append(all, string(w.Kind)+" "+w.Pointer+" "+strings.Join(w.Values, ","))
	}
	return all
}

func policy33(change func(*validate.Policy)) *validate.Policy {
	p := validate.DefaultPolicy(validate.OBIE33)
	if change != nil {
		change(&p)
	}
	return &p
}

func TestOnlyTheRegistrationEndpointsOfARealDocumentChange(t *testing.T) {
	for name, own := range map[string][]string{
		"keycloak-26.0.7":     {"https://as.bank.example/realms/bank/clients-registrations/openid-connect"},
		"oidc-provider-8.8.1": {"https://as.bank.example/reg", "https://mtls.as.bank.example/reg"},
	} {
		document := realDocument(t, name)
		o, err := dcr.OverlayDiscovery(document, bankRegistration, nil)
		require.NoError(t, err)
		want := compacted(t, document)
		require.Equal(t, 2, strings.Count(want, `"registration_endpoint":`), "the document has it twice")
		for _, address := range own {
			want = strings.ReplaceAll(want, strconv.Quote(address), strconv.Quote(bankRegistration))
		}
		require.True(t, want == compacted(t, o.Document), name)
		for _, address := range own {
			require.NotContains(t, string(o.Document), address, name)
		}
	}
}

func TestAClientFollowsTheAliasToTheBank(t *testing.T) {
	for name, issuer := range map[string]string{"keycloak-26.0.7": "https://as.bank.example/realms/bank", "oidc-provider-8.8.1": "https://as.bank.example"} {
		before, err := tpp.ParseMetadata(realDocument(t, name))
		require.NoError(t, err)
		require.NotEqual(t, bankRegistration, before.RegistrationEndpoint)
		o, err := dcr.OverlayDiscovery(realDocument(t, name), bankRegistration, nil)
		require.NoError(t, err)
		after, err := tpp.ParseMetadata(o.Document)
		require.NoError(t, err)
		require.Equal(t, bankRegistration, after.RegistrationEndpoint)
		require.Equal(t, before.TokenEndpoint, after.TokenEndpoint)
		require.Equal(t, issuer, o.Issuer)
		require.Equal(t, issuer, after.Issuer)
	}
}

func TestTheBankIsWarnedOfWhatDoesNotFitKeycloak(t *testing.T) {
	o, err := dcr.OverlayDiscovery(realDocument(t, "keycloak-26.0.7"), bankRegistration, policy33(func(p *validate.Policy) {
		p.Scopes = append(p.Scopes, "events")
	}))
	require.NoError(t, err)
	other := "PS384,RS384,EdDSA,ES384,HS256,HS512,RS256,HS384,ES512,PS512,RS512"
	require.Equal(t, []string{
		"own_registration /registration_endpoint https://as.bank.example/realms/bank/clients-registrations/openid-connect",
		"not_admitted /token_endpoint_auth_methods_supported client_secret_basic,client_secret_post,client_secret_jwt",
		"not_admitted /token_endpoint_auth_signing_alg_values_supported " + other,
		"not_admitted /grant_types_supported implicit,password,urn:ietf:params:oauth:grant-type:device_code",
		"not_admitted /response_types_supported none,id_token,token,id_token token,code token,code id_token token",
		"not_announced /scopes_supported events",
		"not_admitted /scopes_supported roles,email,acr,address,microprofile-jwt,basic,web-origins,phone,offline_access,profile,organization",
		"not_admitted /id_token_signing_alg_values_supported " + other,
		"not_admitted /request_object_signing_alg_values_supported " + other + ",none",
		"not_admitted /backchannel_authentication_request_signing_alg_values_supported PS384,RS384,EdDSA,ES384,RS256,ES512,PS512,RS512",
	}, warned(o))
	require.Contains(t, o.Warnings[0].String(), "https://as.bank.example/realms/bank/clients-registrations/openid-connect", "the log names it whole")
}

func TestTheBankIsWarnedOfWhatDoesNotFitOIDCProvider(t *testing.T) {
	o, err := dcr.OverlayDiscovery(realDocument(t, "oidc-provider-8.8.1"), bankRegistration, policy33(nil))
	require.NoError(t, err)
	require.Equal(t, []string{
		"own_registration /registration_endpoint https://as.bank.example/reg",
		"own_registration /mtls_endpoint_aliases/registration_endpoint https://mtls.as.bank.example/reg",
		"not_announced /grant_types_supported refresh_token",
		"not_admitted /grant_types_supported implicit",
	}, warned(o))
}

// bound is a document with which nothing is wrong, but for what is put behind it.
func bound(more string) string {
	return `{"issuer":"https://as.example","token_endpoint":"https://as.example/token","tls_client_certificate_bound_access_tokens":true` + more + `}`
}

func TestAnOverlayAppendsWhatTheDocumentLacks(t *testing.T) {
	for name, c := range map[string]struct{ more, want string }{
		"without aliases none are made": {"", `,"registration_endpoint":"` + bankRegistration + `"`},
		"aliases without the endpoint": {`,"mtls_endpoint_aliases":{"token_endpoint":"https://m.as.example/token"}`,
			`,"mtls_endpoint_aliases":{"token_endpoint":"https://m.as.example/token","registration_endpoint":"` + bankRegistration + `"}` +
				`,"registration_endpoint":"` + bankRegistration + `"`},
		"empty aliases": {`,"mtls_endpoint_aliases": {}`,
			`,"mtls_endpoint_aliases":{"registration_endpoint":"` + bankRegistration + `"},"registration_endpoint":"` + bankRegistration + `"`},
		"values stay as they are written": {`,"registration_endpoint" : "https://as.example/reg", "a\u002fb": [1.0e0, "\u00e9",  {"registration_endpoint": "x"}]`,
			`,"registration_endpoint":"` + bankRegistration + `","a/b":[1.0e0, "\u00e9",  {"registration_endpoint": "x"}]`},
		"an endpoint that is no string": {`,"registration_endpoint":null,"z":0`, `,"registration_endpoint":"` + bankRegistration + `","z":0`},
	} {
		o, err := dcr.OverlayDiscovery([]byte(bound(c.more)), bankRegistration, nil)
		require.NoError(t, err, name)
		require.Equal(t, bound(c.want), string(o.Document), name)
	}
}

func TestAnOverlayWarns(t *testing.T) {
	for name, c := range map[string]struct {
		document string
		want     []string
	}{
		"of nothing where all is well":                {bound(""), nil},
		"of nothing where the endpoint is the bank's": {bound(`,"registration_endpoint":"` + bankRegistration + `"`), nil},
		"of tokens that the document does not say to be bound": {strings.Replace(bound(""), "_bound_", "_other_", 1),
			[]string{"unbound_tokens /tls_client_certificate_bound_access_tokens "}},
		"of tokens that are not bound": {strings.Replace(bound(""), "true", "false", 1), []string{"unbound_tokens /tls_client_certificate_bound_access_tokens "}},
		"of tokens that are bound by a text": {strings.Replace(bound(""), "true", `"true"`, 1),
			[]string{"unbound_tokens /tls_client_certificate_bound_access_tokens "}},
		"of an issuer without TLS": {strings.Replace(bound(""), `https://as.example"`, `http://as.example"`, 1), []string{"unusable /issuer http://as.example"}},
		"of endpoints without TLS": {bound(`,"jwks_uri":"http://as.example/k","a_endpoint":7,"mtls_endpoint_aliases":{"token_endpoint":"//m"}`),
			[]string{"unusable /jwks_uri http://as.example/k", "unusable /a_endpoint ", "unusable /mtls_endpoint_aliases/token_endpoint //m"}},
		"of an alias alone": {bound(`,"mtls_endpoint_aliases":{"registration_endpoint":"https://m.as.example/reg"}`),
			[]string{"own_registration /mtls_endpoint_aliases/registration_endpoint https://m.as.example/reg"}},
		"of signed metadata": {bound(`,"signed_metadata":"a.b.c"`), []string{"signed_metadata /signed_metadata "}},
	} {
		o, err := dcr.OverlayDiscovery([]byte(c.document), bankRegistration, nil)
		require.NoError(t, err, name)
		require.Equal(t, c.want, warned(o), name)
		require.NotContains(t, string(o.Document), "signed_metadata", name)
	}
}

func TestAPolicyIsComparedWithWhatTheServerOffers(t *testing.T) {
	lists := `,"token_endpoint_auth_methods_supported":["tls_client_auth","private_key_jwt"],"token_endpoint_auth_signing_alg_values_supported":["ES256","PS256"],` +
		`"grant_types_supported":["client_credentials","authorization_code","refresh_token"],"response_types_supported":["id_token code","code"],` +
		`"scopes_supported":["openid","accounts","payments","fundsconfirmations"],"id_token_signing_alg_values_supported":["ES256","PS256"],` +
		`"request_object_signing_alg_values_supported":["ES256","PS256"]`
	without := func(member string) string { return strings.Replace(lists, `"`+member+`"`, `"x_`+member+`"`, 1) }
	for name, c := range map[string]struct {
		more   string
		policy func(*validate.Policy)
		want   []string
	}{
		"they agree, whatever the order": {lists, nil, nil},
		"without a list of methods client_secret_basic is the only one": {without("token_endpoint_auth_methods_supported"), nil,
			[]string{"not_announced /token_endpoint_auth_methods_supported private_key_jwt,tls_client_auth",
				"not_admitted /token_endpoint_auth_methods_supported client_secret_basic"}},
		"without a list of grants there are two": {without("grant_types_supported"), nil,
			[]string{"not_announced /grant_types_supported client_credentials,refresh_token", "not_admitted /grant_types_supported implicit"}},
		"without a list of algorithms there is none": {without("id_token_signing_alg_values_supported"), nil,
			[]string{"not_announced /id_token_signing_alg_values_supported PS256,ES256"}},
		"algorithms of assertions count for methods that sign": {without("token_endpoint_auth_signing_alg_values_supported"),
			func(p *validate.Policy) { p.AuthMethods = []claims.AuthMethod{claims.TLSClientAuth} },
			[]string{"not_admitted /token_endpoint_auth_methods_supported private_key_jwt"}},
		"what the policy narrows does not count": {strings.Replace(lists, `"payments",`, "", 1), func(p *validate.Policy) {
			p.AllowedValues = map[string][]string{"scope": {"openid", "accounts", "fundsconfirmations"}}
		}, nil},
		"a list that is none": {strings.Replace(lists, `["openid","accounts","payments","fundsconfirmations"]`, `"openid accounts"`, 1), nil,
			[]string{"unusable /scopes_supported "}},
		"a list of other things than strings": {strings.Replace(lists, `"openid",`, `"openid",1,`, 1), nil, []string{"unusable /scopes_supported "}},
		"an empty list": {strings.Replace(lists, `["id_token code","code"]`, `[]`, 1), nil,
			[]string{"not_announced /response_types_supported code,code id_token"}},
	} {
		p := validate.DefaultPolicy(validate.OBIE32) // no CIBA
		if c.policy != nil {
			c.policy(&p)
		}
		o, err := dcr.OverlayDiscovery([]byte(bound(c.more)), bankRegistration, &p)
		require.NoError(t, err, name)
		require.Equal(t, c.want, warned(o), name)
	}
}

func TestWarningsAreBounded(t *testing.T) {
	var values, members strings.Builder
	for i := range 500 {
		values.WriteString(`,"` + strings.Repeat("\\u0007v", 100) + strconv.Itoa(i) + `"`)
		members.WriteString(`,"` + strings.Repeat("\\u00e9", 50) + strconv.Itoa(i) + `_endpoint":"http://` + strings.Repeat("h", 400) + `"`)
	}
	o, err := dcr.OverlayDiscovery([]byte(bound(`,"grant_types_supported":["implicit"`+values.String()+`]`)), bankRegistration, policy33(nil))
	require.NoError(t, err)
	many, err := dcr.OverlayDiscovery([]byte(bound(members.String())), bankRegistration, policy33(nil))
	require.NoError(t, err)
	require.Len(t, many.Warnings, 40)
	for _, w := range append(o.Warnings, many.Warnings...) {
		require.LessOrEqual(t, len(w.Values), 12)
		require.LessOrEqual(t, len(w.Detail), 500)
		require.LessOrEqual(t, len(w.String()), 1002)
		require.Regexp(t, `^[ -~]+$`, w.String())
	}
}

func TestAnOverlayRefuses(t *testing.T) {
	for name, c := range map[string]struct{ document, endpoint string }{
		"a page":                           {"<html>no</html>", bankRegistration},
		"nothing":                          {"", bankRegistration},
		"an array":                         {"[]", bankRegistration},
		"more than one document":           {bound("") + "{}", bankRegistration},
		"a member that stands twice":       {bound(`,"registration_endpoint":"https://a.example","registration_endpoint":"https://b.example"`), bankRegistration},
		"an alias that stands twice":       {bound(`,"mtls_endpoint_aliases":{"a":"x","\u0061":"y"}`), bankRegistration},
		"no issuer":                        {strings.Replace(bound(""), "issuer", "other", 1), bankRegistration},
		"an issuer that is no string":      {strings.Replace(bound(""), `"https://as.example"`, "1", 1), bankRegistration},
		"no token endpoint":                {strings.Replace(bound(""), "token_endpoint", "other", 1), bankRegistration},
		"aliases that are no object":       {bound(`,"mtls_endpoint_aliases":[]`), bankRegistration},
		"a document that is too long":      {bound("") + strings.Repeat(" ", dcr.MaxDiscovery), bankRegistration},
		"a registration without TLS":       {bound(""), "http://bank.example/register"},
		"a registration without an origin": {bound(""), "/register"},
		"a registration with a query":      {bound(""), bankRegistration + "?x"},
		"a registration with a slash":      {bound(""), bankRegistration + "/"},
	} {
		o, err := dcr.OverlayDiscovery([]byte(c.document), c.endpoint, nil)
		require.Error(t, err, name)
		require.Zero(t, o, name)
		require.Less(t, len(err.Error()), 300, name)
	}
}

func TestADocumentThatIsNotThereYetIsAnsweredWith503(t *testing.T) {
	var current []byte
	h := dcr.NewDocumentHandler(func() []byte { return current })
	ask := func(method string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/.well-known/openid-configuration", nil))
		return w
	}
	missing := ask(http.MethodGet)
	require.Equal(t, http.StatusServiceUnavailable, missing.Code)
	require.Equal(t, "10", missing.Header().Get("Retry-After"))
	require.Equal(t, "no-store", missing.Header().Get("Cache-Control"))
	require.Equal(t, http.StatusMethodNotAllowed, ask(http.MethodPost).Code)
	current = []byte(`{}`)
	require.Equal(t, http.StatusOK, ask(http.MethodGet).Code)
	require.Equal(t, "{}", ask(http.MethodGet).Body.String())
}

func FuzzOverlay(f *testing.F) {
	f.Add(bound(""))
	f.Add(bound(`,"registration_endpoint":"https://as.example/reg","mtls_endpoint_aliases":{"registration_endpoint":"https://m.as.example/reg"}`))
	f.Add(bound(`,"signed_metadata":"a.b.c","a\ud800":"\u0000"`))
	f.Fuzz(func(t *testing.T, document string) {
		o, err := dcr.OverlayDiscovery([]byte(document), bankRegistration, policy33(nil))
		if err != nil {
			require.Zero(t, o)
			return
		}
		again, err := dcr.OverlayDiscovery(o.Document, bankRegistration, policy33(nil))
		require.NoError(t, err, "what comes out goes in")
		require.Equal(t, string(o.Document), string(again.Document))
		for _, w := range again.Warnings {
			require.NotContains(t, []dcr.DiscoveryWarningKind{dcr.WarnOwnRegistration, dcr.WarnSignedMetadata}, w.Kind, "no other endpoint is left")
		}
	})
}
