package main

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// TestAContactAddsAnApplicationAndTheAPIKnowsIt without a browser: it sends what one sends.
func TestAContactAddsAnApplicationAndTheAPIKnowsIt(t *testing.T) {
	e, err := open("127.0.0.1:0", "127.0.0.1:0")
	require.NoError(t, err)
	defer e.directory.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.serve(ctx) }()

	ada := e.visitor(t, contact)
	status, page := ada.get("/applications")
	require.Equal(t, http.StatusOK, status, page)
	require.Contains(t, page, "You have no application yet")
	status, page = ada.post("/applications/add", url.Values{"statement": {e.statement}})
	require.Equal(t, http.StatusOK, status, page)
	require.Contains(t, page, "Nothing is wrong")
	once := regexp.MustCompile(`name="once" value="([^"]*)"`).FindStringSubmatch(page)
	require.NotNil(t, once, page)
	status, page = ada.post("/applications/add", url.Values{"statement": {e.statement}, "once": {html.UnescapeString(once[1])}, "do": {"add"}})
	require.Equal(t, http.StatusOK, status, page)
	shown := regexp.MustCompile(`<dt>Client ID</dt><dd><code[^>]*>([^<]*)<`).FindStringSubmatch(page)
	require.NotNil(t, shown, page)

	client := e.client(t)
	token, err := client.AccessToken(t.Context(), tpp.Credentials{ClientID: shown[1], Method: claims.PrivateKeyJWT})
	require.NoError(t, err)
	read, err := client.Get(t.Context(), shown[1], token)
	require.NoError(t, err)
	require.Equal(t, shown[1], read.ClientID)

	_, page = e.visitor(t, operator).get("/applications")
	require.Contains(t, page, e.software.OrgID, "an operator sees it too")

	var told strings.Builder
	e.tell(&told)
	require.Contains(t, told.String(), contact)
	stop()
	require.NoError(t, <-ended)
}

// visitor is somebody who has signed in.
type visitor struct {
	t      *testing.T
	http   *http.Client
	portal string
}

// visitor signs a person in, through the pages of the directory.
func (e *example) visitor(t *testing.T, email string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := *e.directory.Client() // which trusts the CA
	browser.Jar = jar
	v := &visitor{t, &browser, "https://" + e.portalAt.Addr().String()}
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := browser.Get(v.portal + "/sign-in")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	callback, err := e.directory.SignIn().Authorize(e.directory.Client(), answer.Header.Get("Location"), email)
	require.NoError(t, err)
	answer, err = browser.Get(callback)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusSeeOther, answer.StatusCode)
	browser.CheckRedirect = nil
	return v
}

func (v *visitor) get(path string) (int, string) {
	v.t.Helper()
	answer, err := v.http.Get(v.portal + path)
	require.NoError(v.t, err)
	return v.read(answer)
}

func (v *visitor) post(path string, form url.Values) (int, string) {
	v.t.Helper()
	answer, err := v.http.PostForm(v.portal+path, form)
	require.NoError(v.t, err)
	return v.read(answer)
}

func (v *visitor) read(answer *http.Response) (int, string) {
	v.t.Helper()
	body, err := io.ReadAll(answer.Body)
	require.NoError(v.t, err)
	require.NoError(v.t, answer.Body.Close())
	return answer.StatusCode, string(body)
}

// client is the TPP's software, which asks the API.
func (e *example) client(t *testing.T) *tpp.Client {
	t.Helper()
	transport := tpp.MutualTLS(e.software.TransportCertificate, e.directory.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs)
	t.Cleanup(transport.CloseIdleConnections)
	metadata, err := tpp.Discover(t.Context(), "https://"+e.bankAt.Addr().String()+"/.well-known/openid-configuration", transport)
	require.NoError(t, err)
	client, err := tpp.NewClient(tpp.Config{HTTP: transport, Metadata: metadata, Signer: e.software.SigningKey, KeyID: e.software.SigningKeyID})
	require.NoError(t, err)
	return client
}
