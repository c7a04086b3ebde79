package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/store"
)

// fake is Keycloak's admin API as far as a test needs it: answers by method and path.
type fake struct {
	*httptest.Server
	now     time.Time
	tokens  int // issued so far
	refused int // tokens up to this one are not known any more

	noToken answer // instead of tokens

	mu      sync.Mutex
	answers map[string]answer
	calls   []string // that changed something
	bodies  map[string]string
}

type answer struct {
	status int
	body   string
}

func newFake(t *testing.T) (*fake, *admin) {
	t.Helper()
	f := &fake{now: time.Unix(1_790_000_000, 0), answers: map[string]answer{}, bodies: map[string]string{}}
	f.Server = httptest.NewTLSServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	c := config{Keycloak: keycloakConfig{Address: f.URL, Realm: "bank", ClientID: "registration"}}
	a := c.asBank(claims.NewSecret("secret"))
	a.http = f.Client()
	a.http.CheckRedirect = c.client().CheckRedirect
	a.now = func() time.Time { return f.now }
	return f, a
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path == "/realms/bank"+tokenPath {
		id, secret, _ := r.BasicAuth()
		if id != "registration" || secret != "secret" || r.PostFormValue("grant_type") != "client_credentials" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if f.noToken.status != 0 {
			w.WriteHeader(f.noToken.status)
			_, _ = io.WriteString(w, f.noToken.body)
			return
		}
		f.tokens++
		_, _ = fmt.Fprintf(w, `{"access_token": "%d", "expires_in": 60}`, f.tokens)
		return
	}
	var number int
	if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer %d", &number); err != nil || number <= f.refused {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	call := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/admin/realms/bank")
	if r.Method != http.MethodGet {
		f.calls = append(f.calls, call)
		body, _ := io.ReadAll(r.Body)
		f.bodies[call] = string(body)
	}
	a, known := f.answers[call]
	if !known {
		a = answer{http.StatusNotFound, `{"error": "not found"}`}
	}
	w.Header().Set("Location", "https://elsewhere.example/")
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(a.body))
}

// has makes Keycloak have the client abc with these optional scopes.
func (f *fake) has(scopes ...string) {
	var list []string
	for _, s := range scopes {
		list = append(list, fmt.Sprintf(`{"id": "id-%s", "name": %q}`, s, s))
	}
	for call, a := range map[string]answer{
		"PUT /clients/abc":                                    {204, ""},
		"DELETE /clients/abc":                                 {204, ""},
		"GET /clients/abc/service-account-user":               {200, `{"id": "user"}`},
		"GET /clients/abc/default-client-scopes":              {200, `[{"id": "b", "name": "basic"}, {"id": "r", "name": "roles"}]`},
		"GET /clients/abc/optional-client-scopes":             {200, "[" + strings.Join(list, ",") + "]"},
		"GET /client-scopes":                                  {200, `[{"id": "b", "name": "basic"}, {"id": "r", "name": "roles"}, {"id": "id-accounts", "name": "accounts"}]`},
		"PUT /clients/abc/optional-client-scopes/id-accounts": {204, ""},
		"DELETE /clients/abc/optional-client-scopes/id-phone": {204, ""},
	} {
		f.answers[call] = a
	}
}

func provisioning(metadata string) dcr.Provisioning {
	return dcr.Provisioning{ClientID: "abc", Client: store.Client{ID: "abc", Environment: claims.Sandbox, SubjectDN: "CN=x,O=y",
		JWKSAddress: "https://keys.example/x.jwks", Application: claims.Application{Name: "App"}, Metadata: json.RawMessage(metadata)}}
}

const metadata = `{"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "PS256", "scope": "openid accounts",
	"grant_types": ["client_credentials", "authorization_code"], "response_types": ["code id_token"], "redirect_uris": ["https://tpp.example/cb"]}`

