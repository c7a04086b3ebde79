package service_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/portaltest"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

const portalAddress = "https://portal.bank.example"

// portal writes the files of a portal, has the directory know it and two people, and returns
// the section of the configuration.
func (w *world) portal(t *testing.T) string {
	t.Helper()
	own, err := w.Directory.ServerCertificate("portal.bank.example")
	require.NoError(t, err)
	w.WritePair(t, "portal", own)
	w.Write(t, "portal.secret", "the secret of the portal\n")
	w.Write(t, "api-roles.json", `{"roles": {"accounts": ["AISP"]}, "open": ["directory"]}`)
	provider := w.Directory.SignIn()
	require.NoError(t, provider.AddClient(ssatest.ProviderClient{ID: "bank", Secret: claims.NewSecret("the secret of the portal"),
		RedirectURIs: []string{portalAddress + "/sign-in/answer"}, AfterSignOut: []string{portalAddress + "/signed-out"}}))
	for _, a := range []ssatest.Account{
		{Email: "ada@tpp.example", Password: "p", Code: "123456", Associated: true, Organisations: []string{w.Software.OrgID}},
		{Email: "olga@bank.example", Password: "p", Code: "123456"},
	} {
		require.NoError(t, provider.AddAccount(a))
	}
	return fmt.Sprintf(`portal:
  address: %s
  listen: 127.0.0.1:0
  tls: {certificate_file: portal.pem, key_file: portal.key}
  sign_in: {issuer: %q, client_id: bank, client_secret_file: portal.secret, ca_files: [ca.pem], acr: [%q]}
  operators: {emails: [olga@bank.example]}
  apis_file: api-roles.json
  look: {bank: Example Bank}
`, portalAddress, w.Directory.URL(), ssatest.ACRTwoFactors)
}

// visitor returns a browser that finds the portal of a served bank.
func (w *world) visitor(t *testing.T, s *served) *portaltest.Browser {
	t.Helper()
	return portaltest.New(t, w.Roots(), func(address string) string {
		if address == "portal.bank.example:443" {
			return s.portal
		}
		return address
	})
}

func TestServeHasThePortalBesideTheAPI(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, w.Config()+goodStore+w.portal(t)+"admin: {listen: 127.0.0.1:0}\n")
	b := w.visitor(t, s)
	b.SignIn(portalAddress, "ada@tpp.example", "p", "123456")
	require.Equal(t, http.StatusOK, b.Status, b.Body)
	require.Contains(t, b.Body, "Example Bank")
	require.Contains(t, s.log.String(), "the portal serves")
	statement, err := w.Software.SSA(nil)
	require.NoError(t, err)
	b.Add(portalAddress, statement)
	require.Equal(t, http.StatusOK, b.Status, b.Body)
	id := b.After("<dt>Client ID</dt><dd>")
	require.Contains(t, b.Body, `/.well-known/openid-configuration" target`)

	client := w.Client(t, w.Software, s.address)
	token, err := client.AccessToken(t.Context(), tpp.Credentials{ClientID: id, Method: claims.PrivateKeyJWT})
	require.NoError(t, err, "the token endpoint knows it")
	_, err = client.Get(t.Context(), id, token)
	require.NoError(t, err, "and so does the API")

	b.Get(portalAddress + b.Link("/applications/"))
	b.Submit("/subscriptions", "api", "accounts")
	require.Contains(t, b.Body, "Subscribed", "by the table of apis_file")

	olga := w.visitor(t, s)
	olga.SignIn(portalAddress, "olga@bank.example", "p", "123456")
	require.Contains(t, olga.Body, "Operator")
	require.Contains(t, metric(t, s.admin, `obdcr_http_request_duration_seconds_count{method="GET",route="portal",status="200"}`), "portal")
	require.Contains(t, metric(t, s.admin, `obdcr_certificate_expiry_timestamp_seconds{use="portal"}`), "portal")
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/register": 404, "/token": 404, "/metrics": 404} {
		b.Get(portalAddress + path)
		require.Equal(t, want, b.Status, path)
	}
}

