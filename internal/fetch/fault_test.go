package fetch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/hangtest"
)

const mostHeap = 8 << 20

// fault is a way to answer badly.
type fault struct {
	name  string
	kind  error
	slow  bool // nothing but the timeout ends it
	serve http.HandlerFunc
}

// pour writes the same bytes until the other side hangs up.
func pour(w io.Writer, chunk []byte) {
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// raw answers with given bytes, below HTTP, and then with endless bytes, or with none,
// until the other side hangs up.
func raw(head string, endless []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, head)
		if endless != nil {
			pour(conn, endless)
		}
		_, _ = io.Copy(io.Discard, conn)
	}
}

func answer(status int, header map[string]string, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// bomb is 32 MiB of blanks, compressed.
var bomb = sync.OnceValue(func() string {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(bytes.Repeat([]byte{' '}, 32<<20))
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err)
	}
	return packed.String()
})

func faults() []fault {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	json := map[string]string{"Content-Type": "application/json"}
	chunk := bytes.Repeat([]byte{' '}, 64<<10)
	all := []fault{
		{"no answer", fetch.ErrNetwork, true, hangtest.Hang},
		{"half a header", fetch.ErrNetwork, true, raw("HTTP/1.1 200 OK\r\nContent-Ty", nil)},
		{"half a body", fetch.ErrNetwork, true, raw(head+"Content-Length: 100\r\n\r\n{", nil)},
		{"a body byte by byte", fetch.ErrNetwork, true, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(time.Millisecond):
				}
			}
			hangtest.Hang(w, r)
		}},
		{"an endless body", fetch.ErrAnswer, false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			pour(w, chunk)
		}},
		{"an endless body of chunks of a byte", fetch.ErrNetwork, false,
			raw(head+"Transfer-Encoding: chunked\r\n\r\n", bytes.Repeat([]byte("1;"+strings.Repeat("x", 500)+"\r\n \r\n"), 64))},
		{"a body without length", fetch.ErrAnswer, false, raw(head+"\r\n", chunk)},
		{"a huge body", fetch.ErrAnswer, false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "1073741824")
			pour(w, chunk)
		}},
		{"one byte too many", fetch.ErrAnswer, false, answer(200, json, strings.Repeat(" ", 1<<20+1))},
		{"a body cut short", fetch.ErrNetwork, false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		}},
		{"an endless header", fetch.ErrNetwork, false, raw(head+"X: ", bytes.Repeat([]byte{'x'}, 64<<10))},
		{"endless headers", fetch.ErrNetwork, false, raw(head, bytes.Repeat([]byte("X: x\r\n"), 8<<10))},
		{"endless hints", fetch.ErrNetwork, false, raw("", bytes.Repeat([]byte("HTTP/1.1 103 Early Hints\r\nX: x\r\n\r\n"), 1<<10))},
		{"an endless trailer", fetch.ErrNetwork, false,
			raw(head+"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", bytes.Repeat([]byte("X: x\r\n"), 8<<10))},
		{"no HTTP", fetch.ErrNetwork, false, raw("SSH-2.0-OpenSSH_9.6\r\n\r\n", nil)},
		{"another protocol", fetch.ErrAnswer, false, raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", chunk)},
		{"a compressed bomb", fetch.ErrAnswer, false,
			answer(200, map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip"}, bomb())},
		{"a bomb compressed twice", fetch.ErrAnswer, false,
			answer(200, map[string]string{"Content-Type": "application/json", "Content-Encoding": "identity, br"}, bomb())},
		{"a bomb in the transfer coding", fetch.ErrNetwork, false, raw(head+"Transfer-Encoding: gzip, chunked\r\n\r\n", chunk)},
		{"HTML", fetch.ErrAnswer, false, answer(200, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "<html>")},
		{"no media type", fetch.ErrAnswer, false, raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", nil)},
		{"two media types", fetch.ErrAnswer, false, raw(head+"Content-Type: text/html\r\nContent-Length: 2\r\n\r\n{}", nil)},
		{"a suffix alone", fetch.ErrAnswer, false, answer(200, map[string]string{"Content-Type": "x+json"}, keySet)},
		{"a broken media type", fetch.ErrAnswer, false, answer(200, map[string]string{"Content-Type": "application/json; a=1; a=2"}, keySet)},
	}
	for _, status := range []int{201, 202, 204, 206, 300, 304, 400, 401, 403, 405, 429, 500, 502, 503} {
		all = append(all, fault{fmt.Sprintf("status %d", status), fetch.ErrAnswer, false, answer(status, json, "")})
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		all = append(all, fault{fmt.Sprintf("redirect %d", status), fetch.ErrAnswer, false,
			answer(status, map[string]string{"Location": "/target", "Content-Type": "application/json"}, keySet)})
	}
	return all
}

// faulty serves each fault under its number, a good set at /good, and counts who
// comes to /target.
func faulty(t testing.TB, all []fault) (h *host, hits *atomic.Int64) {
	hits = new(atomic.Int64)
	mux := http.NewServeMux()
	for i, f := range all {
		mux.HandleFunc(fmt.Sprintf("/%d", i), f.serve)
	}
	mux.HandleFunc("/good", answer(200, map[string]string{"Content-Type": "application/json"}, keySet))
	mux.HandleFunc("/target", func(http.ResponseWriter, *http.Request) { hits.Add(1) })
	return serve(t, mux, nil), hits
}

func TestABadAnswerIsRefusedWithinTheHeapBound(t *testing.T) {
	all := faults()
	h, hits := faulty(t, all)
	cfg := h.config()
	patient := newClient(t, cfg)
	cfg.Timeout = 200 * time.Millisecond
	hasty := newClient(t, cfg)
	for i, f := range all {
		t.Run(f.name, func(t *testing.T) {
			client := patient
			if f.slow {
				client = hasty
			}
			var r *fetch.Response
			var err error
			grown := allocated(func() { r, err = client.Get(t.Context(), h.url(fmt.Sprintf("/%d", i))) })
			assert.Nil(t, r)
			refused(t, err, f.kind)
			assert.Equal(t, f.slow, strings.HasSuffix(err.Error(), "it took too long"), "%v", err)
			assert.LessOrEqual(t, grown, uint64(mostHeap), "bytes allocated")
			t.Logf("%d KiB allocated, client and server: %v", grown>>10, err)

			r, err = patient.Get(t.Context(), h.url("/good"))
			require.NoError(t, err)
			assert.Equal(t, keySet, string(r.Body), "the next answer is as good as ever")
		})
	}
	assert.Zero(t, hits.Load(), "a redirect was followed")
}

func TestFaultsLeaveNoGoroutineAndNoDescriptor(t *testing.T) {
	all := faults()
	h, _ := faulty(t, all)
	silent := listen(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	cfg := h.config()
	cfg.Sources[0].Hosts = append(cfg.Sources[0].Hosts, "keys.test:"+silent, "keys.test:1")
	cfg.Timeout = 300 * time.Millisecond
	client := newClient(t, cfg)
	urls := []string{h.url("/good"), "https://keys.test:" + silent + "/", "https://keys.test:1/"}
	for i := range all {
		urls = append(urls, h.url(fmt.Sprintf("/%d", i)))
	}
	round := func() {
		var wg sync.WaitGroup
		for _, u := range urls {
			wg.Go(func() { _, _ = client.Get(t.Context(), u) })
			wg.Go(func() {
				gone, cancel := context.WithCancel(t.Context())
				cancel()
				_, err := client.Get(gone, u)
				refused(t, err, fetch.ErrNetwork)
				assert.ErrorIs(t, err, context.Canceled)
			})
		}
		wg.Wait()
		client.Close()
	}
	round()
	goroutines, files := settled(t, func(int, int) bool { return true })
	before := heap()
	for range fulltest.Rounds(5) {
		round()
	}
	endGoroutines, endFiles := settled(t, func(g, f int) bool { return g <= goroutines && f <= files })
	t.Logf("goroutines %d, then %d; descriptors %d, then %d", goroutines, endGoroutines, files, endFiles)
	assert.LessOrEqual(t, endGoroutines, goroutines)
	assert.LessOrEqual(t, endFiles, files)
	after := heap()
	t.Logf("heap %d KiB, then %d KiB", before>>10, after>>10)
	assert.LessOrEqual(t, after, before+mostHeap/8, "bytes that are still in use")
}

// heap returns the bytes in use after a garbage collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what was in a pool
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// settled counts goroutines and descriptors until the counts stay the same and done
// accepts them, or until a minute has passed. It returns the counts.
func settled(t testing.TB, done func(goroutines, files int) bool) (goroutines, files int) {
	still := 0
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 3000 { // a hung look-up of the resolver may take 10 s
		g, f := runtime.NumGoroutine(), descriptors(t)
		if still++; g != goroutines || f != files {
			still = 0
		}
		goroutines, files = g, f
		if still >= 10 && done(goroutines, files) {
			break
		}
		<-tick.C
	}
	return goroutines, files
}

// listen accepts TCP connections and hands each to talk; it returns the port.
func listen(t testing.TB, talk func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				talk(conn)
			}()
		}
	}()
	return port(t, l)
}

