package main

import (
	"context"
	"log/slog"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store/sqlite"
)

const metadataPath = "/.well-known/openid-configuration"

// bank is the registration service in front of a Keycloak. Its parts are made, and it does
// not serve yet.
type bank struct {
	tokens  *token.Introspection
	clients *sqlite.Store // to be closed
	server  server.Config
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
	keycloak, metadata := &provisioner{admin: c.asBank(secret)}, c.at(c.Keycloak.Realm, metadataPath)
	tokens, err := token.NewIntrospection(token.IntrospectionConfig{
		IntrospectionURL: c.at(c.Keycloak.Realm, tokenPath+"/introspect"), MetadataURL: metadata,
		HTTPClient: c.client(), ClientID: c.Keycloak.ClientID, ClientSecret: secret, Revocation: token.RevokeWith(keycloak.endTokens),
	})
	if err != nil {
		return nil, err
	}
	clients, err := sqlite.Open(ctx, sqlite.Config{Path: c.Database})
	if err != nil {
		return nil, err
	}
	b := &bank{tokens: tokens, clients: clients, server: server.Config{
		Issuer: c.Issuer, Audiences: []string{c.Organisation}, Policy: policy, Clients: certificates, Logger: log,
		Store: clients, Tokens: tokens, Provisioner: keycloak,
		DiscoveryFrom: server.DiscoverySource{URL: metadata, HTTPClient: c.client()},
		Directories:   []ssa.KnownDirectory{ssa.KnownDirectories(c.Environment)[0].At(c.DirectoryJWKS)},
	}}
	if c.DirectoryJWKS != "" { // to try: a directory whose certificate is of server_ca too
		b.server.Keys.Sources = []ssa.RemoteSource{{Hosts: b.server.Directories[0].Hosts, Roots: c.roots}}
	}
	return b, nil
}

// serve answers TPPs until the context ends. It refuses to begin in front of a Keycloak that
// does not fit, or does not answer.
func (b *bank) serve(ctx context.Context, address string) error {
	if err := b.tokens.Check(ctx); err != nil {
		return err
	}
	return server.ListenAndServe(ctx, address, b.server)
}
