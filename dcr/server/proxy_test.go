package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// A bank behind each proxy, with the files of examples/behindproxy as they are.
func TestABankBehindARealProxy(t *testing.T) {
	t.Parallel()
	eachRealProxy(t, func(t *testing.T, p realProxy) {
		b := behindProxy(t, p, surroundings{})
		for name, test := range map[string]func(*testing.T, *behind){
			"a client lives from POST to DELETE":                    livesThroughProxy,
			"documents need no certificate, and health stays in":    documentsThroughProxy,
			"two TPPs over one connection to the bank":              sharedConnection,
			"requests and certificates of any size":                 sizesThroughProxy,
			"a long token passes, one that is too long is refused":  tokensThroughProxy,
			"the bank sees the Host and the address of the client":  whereFromThroughProxy,
			"the preface of HTTP/2 starts no HTTP/2":                prefaceThroughProxy,
			"an outage that the bank tells of passes as it is":      outageThroughProxy,
			"only TLS that FAPI admits":                             onlyFAPITLS,
			"certificates that do not verify":                       unverifiedCertificates,
			"nobody but the proxy is believed":                      onlyProxyIsBelieved,
			"a change is sent to the bank once":                     changesAreSentOnce,
			"no header of a client is believed, however it is sent": attackedProxy,
		} {
			t.Run(name, func(t *testing.T) { test(t, b) })
		}
		b.untainted(t, b.arrived(""))
		t.Run("requests that are broken at random places", func(t *testing.T) { mutatedRequests(t, b) })
	})
}

func livesThroughProxy(t *testing.T, b *behind) {
	client := b.client(t, b.transport(t, b.software.TransportCertificate), "https://"+b.address)
	for _, method := range []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth} {
		registered := b.register(t, client, method)
		credentials := tpp.Credentials{ClientID: registered.ClientID, Method: method}
		token, err := client.AccessToken(t.Context(), credentials)
		require.NoError(t, err)
		_, err = client.Get(t.Context(), registered.ClientID, token)
		require.NoError(t, err)
		statement, err := b.software.SSA(nil)
		require.NoError(t, err)
		update, err := client.BuildUpdate(registered.ClientID, statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: method})
		require.NoError(t, err)
		_, err = client.Update(t.Context(), registered.ClientID, update, token)
		require.NoError(t, err)
		require.NoError(t, client.Delete(t.Context(), registered.ClientID, token))
		_, err = client.Get(t.Context(), registered.ClientID, token)
		refusedWith(t, err, http.StatusUnauthorized)
	}
	bare := b.client(t, b.transport(t, tls.Certificate{}), "https://"+b.address)
	statement, err := b.software.SSA(nil)
	require.NoError(t, err)
	request, err := client.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience})
	require.NoError(t, err)
	_, err = bare.Register(t.Context(), request)
	refusedWith(t, err, http.StatusUnauthorized)
	// The proxy trusts more CAs than the bank does.
	stranger := b.client(t, b.transport(t, b.others.pair(t, leafOptions{})), "https://"+b.address)
	_, err = stranger.Register(t.Context(), request)
	refusedWith(t, err, http.StatusUnauthorized)
}

func refusedWith(t *testing.T, err error, status int) {
	t.Helper()
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, status, refused.Status)
}

func documentsThroughProxy(t *testing.T, b *behind) {
	client := b.transport(t, tls.Certificate{})
	for _, path := range []string{"/.well-known/openid-configuration", "/openapi.yaml"} {
		require.Equal(t, http.StatusOK, b.status(t, client, http.MethodGet, path, nil))
	}
	for _, path := range []string{"/healthz", "/readyz", "/healthz?x", "/%68ealthz", "//healthz", "/x/../healthz", "/./readyz", "/healthz/", "/healthz;x"} {
		require.Contains(t, []int{401, 403, 404}, b.status(t, client, http.MethodGet, path, nil), path)
	}
	require.Equal(t, http.StatusUnauthorized, b.status(t, client, http.MethodPost, "/register", strings.NewReader("x")))
	const odd = "/as//it%2Fis/%7e/%41"
	wanted := odd
	if b.tool == "apache2" {
		wanted = "/as/it%2Fis/~/A"
	}
	require.Equal(t, http.StatusUnauthorized, b.status(t, client, http.MethodGet, odd, nil))
	arrived := b.arrived("")
	require.Regexp(t, regexp.QuoteMeta(wanted)+"$", arrived[len(arrived)-1].uri, "an escaped slash stays one")
}

