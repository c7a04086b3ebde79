// Command portal is a bank with an API for machines and a portal for people: a TPP's contact
// signs in through the directory, adds an application by a software statement, and the API knows
// the client. An operator of the bank sees all of them.
//
// It serves until it is stopped, and prints who can sign in. The directory is one for tests.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/portal"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/dcr/roles"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// The people of the directory.
const (
	contact  = "ada@tpp.example"
	operator = "olga@bank.example"
	password = "a password"
	code     = "123456"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	e, err := open("127.0.0.1:8443", "127.0.0.1:8444")
	if err == nil {
		defer e.directory.Close()
		e.tell(os.Stdout)
		err = e.serve(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "portal:", err)
		os.Exit(1)
	}
}

// example is a bank with its portal, and the directory that both believe.
type example struct {
	directory        *ssatest.Directory
	software         *ssatest.EnrolledSoftware
	statement        string
	bank             *server.Bank
	portal           *portal.Portal
	bankAt, portalAt net.Listener
	own              tls.Certificate // of both
}

// open makes everything and listens.
func open(bankAddress, portalAddress string) (e *example, err error) {
	e = &example{}
	if e.directory, err = ssatest.New(ssatest.Options{}); err != nil {
		return nil, err
	}
	if e.software, err = e.directory.NewSoftware(ssatest.SoftwareOptions{}); err != nil {
		return nil, err
	}
	if e.statement, err = e.software.SSA(nil); err != nil {
		return nil, err
	}
	if e.own, err = e.directory.ServerCertificate("127.0.0.1"); err != nil {
		return nil, err
	}
	if e.bankAt, err = net.Listen("tcp", bankAddress); err != nil {
		return nil, err
	}
	if e.portalAt, err = net.Listen("tcp", portalAddress); err != nil {
		return nil, errors.Join(err, e.bankAt.Close())
	}
	return e, e.open()
}

// open makes the bank and its portal over one store: what one of them changes, the other knows.
func (e *example) open() (err error) {
	clients := store.NewMemory(nil) // store/sqlite or store/postgres in a bank
	apis := roles.Table{Roles: map[string][]claims.Role{"accounts": {claims.AISP}, "payments": {claims.PISP}}}
	e.bank, err = server.New(server.Config{
		Issuer: "https://" + e.bankAt.Addr().String(), Audiences: []string{ssatest.DefaultAudience},
		Directories: []ssa.KnownDirectory{e.directory.Known()}, Keys: server.KeyConfig{Resolver: e.directory.Resolver()},
		Clients: server.CertificateConfig{Server: []tls.Certificate{e.own},
			Trust: cert.TrustPolicy{Authorities: map[claims.Environment][]*x509.Certificate{claims.Sandbox: {e.directory.CA}}}},
		Store: clients, TokenEndpoint: true, MaySubscribe: apis.Decide, Logger: slog.Default(),
	})
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(e.directory.CA)
	address, secret := "https://"+e.portalAt.Addr().String(), claims.NewSecret("the secret of the bank at the directory")
	e.portal, err = portal.New(portal.Config{
		Address: address, Registrar: e.bank.Registrar(), Store: clients, Issuers: []string{e.directory.Known().Issuer}, APIs: apis,
		Directory: &signin.Config{Issuer: e.directory.URL(), ClientID: "bank", ClientSecret: secret,
			ACR: []string{ssatest.ACRTwoFactors}, CAs: roots, NotPublic: true}, // the directory is on loopback
		Operators: portal.Operators{Emails: []string{operator}},
		Look:      portal.Look{Bank: "Example Bank"}, Logger: slog.Default(),
	})
	if err != nil {
		return err
	}
	// What a bank and a person tell the real directory on its own pages.
	people := e.directory.SignIn()
	return errors.Join(
		people.AddClient(ssatest.ProviderClient{ID: "bank", Secret: secret,
			RedirectURIs: []string{address + "/sign-in/answer"}, AfterSignOut: []string{address + "/signed-out"}}),
		people.AddAccount(ssatest.Account{Email: contact, Password: password, Code: code, Name: "Ada", Associated: true, Organisations: []string{e.software.OrgID}}),
		people.AddAccount(ssatest.Account{Email: operator, Password: password, Code: code, Name: "Olga"}),
	)
}

// serve serves until the context ends. The portal has a listener of its own: one that asks for
// client certificates, as the bank's does, has a browser ask its user for one.
func (e *example) serve(ctx context.Context) error {
	defer e.bank.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	pages := &http.Server{
		Handler: e.portal.Handler(), ReadHeaderTimeout: dcr.HeaderTimeout, ReadTimeout: server.ReadTimeout, WriteTimeout: server.WriteTimeout,
		IdleTimeout: server.IdleTimeout, MaxHeaderBytes: server.MaxHeader, ErrorLog: e.bank.HTTPServer().ErrorLog, // a flood is a few lines
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{e.own}, MinVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}},
	}
	ended := make(chan error, 1)
	go func() {
		defer stop()
		ended <- pages.ServeTLS(e.portalAt, "", "")
	}()
	err := e.bank.Serve(ctx, e.bankAt) // which forgets sessions that have ended, too
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), server.DrainTimeout)
	defer cancel()
	err = errors.Join(err, pages.Shutdown(drain))
	if end := <-ended; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

// tell says what to try.
func (e *example) tell(out io.Writer) {
	fmt.Fprintf(out, "The bank is at https://%s, its portal at https://%s: open that in a browser,\n"+
		"which warns of the certificate. Sign in with the password %q and the code %s, as\n"+
		"  %-18s of the organisation %s\n  %-18s an operator of the bank\n"+
		"and add an application by this software statement:\n\n%s\n",
		e.bankAt.Addr(), e.portalAt.Addr(), password, code, contact, e.software.OrgID, operator, e.statement)
}
