package portal_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// api sends a request to the bank's API over a connection with the software's certificate.
func (w *world) api(s *ssatest.EnrolledSoftware, method, path, content, body, bearer string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	leaf := s.TransportCertificate.Leaf
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf, w.directory.CA}}}
	if content != "" {
		r.Header.Set("Content-Type", content)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer := httptest.NewRecorder()
	w.bank.Handler().ServeHTTP(answer, r)
	return answer
}

// register registers a software over the API, and returns its client_id.
func (w *world) register(t testing.TB, s *ssatest.EnrolledSoftware) string {
	t.Helper()
	request := s.Request()
	token, err := s.Sign(&request)
	require.NoError(t, err)
	a := w.api(s, http.MethodPost, "/register", "application/jwt", token, "")
	require.Equal(t, http.StatusCreated, a.Code, a.Body.String())
	return member(t, a, "client_id")
}

// token gets a client its own access token, by an assertion.
func (w *world) token(t testing.TB, s *ssatest.EnrolledSoftware, client string) string {
	t.Helper()
	now := time.Now()
	assertion, err := s.Sign(map[string]any{"iss": client, "sub": client, "aud": "https://bank.example/token", "iat": now.Unix(), "exp": now.Unix() + 300,
		"jti": strconv.FormatInt(now.UnixNano(), 36)})
	require.NoError(t, err)
	form := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion": {assertion}}
	a := w.api(s, http.MethodPost, "/token", "application/x-www-form-urlencoded", form.Encode(), "")
	require.Equal(t, http.StatusOK, a.Code, a.Body.String())
	return member(t, a, "access_token")
}

// member returns a text of an answer.
func member(t testing.TB, a *httptest.ResponseRecorder, name string) string {
	t.Helper()
	var members map[string]any
	require.NoError(t, json.Unmarshal(a.Body.Bytes(), &members))
	value, is := members[name].(string)
	require.True(t, is, a.Body.String())
	return value
}

// TestAnApplicationAddedHereIsReadOverTheAPI: with its own token, as it stands in the store.
func TestAnApplicationAddedHereIsReadOverTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	s := w.software(t, ssatest.SoftwareOptions{})
	made, _ := w.as(t, "ada").add(ssaOf(t, s, nil), func(form url.Values) { form["redirect"] = s.RedirectURIs[1:] })
	a := w.api(s, http.MethodGet, "/register/"+made.ClientID, "", "", w.token(t, s, made.ClientID))
	assert.Equal(t, http.StatusOK, a.Code, a.Body.String())
	assert.Equal(t, made.ClientID, member(t, a, "client_id"))
	assert.Contains(t, a.Body.String(), s.RedirectURIs[1])
	assert.NotContains(t, a.Body.String(), s.RedirectURIs[0]+`"]`)
}

// TestAnApplicationOfTheAPIIsRenewedAndDeletedHere: with what follows for the API.
func TestAnApplicationOfTheAPIIsRenewedAndDeletedHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{policy: func(p *validate.Policy) { p.Audiences = []string{ssatest.DefaultAudience} }})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	s := w.software(t, ssatest.SoftwareOptions{ClientName: "By API"})
	client := w.register(t, s)
	require.Len(t, w.clients(t), 1)
	id := w.clients(t)[0].ID
	assert.Contains(t, ada.get("/applications").body, "By API")
	page := ada.get("/applications/" + id)
	assert.Contains(t, page.text(), "the software, over the API")
	assert.NotContains(t, page.text(), "a contact")

	renewed := ada.press(ada.renewal(id, ssaOf(t, s, map[string]any{"software_client_name": "By portal"})), "renew", nil)
	require.Equal(t, http.StatusOK, renewed.status, renewed.text())
	assert.Contains(t, ada.get("/applications/"+id).text(), "By portal")
	bearer := w.token(t, s, client)
	assert.Equal(t, http.StatusOK, w.api(s, http.MethodGet, "/register/"+client, "", "", bearer).Code)

	gone := ada.post("/applications/"+id+"/delete", url.Values{"confirm": {"By portal"}})
	require.Equal(t, http.StatusOK, gone.status, gone.text())
	assert.Equal(t, http.StatusUnauthorized, w.api(s, http.MethodGet, "/register/"+client, "", "", bearer).Code)
}
