package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/hangtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// bankServer is a bank's server of hooks, over mutual TLS.
type bankServer struct {
	*httptest.Server
	directory *ssatest.Directory
	client    tls.Certificate
	answer    http.HandlerFunc

	mu    sync.Mutex
	calls []call
}

type call struct {
	path, key, mediaType string
	body                 []byte
}

func newBankServer(t *testing.T) *bankServer {
	t.Helper()
	b := &bankServer{}
	var err error
	b.directory, err = ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(b.directory.Close)
	own, err := b.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	software, err := b.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	b.client = software.TransportCertificate
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		b.mu.Lock()
		b.calls = append(b.calls, call{r.Method + " " + r.URL.Path, r.Header.Get("Idempotency-Key"), r.Header.Get("Content-Type"), body})
		answer := b.answer
		b.mu.Unlock()
		answer(w, r)
	}))
	pool := x509.NewCertPool()
	pool.AddCert(b.directory.CA)
	b.TLS = &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12,
		CipherSuites: fetch.CipherSuites()}
	b.Config.ErrorLog = log.New(io.Discard, "", 0)
	b.StartTLS()
	t.Cleanup(b.Close)
	return b
}

// asked returns the calls at a path so far.
func (b *bankServer) asked(path string) (found []call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.calls {
		if strings.HasSuffix(c.path, path) {
			found = append(found, c)
		}
	}
	return found
}

// hooks are the bank's hooks, which trust a CA and present certificates.
func (b *bankServer) hooks(t *testing.T, ca *x509.Certificate, timeout time.Duration, own ...tls.Certificate) *Hooks {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	transport := fetch.Transport(pool)
	transport.TLSClientConfig.Certificates = own
	t.Cleanup(transport.CloseIdleConnections)
	h, err := New(Config{URL: b.URL + "/dcr", HTTPClient: &http.Client{Transport: transport}, Timeout: timeout})
	require.NoError(t, err)
	return h
}

// provisionedBy asks for a client, again where the time of the hooks was over before the server was asked.
func (b *bankServer) provisionedBy(t *testing.T, hooks *Hooks) (done dcr.Provisioned, err error) {
	t.Helper()
	before := len(b.asked("/dcr/provision"))
	for tries := 0; tries < 5 && len(b.asked("/dcr/provision")) == before; tries++ {
		done, err = hooks.Provision(t.Context(), exampleProvisioning())
	}
	require.Greater(t, len(b.asked("/dcr/provision")), before)
	return done, err
}