func TestAHostThatHungIsAskedAgain(t *testing.T) {
	var well atomic.Bool
	h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !well.Load() {
			hangtest.Hang(w, r)
		}
		answer(200, map[string]string{"Content-Type": "application/json"}, keySet)(w, r)
	}), nil)
	client := newClient(t, h.config())
	impatient, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for range 200 { // more than there may be connections
		wg.Go(func() {
			_, err := client.Get(impatient, h.url("/"))
			refused(t, err, fetch.ErrNetwork)
		})
	}
	wg.Wait()
	well.Store(true)
	for range 10 {
		_, err := client.Get(t.Context(), h.url("/"))
		assert.NoError(t, err)
	}
}

func TestWrongTLSIsRefused(t *testing.T) {
	reissue := func(change func(*x509.Certificate)) func(*authority, *httptest.Server) {
		return func(a *authority, s *httptest.Server) { s.TLS.Certificates[0] = a.issue(t, change) }
	}
	for name, c := range map[string]struct {
		change func(*authority, *httptest.Server)
		says   string
	}{
		"of another authority": {func(_ *authority, s *httptest.Server) {
			s.TLS.Certificates[0] = newAuthority(t).issue(t, nil)
		}, "unknown authority"},
		"expired":       {reissue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "expired"},
		"not yet valid": {reissue(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), "not yet valid"},
		"for another name": {reissue(func(c *x509.Certificate) {
			c.DNSNames = []string{"other.test", strings.Repeat("x.", 100) + "test"}
		}), "another name"},
		"by common name alone": {reissue(func(c *x509.Certificate) { c.DNSNames = nil }), "another name"},
		"for clients alone": {reissue(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), "not valid"},
		"TLS 1.1": {func(_ *authority, s *httptest.Server) {
			s.TLS.MinVersion, s.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}, "TLS handshake"},
		"TLS 1.2 without a suite of FAPI's": {func(_ *authority, s *httptest.Server) {
			s.TLS.MaxVersion, s.TLS.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
				tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, "TLS handshake"},
		"a client certificate demanded": {func(_ *authority, s *httptest.Server) {
			s.TLS.ClientAuth, s.TLS.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
		}, "TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			h := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }), c.change)
			_, err := newClient(t, h.config()).Get(t.Context(), h.url("/"))
			refused(t, err, fetch.ErrNetwork)
			assert.ErrorContains(t, err, c.says)
			assert.Zero(t, asked.Load(), "the request was sent")
		})
	}
	t.Run("the roots of the system, which do not hold ours", func(t *testing.T) {
		h := serve(t, http.NotFoundHandler(), nil)
		cfg := h.config()
		cfg.Sources[0].Roots = nil
		_, err := newClient(t, cfg).Get(t.Context(), h.url("/"))
		refused(t, err, fetch.ErrNetwork)
	})
	for name, talk := range map[string]func(net.Conn){
		"plain HTTP":      func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n") },
		"silence":         func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"endless noise":   func(c net.Conn) { pour(c, bytes.Repeat([]byte{22, 3, 3, 0x40, 0}, 10_000)) },
		"hung up at once": func(net.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			h := &host{port: listen(t, talk)}
			cfg := h.config()
			cfg.Timeout = 200 * time.Millisecond
			client := newClient(t, cfg)
			var err error
			grown := allocated(func() { _, err = client.Get(t.Context(), h.url("/")) })
			refused(t, err, fetch.ErrNetwork)
			assert.LessOrEqual(t, grown, uint64(mostHeap))
		})
	}
}