// status sends a request with the path as it is.
func (b *behind) status(t *testing.T, client *http.Client, method, path string, body io.Reader) int {
	t.Helper()
	status, err := b.try(t, client, method, path, body)
	require.NoError(t, err)
	return status
}

func (b *behind) try(t *testing.T, client *http.Client, method, path string, body io.Reader) (int, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://"+b.address, body)
	require.NoError(t, err)
	r.URL.Opaque = "//" + b.address + path
	answer, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// refusesBody requires 413. Who refuses a body hangs up, maybe while the client still sends;
// a client that finds the connection broken before it has read the answer sends again.
func (b *behind) refusesBody(t *testing.T, client *http.Client, body func() io.Reader) {
	t.Helper()
	status, err := b.try(t, client, http.MethodPost, "/large", body())
	for tries := 1; err != nil && tries < 20; tries++ {
		status, err = b.try(t, client, http.MethodPost, "/large", body())
	}
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
}

// Whoever comes over a connection that another TPP's requests have used is still who it is.
func sharedConnection(t *testing.T, b *behind) {
	other, err := b.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	pairs := []tls.Certificate{b.software.TransportCertificate, other.TransportCertificate, {}}
	before := len(b.arrived(""))
	shared := func() bool {
		users := map[int64]map[string]bool{} // by connection to the bank
		for _, a := range b.arrived("")[before:] {
			if users[a.connection] == nil {
				users[a.connection] = map[string]bool{}
			}
			if users[a.connection][a.identity] = true; len(users[a.connection]) == len(pairs) {
				return true
			}
		}
		return false
	}
	for end := time.Now().Add(30 * time.Second); !shared(); {
		require.True(t, time.Now().Before(end), "no connection was used by all")
		for _, pair := range pairs {
			client := b.transport(t, pair)
			for range 3 { // HAProxy lets the first request of a client have a connection of its own
				status, answer := b.whoAmI(t, client, nil)
				if len(pair.Certificate) == 0 {
					require.Equal(t, http.StatusUnauthorized, status)
				} else {
					require.Equal(t, leafOf(pair), answer)
				}
			}
		}
	}
}

func sizesThroughProxy(t *testing.T, b *behind) {
	client := b.transport(t, b.software.TransportCertificate)
	for name, body := range map[string]func(int) io.Reader{
		"with its length": func(n int) io.Reader { return bytes.NewReader(make([]byte, n)) },
		"chunked":         func(n int) io.Reader { return io.MultiReader(bytes.NewReader(make([]byte, n))) },
	} {
		require.Equal(t, http.StatusOK, b.status(t, client, http.MethodPost, "/who", body(dcr.MaxRequestBody)), name)
		b.refusesBody(t, client, func() io.Reader { return body(dcr.MaxRequestBody + 1) })
		if name == "with its length" && b.tool != "apache2" { // which asks the bank before it reads
			require.Empty(t, b.arrived("/large"), "the proxy refuses it")
		}
	}
	b.refusesBody(t, client, func() io.Reader { return io.MultiReader(bytes.NewReader(make([]byte, 200<<10))) })
	for name, o := range map[string]leafOptions{
		"the leaf alone": {}, "with its issuing CA": {chain: true}, "9 KB": {names: 150}, "9 KB with its issuing CA": {names: 150, chain: true},
	} {
		pair := b.others.pair(t, o)
		_, answer := b.whoAmI(t, b.transport(t, pair), nil)
		require.Equal(t, leafOf(pair), answer, name)
	}
	huge := b.others.pair(t, leafOptions{names: 300})
	status, _ := b.whoAmI(t, b.transport(t, huge), nil)
	require.Equal(t, http.StatusUnauthorized, status, "a certificate beyond cert.MaxHeader is nobody's")
}

func onlyFAPITLS(t *testing.T, b *behind) {
	dial := func(c *tls.Config) (*tls.Conn, error) {
		c.RootCAs, c.Certificates = b.roots(), []tls.Certificate{b.software.TransportCertificate}
		conn, err := (&tls.Dialer{Config: c}).DialContext(t.Context(), "tcp", b.address)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { _ = conn.Close() }) // read to its end or not
		return conn.(*tls.Conn), nil
	}
	for name, c := range map[string]*tls.Config{
		"TLS 1.3": {MinVersion: tls.VersionTLS13},
		"TLS 1.2": {MaxVersion: tls.VersionTLS12},
		"AES 256": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}},
	} {
		_, err := dial(c)
		require.NoError(t, err, name)
	}
	for name, c := range map[string]*tls.Config{
		"TLS 1.1":      {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		"CBC":          {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}},
		"ChaCha20":     {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}},
		"RSA exchange": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}},
		"HTTP/2 alone": {NextProtos: []string{"h2"}},
	} {
		conn, err := dial(c)
		if name == "HTTP/2 alone" && err == nil {
			require.Empty(t, conn.ConnectionState().NegotiatedProtocol)
			continue
		}
		require.Error(t, err, name)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cache := tls.NewLRUClientSessionCache(1)
		for range 2 {
			conn, err := dial(&tls.Config{MinVersion: version, MaxVersion: version, ClientSessionCache: cache})
			require.NoError(t, err)
			require.False(t, conn.ConnectionState().DidResume, "the certificate is verified each time")
			_, err = conn.Write([]byte("GET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
			require.NoError(t, err)
			answer, err := io.ReadAll(conn) // the tickets of TLS 1.3 come meanwhile
			require.NoError(t, err)
			require.Contains(t, string(answer), leafOf(b.software.TransportCertificate))
		}
	}
}

func unverifiedCertificates(t *testing.T, b *behind) {
	before := len(b.arrived(""))
	for name, o := range map[string]leafOptions{
		"expired": {expired: true}, "of a server": {usage: x509.ExtKeyUsageServerAuth},
		"of a CA of the same names": {other: newAuthority(t)}, "of an unknown CA that comes with it": {other: newAuthority(t), chain: true},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+b.address+"/who", http.NoBody)
		require.NoError(t, err)
		answer, err := b.transport(t, b.others.pair(t, o)).Do(r)
		if err == nil { // nginx says it by HTTP
			require.Equal(t, http.StatusBadRequest, answer.StatusCode, name)
			require.NoError(t, answer.Body.Close())
		}
	}
	require.Len(t, b.arrived(""), before, "none reaches the bank")
}

