package upstream_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/upstream"
)

// secretToken is a registration access token, and spelled is the same in JSON with escapes.
const (
	secretToken = "manage/everything"
	spelled     = `manage\/\u0065verything`
)

// TestWhatTheServerRegisteredIsForTheBanksLogAlone, and a token in it for nobody.
func TestWhatTheServerRegisteredIsForTheBanksLogAlone(t *testing.T) {
	for name, c := range map[string]struct {
		scope string // as JSON
		shown bool
	}{
		"a value":                        {`"openid internal"`, true},
		"a value that is long":           {`"openid ` + strings.Repeat("internal", 10000/8) + `"`, true},
		"the registration access token":  {`"openid internal ` + secretToken + `"`, false},
		"the same in other characters":   {`"openid internal ` + spelled + `"`, false},
		"the initial access token":       {`"openid internal ` + initialToken + `"`, false},
		"a token in a value of no scope": {`{"internal":["` + secretToken + `"]}`, false},
		"a token behind what is cut":     {`"` + strings.Repeat("internal ", 50) + secretToken + `"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.answer = func(w http.ResponseWriter, _ *http.Request) bool {
				answerJSON(w, http.StatusCreated, `{"client_id":"as-1","registration_access_token":"`+secretToken+`","registration_client_uri":"`+f.URL+`/register/as-1",
					"redirect_uris":["https://tpp.example/a","https://tpp.example/b"],"token_endpoint_auth_method":"private_key_jwt","token_endpoint_auth_signing_alg":"PS256",
					"grant_types":["client_credentials","authorization_code"],"response_types":["code id_token"],"software_id":"software","application_type":"web",
					"id_token_signed_response_alg":"PS256","request_object_signing_alg":"PS256","client_name":"Test TPP","jwks_uri":"https://keys.example/software.jwks",
					"tls_client_certificate_bound_access_tokens":true,"scope":`+c.scope+`}`)
				return true
			}
			done, err := f.endpoint(t, nil).Provision(t.Context(), newClient())
			var refusal *dcr.Refusal
			require.ErrorAs(t, err, &refusal)
			require.Contains(t, refusal.Reason, "scope")
			require.NotContains(t, refusal.Reason, "internal", "the TPP does not get the server's value")
			require.Equal(t, c.shown, strings.Contains(err.Error(), "internal"), "%v", err)
			require.NotContains(t, err.Error(), secretToken)
			require.NotContains(t, err.Error(), spelled)
			require.Less(t, len(err.Error()), 1000)
			require.False(t, done.State.IsZero())

			done, err = f.endpoint(t, with(upstream.Mapping{Chosen: []string{"scope"}})).Provision(t.Context(), newClient())
			require.Equal(t, c.shown, err == nil, "%v", err)
			require.Equal(t, c.shown, done.Members != nil, "what the server may choose is shown to the TPP, unless it is a token")
			require.False(t, errors.As(err, &refusal), "the TPP cannot mend it")
		})
	}
}

// TestATokenInARefusalIsWithheld: the description of a refusal goes to the TPP.
func TestATokenInARefusalIsWithheld(t *testing.T) {
	f := newFake(t)
	e := f.endpoint(t, nil)
	made, err := e.Provision(t.Context(), newClient())
	require.NoError(t, err)
	managing := f.tokens["as-1"]
	for _, status := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusServiceUnavailable} {
		for _, place := range []string{`{"error":"invalid_client_metadata","error_description":"no %"}`, `{"error":"%"}`} {
			f.answer = func(w http.ResponseWriter, r *http.Request) bool {
				answerJSON(w, status, strings.ReplaceAll(place, "%", strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
				return true
			}
			_, err = e.Provision(t.Context(), newClient())
			require.Error(t, err)
			require.NotContains(t, err.Error(), initialToken+`"`)
			require.NotContains(t, err.Error(), "no "+initialToken)
			_, err = e.Provision(t.Context(), changed(newClient(), made))
			require.Error(t, err)
			require.NotContains(t, err.Error(), managing)
		}
	}
}
