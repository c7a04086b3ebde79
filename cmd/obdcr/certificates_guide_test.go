package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// nextCertificate makes an OBWAC of an organisation, and the CA that issued it.
func nextCertificate(t *testing.T, org string) (ca *x509.Certificate, next tls.Certificate) {
	t.Helper()
	make := func(template, parent *x509.Certificate, public, signer *ecdsa.PrivateKey) *x509.Certificate {
		template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(1), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &public.PublicKey, signer)
		require.NoError(t, err)
		made, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		return made
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	root := &x509.Certificate{Subject: pkix.Name{CommonName: "OBWAC CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	ca = make(root, root, caKey, caKey)
	leaf := make(&x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		Subject: pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: "GB"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "Acme Ltd"},
			{Type: asn1.ObjectIdentifier{2, 5, 4, 97}, Value: "PSDGB-OB-Unknown" + org}, {Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: org}}}}, ca, key, caKey)
	return ca, tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// publishNext adds a certificate and its key to the software's key set.
func publishNext(t *testing.T, d *ssatest.Directory, s *ssatest.EnrolledSoftware, c tls.Certificate) {
	t.Helper()
	var set map[string][]map[string]any
	require.NoError(t, json.Unmarshal(s.JWKS(), &set))
	point, err := c.PrivateKey.(*ecdsa.PrivateKey).PublicKey.Bytes()
	require.NoError(t, err)
	set["keys"] = append(set["keys"], map[string]any{"kty": "EC", "crv": "P-256", "kid": "next", "use": "tls",
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
		"x5c": []string{base64.StdEncoding.EncodeToString(c.Certificate[0])}})
	content, err := json.Marshal(set)
	require.NoError(t, err)
	address, err := url.Parse(s.JWKSURL())
	require.NoError(t, err)
	d.Publish(address.Path, content)
}

// TestTheGuideLeadsToACertificateWithAnotherSubject runs each command of
// docs/certificates.md at a bank with a token endpoint.
func TestTheGuideLeadsToACertificateWithAnotherSubject(t *testing.T) {
	guide, err := os.ReadFile("../../docs/certificates.md")
	require.NoError(t, err)
	const org = "0015800000TestOrgA"
	ca, next := nextCertificate(t, org)
	bank := dcrtest.NewBank(t, dcrtest.WithKeysAtOnce(), dcrtest.WithServerConfig(func(c *server.Config) {
		trusted := c.Clients.Trust.Authorities
		trusted[claims.Sandbox] = append(trusted[claims.Sandbox], ca)
	}))
	directory := bank.Directory()
	software := bank.NewTPP(t, dcrtest.WithSoftware(func(s *ssatest.SoftwareOptions) { s.OrgID = org })).Software()

	t.Chdir(t.TempDir())
	files := clientFiles(t, directory, software, bank.DiscoveryURL())
	files["old.pem"], files["old.key"] = files["transport.pem"], files["transport.key"]
	certificate, key, err := ssatest.PEM(next)
	require.NoError(t, err)
	files["new.pem"], files["new.key"] = string(certificate), string(key)
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(".", name), []byte(text), 0o600))
	}
	run := func(want int, line string) string {
		var out, errs bytes.Buffer
		var args []string
		for _, word := range regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(line, -1) {
			args = append(args, strings.Trim(word, `"`))
		}
		require.Equal(t, want, (&app{in: strings.NewReader(""), err: &errs}).run(args[1:], &out), "%s\n%s%s", line, out.String(), errs.String())
		return out.String() + errs.String()
	}
	run(0, "obdcr register --config conformance.json --auth-method tls_client_auth --client-out client.json")
	lines := regexp.MustCompile(`(?m)^ *obdcr .*$`).FindAllString(string(guide), -1)
	require.Len(t, lines, 4)
	require.Contains(t, run(exitViolated, lines[1]), "tls_client_auth_subject_dn.matches_certificate", "it is not published yet")
	publishNext(t, directory, software, next)
	run(exitViolated, lines[2])
	for _, line := range lines {
		run(0, line)
	}
	require.Contains(t, run(exitViolated, strings.ReplaceAll(lines[2], "new.", "old.")), "invalid_client", "the token endpoint takes the new certificate alone")
}
