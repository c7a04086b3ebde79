// Command bank registers clients of the Open Banking Directory and issues access tokens to them.
package main

import (
	"cmp"
	"context"
	"errors"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store/sqlite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	env := func(name, otherwise string) string { return cmp.Or(os.Getenv(name), otherwise) }
	authorities := map[claims.Environment]string{claims.Sandbox: env("BANK_CLIENT_CA", "openbanking-ca.pem")}
	certificates, err := server.LoadCertificates(env("BANK_CERT", "bank.pem"), env("BANK_KEY", "bank.key"), authorities)
	clients, failed := sqlite.Open(ctx, sqlite.Config{Path: env("BANK_DB", "clients.db"), Logger: slog.Default()})
	if err = errors.Join(err, failed); err != nil {
		log.Fatal(err)
	}
	err = server.ListenAndServe(ctx, env("BANK_ADDRESS", ":8443"), server.Config{ // with timeouts; Reconcile runs each minute
		Issuer:      env("BANK_ISSUER", "https://bank.example"),         // the bank's own address, as clients know it
		Audiences:   []string{env("BANK_ORG_ID", "0015800001HQQrZAAX")}, // what requests name as aud
		Directories: []ssa.KnownDirectory{ssa.KnownDirectories(claims.Sandbox)[0].At(os.Getenv("BANK_DIRECTORY"))},
		Clients:     certificates, Store: clients, Logger: slog.Default(),
		TokenEndpoint: true, // or Tokens: those of an authorization server
	})
	if err = errors.Join(err, clients.Close()); err != nil {
		log.Fatal(err)
	}
}
