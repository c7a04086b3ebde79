package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// closed: a realm answers 403 to strangers as it stands, for they are at no trusted host. The
// policy that -setup makes counts for all hosts.
func (w *world) closed(t *testing.T) {
	var components []struct {
		ProviderID string              `json:"providerId"`
		SubType    string              `json:"subType"`
		Config     map[string][]string `json:"config"`
	}
	w.keycloak.MustAdmin(http.MethodGet, "/bank/components?type="+registrationPolicy, nil, &components)
	limits := 0
	for _, c := range components {
		if c.ProviderID == "max-clients" && c.SubType == "anonymous" {
			limits++
			require.Equal(t, []string{"0"}, c.Config["max-clients"])
		}
	}
	require.Equal(t, 1, limits)
}

// mends: -setup says that the realm is ready, and it is.
func (w *world) mends(t *testing.T) {
	var bank, management client
	for id, found := range map[string]*client{"obdcr-registration": &bank, realmManagement: &management} {
		var all []client
		w.keycloak.MustAdmin(http.MethodGet, "/bank/clients?clientId="+id, nil, &all)
		require.Len(t, all, 1)
		*found = all[0]
	}
	var account, role, offline named
	w.keycloak.MustAdmin(http.MethodGet, "/bank/clients/"+bank.ID+"/service-account-user", nil, &account)
	mappings := "/bank/users/" + account.ID + "/role-mappings"
	w.keycloak.MustAdmin(http.MethodGet, "/bank/clients/"+management.ID+"/roles/manage-realm", nil, &role)
	w.keycloak.MustAdmin(http.MethodPost, mappings+"/clients/"+management.ID, []named{role}, nil)
	w.keycloak.MustAdmin(http.MethodGet, "/bank/roles/offline_access", nil, &offline)
	w.keycloak.MustAdmin(http.MethodPost, mappings+"/realm", []named{offline}, nil)
	w.keycloak.MustAdmin(http.MethodGet, "/bank/clients/"+management.ID+"/roles/manage-clients", nil, &role)
	w.keycloak.MustAdmin(http.MethodDelete, mappings+"/clients/"+management.ID, []named{role}, nil)
	w.keycloak.MustAdmin(http.MethodPut, "/bank/clients/"+bank.ID, map[string]any{"clientId": "obdcr-registration", "enabled": false, "serviceAccountsEnabled": true}, nil)
	accounts := w.clientScope("accounts")
	w.keycloak.MustAdmin(http.MethodPut, "/bank/client-scopes/"+accounts.ID, map[string]any{"name": "accounts", "protocol": "openid-connect", "attributes": map[string]string{inToken: "false"}}, nil)
	w.policies([]any{}, []any{policy("fapi-1-baseline", "client-attributes", map[string]any{"attributes": `[{"key": "other", "value": "x"}]`})})
	w.keycloak.MustAdmin(http.MethodPut, "/bank", map[string]any{"realm": "bank", "enabled": false, "sslRequired": "none"}, nil)

	for range 2 {
		require.Contains(t, w.run(t, "-setup"), "the realm bank is ready")
	}
	var realm struct {
		Enabled bool   `json:"enabled"`
		SSL     string `json:"sslRequired"`
	}
	w.keycloak.MustAdmin(http.MethodGet, "/bank", nil, &realm)
	require.True(t, realm.Enabled)
	require.Equal(t, "all", realm.SSL)
	require.Equal(t, "true", w.clientScope("accounts").Attributes[inToken])
	var has struct {
		Realm   []named `json:"realmMappings"`
		Clients map[string]struct {
			Roles []named `json:"mappings"`
		} `json:"clientMappings"`
	}
	w.keycloak.MustAdmin(http.MethodGet, mappings, nil, &has)
	require.Equal(t, []string{"default-roles-bank"}, names(has.Realm))
	require.Len(t, has.Clients, 1)
	require.ElementsMatch(t, ownRoles(), names(has.Clients[realmManagement].Roles))
	var policies struct {
		Policies []named `json:"policies"`
	}
	w.keycloak.MustAdmin(http.MethodGet, "/bank/client-policies/policies", nil, &policies)
	require.ElementsMatch(t, []string{"strict", policyName}, names(policies.Policies), "the bank's own policies stay")
}

// foreign: -setup takes no client over, and no realm of administrators.
func (w *world) foreign(t *testing.T) {
	for _, id := range []string{"account", realmManagement} {
		var before, after []map[string]any
		w.keycloak.MustAdmin(http.MethodGet, "/bank/clients?clientId="+id, nil, &before)
		w.config.Keycloak.ClientID = id
		w.write(t)
		out, err := w.program(modeRun, "-setup").CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "client_id")
		w.keycloak.MustAdmin(http.MethodGet, "/bank/clients?clientId="+id, nil, &after)
		require.Equal(t, before, after)
	}
	w.config.Keycloak.ClientID = "obdcr-registration"
	w.write(t)
}

