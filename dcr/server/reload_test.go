package server_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/fulltest"
)

// reloading is a bank that serves by itself, and whose certificates change meanwhile. Its
// software has a certificate of the other CA.
type reloading struct {
	*mover
	bank    *server.Bank
	address string
}

func serveReloading(t *testing.T, prepare ...func(*mover)) *reloading {
	t.Helper()
	r := &reloading{mover: newMover(t)}
	r.config.Clients.Trust.CRLs = r.crls(t, nil, 1)
	for _, p := range prepare {
		p(r.mover)
	}
	r.bank = r.mover.bank(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.address = l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.bank.Serve(ctx, l) }()
	t.Cleanup(func() { stop(); assert.NoError(t, <-ended) })
	return r
}

// crls are the lists of both CAs, the other one's with certificates that it revokes. They
// follow those before; nil are none.
func (m *mover) crls(t *testing.T, before *cert.CRLs, number int64, revoked ...tls.Certificate) *cert.CRLs {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: time.Now().Add(time.Duration(number-100) * time.Second), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range revoked {
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		require.NoError(t, err)
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: leaf.SerialNumber, RevocationTime: list.ThisUpdate})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, m.ca.cert, m.ca.key)
	require.NoError(t, err)
	issuers := m.config.Clients.Trust.Authorities[claims.Sandbox]
	if before == nil {
		made, err := cert.NewCRLs(issuers, der)
		require.NoError(t, err)
		return made
	}
	made, err := before.Next(issuers, der)
	require.NoError(t, err)
	return made
}

// serverCertificate makes another certificate of the bank, of the other CA.
func (r *reloading) serverCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key := newKey(t)
	leaf := r.ca.sign(t, &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour)}, key.Public())
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}
}

// dial makes a connection with a client certificate.
func (r *reloading) dial(t *testing.T, c tls.Certificate, sessions tls.ClientSessionCache) (*tls.Conn, error) {
	t.Helper()
	roots := r.roots()
	roots.AddCert(r.ca.cert)
	config := fetch.ClientTLS(roots)
	config.NextProtos, config.ServerName, config.ClientSessionCache = []string{"h2", "http/1.1"}, "127.0.0.1", sessions
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil } // whatever CAs the bank names
	d := &tls.Dialer{Config: config}
	connection, err := d.DialContext(t.Context(), "tcp", r.address)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection.(*tls.Conn), nil
}

func TestTheNextHandshakeHasTheNewCertificate(t *testing.T) {
	r := serveReloading(t)
	before, err := r.dial(t, r.old, nil)
	require.NoError(t, err)
	next := r.serverCertificate(t)
	clients := r.config.Clients
	clients.Server = []tls.Certificate{next}
	require.NoError(t, r.bank.Reload(clients))
	after, err := r.dial(t, r.old, nil)
	require.NoError(t, err)
	require.Equal(t, next.Certificate[0], after.ConnectionState().PeerCertificates[0].Raw)
	require.Equal(t, before.ConnectionState().NegotiatedProtocol, after.ConnectionState().NegotiatedProtocol)
	require.Equal(t, "h2", after.ConnectionState().NegotiatedProtocol)
	require.Equal(t, next.Certificate[0], r.bank.HTTPServer().TLSConfig.Certificates[0].Certificate[0], "another server of the bank's")
	_, err = before.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
	require.NoError(t, err)
	first := make([]byte, 9)
	_, err = io.ReadFull(before, first)
	require.NoError(t, err, "the connection of before goes on")
}

func TestTheNextRequestKnowsOfARevocation(t *testing.T) {
	r := serveReloading(t)
	client := r.client(t, r.transport(t, r.old), "https://"+r.address)
	id := r.register(t, client, claims.TLSClientAuth).ClientID
	access := r.token(t, client, id)
	_, err := client.Get(t.Context(), id, access)
	require.NoError(t, err)

	clients := r.config.Clients
	clients.Trust.CRLs = r.crls(t, clients.Trust.CRLs, 2, r.old)
	require.NoError(t, r.bank.Reload(clients))
	_, err = client.Get(t.Context(), id, access)
	requireAnswer(t, err, http.StatusUnauthorized)

	issuers := clients.Trust.Authorities[claims.Sandbox]
	older, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)},
		r.ca.cert, r.ca.key)
	require.NoError(t, err)
	_, err = clients.Trust.CRLs.Next(issuers, older)
	require.Error(t, err, "a list that gives the certificate back")
}

