package cert_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
)

// A token endpoint that lets a client in only with a certificate of its software.
func Example() {
	policy, err := cert.ParsePolicy([]byte(`{"bindings": ["public_key", "thumbprint"]}`), os.DirFS("/etc/bank"))
	if err != nil {
		panic(err)
	}
	config, err := policy.Config(time.Now())
	if err != nil {
		panic(err)
	}
	directory := ssa.KnownDirectories()[0]
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{Sources: []ssa.RemoteSource{directory.Source()}, Clock: time.Now})
	if err != nil {
		panic(err)
	}
	defer keys.Close()
	config.Clock, config.Keys = time.Now, keys
	checker, err := cert.NewChecker(config)
	if err != nil {
		panic(err)
	}
	protect, err := cert.Middleware(cert.MiddlewareConfig{
		Source: cert.FromTLS, Checker: checker,
		Application: func(r *http.Request) (claims.Application, claims.Environment, error) {
			return claims.Application{}, "", cert.ErrUnknownClient // look r.FormValue("client_id") up instead
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