func TestAClientIsReplacedOrMade(t *testing.T) {
	f, a := newFake(t)
	f.has("accounts")
	p := &provisioner{admin: a}
	out, err := p.Provision(t.Context(), provisioning(metadata))
	require.NoError(t, err)
	require.Equal(t, dcr.Provisioned{Subject: "user"}, out)
	require.Equal(t, []string{"PUT /clients/abc"}, f.calls)

	delete(f.answers, "PUT /clients/abc")
	f.answers["POST /clients"] = answer{201, ""}
	f.calls = nil
	_, err = p.Provision(t.Context(), provisioning(metadata))
	require.NoError(t, err)
	require.Equal(t, []string{"PUT /clients/abc", "POST /clients"}, f.calls)

	var sent representation
	require.NoError(t, json.Unmarshal([]byte(f.bodies["POST /clients"]), &sent))
	require.Equal(t, representation{ID: "abc", ClientID: "abc", Name: "App", Description: sent.Description, Protocol: "openid-connect",
		RedirectURIs: []string{"https://tpp.example/cb"}, WebOrigins: []string{}, Authenticator: "client-jwt",
		ServiceAccounts: true, StandardFlow: true, ImplicitFlow: true, Attributes: sent.Attributes}, sent)
	require.Contains(t, f.bodies["POST /clients"], `"post.logout.redirect.uris":null`)
	require.Contains(t, f.bodies["POST /clients"], `"x509.subjectdn":null`)
	for name, want := range map[string]string{attributeOurs: "sandbox", attributeBound: "true", "jwks.url": "https://keys.example/x.jwks",
		"token.endpoint.auth.signing.alg": "PS256", "x509.subjectdn": "", "use.refresh.tokens": "false", attributeHybrid: "true",
		"oauth2.device.authorization.grant.enabled": "false"} {
		require.Equal(t, want, sent.Attributes[name], name)
	}
}

func TestEachWayToAuthenticateLeavesNothingOfTheOther(t *testing.T) {
	for method, want := range map[string][3]string{
		"private_key_jwt": {"client-jwt", "PS256", ""}, "tls_client_auth": {"client-x509", "", "CN=x,O=y"},
	} {
		in := provisioning(strings.Replace(metadata, "private_key_jwt", method, 1))
		request, err := in.Client.Request()
		require.NoError(t, err)
		k, err := newRepresentation(in, request)
		require.NoError(t, err)
		require.Equal(t, want, [3]string{k.Authenticator, k.Attributes["token.endpoint.auth.signing.alg"], k.Attributes["x509.subjectdn"]})
	}
	_, err := (&provisioner{}).Provision(t.Context(), provisioning(strings.Replace(metadata, "private_key_jwt", "client_secret_jwt", 1)))
	require.ErrorContains(t, err, "client_secret_jwt")
}

func TestOnlyAClientOfTheImplicitFlowIsUnderThePolicy(t *testing.T) {
	in := provisioning(strings.Replace(metadata, "code id_token", "code", 1))
	request, err := in.Client.Request()
	require.NoError(t, err)
	k, err := newRepresentation(in, request)
	require.NoError(t, err)
	require.False(t, k.ImplicitFlow)
	require.Empty(t, k.Attributes[attributeHybrid])
}

func TestWhatKeycloakHasNoRoomForIsRefusedOrCut(t *testing.T) {
	f, a := newFake(t)
	f.has("accounts")
	for length, refused := range map[int]bool{255: false, 256: true} {
		in := provisioning(strings.Replace(metadata, "https://tpp.example/cb", "https://tpp.example/"+strings.Repeat("c", length-20), 1))
		in.Client.Application.Name = strings.Repeat("\u00fc", 150)
		f.calls = nil
		out, err := (&provisioner{admin: a}).Provision(t.Context(), in)
		var refusal *dcr.Refusal
		require.Equal(t, refused, errors.As(err, &refusal), length)
		require.Equal(t, refused, out.Unchanged, length)
		require.Equal(t, refused, len(f.calls) == 0, length)
	}
	var sent representation
	require.NoError(t, json.Unmarshal([]byte(f.bodies["PUT /clients/abc"]), &sent))
	require.Equal(t, strings.Repeat("\u00fc", 127), sent.Name)
}

