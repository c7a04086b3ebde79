package service_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/obdcr/obdcr/internal/realtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/internal/fetch"
)

// authority is a CA whose key the test has.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	lists       int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.certificate, a.key = a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: "another CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign})
	return a
}

// sign makes a certificate over a new key, by the authority or, at first, by that key.
func (a *authority) sign(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template.SerialNumber, template.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, by := a.certificate, a.key
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	require.NoError(t, err)
	made, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return made, key
}

// server makes a server's certificate for 127.0.0.1, good for an hour.
func (a *authority) server(t *testing.T) tls.Certificate {
	t.Helper()
	return a.serverUntil(t, time.Now().Add(time.Hour))
}

func (a *authority) serverUntil(t *testing.T, end time.Time) tls.Certificate {
	t.Helper()
	leaf, key := a.sign(t, &x509.Certificate{NotAfter: end, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

// list makes a revocation list, newer than those before.
func (a *authority) list(t *testing.T, revoked ...*big.Int) string {
	t.Helper()
	a.lists++
	template := &x509.RevocationList{Number: big.NewInt(a.lists), ThisUpdate: time.Now().Add(-time.Hour + time.Duration(a.lists)*time.Second), NextUpdate: time.Now().Add(time.Duration(a.lists) * time.Hour)}
	for _, serial := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, a.certificate, a.key)
	require.NoError(t, err)
	return string(der)
}

// presented is the certificate of a server.
func presented(t *testing.T, address string) []byte {
	t.Helper()
	config := fetch.ClientTLS(nil)
	config.InsecureSkipVerify = true // the certificate is what the test looks at
	connection, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer func() { assert.NoError(t, connection.Close()) }()
	return connection.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw
}

// waitFor waits until the log has the words as often as they are wanted.
func (s *served) waitFor(t *testing.T, words string, times int) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Count(s.log.String(), words) >= times }, time.Minute, 5*time.Millisecond, "%s", words)
}

const readAgain = "are read again"

func TestFilesAreReadAgain(t *testing.T) {
	for name, again := range map[string]struct {
		every string
		do    func(*served)
	}{
		"on a signal":            {"1h", func(s *served) { s.reload <- syscall.SIGHUP }},
		"when they have changed": {"1s", func(*served) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, ca := newWorld(t), newAuthority(t)
			w.Write(t, "ca.pem", string(w.Directory.CAPEM())+ca.pem())
			w.Write(t, "other.crl", ca.list(t))
			config := strings.Replace(w.Config(), "clients: {", "clients: {crl_files: [other.crl], ", 1)
			s := w.serve(t, config+goodStore+"admin: {listen: '127.0.0.1:0'}\nreload_every: "+again.every+"\n")
			ends := func() string {
				return metric(t, s.admin, `obdcr_certificate_expiry_timestamp_seconds{use="revocation_list"}`)
			}
			firstEnd := ends()
			first := presented(t, s.address)

			next := ca.server(t)
			w.WritePair(t, "bank", next)
			again.do(s)
			s.waitFor(t, readAgain, 1)
			require.NotEqual(t, first, presented(t, s.address))
			require.Equal(t, next.Certificate[0], presented(t, s.address))

			w.Write(t, "bank.pem", "broken") // and a good list beside it
			w.Write(t, "other.crl", ca.list(t, big.NewInt(1)))
			again.do(s)
			s.waitFor(t, "stays in force", 1)
			require.Eventually(t, func() bool { return ends() != firstEnd }, time.Minute, 5*time.Millisecond)
			require.Equal(t, next.Certificate[0], presented(t, s.address))
			require.Contains(t, s.log.String(), "bank.yaml:7:7: tls/certificate_file: bank.pem")

			w.WritePair(t, "bank", ca.serverUntil(t, time.Now().Add(-time.Minute)))
			again.do(s)
			s.waitFor(t, "bank.pem is not in date, and the certificate before is", 1)
			require.Equal(t, next.Certificate[0], presented(t, s.address))

			older := newAuthority(t)
			older.certificate, older.key = ca.certificate, ca.key
			w.WritePair(t, "bank", next)
			w.Write(t, "other.crl", older.list(t)) // which gives a certificate back
			again.do(s)
			s.waitFor(t, "older than one that was in use", 1)
		})
	}
}

// renewal is a log that renews the bank's certificate when it is told that this is not in date.
type renewal struct {
	*journal
	renew func()
}

// Write implements io.Writer.
func (r *renewal) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("not in date")) {
		r.renew()
	}
	return r.journal.Write(p)
}

// TestACertificateThatIsRenewedWhileTheBankBeginsIsRead: the file is another one once it was read.
func TestACertificateThatIsRenewedWhileTheBankBeginsIsRead(t *testing.T) {
	t.Parallel()
	w, ca := newWorld(t), newAuthority(t)
	w.WritePair(t, "bank", ca.serverUntil(t, time.Now().Add(-time.Minute)))
	next := ca.server(t)
	s := &served{log: &journal{}}
	renew := sync.OnceFunc(func() { w.WritePair(t, "bank", next) })
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	c := w.load(t, w.Config()+goodStore+"reload_every: 1s\n")
	go func() {
		ended <- service.Run(ctx, c, service.Options{Log: &renewal{s.log, renew}, Ready: func(at service.Addresses) { ready <- at.Bank }})
	}()
	s.waitFor(t, readAgain, 1)
	require.Equal(t, next.Certificate[0], presented(t, <-ready))
	stop()
	require.NoError(t, <-ended)
}

func TestACertificateThatIsNotInDateIsTold(t *testing.T) {
	w, ca := newWorld(t), newAuthority(t)
	w.WritePair(t, "hooks", ca.serverUntil(t, time.Now().Add(-time.Minute)))
	c := w.load(t, w.Config()+goodStore+"hooks: {url: 'https://hooks.example', certificate_file: hooks.pem, key_file: hooks.key}\n")
	var log bytes.Buffer
	require.NoError(t, c.Check(slog.New(slog.NewTextHandler(&log, nil))))
	require.Contains(t, log.String(), "not in date")
	require.Contains(t, log.String(), "hooks/certificate_file")
	require.NotContains(t, log.String(), "tls/certificate_file")
}

func TestASecretThatOthersMayReadIsTold(t *testing.T) {
	if runtime.GOOS == "windows" {
		realtest.Missing(t, "Windows has no modes of files")
		return
	}
	w := newWorld(t)
	c := w.load(t, w.Config()+goodStore+"sealing_key_file: sealing.key\n")
	for mode, told := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true} {
		for _, name := range []string{"sealing.key", "bank.key"} { // the other one is private
			require.NoError(t, os.Chmod(w.Path(name), mode))
			var log bytes.Buffer
			require.NoError(t, c.Check(slog.New(slog.NewTextHandler(&log, nil))))
			require.Equal(t, told, strings.Contains(log.String(), "chmod 600"), "%s %v: %s", name, mode, log.String())
			require.NoError(t, os.Chmod(w.Path(name), 0o600))
		}
	}
}