func TestANameThatChangesItsMindIsRefused(t *testing.T) {
	var asked, questions atomic.Int64
	h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Connection", "close") // each request needs a connection of its own
		answer(200, map[string]string{"Content-Type": "application/json"}, keySet)(w, r)
	}), nil)
	for _, second := range []string{"127.0.0.2", "10.0.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"} {
		cfg := h.config()
		questions.Store(0)
		cfg.Resolver = resolver(func() []string {
			if questions.Add(1) == 1 {
				return []string{"127.0.0.1"} // permitted, as a public address is
			}
			return []string{second}
		})
		client := newClient(t, cfg)
		_, err := client.Get(t.Context(), h.url("/"))
		require.NoError(t, err, "one question, one answer: there is no second to be misled by")
		_, err = client.Get(t.Context(), h.url("/"))
		refused(t, err, fetch.ErrForbiddenNetwork, second)
	}
	assert.EqualValues(t, 5, asked.Load())
}

func TestAmongSeveralAddressesOnlyPermittedOnesAreConnectedTo(t *testing.T) {
	h := serve(t, answer(200, map[string]string{"Content-Type": "application/json"}, keySet), nil)
	cfg := h.config()
	cfg.Resolver = resolver(func() []string { return []string{"127.0.0.2", "10.0.0.1", "127.0.0.1"} })
	_, err := newClient(t, cfg).Get(t.Context(), h.url("/"))
	assert.NoError(t, err)
}

