package sandbox_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// clock is the real clock, put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time             { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) putForward(d time.Duration) { c.ahead.Add(int64(d)) }

// keys is the folder that made has filled, "" before that.
var keys string

// keyFiles are the files of keys that a first start makes, each with its public test key: RSA
// keys are slow to generate. TestTheFolderHoldsEveryFile and others start without them.
var keyFiles = map[string]int{"ca.key": 31, "directory.key": 30, "tpp/transport.key": 29, "tpp/signing.key": 28, "state/server.key": 27}

// spareKey is one of the public test keys that no sandbox without a seed has, from 0 to 10.
func spareKey(t testing.TB, number int) *rsa.PrivateKey {
	t.Helper()
	require.True(t, 0 <= number && number <= 10)
	key, err := ssatest.PublicTestKey(16 + number) // those below are of the directories of ssatest
	require.NoError(t, err)
	return key
}

// made makes a folder with keys and certificates once for all tests.
var made = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sandbox-keys-*")
	if err != nil {
		return "", err
	}
	keys = dir
	for name, number := range keyFiles {
		if err := writePublicKey(filepath.Join(dir, name), number); err != nil {
			return "", err
		}
	}
	s, err := sandbox.Start(context.Background(), sandbox.Config{Dir: dir, Listen: "127.0.0.1:0", Directory: "127.0.0.1:0", Store: sandbox.StoreMemory})
	if err != nil {
		return "", err
	}
	return dir, s.Close(context.Background())
})

func writePublicKey(path string, number int) error {
	key, err := ssatest.PublicTestKey(number)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

func TestMain(m *testing.M) {
	fulltest.Quick()
	code := m.Run()
	if keys != "" {
		_ = os.RemoveAll(keys)
	}
	os.Exit(code)
}

// folderWithKeys returns a new folder that has all keys already.
func folderWithKeys(t testing.TB) string {
	t.Helper()
	from, err := made()
	require.NoError(t, err)
	to := t.TempDir()
	for _, name := range []string{"ca.pem", "ca.key", "directory.key", "directory.jwks", "tpp/transport.pem", "tpp/transport.key",
		"tpp/signing.pem", "tpp/signing.key", "state/server.pem", "state/server.key"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(to, name), data, 0o600))
	}
	return to
}

// world is a sandbox with the files of its folder.
type world struct {
	*sandbox.Sandbox
	t      testing.TB
	dir    string
	closed bool
	local  bool // clients find each host on loopback: no name server knows the sandbox's names

	plain, own sharedClient // of client and mutual
}

// sharedClient is an HTTP client of all requests of a world: each further one would shake hands
// again.
type sharedClient struct {
	once   sync.Once
	client *http.Client
}

// start runs a sandbox on free ports until the test ends.
func start(t testing.TB, c sandbox.Config) *world {
	t.Helper()
	if c.Dir == "" {
		c.Dir = folderWithKeys(t)
	}
	if c.Listen == "" {
		c.Listen, c.Directory = "127.0.0.1:0", "127.0.0.1:0"
	}
	if c.Store == "" {
		c.Store = sandbox.StoreMemory
	}
	s, err := sandbox.Start(context.Background(), c)
	require.NoError(t, err)
	w := &world{Sandbox: s, t: t, dir: c.Dir}
	t.Cleanup(w.stop)
	return w
}

// onFreePorts sets the addresses of a sandbox that is started again: a port that the system picks
// for port 0 may be another listener's by then.
func onFreePorts(t testing.TB, host string, c sandbox.Config) sandbox.Config {
	t.Helper()
	for _, address := range []*string{&c.Listen, &c.Directory, &c.Portal} {
		*address = strings.Replace(realtest.FreeAddress(t), "127.0.0.1", host, 1)
	}
	return c
}

func (w *world) stop() {
	if w.closed {
		return
	}
	w.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(w.t, w.Close(ctx))
}

func (w *world) file(name string) []byte {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	require.NoError(w.t, err)
	return data
}

func (w *world) json(name string, into any) {
	w.t.Helper()
	require.NoError(w.t, json.Unmarshal(w.file(name), into))
}

