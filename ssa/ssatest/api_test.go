package ssatest_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// apiClient is a software's HTTP client for the directory's API.
type apiClient struct {
	http *http.Client
	d    *ssatest.Directory
	s    *ssatest.EnrolledSoftware
}

func newAPIClient(t *testing.T, d *ssatest.Directory, s *ssatest.EnrolledSoftware, pairs ...tls.Certificate) apiClient {
	t.Helper()
	client := d.Client()
	transport, ok := client.Transport.(*http.Transport)
	require.True(t, ok)
	transport.TLSClientConfig.Certificates = pairs
	return apiClient{client, d, s}
}

// form is a good token request, with changes to the claims of its assertion.
func (c apiClient) form(t *testing.T, changes map[string]any, f ssatest.Forgery) url.Values {
	t.Helper()
	payload := map[string]any{"iss": c.s.SoftwareID, "sub": c.s.SoftwareID, "aud": c.d.URL() + ssatest.TokenPath, "jti": "one",
		"exp": now.Add(time.Minute).Unix()}
	maps.Copy(payload, changes)
	assertion, err := c.s.SignWith(payload, f)
	require.NoError(t, err)
	return url.Values{"grant_type": {"client_credentials"}, "scope": {"TPPReadAccess"}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
}

// token posts a token request, and returns the status and the token or the error's code.
func (c apiClient) token(t *testing.T, form url.Values) (int, string) {
	t.Helper()
	response, err := c.http.PostForm(c.d.URL()+ssatest.TokenPath, form)
	require.NoError(t, err)
	defer response.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
		Code  string `json:"error"`
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	return response.StatusCode, answer.Token + answer.Code
}

func (c apiClient) get(t *testing.T, path, token string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.d.URL()+path, nil)
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.http.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

func statementPath(before, org, software string) string {
	return before + org + "/software-statement/" + software + "/software-statement-assertion"
}

func TestAPIServesAFreshStatementToItsSoftware(t *testing.T) {
	for _, deterministic := range []bool{false, true} {
		d := newDirectory(t, ssatest.Options{Deterministic: deterministic})
		s := newSoftware(t, d, ssatest.SoftwareOptions{})
		c := newAPIClient(t, d, s, s.TransportCertificate)
		status, token := c.token(t, c.form(t, nil, ssatest.Forgery{}))
		require.Equal(t, http.StatusOK, status)
		seen := map[string]bool{}
		for _, before := range []string{"/v2.1/organisation/", "/v2/organisation/", "/organisation/tpp/"} {
			status, body := c.get(t, statementPath(before, s.OrgID, s.SoftwareID), token)
			require.Equal(t, http.StatusOK, status, body)
			require.Equal(t, before == "/organisation/tpp/", strings.HasSuffix(body, "\n"), before)
			body = strings.TrimSpace(body)
			require.False(t, seen[body], "each is minted anew")
			seen[body] = true
			verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{d.Anchor()}, Clock: func() time.Time { return now }})
			require.NoError(t, err)
			statement, err := ssa.Parse(body)
			require.NoError(t, err)
			_, err = verifier.Verify(t.Context(), statement)
			require.NoError(t, err)
		}
		for path, want := range map[string]int{
			statementPath("/v2.1/organisation/", s.OrgID, "nobody"):      http.StatusNotFound,
			statementPath("/v2.1/organisation/", "nobody", s.SoftwareID): http.StatusNotFound,
			statementPath("/v3/organisation/", s.OrgID, s.SoftwareID):    http.StatusNotFound,
			ssatest.TokenPath: http.StatusMethodNotAllowed,
		} {
			status, _ := c.get(t, path, token)
			require.Equal(t, want, status, path)
		}
	}
}

func TestAPIGivesAStatementToItsOrganisationAlone(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d, ssatest.SoftwareOptions{})
	sister := newSoftware(t, d, ssatest.SoftwareOptions{})
	stranger := newSoftware(t, d, ssatest.SoftwareOptions{OrgID: "0015800000TestOrgB"})
	for of, want := range map[*ssatest.EnrolledSoftware]int{s: 200, sister: 200, stranger: 404} {
		c := newAPIClient(t, d, of, of.TransportCertificate)
		_, token := c.token(t, c.form(t, nil, ssatest.Forgery{}))
		status, _ := c.get(t, statementPath("/v2.1/organisation/", s.OrgID, s.SoftwareID), token)
		require.Equal(t, want, status)
	}
}