// responseTypes: the switch for code id_token is Keycloak's implicit flow.
func (w *world) responseTypes(t *testing.T) {
	s := w.software(t)
	hybrid := s.register(t, claims.PrivateKeyJWT)
	answer, err := s.Register(t.Context(), s.request(t, "", tpp.RequestOptions{ResponseTypes: []claims.ResponseType{claims.Code}}))
	require.NoError(t, err)
	for _, c := range []struct {
		response     string
		hybrid, code bool // whether a client of code id_token, and one of code, may ask for it
	}{
		{"code id_token", true, false},
		{"code", false, true},
		{"token", false, false},
		{"id_token", false, false},
		{"id_token token", false, false},
		{"code token", false, false},
		{"code id_token token", false, false},
	} {
		require.Equal(t, c.hybrid, w.signIn(t, hybrid, c.response) == http.StatusOK, c.response)
		require.Equal(t, c.code, w.signIn(t, answer, c.response) == http.StatusOK, c.response)
	}
	require.Equal(t, http.StatusOK, w.signIn(t, hybrid, "code&response_mode=jwt"), "JARM")
	redirects, _ := hybrid.Metadata.RedirectURIs.Get()
	for response, want := range map[string]bool{"code id_token": true, "code id_token token": false, "token": false} {
		object, err := s.Sign(map[string]any{"iss": hybrid.ClientID, "client_id": hybrid.ClientID, "aud": w.config.at("bank", ""), "response_type": response,
			"redirect_uri": redirects[0], "scope": "openid", "nonce": "n", "nbf": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()})
		require.NoError(t, err)
		require.Equal(t, want, w.signIn(t, hybrid, "code id_token&request="+object) == http.StatusOK, "%s in a request object", response)
	}
	for _, c := range []*tpp.ClientInformation{hybrid, answer} {
		require.NoError(t, s.Delete(t.Context(), c.ClientID, s.token(t, c)))
	}
}

// policies replaces the realm's client policies, and the profiles that they may name.
func (w *world) policies(profiles, policies []any) {
	w.keycloak.MustAdmin(http.MethodPut, "/bank/client-policies/policies", map[string]any{"policies": []any{}}, nil)
	w.keycloak.MustAdmin(http.MethodPut, "/bank/client-policies/profiles", map[string]any{"profiles": profiles}, nil)
	w.keycloak.MustAdmin(http.MethodPut, "/bank/client-policies/policies", map[string]any{"policies": policies}, nil)
}

// policy is a client policy that puts a profile on the clients that meet a condition.
func policy(profile, condition string, configuration map[string]any) map[string]any {
	return map[string]any{"name": "strict", "enabled": true, "profiles": []string{profile},
		"conditions": []any{map[string]any{"condition": condition, "configuration": configuration}}}
}

// fapi: the profile that Keycloak has for FAPI fits what the program makes of clients.
func (w *world) fapi(t *testing.T) {
	w.policies([]any{}, []any{policy("fapi-1-advanced", "client-attributes", map[string]any{"attributes": `[{"key": "obdcr.environment", "value": "sandbox"}]`})})
	defer w.run(t, "-setup")
	defer w.policies([]any{}, []any{})
	for _, method := range []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth} {
		s := w.software(t)
		registered := s.register(t, method)
		access := s.token(t, registered)
		changed, err := s.Update(t.Context(), registered.ClientID, s.request(t, registered.ClientID, tpp.RequestOptions{AuthMethod: method}), access)
		require.NoError(t, err)
		require.NotEqual(t, http.StatusOK, w.signIn(t, changed, "token"), "an access token would be bound to no certificate")
		require.NotEqual(t, http.StatusOK, w.signIn(t, changed, "code id_token"), "without a request object")
		require.NoError(t, s.Delete(t.Context(), registered.ClientID, access))
	}
}

// signIn begins to sign a customer in by a response_type, which more parameters may follow. It
// returns the status: 200 with a form to sign in.
func (w *world) signIn(t *testing.T, c *tpp.ClientInformation, responseType string) int {
	t.Helper()
	redirects, _ := c.Metadata.RedirectURIs.Get()
	query := url.Values{"client_id": {c.ClientID}, "redirect_uri": {redirects[0]}, "scope": {"openid"}, "nonce": {"n"}}
	browser := &http.Client{Transport: w.keycloak.HTTP.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := browser.Get(w.config.at("bank", "/protocol/openid-connect/auth?"+query.Encode()+"&response_type="+strings.ReplaceAll(responseType, " ", "+")))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}