// TestEachListenerOfServeTakesTheSuitesOfFAPIAlone with TLS 1.2, and no earlier version.
func TestEachListenerOfServeTakesTheSuitesOfFAPIAlone(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, w.Config()+goodStore+w.portal(t)+"admin: {listen: 127.0.0.1:0}\n")
	for _, at := range []string{s.address, s.portal} {
		for name, c := range map[string]struct {
			version uint16
			suites  []uint16
			taken   bool
		}{
			"AES-GCM":  {tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, true},
			"CBC":      {tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}, false},
			"ChaCha20": {tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}, false},
			"TLS 1.1":  {tls.VersionTLS11, nil, false},
		} {
			connection, err := tls.Dial("tcp", strings.TrimPrefix(at, "https://"), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: c.version, CipherSuites: c.suites})
			require.Equal(t, c.taken, err == nil, "%s, %s: %v", at, name, err)
			if err == nil {
				require.NoError(t, connection.Close())
			}
		}
	}
}

// TestAPortalBehindAProxySpeaksPlainHTTP where the configuration says so, and warns where each
// network reaches it.
func TestAPortalBehindAProxySpeaksPlainHTTP(t *testing.T) {
	w := newWorld(t)
	config := strings.Replace(w.portal(t), "tls: {certificate_file: portal.pem, key_file: portal.key}", "plain_http: true", 1)
	s := w.serve(t, w.Config()+goodStore+config)
	require.Equal(t, http.StatusOK, status(t, "http://"+s.portal+"/"))
	for address, told := range map[string]bool{"127.0.0.1:8446": false, "':8446'": true} {
		var log bytes.Buffer
		c := w.load(t, w.Config()+goodStore+strings.Replace(config, "listen: 127.0.0.1:0", "listen: "+address, 1))
		require.NoError(t, c.Check(slog.New(slog.NewTextHandler(&log, nil))))
		require.Equal(t, told, strings.Contains(log.String(), "portal.listen"), log.String())
	}
}

func TestTheCertificateOfThePortalIsReadAgain(t *testing.T) {
	w, ca := newWorld(t), newAuthority(t)
	s := w.serve(t, w.Config()+goodStore+w.portal(t))
	first, next := presented(t, s.portal), ca.server(t)
	w.WritePair(t, "portal", next)
	s.reload <- syscall.SIGHUP
	s.waitFor(t, readAgain, 1)
	require.NotEqual(t, first, presented(t, s.portal))
	require.Equal(t, next.Certificate[0], presented(t, s.portal))

	w.Write(t, "portal.pem", "broken")
	s.reload <- syscall.SIGHUP
	s.waitFor(t, "stays in force", 1)
	require.Equal(t, next.Certificate[0], presented(t, s.portal))
	w.WritePair(t, "portal", ca.serverUntil(t, time.Now().Add(-time.Minute)))
	s.reload <- syscall.SIGHUP
	s.waitFor(t, "portal.pem is not in date, and the certificate before is", 1)
	require.Equal(t, next.Certificate[0], presented(t, s.portal))
}

