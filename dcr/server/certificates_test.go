package server_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// certificateFiles writes the files that a bank's certificates are read from.
func (w *world) certificateFiles(t *testing.T) (certificate, key, ca string) {
	t.Helper()
	dir := t.TempDir()
	own, ownKey, err := ssatest.PEM(w.config.Clients.Server[0])
	require.NoError(t, err)
	certificate, key, ca = filepath.Join(dir, "bank.pem"), filepath.Join(dir, "bank.key"), filepath.Join(dir, "ca.pem")
	for file, content := range map[string][]byte{certificate: own, key: ownKey, ca: w.directory.CAPEM()} {
		require.NoError(t, os.WriteFile(file, content, 0o600))
	}
	return certificate, key, ca
}

func TestCertificatesAreReadFromFiles(t *testing.T) {
	w := newWorld(t)
	certificate, key, ca := w.certificateFiles(t)
	read, err := server.LoadCertificates(certificate, key, map[claims.Environment]string{claims.Sandbox: ca})
	require.NoError(t, err)
	w.config.Clients = read
	client, _, _ := w.serve(t, w.bank(t))
	require.NotEmpty(t, w.register(t, client, claims.PrivateKeyJWT).ClientID)
}

func TestAFileThatHoldsNoCertificatesIsNamed(t *testing.T) {
	w := newWorld(t)
	certificate, key, ca := w.certificateFiles(t)
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for name, c := range map[string]struct {
		certificate, key, ca, named string
	}{
		"no certificate":        {missing, key, ca, missing},
		"no key":                {certificate, missing, ca, missing},
		"another's key":         {ca, key, ca, ca},
		"a certificate as key":  {certificate, certificate, ca, certificate},
		"no CAs":                {certificate, key, missing, missing},
		"a key in place of CAs": {certificate, key, key, key},
	} {
		read, err := server.LoadCertificates(c.certificate, c.key, map[claims.Environment]string{claims.Sandbox: c.ca})
		require.ErrorContains(t, err, c.named, name)
		require.Zero(t, read, name)
		if c.named == missing {
			require.ErrorIs(t, err, fs.ErrNotExist, name)
		}
	}
	_, err := server.LoadCertificates(certificate, key, map[claims.Environment]string{claims.Sandbox: key})
	var config *cert.ConfigError
	require.ErrorAs(t, err, &config)
}