func answers(status int, mediaType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if mediaType != "" {
			w.Header().Set("Content-Type", mediaType)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// theSecret and theState stand in questions and nowhere else.
const theSecret, theState = "s3cret-of-the-client", "state-of-the-server"

func exampleClient() store.Client {
	return store.Client{ID: "id-1", ClientID: "client-1", IssuedAt: time.Unix(1_790_000_000, 0), Environment: claims.Sandbox, Issuer: "OpenBanking Ltd",
		SoftwareID: "software-1", OrgID: "org-1", Metadata: json.RawMessage(`{"scope":"openid accounts"}`), SoftwareStatement: "e30.e30.c2ln", Version: 3,
		JWKSAddress: "https://keys.example/software-1.jwks", SecretHash: []byte{1, 2}, SealedSecret: []byte("sealed"), UpstreamState: []byte("sealed state"),
		Application: claims.Application{Name: "App", ID: "software-1", Attributes: []claims.Attribute{}}}
}

func exampleChange() dcr.Change {
	before, after := exampleClient(), exampleClient()
	after.Metadata = json.RawMessage(`{"scope":"openid"}`)
	return dcr.Change{Operation: dcr.OpUpdate, Before: &before, After: &after, RolesLost: []claims.Role{"AISP"},
		Actor: dcr.Actor{Kind: dcr.ActorTPP, Name: "ab12"}}
}

func exampleProvisioning() dcr.Provisioning {
	return dcr.Provisioning{Client: exampleClient(), ClientID: "client-1", Secret: claims.NewSecret(theSecret), State: claims.NewSecret(theState)}
}

// verdict is what an answer means.
type verdict int

const (
	yes verdict = iota
	no
	outage
)

func verdictOf(err error) verdict {
	var refusal *dcr.Refusal
	switch {
	case err == nil:
		return yes
	case errors.As(err, &refusal):
		return no
	}
	return outage
}

func TestEachKindOfAnswer(t *testing.T) {
	const jsonType = "application/json"
	b := newBankServer(t)
	patient, hasty := b.hooks(t, b.directory.CA, time.Minute, b.client), b.hooks(t, b.directory.CA, time.Second, b.client)
	const silent = "no answer in time"
	reset := func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = connection.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn).SetLinger(0)
			_ = connection.Close()
		}
	}
	elsewhere := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/dcr/yes")
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
	broken := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", jsonType)
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "{")
	}
	for name, c := range map[string]struct {
		answer    http.HandlerFunc
		approve   verdict
		provision verdict
	}{
		"200 without a body":            {answers(200, "", ""), yes, yes},
		"204":                           {answers(204, "", ""), yes, yes},
		"201 with an empty object":      {answers(201, jsonType, "{}"), yes, yes},
		"a client_id":                   {answers(200, jsonType+"; charset=utf-8", `{"client_id":"other","subject":"s","state":"x","members":{"a":1}}`), outage, yes},
		"200 that may be meant as a no": {answers(200, jsonType, `{"approved":false}`), outage, outage},
		"a client_id that is a number":  {answers(200, jsonType, `{"client_id":7}`), outage, outage},
		"members twice":                 {answers(200, jsonType, `{"client_id":"a","client_id":"b"}`), outage, outage},
		"200 with another content type": {answers(200, "text/html", "<p>welcome</p>"), outage, outage},
		"200 with broken JSON":          {answers(200, jsonType, "{"), outage, outage},
		"200 with an array":             {answers(200, jsonType, "[]"), outage, outage},
		"10 MB":                         {answers(200, jsonType, strings.Repeat(" ", 10<<20)), outage, outage},
		"403 with a reason":             {answers(403, jsonType, `{"reason":"no contract"}`), no, no},
		"422 with a reason":             {answers(422, "application/json; charset=utf-8", `{"reason":"no contract"}`), no, no},
		"403 without a reason":          {answers(403, jsonType, `{}`), outage, outage},
		"403 with an empty reason":      {answers(403, jsonType, `{"reason":" "}`), outage, outage},
		"403 with a reason of text":     {answers(403, "text/plain", "no contract"), outage, outage},
		"404 of a proxy":                {answers(404, "text/html", "<p>not here</p>"), outage, outage},
		"500 with a reason":             {answers(500, jsonType, `{"reason":"no contract"}`), outage, outage},
		"503":                           {answers(503, "", ""), outage, outage},
		"a redirect":                    {elsewhere, outage, outage},
		"a reset connection":            {reset, outage, outage},
		"an answer that breaks off":     {broken, outage, outage},
		silent:                          {hangtest.Hang, outage, outage},
		"a reason of many lines":        {answers(400, jsonType, `{"reason":"`+strings.Repeat("long\\n", 1000)+`"}`), no, no},
	} {
		t.Run(name, func(t *testing.T) {
			b.mu.Lock()
			b.answer = c.answer
			b.mu.Unlock()
			hooks := patient
			if name == silent {
				hooks = hasty
			}
			approved := hooks.Approve(t.Context(), exampleChange())
			require.Equal(t, c.approve, verdictOf(approved), "%v", approved)
			done, provisioned := b.provisionedBy(t, hooks)
			require.Equal(t, c.provision, verdictOf(provisioned), "%v", provisioned)
			require.Equal(t, c.provision == no, done.Unchanged, "a refusal alone says that nothing was changed")
			removed := hooks.Deprovision(t.Context(), dcr.Deprovisioning{ID: "id-1", ClientID: "client-1", State: claims.NewSecret(theState)})
			require.Equal(t, map[verdict]verdict{yes: yes, no: outage, outage: outage}[c.approve], verdictOf(removed), "a removal is not refused: %v", removed)
			for _, err := range []error{approved, provisioned, removed} {
				if err != nil {
					require.NotContains(t, err.Error(), theSecret)
					require.NotContains(t, err.Error(), theState)
					require.Less(t, len(err.Error()), 700)
					require.NotContains(t, err.Error(), "\n")
				}
			}
		})
	}
}