func (w *world) key(name string) *rsa.PrivateKey {
	w.t.Helper()
	key, err := obieconfig.ParseKey(w.file(name))
	require.NoError(w.t, err)
	return key.(*rsa.PrivateKey)
}

func (w *world) certificate(name string) *x509.Certificate {
	w.t.Helper()
	block, rest := pem.Decode(w.file(name))
	require.NotNil(w.t, block)
	require.Empty(w.t, rest)
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(w.t, err)
	return c
}

// roots returns what trusts ca.pem.
func (w *world) roots() *x509.CertPool {
	w.t.Helper()
	roots := x509.NewCertPool()
	require.True(w.t, roots.AppendCertsFromPEM(w.file("ca.pem")))
	return roots
}

// client is an HTTP client that trusts ca.pem and has no certificate: do not change it.
func (w *world) client() *http.Client {
	w.t.Helper()
	w.plain.once.Do(func() { w.plain.client = w.newClient() })
	return w.plain.client
}

// mutual is the same with the transport certificate of the sandbox's TPP.
func (w *world) mutual() *http.Client {
	w.t.Helper()
	w.own.once.Do(func() { w.own.client = w.newClient(w.transport()) })
	return w.own.client
}

// newClient makes an HTTP client that trusts ca.pem.
func (w *world) newClient(certificates ...tls.Certificate) *http.Client {
	w.t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.roots(), Certificates: certificates, MinVersion: tls.VersionTLS12}}
	if w.local {
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		}
	}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func (w *world) transport() tls.Certificate {
	w.t.Helper()
	pair, err := tls.X509KeyPair(w.file("tpp/transport.pem"), w.file("tpp/transport.key"))
	require.NoError(w.t, err)
	return pair
}

// reply is an answer with its body read.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) error(t testing.TB) string {
	t.Helper()
	var e struct{ Error string }
	require.NoError(t, json.Unmarshal([]byte(r.body), &e), r.body)
	return e.Error
}

func send(t testing.TB, client *http.Client, method, address, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := client.Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return reply{response.StatusCode, response.Header, string(text)}
}

func (w *world) get(path string) reply {
	w.t.Helper()
	return send(w.t, w.client(), http.MethodGet, w.Ready.Directory+path, "")
}

func (w *world) put(path string, body string) reply {
	w.t.Helper()
	return send(w.t, w.client(), http.MethodPut, w.Ready.Directory+path, body)
}

// ssa asks the directory for a statement with changes, a JSON object.
func (w *world) ssa(changes string) string {
	w.t.Helper()
	r := send(w.t, w.client(), http.MethodPost, w.Ready.Directory+"/ssa", changes)
	require.Equal(w.t, http.StatusOK, r.status, r.body)
	require.Equal(w.t, "application/jwt", r.header.Get("Content-Type"))
	return r.body
}

// register sends a request.
func (w *world) register(client *http.Client, token string) reply {
	w.t.Helper()
	return send(w.t, client, http.MethodPost, w.Ready.RegistrationEndpoint, token, "Content-Type", "application/jwt")
}

func (w *world) token(client *http.Client, form url.Values, headers ...string) reply {
	w.t.Helper()
	return send(w.t, client, http.MethodPost, w.Ready.TokenEndpoint, form.Encode(),
		append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

func compact(t testing.TB, text []byte) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Compact(&out, text))
	return out.String()
}

func sameKey(a, b crypto.PublicKey) bool {
	k, ok := a.(*rsa.PublicKey)
	return ok && k.Equal(b)
}

// publishTransport adds a transport key to the set of the sandbox's TPP.
func publishTransport(t testing.TB, w *world, key *rsa.PrivateKey) {
	t.Helper()
	jwks, err := jose.MarshalJWKS([]jose.Key{
		{ID: string(w.file("tpp/signing.kid")), Use: "sig", Public: &w.key("tpp/signing.key").PublicKey},
		{ID: "old", Use: "tls", Public: &w.key("tpp/transport.key").PublicKey},
		{ID: "new", Use: "tls", Public: &key.PublicKey},
	})
	require.NoError(t, err)
	require.Equal(t, 204, w.put(softwarePath(w), string(jwks)).status)
}
