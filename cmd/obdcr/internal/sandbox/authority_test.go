package sandbox_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/internal/realtest"
)

// certify makes a certificate for a key, signed by the key of another certificate.
func certify(t testing.TB, template, by *x509.Certificate, key *rsa.PublicKey, with *rsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(7), time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	raw, err := x509.CreateCertificate(rand.Reader, template, by, key, with)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(raw)
	require.NoError(t, err)
	return c
}

// server is a certificate of a server with a name.
func server(name string) *x509.Certificate {
	c := &x509.Certificate{Subject: pkix.Name{CommonName: "server"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{name}
	}
	return c
}

// verifyByOpenSSL holds OpenSSL to the same opinion of certificates: constraints are read by
// whatever trusts ca.pem. It does nothing without openssl.
func verifyByOpenSSL(t testing.TB, openssl string, w *world, good, refused []*x509.Certificate) {
	t.Helper()
	if openssl == "" {
		return
	}
	folder, args := t.TempDir(), []string{"verify", "-CAfile", filepath.Join(w.dir, "ca.pem")}
	for i, leaf := range slices.Concat(good, refused) {
		file := filepath.Join(folder, strconv.Itoa(i))
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}), 0o600))
		args = append(args, file)
	}
	cmd := exec.Command(openssl, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	require.Error(t, cmd.Run(), "some are refused")
	for i := range good {
		require.Contains(t, out.String(), filepath.Join(folder, strconv.Itoa(i))+": OK\n", "%v %v: %s", good[i].DNSNames, good[i].IPAddresses, &said)
	}
	for i, leaf := range refused {
		file := filepath.Join(folder, strconv.Itoa(len(good)+i))
		require.NotContains(t, out.String(), file+": OK")
		require.Regexp(t, `error 4[78] at .*\r?\nerror `+regexp.QuoteMeta(file)+":", said.String(),
			"a permitted subtree violation (47) or an excluded one (48): %v %v", leaf.DNSNames, leaf.IPAddresses)
	}
}

// Whoever has put ca.pem among the CAs of a machine is not open to whoever reads ca.key.
func TestTheCACertifiesItsNamesAlone(t *testing.T) {
	openssl, _ := realtest.Tool(t, "openssl")
	for _, c := range []struct {
		w       *world
		good    []string
		refused []string
	}{
		{start(t, sandbox.Config{}), []string{"localhost", "127.0.0.1", "::1"},
			[]string{"bank", "bank.example", "x.localhost", "127.0.0.2", "192.0.2.7", "::2"}},
		{expose(t, sandbox.Config{Expose: []string{"bank", "192.0.2.7"}}), []string{"localhost", "127.0.0.1", "::1", "bank", "192.0.2.7"},
			[]string{"bank.example", "otherbank", "x.bank", "X.BANK", "*.bank", "www.lloyds.bank", "x.localhost", "192.0.2.8", "::2"}},
		{expose(t, sandbox.Config{Expose: []string{"dev.example", "one.dev.example", "my.localhost"}}),
			[]string{"localhost", "dev.example", "one.dev.example", "my.localhost"},
			[]string{"example", "other.example", "x.one.dev.example", "x.my.localhost", "bank"}},
	} {
		ca := c.w.certificate("ca.pem")
		require.True(t, ca.PermittedDNSDomainsCritical)
		require.True(t, ca.MaxPathLen == 0 && ca.MaxPathLenZero)
		roots := x509.NewCertPool()
		roots.AddCert(ca)
		key, own := c.w.key("ca.key"), c.w.key("state/server.key")
		refusal := func(leaf *x509.Certificate, below ...*x509.Certificate) error {
			between := x509.NewCertPool()
			for _, b := range below {
				between.AddCert(b)
			}
			_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
			return err
		}
		reason := func(err error) x509.InvalidReason {
			var invalid x509.CertificateInvalidError
			require.ErrorAs(t, err, &invalid)
			return invalid.Reason
		}
		var good, refused []*x509.Certificate
		for _, name := range c.good {
			leaf := certify(t, server(name), ca, &own.PublicKey, key)
			require.NoError(t, refusal(leaf), name)
			good = append(good, leaf)
		}
		for _, name := range c.refused {
			leaf := certify(t, server(name), ca, &own.PublicKey, key)
			require.Equal(t, x509.CANotAuthorizedForThisName, reason(refusal(leaf)), name)
			refused = append(refused, leaf)
		}
		verifyByOpenSSL(t, openssl, c.w, good, refused)
		below := certify(t, &x509.Certificate{Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign},
			ca, &own.PublicKey, key)
		require.Equal(t, x509.TooManyIntermediates, reason(refusal(certify(t, server("localhost"), below, &own.PublicKey, own), below)))
	}
}

