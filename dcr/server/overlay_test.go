package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

const wellKnown = "/.well-known/openid-configuration"

// keycloakDocument is the discovery document of a realm of Keycloak, as it was served.
func keycloakDocument(t *testing.T) []byte {
	t.Helper()
	document, err := os.ReadFile("../testdata/keycloak-26.0.7.json")
	require.NoError(t, err)
	return document
}

func requireOverlaid(t *testing.T, document []byte) {
	t.Helper()
	m, err := tpp.ParseMetadata(document)
	require.NoError(t, err)
	require.Equal(t, "https://bank.example/register", m.RegistrationEndpoint)
	require.Equal(t, "https://as.bank.example/realms/bank", m.Issuer)
}

// answer is what an authorization server answers to a request for its document.
type answer struct {
	status int
	media  string
	body   io.Reader
	err    error
}

func good(document string) answer {
	return answer{http.StatusOK, "application/json;charset=UTF-8", strings.NewReader(document), nil}
}

// authorizationServer answers with its document as an http.RoundTripper, so that the time
// of a bubble passes while a bank waits.
type authorizationServer struct {
	mu    sync.Mutex
	now   func() answer
	began time.Time
	asked []string
	at    []time.Duration
}

func (as *authorizationServer) RoundTrip(r *http.Request) (*http.Response, error) {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.asked, as.at = append(as.asked, r.Method+" "+r.URL.String()), append(as.at, time.Since(as.began))
	a := as.now()
	if a.err != nil {
		return nil, a.err
	}
	header := http.Header{"Content-Type": {a.media}, "Location": {"https://elsewhere.example/"}}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(a.body), Request: r}, nil
}

func (as *authorizationServer) answers(now func() answer) {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.now = now
}

func (as *authorizationServer) addresses() []string {
	as.mu.Lock()
	defer as.mu.Unlock()
	all := make([]string, 0, len(as.asked))
	for _, request := range as.asked {
		all = append(all, strings.TrimPrefix(request, "GET "))
	}
	return all
}

// times are those of the requests, from the start of the bank.
func (as *authorizationServer) times() []time.Duration {
	as.mu.Lock()
	defer as.mu.Unlock()
	return append([]time.Duration(nil), as.at...)
}

// frontOf puts the bank in front of an authorization server that answers with Keycloak's
// document. The bank has no randomness, so nothing is added to the intervals.
func (w *world) frontOf(t *testing.T) *authorizationServer {
	t.Helper()
	document := string(keycloakDocument(t))
	as := &authorizationServer{now: func() answer { return good(document) }}
	w.config.TokenEndpoint, w.config.Random = false, noMore{}
	w.config.Clients.Trust.Authorities, w.config.Clients.Proxy = nil, cert.FromTLS // no certificate is valid in a bubble's year
	w.config.DiscoveryFrom = server.DiscoverySource{URL: "https://as.bank.example" + wellKnown, HTTPClient: &http.Client{Transport: as}}
	return as
}

// runs calls Run for a time that passes at once, and steps at certain moments of it.
func (as *authorizationServer) runs(t *testing.T, b *server.Bank, until time.Duration, steps ...func()) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		as.began = time.Now()
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			b.Run(ctx)
		}()
		synctest.Wait()
		for _, step := range steps {
			step()
			synctest.Wait()
		}
		time.Sleep(until - time.Since(as.began))
		stop()
		<-ended
	})
}

func TestTheBankServesItsServersDocumentOnceItHasIt(t *testing.T) {
	w := newWorld(t)
	as := w.frontOf(t)
	b := w.bank(t)
	before := get(b, http.MethodGet, wellKnown)
	require.Equal(t, http.StatusServiceUnavailable, before.Code, "Run was not called")
	require.Equal(t, "10", before.Header().Get("Retry-After"))
	require.Equal(t, "no-store", before.Header().Get("Cache-Control"))
	require.Nil(t, b.Discovery())
	require.Equal(t, http.StatusOK, get(b, http.MethodGet, "/readyz").Code)
	require.Equal(t, http.StatusUnauthorized, w.bare(t, b), "registration goes on, and asks for a certificate")
	as.runs(t, b, time.Second)
	after := get(b, http.MethodGet, wellKnown)
	require.Equal(t, http.StatusOK, after.Code)
	require.Equal(t, "public, max-age=300", after.Header().Get("Cache-Control"))
	requireOverlaid(t, after.Body.Bytes())
	require.Equal(t, after.Body.Bytes(), b.Discovery())
	require.Equal(t, http.StatusMethodNotAllowed, get(b, http.MethodPost, wellKnown).Code)
}