func TestScopesAreAddedAndTaken(t *testing.T) {
	f, a := newFake(t)
	f.has("phone")
	p := &provisioner{admin: a}
	_, err := p.Provision(t.Context(), provisioning(metadata))
	require.NoError(t, err)
	require.Equal(t, []string{"PUT /clients/abc", "PUT /clients/abc/optional-client-scopes/id-accounts",
		"DELETE /clients/abc/optional-client-scopes/id-phone"}, f.calls)

	lacking := provisioning(strings.Replace(metadata, "accounts", "payments", 1))
	f.calls = nil
	var refused *dcr.Refusal
	for _, recreate := range []bool{false, true} {
		lacking.Recreate = recreate
		out, err := p.Provision(t.Context(), lacking)
		require.ErrorContains(t, err, `"payments"`, "the realm has no such scope")
		require.Equal(t, recreate, errors.As(err, &refused), "only -reprovision goes on with the next client")
		require.True(t, out.Unchanged)
	}
	require.Empty(t, f.calls)
}

func TestOnlyKeycloaksOwnBadRequestIsARefusal(t *testing.T) {
	const page = "<html>Bad Request"
	for name, c := range map[string]struct {
		answer             answer
		refusal, unchanged bool
	}{
		"a client policy":        {answer{400, `{"error": "invalid_client_metadata", "error_description": "no such method"}`}, true, true},
		"a bad address":          {answer{400, `{"errorMessage": "A redirect URI is not a valid URI"}`}, true, true},
		"a long reason":          {answer{400, `{"errorMessage": "` + strings.Repeat(`ü\n`, 3000) + `"}`}, true, true},
		"a page of a proxy, 400": {answer{400, page}, false, false},
		"JSON of a proxy":        {answer{400, `{"message": "no"}`}, false, false},
		"JSON of a gateway":      {answer{400, `{"status": 400, "error": "Bad Request"}`}, false, true},
		"a parser":               {answer{400, `{"error": "Unrecognized field"}`}, false, true},
		"no right":               {answer{403, `{"error": "HTTP 403 Forbidden"}`}, false, true},
		"a clash":                {answer{409, `{"errorMessage": "Client abc already exists"}`}, false, true},
		"a gateway's patience":   {answer{408, `{"error": "Request Timeout"}`}, false, false},
		"a redirect":             {answer{302, ""}, false, false},
		"too many calls":         {answer{429, ""}, false, false},
		"a fault":                {answer{500, `{"error": "unknown_error"}`}, false, false},
		"a page of a proxy":      {answer{502, page}, false, false},
		"more than can be right": {answer{200, strings.Repeat("x", maxAnswer+1)}, false, false},
		"an echo":                {answer{400, `{"errorMessage": "Bearer 1"}`}, true, true},
	} {
		f, a := newFake(t)
		f.has("accounts")
		f.answers["PUT /clients/abc"] = c.answer
		out, err := (&provisioner{admin: a}).Provision(t.Context(), provisioning(metadata))
		require.Error(t, err, name)
		var refused *dcr.Refusal
		require.Equal(t, c.refusal, errors.As(err, &refused), name)
		require.Equal(t, c.unchanged, out.Unchanged, name)
		require.Less(t, len(err.Error()), 300, name)
		require.NotContains(t, err.Error(), "Bearer 1", name)
		require.NotContains(t, err.Error(), "\n", name)
	}
	f, a := newFake(t)
	f.has("accounts")
	f.answers["GET /client-scopes"] = answer{200, "<html>"}
	_, err := (&provisioner{admin: a}).Provision(t.Context(), provisioning(metadata))
	require.Error(t, err, "a page where a list is due")
}

func TestAFaultOfTheBanksOwnClientIsNoRefusal(t *testing.T) {
	f, a := newFake(t)
	f.has("accounts")
	f.noToken = answer{400, `{"error": "unauthorized_client", "error_description": "secret is not enabled for a service account"}`}
	out, err := (&provisioner{admin: a}).Provision(t.Context(), provisioning(metadata))
	require.ErrorIs(t, err, errNoToken)
	require.NotErrorAs(t, err, new(*dcr.Refusal))
	require.True(t, out.Unchanged)
	require.NotContains(t, err.Error(), "secret")
	f.Close()
	out, err = (&provisioner{admin: a}).Provision(t.Context(), provisioning(metadata))
	require.Error(t, err, "nobody there")
	require.True(t, out.Unchanged)
}

