package tpp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// A TPP registers at a bank, and learns what is wrong with its second request.
func ExampleClient() {
	directory, software, bank := exampleBank()
	defer directory.Close()
	defer bank.Close()
	roots := x509.NewCertPool()
	roots.AddCert(directory.CA)

	client, err := tpp.NewClient(tpp.Config{
		HTTP:     tpp.MutualTLS(software.TransportCertificate, roots),
		Metadata: &tpp.Metadata{RegistrationEndpoint: bank.URL + "/register", TokenEndpoint: bank.URL + "/token"}, // or from Discover
		Signer:   software.SigningKey,
		KeyID:    software.SigningKeyID,
	})
	must(err)
	statement, err := software.SSA(nil) // from the directory
	must(err)
	for _, options := range []tpp.RequestOptions{
		{Audience: ssatest.DefaultAudience},
		{Audience: ssatest.DefaultAudience, RedirectURIs: []string{"https://other.example/callback"}},
	} {
		request, err := client.Build(statement, options)
		must(err)
		registered, err := client.Register(context.Background(), request)
		var refused *tpp.ResponseError
		switch {
		case errors.As(err, &refused):
			fmt.Println("refused:", refused.Code)
			for _, rule := range refused.Rules() {
				fmt.Println(rule.ID)
			}
		case tpp.MayHaveHappened(err):
			fmt.Println("find out:", err)
		case err == nil:
			fmt.Println("registered with scope", registered.Metadata.Scope.Or(claims.Scope{}))
		}
	}
	// Output:
	// registered with scope openid accounts payments
	// refused: invalid_redirect_uri
	// redirect_uris.subset_of_ssa
}

// exampleBank is a bank that trusts a directory, and a software of that directory.
func exampleBank() (*ssatest.Directory, *ssatest.EnrolledSoftware, *httptest.Server) {
	directory, err := ssatest.New(ssatest.Options{})
	must(err)
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	must(err)
	policy := validate.DefaultPolicy(validate.OBIE33)
	policy.Audiences = []string{ssatest.DefaultAudience}
	validator, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	must(err)
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{directory.Anchor()}, Clock: time.Now, Skew: time.Minute})
	must(err)
	memory := store.NewMemory(time.Now)
	registrar, err := dcr.NewRegistrar(dcr.Config{Statements: verifier, SoftwareKeys: directory.Resolver(), Validator: validator,
		Store: memory})
	must(err)
	handler, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: registrar, Path: "/register", Certificate: cert.FromTLS})
	must(err)
	certificate, err := directory.ServerCertificate("127.0.0.1")
	must(err)
	roots := x509.NewCertPool()
	roots.AddCert(directory.CA)
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots}
	server.StartTLS()
	return directory, software, server
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