func TestACAThatIsTakenAwayIsBelievedNoMore(t *testing.T) {
	r := serveReloading(t, func(m *mover) { m.config.Clients.Trust.CRLs = nil })
	transport := r.transport(t, r.old)
	client := r.client(t, transport, "https://"+r.address)
	id := r.register(t, client, claims.TLSClientAuth).ClientID
	access := r.token(t, client, id)
	sessions := tls.NewLRUClientSessionCache(1)
	first, err := r.dial(t, r.old, sessions)
	require.NoError(t, err)
	_ = first.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	_, _ = first.Read(make([]byte, 1)) // the session ticket comes before the answer that nobody asked for

	clients := r.config.Clients
	clients.Trust.Authorities = map[claims.Environment][]*x509.Certificate{claims.Sandbox: {r.directory.CA}}
	require.NoError(t, r.bank.Reload(clients))
	_, err = client.Get(t.Context(), id, access)
	requireAnswer(t, err, http.StatusUnauthorized) // in the connection of before
	for _, cache := range []tls.ClientSessionCache{nil, sessions} {
		again, err := r.dial(t, r.old, cache)
		if err == nil { // TLS 1.3 tells the client with the first answer
			_ = again.SetReadDeadline(time.Now().Add(5 * time.Second))
			_, err = again.Read(make([]byte, 1))
		}
		require.ErrorContains(t, err, "tls: ")
	}
	clients.Trust.Authorities = r.config.Clients.Trust.Authorities
	require.NoError(t, r.bank.Reload(clients))
	_, err = client.Get(t.Context(), id, access)
	require.NoError(t, err)
}

func TestReloadRefusesWhatNewWould(t *testing.T) {
	r := serveReloading(t)
	for name, c := range map[string]struct {
		change func(*server.CertificateConfig)
		says   string
	}{
		"no certificate":      {func(c *server.CertificateConfig) { c.Server = nil }, "Server"},
		"an empty one":        {func(c *server.CertificateConfig) { c.Server = []tls.Certificate{{}} }, "lacks its certificate"},
		"no CAs":              {func(c *server.CertificateConfig) { c.Trust.Authorities = nil }, "Trust.Authorities"},
		"no revocation lists": {func(c *server.CertificateConfig) { c.Trust.CRLs = nil }, "Trust.CRLs"},
		"CAs of proxies":      {func(c *server.CertificateConfig) { c.ProxyAuthorities = []*x509.Certificate{r.ca.cert} }, "ProxyAuthorities"},
		"a CA that is none": {func(c *server.CertificateConfig) {
			leaf, err := x509.ParseCertificate(r.old.Certificate[0])
			require.NoError(t, err)
			c.Trust.Authorities = map[claims.Environment][]*x509.Certificate{claims.Sandbox: {leaf}}
		}, "CA"},
		"an environment without a directory": {func(c *server.CertificateConfig) {
			c.Trust.Authorities = map[claims.Environment][]*x509.Certificate{claims.Sandbox: {r.ca.cert}, claims.Production: {r.ca.cert}}
		}, "production"},
	} {
		clients := r.config.Clients
		c.change(&clients)
		require.ErrorContains(t, r.bank.Reload(clients), c.says, name)
	}
	client := r.client(t, r.transport(t, r.old), "https://"+r.address)
	r.register(t, client, claims.TLSClientAuth)
}

// TestConnectionsGoOnWhileCertificatesAreReloaded: hundreds of handshakes and a registration
// that takes its time meet reloads.
func TestConnectionsGoOnWhileCertificatesAreReloaded(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	r := serveReloading(t, func(m *mover) {
		m.config.Hooks.Approve = func(context.Context, dcr.Change) error {
			close(entered)
			<-leave
			return nil
		}
	})
	client := r.client(t, r.transport(t, r.old), "https://"+r.address)
	registered := make(chan error, 1)
	request := r.request(t, client)
	go func() {
		_, err := client.Register(context.Background(), request)
		registered <- err
	}()
	<-entered
	certificates := []tls.Certificate{r.config.Clients.Server[0], r.serverCertificate(t)}
	stop := make(chan struct{})
	var reloads sync.WaitGroup
	reloads.Go(func() {
		clients := r.config.Clients
		for number := int64(2); ; number++ {
			select {
			case <-stop:
				return
			default:
			}
			clients.Server = certificates[number%2 : number%2+1]
			clients.Trust.CRLs = r.crls(t, clients.Trust.CRLs, number)
			assert.NoError(t, r.bank.Reload(clients))
		}
	})
	var handshakes sync.WaitGroup
	for range 200 {
		handshakes.Go(func() {
			for range fulltest.Rounds(1) {
				_, err := r.dial(t, r.old, nil)
				assert.NoError(t, err)
			}
		})
	}
	handshakes.Wait()
	close(stop)
	reloads.Wait()
	close(leave)
	require.NoError(t, <-registered)
}