func TestAClashByHandDoesNotHoldUpReprovision(t *testing.T) {
	f, a := newFake(t)
	f.has("accounts")
	delete(f.answers, "PUT /clients/abc")
	f.answers["POST /clients"] = answer{409, `{"errorMessage": "Client abc already exists"}`}
	in := provisioning(metadata)
	in.Recreate = true
	_, err := (&provisioner{admin: a}).Provision(t.Context(), in)
	require.ErrorAs(t, err, new(*dcr.Refusal))
}

func TestAClientThatIsNotThereIsRemoved(t *testing.T) {
	f, a := newFake(t)
	p := &provisioner{admin: a}
	require.NoError(t, p.Deprovision(t.Context(), dcr.Deprovisioning{ID: "abc"}))
	f.has()
	require.NoError(t, p.Deprovision(t.Context(), dcr.Deprovisioning{ID: "abc"}))
	f.answers["DELETE /clients/abc"] = answer{403, ""}
	require.Error(t, p.Deprovision(t.Context(), dcr.Deprovisioning{ID: "abc"}))
}

func TestTheAdminTokenIsKeptAndRenewed(t *testing.T) {
	f, a := newFake(t)
	f.answers["GET /x"] = answer{200, "{}"}
	get := func() {
		t.Helper()
		require.NoError(t, a.call(t.Context(), http.MethodGet, "/x", nil, nil))
	}
	get()
	f.now = f.now.Add(49 * time.Second)
	get()
	require.Equal(t, 1, f.tokens)
	f.now = f.now.Add(time.Second)
	get()
	require.Equal(t, 2, f.tokens, "ten seconds before it ends")
	f.refused = 2
	get()
	require.Equal(t, 3, f.tokens, "Keycloak has forgotten it")
	f.refused = 100
	require.True(t, answered(a.call(t.Context(), http.MethodGet, "/x", nil, nil), http.StatusUnauthorized))
	require.Equal(t, 4, f.tokens, "once")
	a.user = url.UserPassword("registration", "wrong")
	f.now = f.now.Add(time.Hour)
	err := a.call(t.Context(), http.MethodGet, "/x", nil, nil)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "wrong")
}

func TestOnlyTokensOfRegisteredClientsAreEnded(t *testing.T) {
	issued := time.Unix(1_790_000_000, 0)
	revocation := token.Revocation{Access: token.AccessToken{ClientID: "abc", IssuedAt: issued}}
	for name, c := range map[string]struct {
		found string
		ended bool
		sent  string // not-before
	}{
		"a registered client":     {`[{"id": "1", "serviceAccountsEnabled": true, "attributes": {"obdcr.environment": "sandbox"}}]`, true, "1790000001"},
		"one that was ended then": {`[{"id": "1", "notBefore": 1790000001, "attributes": {"obdcr.environment": "sandbox"}}]`, true, ""},
		"the bank's portal":       {`[{"id": "1", "attributes": {}}]`, false, ""},
		"nobody":                  {`[]`, false, ""},
	} {
		f, a := newFake(t)
		f.answers["GET /clients"], f.answers["PUT /clients/1"] = answer{200, c.found}, answer{204, ""}
		out, err := (&provisioner{admin: a}).endTokens(context.Background(), revocation)
		require.NoError(t, err, name)
		require.Equal(t, c.ended, out.Ended, name)
		require.Equal(t, c.sent != "", len(f.calls) == 1, name)
		if c.sent != "" {
			require.JSONEq(t, `{"clientId": "abc", "serviceAccountsEnabled": true, "notBefore": `+c.sent+`}`, f.bodies["PUT /clients/1"], name)
		}
	}
	f, a := newFake(t)
	f.answers["GET /clients"] = answer{503, ""}
	_, err := (&provisioner{admin: a}).endTokens(context.Background(), revocation)
	require.Error(t, err)
}