// TestEachMistakeOfThePortalIsShownWhereItStands like those of the other sections.
func TestEachMistakeOfThePortalIsShownWhereItStands(t *testing.T) {
	w := newWorld(t)
	good := w.Config() + goodStore + w.portal(t)
	require.NoError(t, judge(w, t, good))
	w.Write(t, "logo.png", "no picture")
	for name, m := range map[string]mistake{
		"no address":            {"  address: https://portal.bank.example\n", "", "portal/address: is missing"},
		"an address of HTTP":    {"address: https://portal", mark + "address: http://portal", "is no https address"},
		"no TLS":                {"  tls: {certificate_file: portal.pem, key_file: portal.key}\n", "", "plain_http: true where a proxy ends TLS"},
		"TLS and none":          {"  listen:", "  " + mark + "plain_http: true\n  listen:", "exclude each other"},
		"a listener twice":      {"listen: 127.0.0.1:0\n  tls", mark + "listen: 127.0.0.1:8440\n  tls", "is the address of admin.listen too"},
		"the bank's sign-in":    {"  listen:", "  " + mark + "directory_sign_in: false\n  listen:", "portal.Config.SignIn"},
		"no client":             {"client_id: bank, ", "", "write what the directory calls the bank"},
		"no secret":             {"client_secret_file: portal.secret, ", "", "needs one of client_secret_file"},
		"a secret not there":    {"client_secret_file: portal.secret", mark + "client_secret_file: nowhere", "nowhere cannot be read"},
		"a directory over HTTP": {`sign_in: {issuer: "https`, `sign_in: {` + mark + `issuer: "http`, "https"},
		"a misspelt member":     {"acr:", mark + "arc:", "did you mean to write acr"},
		"an operator":           {"{emails: [olga@bank.example]", "{emails: [olga]", "is no e-mail address"},
		"half a claim":          {"{emails:", "{claim: groups, emails:", "belong together"},
		"a table not there":     {"apis_file: api-roles.json", mark + "apis_file: nowhere.json", "nowhere.json cannot be read"},
		"a table twice":         {"  apis_file:", "  " + mark + "apis: {}\n  apis_file:", "exclude each other"},
		"a role":                {"apis_file: api-roles.json", mark + `apis: {"roles": {"a": ["ASIP"]}}`, "AISP"},
		"a colour":              {"{bank: Example Bank}", "{" + mark + "accent: '#ffff00'}", "contrast"},
		"a logo":                {"{bank: Example Bank}", "{" + mark + "logo_file: logo.png}", "is no PNG"},
		"a text":                {"{bank: Example Bank}", "{texts: {contatc: x}}", "there is no text"},
		"a session too short":   {"  listen:", "  " + mark + "idle_timeout: 1s\n  listen:", "is not within 1m..1d"},
		"several directories":   {"anchors:\n  - {", "anchors:\n  - {issuer: other, environment: sandbox, jwks_file: set.jwks}\n  - {", "portal/issuers: is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(good, m.old), "%q", m.old)
			written := strings.Replace(good, m.old, m.new, 1) + "admin: {listen: '127.0.0.1:8440'}\n"
			head, _, marked := strings.Cut(written, mark)
			err := judge(w, t, strings.ReplaceAll(written, mark, ""))
			require.Error(t, err)
			require.Contains(t, err.Error(), m.says)
			if marked {
				line, column := strings.Count(head, "\n")+1, len(head)-strings.LastIndexByte(head, '\n')
				require.Contains(t, err.Error(), fmt.Sprintf("bank.yaml:%d:%d: ", line, column))
			}
		})
	}
}

// TestAPortNobodyGetsLeavesNoListenerBehind: the bank's own is free again.
func TestAPortNobodyGetsLeavesNoListenerBehind(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, w.Config()+goodStore+w.portal(t))
	config := strings.Replace(w.Config()+goodStore+w.portal(t), "listen: 127.0.0.1:0\n  tls", "listen: "+s.portal+"\n  tls", 1)
	err := service.Run(t.Context(), w.load(t, strings.Replace(config, "clients.db", "other.db", 1)), service.Options{Log: &bytes.Buffer{}})
	require.ErrorContains(t, err, "portal.listen")
	require.NoFileExists(t, filepath.Join(w.Folder, "other.db"))
}

// TestThePortalOfTheGuideServes: the section that docs/portal.md shows, at the addresses of a test.
func TestThePortalOfTheGuideServes(t *testing.T) {
	w := newWorld(t)
	w.portal(t)
	page, err := os.ReadFile("../../../../docs/portal.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "```yaml\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "```")
	section = replaceOnce(t, section, "https://auth.directory.example ", w.Directory.URL()+"\n    ca_files: [ca.pem] ")
	section = replaceOnce(t, replaceOnce(t, section, `":8444"`, "127.0.0.1:0"), "client_id: example-bank", "client_id: bank")
	s := w.serve(t, w.Config()+goodStore+section)
	b := w.visitor(t, s)
	b.SignIn(portalAddress, "ada@tpp.example", "p", "123456")
	require.Equal(t, http.StatusOK, b.Status, b.Body)
	require.Contains(t, b.Body, "You have no application yet")
}

// TestADirectoryThatIsOutAtTheStartIsTold, and the portal serves, for when it is back.
func TestADirectoryThatIsOutAtTheStartIsTold(t *testing.T) {
	w := newWorld(t)
	section := w.portal(t)
	down := atomic.Bool{}
	down.Store(true)
	w.Directory.SignIn().Misbehave(ssatest.ProviderFaults{Serve: func(rw http.ResponseWriter, _ *http.Request) bool {
		if down.Load() {
			http.Error(rw, "out", http.StatusServiceUnavailable)
		}
		return down.Load()
	}})
	s := w.serve(t, w.Config()+goodStore+section)
	s.waitFor(t, "nobody can sign in at the portal", 1)
	b := w.visitor(t, s)
	b.Get(portalAddress + "/sign-in")
	require.Equal(t, http.StatusServiceUnavailable, b.Status)
	b.Get(portalAddress)
	require.Equal(t, http.StatusOK, b.Status)
}
