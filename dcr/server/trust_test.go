package server_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// otherCA is a CA that is not the directory's.
type otherCA struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newOtherCA(t *testing.T, until time.Time) otherCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	ca := otherCA{key: key}
	ca.cert = ca.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "another CA"}, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, NotAfter: until}, key.Public())
	return ca
}

func (ca otherCA) sign(t *testing.T, template *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
	t.Helper()
	template.SerialNumber, template.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour)
	parent := ca.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, ca.key)
	require.NoError(t, err)
	made, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return made
}

// certify makes a certificate of the CA over the software's own transport key, with the
// subject that the directory gave it.
func (ca otherCA) certify(t *testing.T, s *ssatest.EnrolledSoftware) tls.Certificate {
	t.Helper()
	own, err := x509.ParseCertificate(s.TransportCertificate.Certificate[0])
	require.NoError(t, err)
	leaf := ca.sign(t, &x509.Certificate{Subject: own.Subject, KeyUsage: own.KeyUsage, ExtKeyUsage: own.ExtKeyUsage,
		NotAfter: time.Now().Add(24 * time.Hour)}, own.PublicKey)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: s.TransportCertificate.PrivateKey}
}

// serveWider serves a bank by a server that is not the bank's, whose TLS lets in the
// clients of the directory and of other CAs.
func (w *world) serveWider(t *testing.T, b *server.Bank, others ...otherCA) (address string) {
	t.Helper()
	pool := w.roots()
	for _, ca := range others {
		pool.AddCert(ca.cert)
	}
	s := &http.Server{Handler: b.Handler(), ReadHeaderTimeout: dcr.HeaderTimeout,
		TLSConfig: &tls.Config{Certificates: w.config.Clients.Server, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- s.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-ended, http.ErrServerClosed)
	})
	return "https://" + l.Addr().String()
}

func requireUnauthorized(t *testing.T, err error) {
	t.Helper()
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusUnauthorized, refused.Status)
}

// The certificate is over the software's own key, so its binding holds, and the access
// token is bound to it. Its CA alone is not the directory's.
func TestACAOfTheTLSServerAloneIsNotTheDirectorys(t *testing.T) {
	w := newWorld(t)
	other := newOtherCA(t, time.Now().Add(24*time.Hour))
	byOther := other.certify(t, w.software)
	own, foreign := w.transport(t, w.software.TransportCertificate), w.transport(t, byOther)
	address := w.serveWider(t, w.bank(t), other)
	good, bad := w.client(t, own, address), w.client(t, foreign, address)

	// The same bank with tokens from elsewhere, which may be bound to any certificate.
	tokens := token.NewMemory(nil, nil)
	w.config.TokenEndpoint, w.config.Tokens, w.config.Discovery.TokenEndpoint = false, tokens, "https://as.example/token"
	managed := w.serveWider(t, w.bank(t), other)
	get := func(transport *http.Client, certificate tls.Certificate, id string) error {
		access, err := tokens.Issue(t.Context(), id, sha256.Sum256(certificate.Certificate[0]), nil, time.Minute)
		require.NoError(t, err)
		_, err = w.client(t, transport, managed).Get(t.Context(), id, tpp.BearerToken{Value: access})
		return err
	}
	for range 2 { // the directory's own certificate stays good, and the other one bad
		for _, method := range []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth} {
			made := w.register(t, good, method)
			for transport, status := range map[*http.Client]int{own: http.StatusOK, foreign: http.StatusUnauthorized} {
				form, basic := tries(t, w.software, made.ClientID, claims.Secret{})[method]()
				require.Equal(t, status, ask(t, transport, address, form, basic).status)
			}
			require.NoError(t, get(own, w.software.TransportCertificate, made.ClientID))
			requireUnauthorized(t, get(foreign, byOther, made.ClientID))
		}
		statement, err := w.software.SSA(nil)
		require.NoError(t, err)
		request, err := bad.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience})
		require.NoError(t, err)
		_, err = bad.Register(t.Context(), request)
		requireUnauthorized(t, err)
	}
}

// TLS goes by the time of the machine, at which the CA is still valid, as on a connection
// that was made before it ended.
func TestACAThatEndsWhileTheBankRunsIsNoLongerBelieved(t *testing.T) {
	w := newWorld(t)
	other := newOtherCA(t, time.Now().Add(time.Hour))
	trusted := w.config.Clients.Trust.Authorities
	trusted[claims.Sandbox] = append(trusted[claims.Sandbox], other.cert)
	var passed atomic.Int64
	w.config.Clock = func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
	address := w.serveWider(t, w.bank(t), other)
	own, brief := w.transport(t, w.software.TransportCertificate), w.transport(t, other.certify(t, w.software))
	form := url.Values{"client_id": {w.register(t, w.client(t, own, address), claims.TLSClientAuth).ClientID}}
	for range 2 {
		require.Equal(t, http.StatusOK, ask(t, brief, address, form, "").status)
	}
	passed.Store(int64(2 * time.Hour))
	requireRefused(t, ask(t, brief, address, form, ""), http.StatusUnauthorized, "invalid_client")
	require.Equal(t, http.StatusOK, ask(t, own, address, form, "").status)
}
