package server_test

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/upstream"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store/sqlite"
)

// A whole bank in front of an authorization server. It believes what the Open Banking
// Directory signs, fetches key sets over https, keeps its clients in SQLite, makes them at
// the authorization server, asks that about access tokens, and serves its discovery document.
func Example_authorizationServer() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := serveInFront(ctx, settings{
		Address: ":8443", Issuer: "https://bank.example", OrgID: "0015800001HQQrZAAX", Database: "clients.db",
		Certificate: "bank.pem", Key: "bank.key", ClientCAs: "openbanking-ca.pem",
		Directory:  ssa.KnownDirectories(claims.Production)[0],
		Discovery:  "https://as.bank.example/.well-known/openid-configuration",
		Introspect: "https://as.bank.example/token/introspection", Register: "https://as.bank.example/reg",
		Client:  token.Authentication{ClientID: "bank", Secret: claims.NewSecret(os.Getenv("BANK_SECRET"))},
		Initial: claims.NewSecret(os.Getenv("BANK_INITIAL_ACCESS_TOKEN")), Sealing: claims.NewSecret(os.Getenv("BANK_SEALING_KEY")),
	})
	if err != nil {
		log.Fatal(err)
	}
}

// settings are what one bank has otherwise than another one.
type settings struct {
	Address, Issuer, OrgID, Database string
	Certificate, Key, ClientCAs      string               // PEM files
	Directory                        ssa.KnownDirectory   // whose statements the bank believes
	Discovery, Introspect, Register  string               // addresses of the authorization server
	Client                           token.Authentication // of the bank at the authorization server
	Initial                          claims.Secret        // initial access token: authorizes registrations there
	Sealing                          claims.Secret        // 32 bytes, by which the store seals the tokens that manage clients there
	ToServer                         *http.Client         // nil: the system's CAs
	ToDirectory                      []ssa.RemoteSource   // nil: the system's CAs
}

// serveInFront serves a bank until the context ends.
func serveInFront(ctx context.Context, s settings) (err error) {
	certificates, err := server.LoadCertificates(s.Certificate, s.Key, map[claims.Environment]string{s.Directory.Environment: s.ClientCAs})
	if err != nil {
		return err
	}
	tokens, err := token.NewIntrospection(token.IntrospectionConfig{
		IntrospectionURL: s.Introspect, MetadataURL: s.Discovery, HTTPClient: s.ToServer,
		ClientID: s.Client.ClientID, ClientSecret: s.Client.Secret, ClientKey: s.Client.Key,
		Revocation: token.NoRevocation(), // the look-up of the client stops misused tokens; token.RevokeWith ends them
	})
	if err != nil {
		return err
	}
	if err := tokens.Check(ctx); err != nil { // the bank serves all the same: the server may come back
		slog.Error("the authorization server does not fit", "error", err)
	}
	provisioner, err := upstream.New(upstream.Config{
		RegistrationEndpoint: s.Register, HTTPClient: s.ToServer, Mapping: upstream.OIDCProvider(), Logger: slog.Default(),
		InitialAccessToken: func(context.Context) (claims.Secret, error) { return s.Initial, nil },
	})
	if err != nil {
		return err
	}
	clients, err := sqlite.Open(ctx, sqlite.Config{Path: s.Database})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clients.Close()) }()
	return server.ListenAndServe(ctx, s.Address, server.Config{ // with timeouts; reconciles each minute
		Issuer: s.Issuer, Audiences: []string{s.OrgID}, Clients: certificates, Store: clients,
		Directories: []ssa.KnownDirectory{s.Directory},
		Keys:        server.KeyConfig{Sources: s.ToDirectory},
		Tokens:      tokens,
		Provisioner: provisioner, SealingKey: s.Sealing,
		DiscoveryFrom: server.DiscoverySource{URL: s.Discovery, HTTPClient: s.ToServer},
		Logger:        slog.Default(),
	})
}