func TestANameLeadsToNoAddressThatIsNotPublicUnlessPermitted(t *testing.T) {
	h := serve(t, http.NotFoundHandler(), nil)
	for name, c := range map[string]struct {
		hosts    []string
		networks []string
		want     error
	}{
		"no networks":                          {[]string{"keys.test:" + h.port}, nil, fetch.ErrForbiddenNetwork},
		"other networks":                       {[]string{"keys.test:" + h.port}, []string{"10.0.0.0/8", "::/0"}, fetch.ErrForbiddenNetwork},
		"the address among the hosts":          {[]string{"keys.test:" + h.port, "127.0.0.1:" + h.port}, nil, fetch.ErrForbiddenNetwork},
		"its network":                          {[]string{"keys.test:" + h.port}, []string{"127.0.0.0/8"}, nil},
		"its network, written with other bits": {[]string{"keys.test:" + h.port}, []string{"127.9.9.9/8"}, nil},
	} {
		cfg := h.config()
		cfg.Sources[0].Hosts, cfg.Sources[0].Networks = c.hosts, nil
		for _, n := range c.networks {
			cfg.Sources[0].Networks = append(cfg.Sources[0].Networks, netip.MustParsePrefix(n))
		}
		_, err := newClient(t, cfg).Get(t.Context(), h.url("/"))
		if c.want == nil {
			assert.NoError(t, err, name)
			continue
		}
		refused(t, err, c.want, name)
	}
}