// A folder whose CA permits the names below its own ones still works, and says so.
func TestAFolderWhoseCACertifiesNamesBelowItsOwnWorks(t *testing.T) {
	for name, c := range map[string]sandbox.Config{
		"on loopback": onFreePorts(t, "127.0.0.1", sandbox.Config{Dir: folderWithKeys(t)}),
		"exposed":     onFreePorts(t, "0.0.0.0", sandbox.Config{Dir: unnamed(t), Expose: []string{"bank", "192.0.2.7"}}),
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, c)
			w.local = true
			old := *w.certificate("ca.pem")
			w.stop()
			old.ExcludedDNSDomains, old.ExtraExtensions = nil, nil
			key := w.key("ca.key")
			raw, err := x509.CreateCertificate(rand.Reader, &old, &old, &key.PublicKey, key)
			require.NoError(t, err)
			kept := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
			require.NoError(t, os.WriteFile(filepath.Join(w.dir, "ca.pem"), kept, 0o600))
			require.Contains(t, refusedUsage(t, sandbox.Config{Dir: w.dir, Expose: []string{"other"}}), "--dir")

			var log bytes.Buffer
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			again := start(t, c)
			again.local = true
			require.Equal(t, w.Ready, again.Ready)
			require.Equal(t, string(kept), string(again.file("ca.pem")))
			answer := again.register(again.mutual(), string(again.file("tpp/request.jwt")))
			require.Equal(t, 201, answer.status, answer.body)
			again.stop()
			require.Contains(t, log.String(), "ca.pem is of an older version")

			for _, name := range []string{"ca.pem", "ca.key"} { // as the log advises
				require.NoError(t, os.Remove(filepath.Join(w.dir, name)))
			}
			log.Reset()
			again = start(t, c)
			require.Contains(t, again.certificate("ca.pem").ExcludedDNSDomains, ".localhost")
			again.stop()
			require.NotContains(t, log.String(), "ca.pem")
		})
	}
}

// A folder of a version whose CA certified any name still works, and says so.
func TestAnOldFolderWorksOnLoopback(t *testing.T) {
	w := start(t, onFreePorts(t, "127.0.0.1", sandbox.Config{}))
	now := time.Now()
	old := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: w.certificate("ca.pem").Subject, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(20, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true}
	key := w.key("ca.key")
	raw, err := x509.CreateCertificate(rand.Reader, old, old, &key.PublicKey, key)
	require.NoError(t, err)
	w.stop()
	kept := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "ca.pem"), kept, 0o600))
	state := bytes.ReplaceAll(w.file("state/sandbox.json"), []byte(`"published"`), []byte(`"no_member_then"`))
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "state/sandbox.json"), state, 0o600))
	require.Contains(t, refusedUsage(t, sandbox.Config{Dir: w.dir, Expose: []string{"bank"}}), "--dir")

	var log bytes.Buffer
	again := start(t, sandbox.Config{Dir: w.dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.Equal(t, w.Ready, again.Ready)
	require.Equal(t, string(kept), string(again.file("ca.pem")))
	answer := again.register(again.mutual(), string(again.file("tpp/request.jwt")))
	require.Equal(t, 201, answer.status, answer.body)
	again.stop()
	require.Contains(t, log.String(), "ca.pem")
	require.NotContains(t, log.String(), "has moved")
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "state/sandbox.json"), state, 0o600))
	start(t, sandbox.Config{Dir: w.dir, Listen: "localhost:0", Directory: "localhost:0", Logger: slog.New(slog.NewTextHandler(&log, nil))}).stop()
	require.Contains(t, log.String(), "has moved")

	for _, name := range []string{"ca.pem", "ca.key"} { // as the log advises
		require.NoError(t, os.Remove(filepath.Join(w.dir, name)))
	}
	log.Reset()
	again = start(t, sandbox.Config{Dir: w.dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.True(t, again.certificate("ca.pem").PermittedDNSDomainsCritical)
	again.stop()
	require.NotContains(t, log.String(), "ca.pem")
}