func TestTheAnswerOfProvisionCounts(t *testing.T) {
	b := newBankServer(t)
	b.answer = answers(200, "application/json", `{"client_id":"theirs","subject":"service-1","state":"handle","members":{"tls":true}}`)
	done, err := b.hooks(t, b.directory.CA, time.Minute, b.client).Provision(t.Context(), exampleProvisioning())
	require.NoError(t, err)
	require.Equal(t, "theirs", done.ClientID)
	require.Equal(t, "service-1", done.Subject)
	require.Equal(t, "handle", done.State.Reveal())
	require.JSONEq(t, `{"tls":true}`, string(done.Members))
}

func TestTheServerHasToKnowEachOther(t *testing.T) {
	b := newBankServer(t)
	b.answer = answers(200, "", "")
	other, err := ssatest.New(ssatest.Options{Environment: claims.Production}) // which shares no key
	require.NoError(t, err)
	t.Cleanup(other.Close)
	stranger, err := other.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	for name, h := range map[string]*Hooks{
		"a client without a certificate":           b.hooks(t, b.directory.CA, time.Minute),
		"a client with a certificate of another":   b.hooks(t, b.directory.CA, time.Minute, stranger.TransportCertificate),
		"a server whose CA the bank does not know": b.hooks(t, other.CA, time.Minute, b.client),
	} {
		require.Equal(t, outage, verdictOf(h.Approve(t.Context(), exampleChange())), name)
		_, err := h.Provision(t.Context(), exampleProvisioning())
		require.Equal(t, outage, verdictOf(err), name)
	}
	require.Empty(t, b.calls)
	b.Close()
	done, err := b.hooks(t, b.directory.CA, time.Minute, b.client).Provision(t.Context(), exampleProvisioning())
	require.Equal(t, outage, verdictOf(err))
	require.True(t, done.Unchanged, "nothing was sent")
}

func TestRepetitionsHaveOneKey(t *testing.T) {
	b := newBankServer(t)
	b.answer = answers(200, "", "")
	h := b.hooks(t, b.directory.CA, time.Minute, b.client)
	ctx := context.Background()
	key := func(do func() error) string {
		require.NoError(t, do())
		return b.calls[len(b.calls)-1].key
	}
	approve := func(change dcr.Change) string { return key(func() error { return h.Approve(ctx, change) }) }
	provision := func(version int64) string {
		p := exampleProvisioning()
		p.Client.Version = version
		return key(func() error { _, err := h.Provision(ctx, p); return err })
	}
	deprovision := func(id string) string {
		return key(func() error { return h.Deprovision(ctx, dcr.Deprovisioning{ID: id, ClientID: "client-1"}) })
	}
	other := exampleChange()
	other.After.Metadata = json.RawMessage(`{"scope":"accounts"}`)
	require.Equal(t, approve(exampleChange()), approve(exampleChange()))
	require.NotEqual(t, approve(exampleChange()), approve(other), "another change of the same version")
	require.Equal(t, provision(3), provision(3))
	require.NotEqual(t, provision(3), provision(4))
	require.Equal(t, deprovision("id-1"), deprovision("id-1"))
	require.NotEqual(t, deprovision("id-1"), deprovision("id-2"))
	for _, c := range b.calls {
		require.Equal(t, "application/json", c.mediaType)
		require.Contains(t, []string{"POST /dcr/approve", "POST /dcr/provision", "POST /dcr/deprovision"}, c.path)
		require.Regexp(t, `^[a-z0-9-]{10,100}$`, c.key)
		if c.path != "POST /dcr/provision" {
			require.NotContains(t, string(c.body), theSecret)
		}
	}
}

func TestWhatNewRefuses(t *testing.T) {
	for name, c := range map[string]Config{
		"http":       {URL: "http://hooks.example", HTTPClient: http.DefaultClient, Timeout: time.Second},
		"a query":    {URL: "https://hooks.example?a=b", HTTPClient: http.DefaultClient, Timeout: time.Second},
		"no client":  {URL: "https://hooks.example", Timeout: time.Second},
		"no timeout": {URL: "https://hooks.example", HTTPClient: http.DefaultClient},
	} {
		_, err := New(c)
		require.Error(t, err, name)
	}
}
