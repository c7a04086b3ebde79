package sandbox_test

import (
	"crypto/x509"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/portaltest"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/browser"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/validate"
)

// visitor returns a browser in which nobody is signed in.
func (w *world) visitor() *portaltest.Browser {
	w.t.Helper()
	roots := x509.NewCertPool()
	require.True(w.t, roots.AppendCertsFromPEM(w.file("ca.pem")))
	return portaltest.New(w.t, roots, func(address string) string {
		if _, port, err := net.SplitHostPort(address); err == nil && w.local {
			return net.JoinHostPort("127.0.0.1", port)
		}
		return address
	})
}

// signedIn returns a browser in which one of the people of the first start is signed in.
func (w *world) signedIn(email string) *portaltest.Browser {
	w.t.Helper()
	b := w.visitor()
	b.SignIn(w.Ready.Portal, email, "sandbox", "123456")
	return b
}

func TestAContactRegistersAtThePortalAndTheAPIKnowsTheClient(t *testing.T) {
	w := start(t, sandbox.Config{})
	b := w.signedIn("ada@tpp.example")
	require.Equal(t, w.Ready.Portal+"/applications", b.At.String())
	require.Contains(t, b.Body, "You have no application yet")
	b.Add(w.Ready.Portal, string(w.file("tpp/ssa.jwt")))
	require.Equal(t, http.StatusOK, b.Status, b.Body)
	id := b.After("<dt>Client ID</dt><dd>")
	require.Contains(t, b.Body, `href="`+w.Ready.Discovery+`"`)

	token, err := w.bank().AccessToken(t.Context(), tpp.Credentials{ClientID: id, Method: claims.PrivateKeyJWT})
	require.NoError(t, err)
	read, err := w.bank().Get(t.Context(), id, token)
	require.NoError(t, err)
	require.Equal(t, id, read.ClientID)

	answer := w.register(w.mutual(), string(w.file("tpp/request.jwt")))
	require.Equal(t, http.StatusCreated, answer.status, answer.body)
	b.Get(w.Ready.Portal + "/applications")
	require.Equal(t, 2, strings.Count(b.Body, `data-label="Status"`), "what the API registered is there")
}

func TestWhoSignsInAtTheSandbox(t *testing.T) {
	w := start(t, sandbox.Config{})
	w.signedIn("ada@tpp.example").Add(w.Ready.Portal, string(w.file("tpp/ssa.jwt")))
	for email, want := range map[string]struct {
		status int
		shown  string
	}{
		"ben@tpp.example":   {http.StatusOK, "Sandbox TPP"},
		"eve@tpp.example":   {http.StatusForbidden, "You are not associated with a TPP"},
		"olga@bank.example": {http.StatusOK, "Sandbox TPP"},
	} {
		b := w.signedIn(email)
		require.Equal(t, want.status, b.Status, email)
		require.Contains(t, b.Body, want.shown, email)
	}
	require.Len(t, w.People, 4)
	require.Equal(t, []string{"of the TPP in tpp/", "of the TPP in tpp/ and of another", "of no TPP: is turned away", "an operator of the bank"},
		[]string{w.People[0].What, w.People[1].What, w.People[2].What, w.People[3].What})
}

// TestATestAddsPeople also of organisations that it made up, and the next start knows them.
func TestATestAddsPeople(t *testing.T) {
	t.Parallel()
	dir := folderWithKeys(t)
	w := start(t, sandbox.Config{Dir: dir})
	put := func(body string) int {
		return send(t, w.client(), http.MethodPut, w.Ready.Directory+"/people", body).status
	}
	require.Equal(t, http.StatusNoContent, put(`{"email": "new@tpp.example", "password": "p", "code": "000000", "tpp_associated": true, "org_id": ["another"]}`))
	require.Equal(t, http.StatusNoContent, put(`{"email": "NEW@tpp.example", "password": "q", "code": "000000", "tpp_associated": true, "org_id": ["another"]}`))
	require.Equal(t, http.StatusNoContent, put(`{"email": "one@tpp.example", "password": "p", "tpp_associated": true, "org_id": ["another"]}`))
	one := w.visitor()
	one.SignIn(w.Ready.Portal, "one@tpp.example", "p", "")
	require.Contains(t, one.Body, "The second factor is missing")
	for _, wrong := range []string{``, `{}`, `{"email": "a@b"}`, `{"email": "a@b", "password": "p", "organisations": []}`, `[]`, `{"email": "a@b", "password": "p"} 1`} {
		require.Equal(t, http.StatusBadRequest, put(wrong), wrong)
	}
	list := send(t, w.client(), http.MethodGet, w.Ready.Directory+"/people", "").body
	require.Equal(t, 1, strings.Count(strings.ToLower(list), "new@tpp.example"))
	w.stop()

	w = start(t, sandbox.Config{Dir: dir})
	set := send(t, w.client(), http.MethodPut, w.Ready.Directory+"/another/anotherSoftware0000001.jwks", string(w.file("tpp/software.jwks")))
	require.Equal(t, http.StatusNoContent, set.status)
	statement := send(t, w.client(), http.MethodPost, w.Ready.Directory+"/ssa", `{"org_id": "another", "software_id": "anotherSoftware0000001"}`).body
	b := w.visitor()
	b.SignIn(w.Ready.Portal, "new@tpp.example", "q", "000000")
	require.Equal(t, http.StatusOK, b.Status)
	b.Add(w.Ready.Portal, statement)
	require.Equal(t, http.StatusOK, b.Status, b.Body)
	b.After("<dt>Client ID</dt><dd>")
}

