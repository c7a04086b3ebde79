package server_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/internal/hangtest"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// proxyFiles has the configurations that the tests run.
const proxyFiles = "../../examples/behindproxy"

// modules is where Debian keeps Apache's modules.
const modules = "/usr/lib/apache2/modules"

// realProxy is a proxy that others wrote, and what its configuration promises.
type realProxy struct {
	tool, file string
	header     string
	form       cert.Form
	args       func(config string) []string
	// Faults of a configuration, as pairs of a text and what stands in its place.
	forgetting []string // the header is not set
	doubling   []string // it is sent twice
	trusting   []string // the client's own header gets through
}

func realProxies() []realProxy {
	const nginx, haproxy, apache = "proxy_set_header X-SSL-Client-Cert $verified_certificate;",
		"http-request set-header Client-Cert :%[ssl_c_der,base64]: if { ssl_c_used } { ssl_c_verify 0 }",
		`RequestHeader set Client-Cert "%{SSL_CLIENT_CERT}s" "expr=%{SSL_CLIENT_VERIFY} == 'SUCCESS'"`
	return []realProxy{
		{tool: "nginx", file: "nginx.conf", header: "X-SSL-Client-Cert", form: cert.FormEscapedPEM,
			args:       func(config string) []string { return []string{"-c", config, "-g", "daemon off;"} },
			forgetting: []string{nginx, `proxy_set_header X-SSL-Client-Cert "";`},
			doubling:   []string{nginx, nginx + nginx},
			trusting:   []string{nginx, ""}},
		{tool: "haproxy", file: "haproxy.cfg", header: "Client-Cert", form: cert.FormRFC9440,
			args:       func(config string) []string { return []string{"-db", "-f", config} },
			forgetting: []string{haproxy, ""},
			doubling:   []string{haproxy, haproxy + "\n" + strings.Replace(haproxy, "set-header", "add-header", 1)},
			trusting:   []string{"http-request del-header cert -m sub", ""}},
		{tool: "apache2", file: "httpd.conf", header: "Client-Cert", form: cert.FormRFC9440,
			args:       func(config string) []string { return []string{"-DFOREGROUND", "-f", config} },
			forgetting: []string{apache, ""},
			doubling:   []string{apache, apache + "\n" + strings.Replace(apache, "set", "add", 1)},
			trusting: []string{"RequestHeader unset Client-Cert\n", "", "SetEnvIfNoCase .*cert . certificate_header", "",
				`RequestHeader edit Client-Cert "^(.*)$" ":$1:"`, `RequestHeader edit Client-Cert "^([^:]*)$" ":$1:"`}},
	}
}

// eachRealProxy runs a test behind each proxy that is there, in a full run.
func eachRealProxy(t *testing.T, test func(t *testing.T, p realProxy)) {
	t.Helper()
	if !realtest.Long(t) {
		return
	}
	for _, p := range realProxies() {
		t.Run(p.tool, func(t *testing.T) {
			t.Parallel()
			if _, ok := realtest.Tool(t, p.tool); ok {
				test(t, p)
			}
		})
	}
}

// arrival is a request that reached the bank.
type arrival struct {
	connection        int64 // of those to the bank
	method, path, uri string
	host              string
	header            http.Header
	identity          string // thumbprint of the certificate, or why there is none
}

// connectionKey is the key of a connection's number in the context of its requests.
type connectionKey struct{}

// behind is a bank behind a real proxy.
type behind struct {
	*world
	realProxy
	address string // of the proxy
	inside  string // of the bank
	others  *authority
	source  cert.Source
	bank    *http.Server
	group   int    // of the proxy's processes
	run     string // its own folder

	connections atomic.Int64
	mu          sync.Mutex
	arrivals    []arrival
}

// surroundings are what is special about a proxy.
type surroundings struct {
	edit func(config string) string // of the filled-in configuration; nil leaves it
	tls  bool                       // between proxy and bank
	as   func(*exec.Cmd, string)    // makes the proxy another user's, to whom it gives the folder; nil leaves it
}

