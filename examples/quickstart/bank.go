package main

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// bank is an ASPSP, with its store. It has the registration and the token endpoint, over
// mutual TLS.
type bank struct {
	*server.Bank
	store *store.Memory
}

// openBank makes a bank that trusts the directory. TPPs reach it at address.
func openBank(directory *ssatest.Directory, address string) (*bank, error) {
	own, err := directory.ServerCertificate("127.0.0.1")
	if err != nil {
		return nil, err
	}
	b := &bank{store: store.NewMemory(nil)} // examples/bank has a store that lasts
	b.Bank, err = server.New(server.Config{
		Issuer:        address,
		Audiences:     []string{ssatest.DefaultAudience},
		Directories:   []ssa.KnownDirectory{directory.Known()},
		Keys:          server.KeyConfig{Sources: []ssa.RemoteSource{directory.RemoteSource()}},
		Store:         b.store,
		TokenEndpoint: true,
		Clients: server.CertificateConfig{
			Server: []tls.Certificate{own},
			Trust:  cert.TrustPolicy{Authorities: map[claims.Environment][]*x509.Certificate{claims.Sandbox: {directory.CA}}},
		},
	})
	return b, err
}
