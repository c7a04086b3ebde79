package tpp_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
)

// ssaRef asks for any key, and names an address that must not be asked.
var ssaRef = ssa.KeyRef{URL: "https://elsewhere.example/keys.jwks"}

func TestAKeySetIsReadFromItsOwnAddress(t *testing.T) {
	w := newWorld(t)
	address := w.directory.URL() + "/keys.jwks"
	client := w.directory.Client()
	client.Timeout = time.Minute
	for _, c := range []*http.Client{w.directory.Client(), client} {
		keys, err := tpp.KeySet(address, c)
		require.NoError(t, err)
		got, err := keys.ResolveKeys(t.Context(), ssaRef)
		require.NoError(t, err)
		require.Len(t, got, 1)
		assert.Equal(t, w.directory.KeyID(), got[0].ID)
	}
	for _, address := range []string{"", "http://keys.example/", "https://u@keys.example/", "https://keys.example/#", "keys.jwks"} {
		_, err := tpp.KeySet(address, nil)
		require.Error(t, err, "%q", address)
	}
	keys, err := tpp.KeySet("https://127.0.0.1:1/keys.jwks", nil)
	require.NoError(t, err)
	_, err = keys.ResolveKeys(t.Context(), ssaRef)
	require.ErrorIs(t, err, ssa.ErrKeySourceUnavailable)
}

// tunnel is a proxy for TLS, as HTTPS_PROXY names one. It counts the tunnels, and leads all
// of them to one server.
func tunnel(t *testing.T, to string) (proxy *url.URL, opened *atomic.Int64) {
	t.Helper()
	opened = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		opened.Add(1)
		far, err := net.Dial("tcp", to)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = far.Close() }()
		w.WriteHeader(http.StatusOK)
		near, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = near.Close() }()
		go func() { _, _ = io.Copy(far, buffered); _ = far.Close() }()
		_, _ = io.Copy(near, far)
	}))
	t.Cleanup(server.Close)
	proxy, err := url.Parse(server.URL)
	require.NoError(t, err)
	return proxy, opened
}

// TestAProxyIsTheWayOutForEveryFetch: the names of the hosts exist at the proxy alone.
func TestAProxyIsTheWayOutForEveryFetch(t *testing.T) {
	w := newWorld(t)
	at, err := url.Parse(w.address)
	require.NoError(t, err)
	bank, toBank := tunnel(t, at.Host)
	at, err = url.Parse(w.directory.URL())
	require.NoError(t, err)
	directory, toDirectory := tunnel(t, at.Host)
	client := tpp.MutualTLS(w.software.TransportCertificate, w.roots())
	transport, ok := client.Transport.(*http.Transport)
	require.True(t, ok)
	require.NotNil(t, transport.Proxy, "the environment's")
	transport.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == "bank.example" {
			return bank, nil
		}
		return directory, nil
	}
	transport.TLSClientConfig.ServerName = "127.0.0.1" // whom the certificates name
	transport.TLSClientConfig.MinVersion = tls.VersionTLS12
	t.Cleanup(client.CloseIdleConnections)

	m, err := tpp.Discover(t.Context(), "https://bank.example/.well-known/openid-configuration", client)
	require.NoError(t, err)
	assert.NotEmpty(t, m.RegistrationEndpoint)
	assert.EqualValues(t, 1, toBank.Load())
	keys, err := tpp.KeySet("https://directory.example/keys.jwks", client)
	require.NoError(t, err)
	_, err = keys.ResolveKeys(t.Context(), ssaRef)
	require.NoError(t, err)
	assert.Positive(t, toDirectory.Load())
}

func TestAProxyThatFailsIsNamed(t *testing.T) {
	w := newWorld(t)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
	defer refusing.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, address := range map[string]string{"refuses": refusing.URL, "is not there": gone.URL} {
		proxy, err := url.Parse(address)
		require.NoError(t, err)
		proxy.User = url.UserPassword("user", "s3cret-of-the-proxy")
		client := tpp.MutualTLS(w.software.TransportCertificate, w.roots())
		transport, ok := client.Transport.(*http.Transport)
		require.True(t, ok)
		transport.Proxy = http.ProxyURL(proxy)
		err = each(t.Context(), w.clientOf(t, w.software, client, metadataOf(t, "https://bank.example")))["register"]()
		var lost *tpp.NoAnswerError
		require.ErrorAs(t, err, &lost)
		assert.False(t, lost.Sent, name)
		assert.Contains(t, lost.Reason, "proxy", name)
		assert.NotContains(t, lost.Reason, "s3cret", name)
	}
}

func TestTheTimeoutOfTheHTTPClientBoundsAnExchange(t *testing.T) {
	release := make(chan struct{})
	s := newStub(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	hasty := *s.http
	hasty.Timeout = 100 * time.Millisecond
	_, err := tpp.Discover(t.Context(), s.address, &hasty)
	var lost *tpp.NoAnswerError
	require.ErrorAs(t, err, &lost)
	assert.Equal(t, "timed out", lost.Reason)
}