func TestAPIRefusesATokenWithoutProof(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d, ssatest.SoftwareOptions{})
	other := newSoftware(t, d, ssatest.SoftwareOptions{})
	c := newAPIClient(t, d, s, s.TransportCertificate)
	with := func(name, value string) url.Values {
		form := c.form(t, nil, ssatest.Forgery{})
		form.Set(name, value)
		return form
	}
	claim := func(name string, value any) url.Values {
		return c.form(t, map[string]any{name: value}, ssatest.Forgery{})
	}
	for name, one := range map[string]struct {
		form url.Values
		code string
	}{
		"another grant":            {with("grant_type", "authorization_code"), "unsupported_grant_type"},
		"an unknown scope":         {with("scope", "openid"), "invalid_scope"},
		"no assertion type":        {with("client_assertion_type", ""), "invalid_client"},
		"no assertion":             {with("client_assertion", ""), "invalid_client"},
		"another client_id":        {with("client_id", other.SoftwareID), "invalid_client"},
		"another audience":         {claim("aud", "https://bank.example/token"), "invalid_client"},
		"expired":                  {claim("exp", now.Unix()), "invalid_client"},
		"no jti":                   {claim("jti", nil), "invalid_client"},
		"iss is not sub":           {claim("iss", other.SoftwareID), "invalid_client"},
		"an unknown software":      {c.form(t, map[string]any{"iss": "nobody", "sub": "nobody"}, ssatest.Forgery{}), "invalid_client"},
		"another signing key":      {c.form(t, nil, ssatest.Forgery{Key: d.ForgedKey()}), "invalid_client"},
		"another software's kid":   {c.form(t, nil, ssatest.Forgery{KeyID: other.SigningKeyID}), "invalid_client"},
		"the key for transport":    {c.form(t, nil, ssatest.Forgery{KeyID: s.TransportKeyID}), "invalid_client"},
		"no signature":             {c.form(t, nil, ssatest.Forgery{Algorithm: "none", Unsigned: true}), "invalid_client"},
		"not a JSON object inside": {c.form(t, nil, ssatest.Forgery{Header: []byte("{")}), "invalid_client"},
	} {
		status, code := c.token(t, one.form)
		require.Equal(t, one.code, code, name)
		require.Equal(t, map[bool]int{true: http.StatusUnauthorized, false: http.StatusBadRequest}[code == "invalid_client"], status, name)
	}
	for name, pairs := range map[string][]tls.Certificate{"no certificate": nil, "another's certificate": {other.TransportCertificate}} {
		bare := newAPIClient(t, d, s, pairs...)
		status, code := bare.token(t, bare.form(t, nil, ssatest.Forgery{}))
		require.Equal(t, http.StatusUnauthorized, status, name)
		require.Equal(t, "invalid_client", code, name)
	}
}

func TestAPIRefusesAStatementWithoutAToken(t *testing.T) {
	at := now
	d := newDirectory(t, ssatest.Options{Clock: func() time.Time { return at }})
	s := newSoftware(t, d, ssatest.SoftwareOptions{})
	c := newAPIClient(t, d, s, s.TransportCertificate)
	_, token := c.token(t, c.form(t, nil, ssatest.Forgery{}))
	path := statementPath("/v2.1/organisation/", s.OrgID, s.SoftwareID)
	for name, bad := range map[string]string{"none": "", "changed": "x" + token, "cut": token[:len(token)-1], "no MAC": "e30.", "no token": "x"} {
		status, _ := c.get(t, path, bad)
		require.Equal(t, http.StatusUnauthorized, status, name)
	}
	status, _ := newAPIClient(t, d, s).get(t, path, token)
	require.Equal(t, http.StatusUnauthorized, status, "without the certificate that got it")
	at = at.Add(5 * time.Minute)
	status, _ = c.get(t, path, token)
	require.Equal(t, http.StatusUnauthorized, status, "expired")
}

func TestNewAPIWantsWhatItNeeds(t *testing.T) {
	whole := ssatest.APIConfig{URL: "https://d.example", Clock: time.Now, Software: func(string) []ssatest.APISoftware { return nil }}
	_, err := ssatest.NewAPI(whole)
	require.NoError(t, err)
	for _, c := range []ssatest.APIConfig{
		{Clock: whole.Clock, Software: whole.Software}, {URL: whole.URL, Software: whole.Software}, {URL: whole.URL, Clock: whole.Clock},
	} {
		_, err := ssatest.NewAPI(c)
		require.Error(t, err)
	}
}