// A public address of the caller's own network is not connected to.
func TestANameLeadsToNoAddressThatIsSaidToBeNotPublic(t *testing.T) {
	h := serve(t, http.NotFoundHandler(), nil)
	cfg := h.config()
	cfg.NotPublic = []netip.Prefix{netip.MustParsePrefix("9.9.9.9/16")}
	for _, address := range []string{"9.9.9.9", "9.9.0.1"} {
		cfg.Resolver = resolver(func() []string { return []string{address} })
		_, err := newClient(t, cfg).Get(t.Context(), h.url("/"))
		refused(t, err, fetch.ErrForbiddenNetwork, address)
	}
}

func TestAnAddressAmongTheHostsPermitsItself(t *testing.T) {
	h := serve(t, http.NotFoundHandler(), nil)
	cfg := h.config()
	cfg.Sources[0].Hosts, cfg.Sources[0].Networks = []string{"127.0.0.1:" + h.port}, nil
	r, err := newClient(t, cfg).Get(t.Context(), "https://127.0.0.1:"+h.port+"/")
	require.NoError(t, err)
	assert.Equal(t, http.StatusNotFound, r.Status)
}

func TestFailuresOfTheNetworkAreTold(t *testing.T) {
	h := serve(t, http.NotFoundHandler(), nil)
	cfg := h.config()
	cfg.Sources[0].Hosts = []string{"keys.test:1", "absent.test"}
	details := map[string]bool{}
	told := func(address string) error {
		_, err := newClient(t, cfg).Get(t.Context(), address)
		refused(t, err, fetch.ErrNetwork)
		var fault *fetch.Error
		require.ErrorAs(t, err, &fault)
		details[fault.Detail()] = true
		return err
	}
	require.ErrorIs(t, told("https://keys.test:1/"), syscall.ECONNREFUSED)
	var dns *net.DNSError
	cfg.Resolver = resolver(func() []string { return nil })
	require.ErrorAs(t, told("https://absent.test/"), &dns)
	assert.True(t, dns.IsNotFound)
	cfg.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, io.ErrUnexpectedEOF
	}}
	require.ErrorAs(t, told("https://absent.test/"), &dns)
	assert.False(t, dns.IsNotFound)
	assert.Len(t, details, 3, "each failure is told in its own words")
}

// TestMain sets a proxy that does not exist, before package http reads the environment,
// which it does once.
func TestMain(m *testing.M) {
	if err := os.Setenv("HTTPS_PROXY", "http://127.0.0.1:1"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestNoProxyOfTheEnvironmentIsHeeded(t *testing.T) {
	h := serve(t, http.NotFoundHandler(), nil)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url("/"), http.NoBody)
	require.NoError(t, err)
	proxy, err := http.ProxyFromEnvironment(request)
	require.NoError(t, err)
	require.NotNil(t, proxy, "the environment has one for this address")
	_, err = newClient(t, h.config()).Get(t.Context(), h.url("/"))
	assert.NoError(t, err)
}

func TestADialEndsThoughNobodyWaitsForIt(t *testing.T) {
	silent := &host{port: listen(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })}
	hanging := silent.config()
	hanging.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	for name, cfg := range map[string]fetch.Config{"TLS": silent.config(), "DNS": hanging} {
		cfg.Timeout = 100 * time.Millisecond
		client := newClient(t, cfg)
		goroutines, files := settled(t, func(int, int) bool { return true })
		_, err := client.Get(t.Context(), silent.url("/"))
		refused(t, err, fetch.ErrNetwork, name)
		endGoroutines, endFiles := settled(t, func(g, f int) bool { return g <= goroutines && f <= files })
		assert.LessOrEqual(t, endGoroutines, goroutines, name)
		assert.LessOrEqual(t, endFiles, files, name)
	}
}