func TestAServerThatIsOutIsAskedAgainSoon(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	w.config.Logger = slog.New(slog.NewTextHandler(&out, nil))
	as := w.frontOf(t)
	w.config.DiscoveryFrom.Every = 30 * time.Second
	whole := as.now
	as.now = func() answer { return answer{err: errors.New("as.bank.example is out")} }
	b := w.bank(t)
	as.runs(t, b, 240*time.Second,
		func() { time.Sleep(70 * time.Second); require.Nil(t, b.Discovery()); as.answers(whole) },
		func() { time.Sleep(30 * time.Second); requireOverlaid(t, b.Discovery()) },
		func() {
			time.Sleep(10 * time.Second)
			as.answers(func() answer { return answer{err: errors.New("again")} })
		},
		func() { time.Sleep(60 * time.Second); requireOverlaid(t, b.Discovery()) },
		func() { as.answers(whole) },
	)
	var seconds []int
	for _, at := range as.times() {
		seconds = append(seconds, int(at/time.Second))
	}
	require.Equal(t, []int{0, 5, 15, 35, 65, 95, 125, 130, 140, 160, 190, 220}, seconds)
	require.Equal(t, 5, strings.Count(out.String(), "level=ERROR"), "five reads failed before the first good one")
	require.Equal(t, 4, strings.Count(out.String(), "cannot be read: the bank keeps the last one"))
	require.Equal(t, 2, strings.Count(out.String(), "is read again"))
}

func TestAnAnswerThatIsNoDocumentIsNotServed(t *testing.T) {
	document := string(keycloakDocument(t))
	for name, bad := range map[string]func() answer{
		"no connection": func() answer { return answer{err: errors.New("\x1b[31m" + strings.Repeat("n", 9000))} },
		"an error of the server": func() answer {
			return answer{http.StatusBadGateway, "application/json", strings.NewReader(document), nil}
		},
		"a redirect":                func() answer { return answer{http.StatusFound, "application/json", strings.NewReader(document), nil} },
		"a page":                    func() answer { return answer{http.StatusOK, "text/html", strings.NewReader(document), nil} },
		"a page that is none":       func() answer { return good("<html>" + strings.Repeat("h", 9000)) },
		"no media type":             func() answer { return answer{http.StatusOK, "", strings.NewReader(document), nil} },
		"an answer that goes on":    func() answer { return good(document + strings.Repeat(" ", dcr.MaxDiscovery)) },
		"an answer that never ends": func() answer { return answer{http.StatusOK, "application/json", endless{}, nil} },
		"an answer that breaks off": func() answer {
			return answer{http.StatusOK, "application/json", io.MultiReader(strings.NewReader(document[:99]), iotest.ErrReader(io.ErrUnexpectedEOF)), nil}
		},
		"half a document": func() answer { return good(document[:len(document)/2]) },
		"the document of another issuer": func() answer {
			return good(strings.Replace(document, `"issuer": "https://as.bank.example/realms/bank"`, `"issuer": "https://as.bank.example/realms/master"`, 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var out bytes.Buffer
			w.config.Logger = slog.New(slog.NewTextHandler(&out, nil))
			as := w.frontOf(t)
			b := w.bank(t)
			as.runs(t, b, server.DiscoveryEach+time.Second, func() { as.answers(bad) })
			requireOverlaid(t, b.Discovery())
			require.Len(t, as.addresses(), 2, "no redirect is followed")
			require.Equal(t, 1, strings.Count(out.String(), "the bank keeps the last one"))
			_, line, _ := strings.Cut(out.String(), "the bank keeps the last one")
			require.Less(t, len(line), 800)
			require.NotContains(t, line, "\x1b")
		})
	}
}

// endless never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestWhatDoesNotFitIsLoggedOnceAndWhenItChanges(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	w.config.Logger = slog.New(slog.NewTextHandler(&out, nil))
	as := w.frontOf(t)
	document := string(keycloakDocument(t))
	count := func(kind dcr.DiscoveryWarningKind) int { return strings.Count(out.String(), "kind="+string(kind)+" ") }
	as.runs(t, w.bank(t), 4*server.DiscoveryEach, func() {
		time.Sleep(3 * server.DiscoveryEach)
		require.Equal(t, 1, count(dcr.WarnOwnRegistration), "the third time is not the first")
		require.Zero(t, count(dcr.WarnUnboundTokens))
		require.Contains(t, out.String(), "level=WARN")
		require.Contains(t, out.String(), "https://as.bank.example/realms/bank/clients-registrations/openid-connect")
		as.answers(func() answer {
			return good(strings.Replace(document, "_bound_access_tokens\": true", "_bound_access_tokens\": false", 1))
		})
	})
	require.Equal(t, 2, count(dcr.WarnOwnRegistration))
	require.Equal(t, 1, count(dcr.WarnUnboundTokens))
	require.Equal(t, 2, count(dcr.WarnNotAdmitted), "those of a kind share a line")
	require.Equal(t, 2, strings.Count(out.String(), "level=INFO msg=\"the discovery document"), "what is refused with a reason is no warning")
	for _, member := range []string{"/grant_types_supported", "/response_types_supported", "/scopes_supported"} {
		require.Equal(t, 2, strings.Count(out.String(), member+": the bank's policy does not admit"), member)
	}
}

