package fetch_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fetch"
)

const keySet = `{"keys":[]}`

// authority issues certificates for the tests' hosts.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue makes a certificate for keys.test and the loopback addresses, as changed.
func (a *authority) issue(t testing.TB, change func(*x509.Certificate)) tls.Certificate {
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "keys.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames:    []string{"keys.test"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// host is a real server on the loopback interface.
type host struct {
	port   string
	roots  *x509.CertPool
	server *httptest.Server
}

// serve starts a host. A nil certificate is a good one; change may alter the server.
func serve(t testing.TB, handler http.Handler, change func(*authority, *httptest.Server)) *host {
	a := newAuthority(t)
	s := httptest.NewUnstartedServer(handler)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{a.issue(t, nil)}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if change != nil {
		change(a, s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return &host{port: port(t, s.Listener), roots: a.pool(), server: s}
}

func port(t testing.TB, l net.Listener) string {
	_, p, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return p
}

func (h *host) url(path string) string { return "https://keys.test:" + h.port + path }

// config reaches the host as keys.test, which leads to 127.0.0.1.
func (h *host) config() fetch.Config {
	return fetch.Config{
		Sources: []fetch.Source{{
			Hosts:    []string{"keys.test:" + h.port},
			Roots:    h.roots,
			Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		}},
		Resolver: resolver(func() []string { return []string{"127.0.0.1"} }),
		MaxBytes: 1 << 20,
		Timeout:  10 * time.Second,
	}
}

func newClient(t testing.TB, cfg fetch.Config) *fetch.Client {
	c, err := fetch.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// refused asserts that an error is of the kind, and speaks in bounds and ASCII.
func refused(t testing.TB, err error, kind error, why ...any) {
	t.Helper()
	var e *fetch.Error
	if !assert.ErrorAs(t, err, &e, why...) {
		return
	}
	assert.ErrorIs(t, err, kind, why...)
	for _, other := range []error{fetch.ErrAddress, fetch.ErrNetwork, fetch.ErrForbiddenNetwork, fetch.ErrAnswer, fetch.ErrConfig} {
		assert.True(t, other == kind || e.Kind != other, why...)
	}
	assert.Regexp(t, `^[ -~]{10,200}$`, err.Error(), why...)
}

// resolver is a DNS of ours: answer is asked for each question about IPv4 addresses.
func resolver(answer func() []string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer func() { _ = ours.Close() }()
			for answerDNS(ours, answer) == nil {
			}
		}()
		return theirs, nil
	}}
}

// answerDNS reads a question and writes the answer (RFC 1035 section 4), in the form
// of streams, with the length before. Questions about other than IPv4 addresses are
// answered by none.
func answerDNS(conn io.ReadWriter, answer func() []string) error {
	var length uint16
	if err := binary.Read(conn, binary.BigEndian, &length); err != nil {
		return err
	}
	query := make([]byte, length)
	if _, err := io.ReadFull(conn, query); err != nil {
		return err
	}
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5 // the root label, the type and the class
	reply := append([]byte(nil), query[:end]...)
	copy(reply[2:12], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
	if query[end-3] == 1 {
		for _, a := range answer() {
			ip := netip.MustParseAddr(a).As4()
			reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
			reply = append(reply, ip[:]...)
			reply[7]++
		}
	}
	_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	return err
}

// allocated is all that the process allocates while f runs, in bytes: more than its
// heap grows by, and with the server's part in it.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// descriptors counts the open files of this process.
func descriptors(t testing.TB) int {
	entries, err := os.ReadDir("/dev/fd")
	require.NoError(t, err)
	return len(entries)
}

// roundTrip is a transport of the caller's own.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
