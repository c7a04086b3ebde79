package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing/fstest"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
)

// caFiles makes the files of a CA: its certificate and its revocation list.
func caFiles() (fstest.MapFS, error) {
	now := time.Now()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"}, NotBefore: now, NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true}
	root, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	issuer, err := x509.ParseCertificate(root)
	if err != nil {
		return nil, err
	}
	list, err := x509.CreateRevocationList(rand.Reader,
		&x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, issuer, key)
	if err != nil {
		return nil, err
	}
	return fstest.MapFS{
		"root.pem": {Data: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root})},
		"root.crl": {Data: list},
	}, nil
}

// A bank whose CAs and revocation lists are files. It reads the lists again while it runs,
// as often as the CA publishes. A list that cannot be used does not replace one that can.
func ExampleCertificateConfig() {
	files, err := caFiles() // a bank has os.DirFS("/etc/bank")
	if err != nil {
		panic(err)
	}
	trust, err := cert.ParseTrustPolicy([]byte(`{
		"bindings": ["public_key"],
		"authorities": {"sandbox": ["root.pem"]},
		"crls": ["root.crl"]
	}`), files)
	if err != nil {
		panic(err)
	}
	bank, err := server.New(server.Config{
		Issuer:        "https://bank.example",
		Audiences:     []string{"0015800001HQQrZAAX"},
		Directories:   ssa.KnownDirectories(claims.Sandbox),
		Clients:       server.CertificateConfig{Trust: *trust},
		Store:         store.NewMemory(nil),
		TokenEndpoint: true,
	})
	if err != nil {
		panic(err)
	}
	defer bank.Close()
	answer := httptest.NewRecorder()
	bank.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	fmt.Println("ready:", answer.Code)

	fmt.Println("read again:", trust.CRLs.Reload())
	files["root.crl"].Data = nil
	fmt.Println("read again, the list is gone:", trust.CRLs.Reload() != nil)
	// Output:
	// ready: 200
	// read again: <nil>
	// read again, the list is gone: true
}
