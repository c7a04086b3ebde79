package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/roles"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// existingAPI returns the handlers that the bank had before, by the names of their APIs.
// They know nothing of registration.
func existingAPI() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"accounts": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"accounts": []}`) },
		"payments": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"payments": []}`) },
	}
}

// apiRoles is the bank's table of the roles that open each API. An API that is not in it
// is closed.
var apiRoles = roles.Table{Roles: map[string][]claims.Role{
	"accounts": {claims.AISP},
	"payments": {claims.PISP},
}}

// newBank makes the bank of the registration.
func newBank(ctx context.Context, d *ssatest.Directory, a *authServer, address string) (*server.Bank, error) {
	// One HTTP client for all calls to the authorization server.
	toAuthServer := tpp.MutualTLS(tls.Certificate{}, roots(d))
	toAuthServer.Timeout = 5 * time.Second
	clients := clientsOf{toAuthServer, a.server.URL}
	tokens, err := token.NewIntrospection(token.IntrospectionConfig{
		IntrospectionURL: a.server.URL + "/introspect", MetadataURL: a.server.URL + "/metadata",
		HTTPClient: toAuthServer, ClientID: bankID, ClientSecret: claims.NewSecret(bankSecret),
		Revocation: token.RevokeWith(clients.endTokens), // token.RevokeAsBank() where the server allows that
	})
	if err != nil {
		return nil, err
	}
	if err := tokens.Check(ctx); err != nil { // says what of the server does not fit
		return nil, err
	}
	return server.New(server.Config{
		Issuer:      address,
		Audiences:   []string{ssatest.DefaultAudience},
		Directories: []ssa.KnownDirectory{d.Known()},
		Keys:        server.KeyConfig{Resolver: d.Resolver()},
		Clients: server.CertificateConfig{
			Trust: cert.TrustPolicy{Authorities: map[claims.Environment][]*x509.Certificate{claims.Sandbox: {d.CA}}},
		},
		Store:       store.NewMemory(nil), // store/sqlite in a bank
		Tokens:      tokens,
		Provisioner: clients,
		Discovery:   dcr.Discovery{TokenEndpoint: a.server.URL + "/token"},
	})
}

// existingAPIBehind puts the bank in front of the API's own router. Both are plain
// http.Handlers. The bank comes first, because a ServeMux would redirect //register, and a
// client would repeat its request, with its token, at the other address.
func existingAPIBehind(bank *server.Bank) (http.Handler, error) {
	application, err := roles.ByToken(bank.Registrar(), cert.FromTLS)
	if err != nil {
		return nil, err
	}
	router := http.NewServeMux()
	for name, handler := range existingAPI() {
		only, err := roles.Require(apiRoles, name, application)
		if err != nil {
			return nil, err
		}
		router.Handle("GET /"+name, only(handler))
	}
	return bank.Before(router), nil
}

// existingServer is the server that the bank had before: its own certificate, timeouts and
// TLS. It must verify client certificates: cert.FromTLS believes no others. Its write
// timeout must leave a change its time.
func existingServer(d *ssatest.Directory, h http.Handler) (*http.Server, error) {
	own, err := d.ServerCertificate("127.0.0.1")
	if err != nil {
		return nil, err
	}
	return &http.Server{
		Handler: h,
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots(d),
			MinVersion: tls.VersionTLS12, CipherSuites: suites(),
		},
		ReadHeaderTimeout: dcr.HeaderTimeout, ReadTimeout: time.Minute, WriteTimeout: 2 * dcr.ChangeTimeout, IdleTimeout: time.Minute,
		MaxHeaderBytes: server.MaxHeader, ErrorLog: log.Default(), // of the bank's existing program
	}, nil
}

// suites are those of TLS 1.2 that FAPI 1.0 Part 2 section 8.5 admits and Go has.
func suites() []uint16 {
	return []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
}

// clientsOf makes clients in the authorization server by that server's own API. The bank
// calls it before it answers a registration, and again after a failure.
type clientsOf struct {
	http    *http.Client
	address string
}

// Provision implements dcr.Provisioner.
func (c clientsOf) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	for _, a := range p.Client.Application.Attributes {
		if strings.HasPrefix(a.Name, "software_jwks_endpoint_") && len(a.Values) == 1 {
			body, err := json.Marshal(oauthClient{JWKSURI: a.Values[0]})
			if err != nil {
				return dcr.Provisioned{}, err
			}
			return dcr.Provisioned{}, c.send(ctx, http.MethodPut, p.ClientID, body)
		}
	}
	return dcr.Provisioned{}, errors.New("embedding: the client has no key set")
}

// Deprovision implements dcr.Provisioner.
func (c clientsOf) Deprovision(ctx context.Context, d dcr.Deprovisioning) error {
	return c.send(ctx, http.MethodDelete, d.ClientID, nil)
}

// endTokens ends all tokens of a client. The server ends a single token for its own client
// alone, as most servers do (RFC 7009 section 2.1).
func (c clientsOf) endTokens(ctx context.Context, r token.Revocation) (token.Revoked, error) {
	err := c.send(ctx, http.MethodDelete, r.Access.ClientID+"/tokens", nil)
	return token.Revoked{Ended: err == nil}, err
}

func (c clientsOf) send(ctx context.Context, method, path string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, method, c.address+"/clients/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.SetBasicAuth(bankID, bankSecret)
	response, err := c.http.Do(r)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("embedding: the authorization server answered %d", response.StatusCode)
	}
	return nil
}

func roots(d *ssatest.Directory) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(d.CA)
	return pool
}
