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
	"net/http/httptest"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/roles"
	"github.com/obdcr/obdcr/dcr/token"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// existingAPI is what the bank had before: handlers that know nothing of
// registration, by the names of their APIs.
func existingAPI() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"accounts": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"accounts": []}`) },
		"payments": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"payments": []}`) },
	}
}

// apiRoles is the bank's own table: which role opens which API. An API that is not
// in it is closed.
var apiRoles = roles.Table{Roles: map[string][]claims.Role{
	"accounts": {claims.AISP},
	"payments": {claims.PISP},
}}

// registrationPath is where clients register.
const registrationPath = "/register"

// bank is the API with registration in it.
type bank struct {
	server    *httptest.Server
	registrar *dcr.Registrar
}

func openBank(d *ssatest.Directory, a *authServer) (*bank, error) {
	// One HTTP client for the way to the authorization server.
	toAuthServer := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots(d)}}}
	tokens, err := token.NewIntrospection(token.IntrospectionConfig{
		IntrospectionURL: a.server.URL + "/introspect", RevocationURL: a.server.URL + "/revoke",
		HTTPClient: toAuthServer, ClientID: bankID, ClientSecret: claims.NewSecret(bankSecret),
	})
	if err != nil {
		return nil, err
	}
	b := &bank{}
	if b.registrar, err = newRegistrar(d, tokens, clientsOf{toAuthServer, a.server.URL}); err != nil {
		return nil, err
	}
	// Whose changes stopped half-way in an earlier life are ended before anybody asks.
	if _, err := b.registrar.Reconcile(context.Background(), 0); err != nil {
		return nil, err
	}
	registration, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: b.registrar, Path: registrationPath, Certificate: cert.FromTLS})
	if err != nil {
		return nil, err
	}
	application, err := roles.ByToken(b.registrar, cert.FromTLS)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for name, handler := range existingAPI() {
		only, err := roles.Require(apiRoles, name, application)
		if err != nil {
			return nil, err
		}
		mux.Handle("GET /"+name, only(handler))
	}
	return b, b.serve(d, registration.Before(mux)) // a mux before it would redirect //register
}

// reconcile ends changes that stop half-way, because the authorization server is out
// for a while say, until the context ends. A process that lives on calls it in a
// goroutine of its own.
func (b *bank) reconcile(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		// Younger ones may be under way.
		if _, err := b.registrar.Reconcile(ctx, 2*dcr.ChangeTimeout); err != nil && ctx.Err() == nil {
			log.Println("reconcile:", err)
		}
	}
}

func newRegistrar(d *ssatest.Directory, tokens token.Tokens, clients dcr.Provisioner) (*dcr.Registrar, error) {
	policy := validate.DefaultPolicy(validate.OBIE33)
	policy.Audiences = []string{ssatest.DefaultAudience}
	validator, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	if err != nil {
		return nil, err
	}
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{d.Anchor()}, Clock: time.Now, Skew: policy.ClockSkew})
	if err != nil {
		return nil, err
	}
	memory := store.NewMemory(time.Now) // store/sqlite in a bank
	return dcr.NewRegistrar(dcr.Config{
		Statements: verifier, SoftwareKeys: d.Resolver(), Validator: validator, Store: memory, Clock: time.Now,
		Tokens: tokens, Provisioner: clients,
	})
}

func (b *bank) serve(d *ssatest.Directory, handler http.Handler) error {
	certificate, err := d.ServerCertificate("127.0.0.1")
	if err != nil {
		return err
	}
	b.server = httptest.NewUnstartedServer(handler)
	b.server.TLS = &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots(d),
	}
	b.server.StartTLS()
	return nil
}

// clientsOf makes clients in the authorization server over its own interface. It is
// called before a registration is answered, and again where it failed half-way.
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
			return dcr.Provisioned{}, c.send(ctx, http.MethodPut, p.Client.ID, body)
		}
	}
	return dcr.Provisioned{}, errors.New("embedding: the client has no key set")
}

// Deprovision implements dcr.Provisioner.
func (c clientsOf) Deprovision(ctx context.Context, d dcr.Deprovisioning) error {
	return c.send(ctx, http.MethodDelete, d.ClientID, nil)
}

func (c clientsOf) send(ctx context.Context, method, clientID string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, method, c.address+"/clients/"+clientID, bytes.NewReader(body))
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