// aroundTheProxy marks a request that goes to the bank directly.
const aroundTheProxy = "X-Around"

func onlyProxyIsBelieved(t *testing.T, b *behind) {
	value := headerValue(b.form, certificateOf(t, b.software.TransportCertificate))
	send := func(from string) int {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
		defer client.CloseIdleConnections()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+b.inside+"/register", strings.NewReader("x"))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/jwt")
		r.Header.Set(b.header, value)
		r.Header.Set(aroundTheProxy, "1")
		answer, err := client.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	require.Equal(t, http.StatusBadRequest, send("127.0.0.1"), "the proxy's address: the request is looked at")
	if runtime.GOOS != "linux" {
		realtest.Missing(t, "there is one address of loopback")
		return
	}
	require.Equal(t, http.StatusUnauthorized, send("127.0.0.2"))
}

// A bank that hangs up without an answer may have carried the change out.
func changesAreSentOnce(t *testing.T, b *behind) {
	client := b.transport(t, b.software.TransportCertificate)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		b.whoAmI(t, client, nil) // so that a connection to the bank is there to be used
		before := len(b.arrived("/hangup"))
		r, err := http.NewRequestWithContext(t.Context(), method, "https://"+b.address+"/hangup", strings.NewReader("x"))
		require.NoError(t, err)
		if answer, err := client.Do(r); err == nil { // HAProxy hangs up, too
			require.Contains(t, []int{http.StatusBadGateway, http.StatusServiceUnavailable}, answer.StatusCode, method)
			toldPlainly(t, answer)
			require.NoError(t, answer.Body.Close())
		}
		require.Len(t, b.arrived("/hangup"), before+1, method)
	}
}

// The file's commented lines: TLS between proxy and bank, with a certificate on both sides.
func TestARealProxyProvesToTheBankWhoItIs(t *testing.T) {
	eachRealProxy(t, func(t *testing.T, p realProxy) {
		b := behindProxy(t, p, surroundings{tls: true})
		livesThroughProxy(t, b)
		whereFromThroughProxy(t, b)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: b.others.pool(), ServerName: "bank.internal"}}).DialContext(ctx, "tcp", b.inside)
		if err == nil { // TLS 1.3 tells a client late that its certificate is missed
			_, err = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}
		require.Error(t, err, "who has no certificate of a proxy does not reach the bank")
	})
}
