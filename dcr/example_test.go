package dcr_test

import (
	"fmt"
	"net/http"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// Example puts a registration endpoint together from its parts, in front of an API that
// exists already. dcr/server does so from one Config.
func Example() {
	directory, err := ssatest.New(ssatest.Options{}) // the OBIE directory in a bank
	if err != nil {
		panic(err)
	}
	defer directory.Close()

	policy := validate.DefaultPolicy(validate.OBIE33)
	policy.Audiences = []string{"0015800001HQQrZAAX"}
	validator, err := validate.New(validate.Config{Profile: validate.OBIE33, Policy: policy})
	if err != nil {
		panic(err)
	}
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{directory.Anchor()}, Skew: policy.ClockSkew})
	if err != nil {
		panic(err)
	}
	registrar, err := dcr.NewRegistrar(dcr.Config{
		Statements: verifier, SoftwareKeys: directory.Resolver(), Validator: validator, Store: store.NewMemory(nil),
	})
	if err != nil {
		panic(err)
	}
	register, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: registrar, Path: "/register", Certificate: cert.FromTLS})
	if err != nil {
		panic(err)
	}
	api := http.NewServeMux() // what the bank serves already
	server := &http.Server{Handler: register.Before(api), ReadHeaderTimeout: dcr.HeaderTimeout}
	fmt.Println("ready:", server.Handler != nil)
	// Output: ready: true
}