// TestATestAddsABank whose people sign in at the directory, and never in the place of the
// sandbox's own.
func TestATestAddsABank(t *testing.T) {
	w := start(t, sandbox.Config{})
	put := func(body string) int {
		return send(t, w.client(), http.MethodPut, w.Ready.Directory+"/banks", body).status
	}
	const good = `{"client_id": "mine", "client_secret": "s", "redirect_uris": ["https://mine.example/sign-in/answer"]}`
	require.Equal(t, http.StatusNoContent, put(good))
	for _, wrong := range []string{``, `{}`, good + `1`, strings.Replace(good, "mine", "sandbox-bank", 1), strings.Replace(good, "redirect_uris", "redirect_uri", 1),
		strings.Replace(good, `"s"`, `""`, 1)} {
		require.Equal(t, http.StatusBadRequest, put(wrong), wrong)
	}
	require.Equal(t, http.StatusOK, w.signedIn("ada@tpp.example").Status)
}

// TestTheDirectoryIsOutDuringASignIn by the same verb as for key sets.
func TestTheDirectoryIsOutDuringASignIn(t *testing.T) {
	w := start(t, sandbox.Config{})
	fault := send(t, w.client(), http.MethodPut, w.Ready.Directory+"/faults", `{"path": "/sign-in/token", "status": 503}`)
	require.Equal(t, http.StatusNoContent, fault.status)
	b := w.signedIn("ada@tpp.example")
	require.Equal(t, http.StatusServiceUnavailable, b.Status)
	require.Contains(t, b.Body, "The directory does not answer")
	require.Equal(t, http.StatusNoContent, send(t, w.client(), http.MethodDelete, w.Ready.Directory+"/faults", "").status)
	require.Equal(t, http.StatusOK, w.signedIn("ada@tpp.example").Status)
}

// TestThePortalHasItsOwnListener: it asks for no certificate, answers its names alone, tells
// its health, and is no way to the API.
func TestThePortalHasItsOwnListener(t *testing.T) {
	w := start(t, sandbox.Config{})
	for path, status := range map[string]int{"/": 200, "/healthz": 200, "/readyz": 200, "/register": 404, "/token": 404, "/metrics": 404, "/pending": 404} {
		require.Equal(t, status, send(t, w.client(), http.MethodGet, w.Ready.Portal+path, "").status, path)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.Ready.Portal, http.NoBody)
	require.NoError(t, err)
	r.Host = "stranger.example"
	answer, err := w.client().Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusMisdirectedRequest, answer.StatusCode)
	require.Contains(t, send(t, w.client(), http.MethodGet, w.Ready.Bank+"/metrics", "").body, `route="portal"`)
}

// TestAnOperatorApprovesAtThePortal what the policy lets wait.
func TestAnOperatorApprovesAtThePortal(t *testing.T) {
	w := start(t, sandbox.Config{Policy: []byte(`{"pending_changes": ["create"]}`)})
	b := w.signedIn("ada@tpp.example")
	b.Add(w.Ready.Portal, string(w.file("tpp/ssa.jwt")))
	require.Contains(t, b.Body, "has to approve it first")
	require.Contains(t, send(t, w.client(), http.MethodGet, w.Ready.Bank+"/pending", "").body, `"operation":"create"`)

	olga := w.signedIn("olga@bank.example")
	olga.Get(w.Ready.Portal + "/approvals")
	waiting := olga.Link("/approvals/")
	olga.Get(w.Ready.Portal + waiting)
	olga.Submit(waiting, "decision", "approve")
	olga.Submit(waiting)
	require.Equal(t, http.StatusOK, olga.Status, olga.Body)
	require.JSONEq(t, `{"pending": []}`, send(t, w.client(), http.MethodGet, w.Ready.Bank+"/pending", "").body)
	b.Get(w.Ready.Portal + "/applications")
	require.Contains(t, b.Body, "Active")
}