// behindProxy starts a bank and a proxy in front of it.
func behindProxy(t *testing.T, p realProxy, s surroundings) *behind {
	t.Helper()
	b := &behind{world: newWorld(t), realProxy: p, others: newAuthority(t)}
	var err error
	b.source, err = cert.FromHeader(cert.HeaderConfig{Header: p.header, Form: p.form, Peers: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	require.NoError(t, err)
	folder := b.files(t)
	b.config.Clients.Proxy, b.config.Rest = b.source, http.HandlerFunc(b.rest)
	if b.config.Clients.Server = nil; s.tls {
		b.config.Clients.Server = []tls.Certificate{b.others.pair(t, leafOptions{hosts: []string{"bank.internal", "localhost"}})}
		b.config.Clients.ProxyAuthorities = []*x509.Certificate{b.others.root, b.others.issuing}
	}
	b.serve(t, realtest.FreeAddress(t), s.tls) // a bank that comes back finds it free again
	b.start(t, folder, s)
	return b
}

// serve starts the bank as its own server does, plus a look at what reaches it.
func (b *behind) serve(t *testing.T, address string, withTLS bool) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	b.inside = listener.Addr().String()
	b.bank = b.world.bank(t).HTTPServer()
	b.bank.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, b.connections.Add(1))
	}
	next := b.bank.Handler
	b.bank.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.arrivals = append(b.arrivals, arrival{r.Context().Value(connectionKey{}).(int64), r.Method, r.URL.Path, r.RequestURI, r.Host, r.Header.Clone(), b.identity(r)})
		b.mu.Unlock()
		next.ServeHTTP(w, r)
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if withTLS {
			_ = b.bank.ServeTLS(listener, "", "") // it ends by Close
			return
		}
		_ = b.bank.Serve(listener)
	}()
	t.Cleanup(func() { assert.NoError(t, b.bank.Close()); <-done })
}

// identity is what the bank's source says of a request.
func (b *behind) identity(r *http.Request) string {
	switch c, err := b.source(r); {
	case err != nil:
		return err.Error()
	case c == nil:
		return "nobody"
	default:
		return thumbprintOf(c.Raw)
	}
}

