package service_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// hookServer is the bank's server of hooks; its answers are those of the moment.
type hookServer struct {
	*httptest.Server
	answer atomic.Pointer[http.HandlerFunc]
}

func newHookServer(t *testing.T, w *world) *hookServer {
	t.Helper()
	h := &hookServer{}
	h.set(func(http.ResponseWriter, *http.Request) {})
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		(*h.answer.Load())(out, r)
	}))
	own, err := w.Directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	h.TLS = &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: w.Roots(), MinVersion: tls.VersionTLS12,
		CipherSuites: fetch.CipherSuites()}
	h.StartTLS()
	t.Cleanup(h.Close)
	w.WritePair(t, "hooks", w.Software.TransportCertificate) // any of the CA
	return h
}

func (h *hookServer) set(answer http.HandlerFunc) { h.answer.Store(&answer) }

func (h *hookServer) config() string {
	return "sealing_key_file: sealing.key\nhooks: {url: '" + h.URL + "', provision: true, certificate_file: hooks.pem, key_file: hooks.key, ca_files: [ca.pem]}\n"
}

func TestHooksDecide(t *testing.T) {
	w := newWorld(t)
	hooks := newHookServer(t, w)
	s := w.serve(t, w.Config()+goodStore+hooks.config())
	register := func(answer http.HandlerFunc) (*tpp.ClientInformation, error) {
		hooks.set(answer)
		software, err := w.Directory.NewSoftware(ssatest.SoftwareOptions{})
		require.NoError(t, err)
		client := w.Client(t, software, s.address)
		return client.Register(t.Context(), w.Request(t, software, client))
	}
	answer := func(path string, status int, body string) http.HandlerFunc {
		return func(out http.ResponseWriter, r *http.Request) {
			if r.URL.Path == path {
				out.Header().Set("Content-Type", "application/json")
				out.WriteHeader(status)
				_, _ = io.WriteString(out, body)
			}
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		status int
		says   string
	}{
		"a refusal":               {answer("/approve", 403, `{"reason":"no contract"}`), 400, "no contract"},
		"a refusal of the server": {answer("/provision", 422, `{"reason":"no such scope"}`), 400, "no such scope"},
		"an outage":               {answer("/approve", 500, `{}`), 503, ""},
		"an outage of the server": {answer("/provision", 503, `{}`), 503, ""},
	} {
		_, err := register(c.answer)
		var refused *tpp.ResponseError
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, c.status, refused.Status, name)
		require.Contains(t, err.Error(), c.says, name)
	}
	registered, err := register(answer("/provision", 200, `{"client_id":"chosen-by-the-server"}`))
	require.NoError(t, err)
	require.Equal(t, "chosen-by-the-server", registered.ClientID)
}

func TestWhatIsBeingAnsweredIsAnsweredWhenTheBankEnds(t *testing.T) {
	w := newWorld(t)
	hooks := newHookServer(t, w)
	entered, leave := make(chan struct{}), make(chan struct{})
	hooks.set(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/approve" {
			close(entered)
			<-leave
		}
	})
	s := w.serve(t, w.Config()+goodStore+hooks.config())
	client := w.Client(t, w.Software, s.address)
	request := w.Request(t, w.Software, client)
	registered := make(chan error, 1)
	go func() {
		_, err := client.Register(context.Background(), request)
		registered <- err
	}()
	<-entered
	s.stop()
	require.Eventually(t, func() bool {
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address)
		if err == nil {
			_ = connection.Close()
		}
		return err != nil
	}, 10*time.Second, 10*time.Millisecond, "no new connection is accepted")
	select {
	case err := <-registered:
		require.Fail(t, "it is not answered yet", "%v", err)
	default:
	}
	close(leave)
	require.NoError(t, <-registered)
}

// TestAStoreThatCannotBeOpened: the bank does not begin, and what is there stays as it is.
func TestAStoreThatCannotBeOpened(t *testing.T) {
	w := newWorld(t)
	w.Write(t, "no.db", "this is no database, and long enough to be taken for one: "+string(make([]byte, 4096)))
	require.NoError(t, os.Mkdir(filepath.Join(w.Folder, "folder.db"), 0o700))
	run := func(path string) error {
		c := w.load(t, w.Config()+"store: {path: "+path+"}\ntokens: {own_endpoint: true}\n")
		return service.Run(t.Context(), c, service.Options{Log: &journal{}})
	}
	for _, path := range []string{"no.db", "folder.db", "nowhere/clients.db"} {
		before, _ := os.ReadFile(w.Path(path))
		require.ErrorContains(t, run(path), "the store ")
		after, _ := os.ReadFile(w.Path(path))
		require.Equal(t, before, after)
	}
	require.NoDirExists(t, w.Path("nowhere"))
}

// TestReadinessOfServeTellsALogThatWasDeleted: to the load balancer at each listener, and to the
// log.
func TestReadinessOfServeTellsALogThatWasDeleted(t *testing.T) {
	w := newWorld(t)
	s := w.serve(t, w.Config()+goodStore+w.portal(t)+"admin: {listen: 127.0.0.1:0}\n")
	require.NoError(t, os.Remove(w.Path("clients.db-wal")))
	require.Equal(t, http.StatusServiceUnavailable, status(t, "http://"+s.admin+"/readyz"))
	// A connection of the store's own that is opened just then makes another log.
	require.Regexp(t, "the log of the store was deleted while it was open|the file of the store, or its log, was replaced while it was open", s.log.String())
	b := w.visitor(t, s)
	b.Get(portalAddress + "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, b.Status)
	s.stop()
	require.Error(t, <-s.ended, "whoever watches the process learns it too")
	s.ended <- nil
}

func TestAPortThatIsTaken(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	for _, config := range []string{"admin: {listen: '" + l.Addr().String() + "'}\n", "paths: {token: /t}\n"} {
		own := w.Config()
		if config[0] == 'p' {
			own = replaceOnce(t, own, "127.0.0.1:0", l.Addr().String())
		}
		err = service.Run(t.Context(), w.load(t, own+goodStore+config), service.Options{Log: &journal{}})
		require.ErrorContains(t, err, "address already in use")
		require.NoFileExists(t, w.Path("clients.db"), "the store is opened last")
	}
}
