package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

const path = "/register"

// bank is an ASPSP: a registration endpoint over mutual TLS, and its store.
type bank struct {
	server    *httptest.Server
	store     *store.Memory
	validator *validate.Validator
	now       func() time.Time
}

func openBank(directory *ssatest.Directory) (*bank, error) {
	b := &bank{now: time.Now}
	policy := validate.DefaultPolicy(validate.OBIE33)
	policy.Audiences = []string{ssatest.DefaultAudience}
	var err error
	if b.validator, err = validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy}); err != nil {
		return nil, err
	}
	b.store = store.NewMemory(b.now)
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{
		Anchors: []ssa.Anchor{directory.Anchor()}, Clock: b.now, Skew: policy.ClockSkew,
	})
	if err != nil {
		return nil, err
	}
	registrar, err := dcr.NewRegistrar(dcr.Config{
		Statements: verifier, SoftwareKeys: directory.Resolver(), Validator: b.validator, Store: b.store, Clock: b.now,
	})
	if err != nil {
		return nil, err
	}
	handler, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: registrar, Path: path, Certificate: cert.FromTLS})
	if err != nil {
		return nil, err
	}
	return b, b.serve(directory, handler)
}

func (b *bank) serve(directory *ssatest.Directory, handler http.Handler) error {
	certificate, err := directory.ServerCertificate("127.0.0.1")
	if err != nil {
		return err
	}
	b.server = httptest.NewUnstartedServer(handler)
	b.server.TLS = &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool(directory),
	}
	b.server.StartTLS()
	return nil
}

func pool(directory *ssatest.Directory) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(directory.CA)
	return roots
}

// answer is what the bank answered.
type answer struct {
	status   int
	clientID string
	code     string
}

// post sends a request the way a TPP does.
func (b *bank) post(ctx context.Context, d *ssatest.Directory, s *ssatest.EnrolledSoftware, token string) (answer, error) {
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		Certificates: []tls.Certificate{s.TransportCertificate}, RootCAs: pool(d),
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.server.URL+path, bytes.NewBufferString(token))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/jwt")
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return answer{}, err
	}
	var body struct {
		ClientID string `json:"client_id"`
		Error    string `json:"error"`
	}
	err = json.NewDecoder(response.Body).Decode(&body)
	return answer{response.StatusCode, body.ClientID, body.Error}, errors.Join(err, response.Body.Close())
}
