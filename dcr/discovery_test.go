package dcr_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/validate"
)

func discovery(change func(*dcr.Discovery)) dcr.Discovery {
	d := dcr.Discovery{
		Issuer: "https://bank.example", RegistrationEndpoint: "https://bank.example/register",
		TokenEndpoint: "https://bank.example/token", Policy: validate.DefaultPolicy(validate.OBIE33),
	}
	if change != nil {
		change(&d)
	}
	return d
}

func TestDiscoveryAnnouncesWhatThePolicyAdmits(t *testing.T) {
	h, err := dcr.NewDiscoveryHandler(discovery(func(d *dcr.Discovery) {
		d.JWKSURI, d.BackchannelEndpoint = "https://bank.example/keys", "https://bank.example/ciba"
		d.Policy.MemberAlgorithms.RequestObject = []claims.Algorithm{claims.ES256, claims.PS256}
		d.Policy.AllowedValues = map[string][]string{"response_types": {"code"}}
	}))
	require.NoError(t, err)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/.well-known/openid-configuration", nil))
	require.Equal(t, 200, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "public, max-age=300", w.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	require.JSONEq(t, `{
		"issuer": "https://bank.example",
		"registration_endpoint": "https://bank.example/register",
		"token_endpoint": "https://bank.example/token",
		"jwks_uri": "https://bank.example/keys",
		"backchannel_authentication_endpoint": "https://bank.example/ciba",
		"scopes_supported": ["openid", "accounts", "payments", "fundsconfirmations"],
		"response_types_supported": ["code"],
		"grant_types_supported": ["client_credentials", "authorization_code", "refresh_token", "urn:openid:params:grant-type:ciba"],
		"subject_types_supported": ["public"],
		"id_token_signing_alg_values_supported": ["PS256", "ES256"],
		"request_object_signing_alg_values_supported": ["PS256", "ES256"],
		"request_parameter_supported": true,
		"request_uri_parameter_supported": false,
		"token_endpoint_auth_methods_supported": ["private_key_jwt", "tls_client_auth"],
		"token_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256"],
		"tls_client_certificate_bound_access_tokens": true,
		"backchannel_token_delivery_modes_supported": ["poll", "ping"],
		"backchannel_authentication_request_signing_alg_values_supported": ["PS256", "ES256"],
		"backchannel_user_code_parameter_supported": false
	}`, w.Body.String())
}

func TestDiscoverySaysNothingOfCIBAWhereItIsNotOffered(t *testing.T) {
	h, err := dcr.NewDiscoveryHandler(discovery(func(d *dcr.Discovery) { d.Policy = validate.DefaultPolicy(validate.OBIE32) }))
	require.NoError(t, err)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	var members map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &members))
	require.Equal(t, []any{"code", "code id_token"}, members["response_types_supported"])
	for name := range members {
		require.NotContains(t, name, "backchannel")
	}
}

func TestDiscoveryIsReadByGETAndHEADAlone(t *testing.T) {
	h, err := dcr.NewDiscoveryHandler(discovery(nil))
	require.NoError(t, err)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	for method, status := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "OPTIONS": 405, "DELETE": 405} {
		r, err := http.NewRequest(method, server.URL, nil)
		require.NoError(t, err)
		response, err := server.Client().Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, status, response.StatusCode, method)
		if status == 405 {
			require.Equal(t, "GET, HEAD", response.Header.Get("Allow"))
			require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
		}
	}
}

func TestDiscoveryRefusesWhatCannotBePublished(t *testing.T) {
	for name, change := range map[string]func(*dcr.Discovery){
		"no issuer":               func(d *dcr.Discovery) { d.Issuer = "" },
		"an issuer with a query":  func(d *dcr.Discovery) { d.Issuer += "?x" },
		"an http endpoint":        func(d *dcr.Discovery) { d.TokenEndpoint = "http://bank.example/token" },
		"a relative endpoint":     func(d *dcr.Discovery) { d.RegistrationEndpoint = "/register" },
		"a slash at the end":      func(d *dcr.Discovery) { d.RegistrationEndpoint += "/" },
		"a query behind":          func(d *dcr.Discovery) { d.RegistrationEndpoint += "?x" },
		"userinfo":                func(d *dcr.Discovery) { d.JWKSURI = "https://a:b@bank.example/keys" },
		"a fragment":              func(d *dcr.Discovery) { d.AuthorizationEndpoint = "https://bank.example/auth#" },
		"no policy":               func(d *dcr.Discovery) { d.Policy = validate.Policy{} },
		"a policy narrowed empty": func(d *dcr.Discovery) { d.Policy.AllowedValues = map[string][]string{"scope": {"x"}} },
	} {
		_, err := dcr.NewDiscoveryHandler(discovery(change))
		require.Error(t, err, name)
	}
}