// wildClient is an HTTPClient of a bank that panics at its first requests.
type wildClient struct {
	http.RoundTripper
	left int
}

func (c *wildClient) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.left--; c.left >= 0 {
		panic("the proxy of the bank's own")
	}
	return c.RoundTripper.RoundTrip(r)
}

// Nobody asks for what Run does, so a panic there would end the process.
func TestRunOutlivesCodeOfTheBankThatPanics(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	w.config.Logger = slog.New(slog.NewTextHandler(&out, nil))
	as := w.frontOf(t)
	w.config.DiscoveryFrom.HTTPClient.Transport, w.config.Random = &wildClient{as, 2}, raving{}
	b := w.bank(t)
	as.runs(t, b, time.Minute)
	requireOverlaid(t, b.Discovery())
	require.Equal(t, 2, strings.Count(out.String(), "the proxy of the bank's own\" stack="))
	require.Contains(t, out.String(), "is read again")
}

func TestSeveralProcessesDoNotAskAtOnce(t *testing.T) {
	w := newWorld(t)
	as := w.frontOf(t)
	w.config.Random = bytes.NewReader([]byte{0x80, 0, 0xff, 0xff})
	as.runs(t, w.bank(t), 3*server.DiscoveryEach)
	at := as.times()
	require.Equal(t, server.DiscoveryEach+server.DiscoveryEach/20, at[1]-at[0], "half of a tenth more")
	require.Greater(t, at[2]-at[1], server.DiscoveryEach)
	require.Less(t, at[2]-at[1], server.DiscoveryEach+server.DiscoveryEach/10)
}

func TestADocumentOfDiscoveryFromMustFit(t *testing.T) {
	for named, spoil := range map[string]func(*server.Config){
		"DiscoveryFrom.URL is no absolute":      func(c *server.Config) { c.DiscoveryFrom.URL = "http://as.bank.example" + wellKnown },
		"both URL and Document":                 func(c *server.Config) { c.DiscoveryFrom.Document = []byte("{}") },
		"DiscoveryFrom.Every is 1ms":            func(c *server.Config) { c.DiscoveryFrom.Every = time.Millisecond },
		"DiscoveryFrom.Every is -1s":            func(c *server.Config) { c.DiscoveryFrom.Every = -time.Second },
		"DiscoveryFrom.Every is 25h0m0s":        func(c *server.Config) { c.DiscoveryFrom.Every = 25 * time.Hour },
		"DiscoveryFrom has an HTTPClient":       func(c *server.Config) { c.DiscoveryFrom.URL = "" },
		"both Discovery and DiscoveryFrom":      func(c *server.Config) { c.Discovery.JWKSURI = "https://as.bank.example/keys" },
		"both TokenEndpoint and DiscoveryFrom":  func(c *server.Config) { c.TokenEndpoint = true },
		"DiscoveryFrom.Document: dcr: overlay:": func(c *server.Config) { c.DiscoveryFrom = server.DiscoverySource{Document: []byte(`{"issuer":1}`)} },
		"the authorization server cannot be read": func(c *server.Config) {
			c.DiscoveryFrom = server.DiscoverySource{Document: []byte{}}
		},
	} {
		w := newWorld(t)
		w.frontOf(t)
		spoil(&w.config)
		_, err := server.New(w.config)
		require.ErrorContains(t, err, named)
	}
}

// A TPP that knows nothing but the address of the bank's discovery document registers at
// the bank, though Keycloak's document names two endpoints of its own.
func TestATPPFollowsTheDocumentToTheBank(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	own := w.config.Clients
	w.frontOf(t)
	w.config.Clients, w.config.Random = own, nil
	w.config.Issuer = "https://" + l.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	b := w.bank(t)
	go func() { served <- b.Serve(ctx, l) }()
	transport := w.transport(t, w.software.TransportCertificate)
	require.Eventually(t, func() bool { return b.Discovery() != nil }, time.Minute, time.Millisecond)
	metadata, err := tpp.Discover(t.Context(), w.config.Issuer+wellKnown, transport)
	require.NoError(t, err)
	client, err := tpp.NewClient(tpp.Config{HTTP: transport, Signer: w.software.SigningKey, KeyID: w.software.SigningKeyID, Metadata: metadata})
	require.NoError(t, err)
	statement, err := w.software.SSA(nil)
	require.NoError(t, err)
	request, err := client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: claims.PrivateKeyJWT})
	require.NoError(t, err)
	made, err := client.Register(t.Context(), request)
	require.NoError(t, err)
	_, err = w.store.Get(t.Context(), made.ClientID)
	require.NoError(t, err)
	stop()
	require.NoError(t, <-served)
}
