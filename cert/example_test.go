package cert_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
)

// A token endpoint that lets a client in only with a certificate of its software.
func Example() {
	policy, err := cert.ParseTrustPolicy([]byte(`{"bindings": ["public_key", "thumbprint"]}`), os.DirFS("/etc/bank"))
	if err != nil {
		panic(err)
	}
	config, err := policy.Config(time.Now())
	if err != nil {
		panic(err)
	}
	directory := ssa.KnownDirectories()[0]
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{Sources: []ssa.RemoteSource{directory.Source()}})
	if err != nil {
		panic(err)
	}
	defer keys.Close()
	config.Keys = keys
	checker, err := cert.NewChecker(config)
	if err != nil {
		panic(err)
	}
	clients := store.NewMemory(nil) // the one that the bank registers clients in
	protect, err := cert.Middleware(cert.MiddlewareConfig{
		Source: cert.FromTLS, Checker: checker,
		Client: func(r *http.Request) (cert.Software, error) {
			record, err := clients.Get(r.Context(), r.FormValue("client_id"))
			client, visible := record.Visible()
			switch {
			case errors.Is(err, store.ErrNotFound), err == nil && !visible:
				return cert.Software{}, cert.ErrUnknownClient
			case err != nil:
				return cert.Software{}, err
			}
			return checker.Software(cert.Registered{Application: client.Application, Environment: client.Environment,
				Statement: client.SoftwareStatement})
		},
	})
	if err != nil {
		panic(err)
	}
	api := http.NewServeMux()
	api.Handle("POST /token", protect(http.NotFoundHandler()))
	fmt.Println("ready")
	// Output: ready
}

func ExampleNewAuthorities() {
	_, err := cert.ParseAuthorities([]byte("no certificate"))
	fmt.Println(err)
	_, err = cert.NewAuthorities(nil, time.Now())
	fmt.Println(err)
	// Output:
	// cert: the file of CAs holds no PEM block of type CERTIFICATE; convert DER to PEM
	// cert: no CA is listed for any environment
}

func ExampleError() {
	var err error = &cert.Error{Kind: cert.ErrRevocationUnknown, Detail: "the list is out of date", RetryAfter: time.Minute}
	fmt.Println(err)
	fmt.Println(errors.Is(err, cert.ErrRevocationUnknown), errors.Is(err, cert.ErrRevoked))
	// Output:
	// cert: revocation status unknown: the list is out of date
	// true false
}
