package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store/sqlite"
)

const metadataPath = "/.well-known/openid-configuration"

// checkPause is how long the bank waits between two looks whether Keycloak fits.
const checkPause = 10 * time.Second

// connection is what the bank has of a Keycloak.
type connection struct {
	clients  *provisioner
	tokens   *token.Introspection
	clientID string // of this program
}

// connect makes a connection. It asks Keycloak nothing.
func (c *config) connect(secret claims.Secret) (*connection, error) {
	clients := &provisioner{admin: c.asBank(secret)}
	// A misused token is refused in any case. Its end is no default, because Keycloak can end
	// it only with all others of its client: one mistake of a TPP, such as an address with the
	// client_id of its other client, would end the consents of all its customers.
	revocation := token.NoRevocation()
	if c.EndMisusedTokens {
		revocation = token.RevokeWith(clients.endTokens)
	}
	tokens, err := token.NewIntrospection(token.IntrospectionConfig{
		IntrospectionURL: c.at(c.Keycloak.Realm, tokenPath+"/introspect"), MetadataURL: c.at(c.Keycloak.Realm, metadataPath),
		HTTPClient: c.client(), ClientID: c.Keycloak.ClientID, ClientSecret: secret, Revocation: revocation,
	})
	return &connection{clients: clients, tokens: tokens, clientID: c.Keycloak.ClientID}, err
}

// check asks Keycloak whether it fits: a token for the admin API, the rights of the bank's
// client, introspection, and certificate-bound tokens.
func (c *connection) check(ctx context.Context) error {
	own, err := clientNamed(ctx, c.clients.admin, c.clientID)
	switch {
	case answered(err, http.StatusForbidden), err == nil && !own.Access.Manage:
		return fmt.Errorf("keycloak: the client %s needs the roles %s of the realm: run -setup", c.clientID, strings.Join(ownRoles(), " and "))
	case err != nil:
		return fmt.Errorf("%w; if Keycloak is up, compare keycloak in the configuration file with it, or run -setup", err)
	}
	return c.tokens.Check(ctx)
}

// await repeats a check of Keycloak until Keycloak fits, or the context ends. It logs why
// Keycloak does not.
func await(ctx context.Context, log *slog.Logger, check func(context.Context) error) {
	for late := false; ; late = true {
		err := check(ctx)
		switch {
		case err == nil && late:
			log.InfoContext(ctx, "Keycloak fits now")
			return
		case err == nil || ctx.Err() != nil:
			return
		}
		log.ErrorContext(ctx, "Keycloak does not fit: requests are answered with 503, and it is asked again", "pause", checkPause, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(checkPause):
		}
	}
}

// bank is the registration service in front of a Keycloak. Its parts are made, and it does
// not serve yet.
type bank struct {
	*connection
	store  *sqlite.Store // to be closed
	server server.Config
}

// openBank makes the parts of the bank. It reads files, and asks Keycloak nothing.
func openBank(ctx context.Context, c *config, log *slog.Logger) (*bank, error) {
	secret, err := c.secret(false)
	if err != nil {
		return nil, err
	}
	policy, err := c.policy()
	if err != nil {
		return nil, err
	}
	certificates, err := server.LoadCertificates(c.Certificate, c.Key, map[claims.Environment]string{c.Environment: c.ClientCA})
	if err != nil {
		return nil, err
	}
	keycloak, err := c.connect(secret)
	if err != nil {
		return nil, err
	}
	records, err := sqlite.Open(ctx, sqlite.Config{Path: c.Database, Logger: log})
	if err != nil {
		return nil, err
	}
	b := &bank{connection: keycloak, store: records, server: server.Config{
		Issuer: c.Issuer, Audiences: []string{c.Organisation}, Policy: policy, Clients: certificates, Logger: log,
		Store: records, Tokens: keycloak.tokens, Provisioner: keycloak.clients,
		DiscoveryFrom: server.DiscoverySource{URL: c.at(c.Keycloak.Realm, metadataPath), HTTPClient: c.client()},
		Directories:   []ssa.KnownDirectory{ssa.KnownDirectories(c.Environment)[0].At(c.DirectoryJWKS)},
	}}
	if c.DirectoryJWKS != "" { // to try: a directory whose certificate is of server_ca too
		b.server.Keys.Sources = []ssa.RemoteSource{{Hosts: b.server.Directories[0].Hosts, Roots: c.roots}}
	}
	return b, nil
}

// serve answers TPPs until the context ends. It begins while Keycloak is out, too: after a
// power cut Keycloak takes longer than the bank.
func (b *bank) serve(ctx context.Context, address string) error {
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() { await(ctx, b.server.Logger, b.check) })
	defer looking.Wait()
	defer cancel()
	return server.ListenAndServe(ctx, address, b.server)
}