// rest is an API of the bank: /who tells who asks, /hangup answers nothing, /slow does so
// once the proxy has had enough, and /busy is an outage that the bank itself tells of.
func (b *behind) rest(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 64<<10)); err != nil {
		http.Error(w, "too long", http.StatusRequestEntityTooLarge)
		return
	}
	if r.URL.Path == "/hangup" {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = c.Close() // the proxy notices
		}
		return
	}
	switch c, err := b.source(r); {
	case r.URL.Path == "/slow":
		hangtest.Hang(w, r)
	case r.URL.Path == "/busy":
		w.Header().Set("Retry-After", "77")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"busy":true}`) // or the client has hung up
	case err != nil:
		http.Error(w, err.Error(), http.StatusUnauthorized)
	case c == nil:
		http.Error(w, "nobody", http.StatusUnauthorized)
	default:
		_, _ = io.WriteString(w, thumbprintOf(c.Raw)) // or the client has hung up
	}
}

func thumbprintOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// files writes the certificates that the proxy reads.
func (b *behind) files(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	write := func(name string, content ...[]byte) {
		var all []byte
		for _, c := range content {
			all = append(all, c...)
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), all, 0o600))
	}
	own, err := b.directory.ServerCertificate("127.0.0.1")
	require.NoError(t, err)
	certificate, key, err := ssatest.PEM(own)
	require.NoError(t, err)
	write("server.pem", certificate)
	write("server.pem.key", key)
	write("clients-ca.pem", b.directory.CAPEM(), b.others.pem)
	write("bank-ca.pem", b.others.pem)
	certificate, key, err = ssatest.PEM(b.others.pair(t, leafOptions{}))
	require.NoError(t, err)
	write("proxy.pem", certificate)
	write("proxy.pem.key", key)
	write("proxy-both.pem", certificate, key)
	return folder
}

// start fills the configuration in, as the head of its file says, and starts the proxy.
func (b *behind) start(t *testing.T, folder string, s surroundings) {
	t.Helper()
	b.address = realtest.FreeAddress(t)
	b.run = filepath.Join(folder, "run")
	require.NoError(t, os.Mkdir(b.run, 0o711)) //nolint:gosec // others pass through, as the head of the file says
	text := fill(t, b.file, map[string]string{"@LISTEN@": b.address, "@TLS@": folder, "@RUN@": b.run, "@MODULES@": modules,
		"@BANK@": strings.Replace(b.inside, "127.0.0.1", "localhost", 1)}, s)
	if s.edit != nil {
		changed := s.edit(text)
		require.NotEqual(t, text, changed, "there is nothing to edit")
		text = changed
	}
	config := filepath.Join(folder, b.file)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	path, _ := realtest.Tool(t, b.tool)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path, b.args(config)...)
	if s.as != nil {
		s.as(cmd, folder)
	}
	process := realtest.Start(t, cmd)
	b.group = cmd.Process.Pid
	t.Cleanup(func() {
		if log, err := os.ReadFile(filepath.Join(b.run, "error.log")); err == nil && t.Failed() {
			t.Logf("%s logged:\n%s", b.tool, log)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	process.Await(ctx, b.transport(t, tls.Certificate{}), "https://"+b.address+"/.well-known/openid-configuration", http.StatusOK)
}

// expressions of sed, as the head of a file shows them.
var expressions = regexp.MustCompile(`-e 's\|([^|]+)\|([^|]*)\|g?'`)

// unprivileged is the expression of sed that deletes what only root may do.
const unprivileged = `-e '/#root/d'`

// fill puts values in the place of a file's placeholders, as the sed command in its head does.
// The other expressions there make it speak TLS to the bank, or fit for another user than root.
func fill(t *testing.T, file string, values map[string]string, s surroundings) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(proxyFiles, file))
	require.NoError(t, err)
	var pairs []string
	for _, m := range expressions.FindAllStringSubmatch(string(text), -1) {
		require.True(t, strings.HasSuffix(m[0], "|g'"), "%s: %s replaces one in a line", file, m[0])
		value, ours := values[m[1]]
		switch {
		case ours:
			pairs = append(pairs, m[1], value)
		case s.tls || strings.HasPrefix(m[1], "@"): // the bank's name, as the head has it
			pairs = append(pairs, m[1], m[2])
		}
	}
	filled := strings.NewReplacer(pairs...).Replace(string(text))
	if strings.Contains(filled, unprivileged) && (s.as != nil || os.Getuid() != 0) {
		filled = regexp.MustCompile(`(?m)^.*#root.*\n`).ReplaceAllString(filled, "")
	}
	require.NotRegexp(t, `@[A-Z]+@`, filled, "the sed command of %s leaves one out", file)
	return filled
}

// whoAmI asks the bank through the proxy who the client is.
func (b *behind) whoAmI(t *testing.T, client *http.Client, change func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+b.address+"/who", http.NoBody)
	require.NoError(t, err)
	if change != nil {
		change(r)
	}
	answer, err := client.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(bufio.NewReader(answer.Body))
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

// arrived returns what has reached the bank so far, at a path or, for an empty one, anywhere.
// The questions of HAProxy for the bank's health are left out.
func (b *behind) arrived(path string) []arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.arrivals), func(a arrival) bool { return a.path == "/readyz" || path != "" && a.path != path })
}

// leafOf is the thumbprint of a pair.
func leafOf(c tls.Certificate) string { return thumbprintOf(c.Certificate[0]) }

// certificateOf is the certificate of a pair.
func certificateOf(t *testing.T, c tls.Certificate) *x509.Certificate {
	t.Helper()
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	require.NoError(t, err)
	return leaf
}
