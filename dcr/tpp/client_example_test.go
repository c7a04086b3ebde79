package tpp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
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
	at := httptest.NewUnstartedServer(nil)
	own, err := directory.ServerCertificate("127.0.0.1")
	must(err)
	bank, err := server.New(server.Config{
		Issuer: "https://" + at.Listener.Addr().String(), Audiences: []string{ssatest.DefaultAudience}, Directories: []ssa.KnownDirectory{directory.Known()},
		Keys: server.KeyConfig{Resolver: directory.Resolver()}, Store: store.NewMemory(nil), TokenEndpoint: true,
		Clients: server.CertificateConfig{Server: []tls.Certificate{own}, Trust: cert.TrustPolicy{
			Authorities: map[claims.Environment][]*x509.Certificate{claims.Sandbox: {directory.CA}}}},
	})
	must(err)
	at.Config = bank.HTTPServer()
	at.TLS = at.Config.TLSConfig
	at.StartTLS()
	return directory, software, at
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