// TestAnExposedPortalIsFoundByItsName: it listens where the bank does, and the bank reaches the
// directory though no name server knows the names.
func TestAnExposedPortalIsFoundByItsName(t *testing.T) {
	w := expose(t, sandbox.Config{Expose: []string{"bank", "second.example"}})
	require.True(t, strings.HasPrefix(w.Ready.Portal, "https://bank:"), w.Ready.Portal)
	b := w.signedIn("ada@tpp.example")
	require.Equal(t, http.StatusOK, b.Status, b.Body)
	b.Add(w.Ready.Portal, string(w.file("tpp/ssa.jwt")))
	require.Equal(t, http.StatusOK, b.Status, b.Body)
}

// TestThePortalsPortIsKept like the others, and goes with the bank's where no flag names it.
func TestThePortalsPortIsKept(t *testing.T) {
	dir := folderWithKeys(t)
	w := start(t, sandbox.Config{Dir: dir})
	require.True(t, strings.HasPrefix(w.Ready.Portal, "https://127.0.0.1:"))
	w.stop()
	w = start(t, sandbox.Config{Dir: dir, Portal: realtest.FreeAddress(t)})
	at := w.Ready.Portal
	w.stop()
	w = start(t, sandbox.Config{Dir: dir})
	require.Equal(t, at, w.Ready.Portal)
	w.stop()
	taken, err := net.Listen("tcp", strings.TrimPrefix(at, "https://"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
	w = start(t, sandbox.Config{Dir: dir})
	require.NotEqual(t, at, w.Ready.Portal, "port 0 of the bank picks another one")
	w.stop()
	_, err = sandbox.Start(t.Context(), sandbox.Config{Dir: dir, Store: sandbox.StoreMemory, Portal: strings.TrimPrefix(at, "https://")})
	require.ErrorContains(t, err, "--portal")
}

// TestASandboxInABrowser walks from the portal to the directory and back, adds an application
// and signs out at both ends. The browser fails the test by itself for what it complains of.
func TestASandboxInABrowser(t *testing.T) {
	if !realtest.Asked(t, "Chromium") {
		return
	}
	w := start(t, sandbox.Config{})
	page := browser.New(t, browser.Options{Trust: []*x509.Certificate{w.certificate("state/server.pem")}})
	page.Open(w.Ready.Portal)
	page.Follow("main a.button")
	page.Fill("#email", "ada@tpp.example")
	page.Fill("#password", "sandbox")
	page.Follow("button[value=continue]")
	page.Fill("#code", "123456")
	page.Follow("button[value=continue]")
	require.Equal(t, w.Ready.Portal+"/applications", page.URL())
	page.Open(w.Ready.Portal + "/applications/add")
	page.Upload("#statement-file", filepath.Join(w.dir, "tpp", "ssa.jwt"))
	page.Follow("main form button")
	page.Follow("button[value=add]")
	require.Contains(t, page.Text("main"), "Sandbox TPP")
	page.Follow("form.who button")
	require.Contains(t, page.Text("main"), "signed out")
}

// TestThePortalGoesByTheProfileAndThePolicy of the bank, as the API does.
func TestThePortalGoesByTheProfileAndThePolicy(t *testing.T) {
	for name, c := range map[string]struct {
		config        sandbox.Config
		added, listed string
	}{
		"obie-3.2": {sandbox.Config{Profile: validate.OBIE32}, "Client ID", "Sandbox TPP"},
		"wso2":     {sandbox.Config{Profile: validate.WSO2}, "Client ID", "Sandbox TPP"},
		"a secret": {sandbox.Config{AuthMethods: []claims.AuthMethod{claims.ClientSecretBasic}}, "Client secret", "Sandbox TPP"},
		"names by software_id": {sandbox.Config{Policy: []byte(`{"UseSoftwareIdAsApplicationName": true}`)}, "Client ID",
			`<th scope="col">ID</th>`},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, c.config)
			b := w.signedIn("ada@tpp.example")
			b.Add(w.Ready.Portal, string(w.file("tpp/ssa.jwt")))
			require.Equal(t, http.StatusOK, b.Status, b.Body)
			require.NotEmpty(t, b.After("<dt>"+c.added+"</dt><dd>"))
			b.Get(w.Ready.Portal + "/applications")
			require.Contains(t, b.Body, c.listed)
		})
	}
}
