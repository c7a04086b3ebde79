package server_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
)

// A bank that has an API already serves it behind registration, token endpoint and
// discovery.
func ExampleNew() {
	directory, err := ssatest.New(ssatest.Options{}) // the OBIE directory in a bank
	if err != nil {
		panic(err)
	}
	defer directory.Close()

	api := http.NewServeMux()
	api.HandleFunc("GET /accounts", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "accounts") })
	bank, err := server.New(server.Config{
		Issuer:        "https://bank.example",
		Audiences:     []string{"0015800001HQQrZAAX"},
		Directories:   []ssa.KnownDirectory{ssa.KnownDirectories(claims.Sandbox)[0].At(directory.URL() + "/keys.jwks")},
		Keys:          server.KeyConfig{Sources: []ssa.RemoteSource{directory.RemoteSource()}}, // the CA of a fake directory
		Clients:       server.CertificateConfig{Trust: cert.TrustPolicy{Authorities: map[claims.Environment][]*x509.Certificate{claims.Sandbox: {directory.CA}}}},
		Store:         store.NewMemory(nil),
		TokenEndpoint: true,
		Rest:          api,
	})
	if err != nil {
		panic(err)
	}
	defer bank.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go bank.Run(ctx)

	for _, path := range []string{"/accounts", "/healthz", "/.well-known/openid-configuration", "/elsewhere"} {
		answer := httptest.NewRecorder()
		bank.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(path, answer.Code)
	}
	// Output:
	// /accounts 200
	// /healthz 200
	// /.well-known/openid-configuration 200
	// /elsewhere 404
}
