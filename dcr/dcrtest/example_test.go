package dcrtest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// exampleT stands for the t of a test: func TestARefusal(t *testing.T).
type exampleT struct {
	testing.TB
	cleanups []func()
}

func (e *exampleT) Helper()          {}
func (e *exampleT) Failed() bool     { return false }
func (e *exampleT) Cleanup(c func()) { e.cleanups = append(e.cleanups, c) }
func (e *exampleT) end() {
	for _, c := range e.cleanups {
		c()
	}
}

// A bank, a TPP that is enrolled at the same directory, and a request that is refused.
func ExampleNewBank() {
	t := &exampleT{} // in a test: t *testing.T
	defer t.end()

	bank := dcrtest.NewBank(t)
	tpp := bank.NewTPP(t)
	_, err := tpp.Register(dcrtest.Set("/redirect_uris/0", "https://other.example/callback"))
	dcrtest.RequireViolation(t, err, validate.RuleRedirectURIsSubsetOfSSA)

	fmt.Println(err)
	// Output:
	// dcrtest: register: 400 invalid_redirect_uri: redirect_uris.subset_of_ssa
}

// The life of a client, and a statement that the directory did not sign.
func ExampleTPP_Register() {
	t := &exampleT{} // in a test: t *testing.T
	defer t.end()

	bank := dcrtest.NewBank(t)
	tpp := bank.NewTPP(t)
	client, err := tpp.Register()
	fmt.Println("registered:", err == nil)
	_, err = client.Update(dcrtest.Remove("/redirect_uris/1"))
	fmt.Println("updated:", err == nil)
	fmt.Println("deleted:", client.Delete() == nil)
	_, err = tpp.Register(dcrtest.Statement(dcrtest.SignedBy(bank.Directory().ForgedKey())))
	fmt.Println(err)
	// Output:
	// registered: true
	// updated: true
	// deleted: true
	// dcrtest: register: 400 invalid_software_statement: ssa.signature
}

// A directory that is down, and a bank that waits for it no longer than a tenth of a second.
func ExampleBank_Directory() {
	t := &exampleT{} // in a test: t *testing.T
	defer t.end()

	bank := dcrtest.NewBank(t, dcrtest.WithServerConfig(func(c *server.Config) { c.Keys.Limits.Timeout = 100 * time.Millisecond }))
	tpp := bank.NewTPP(t)
	bank.Directory().Misbehave(tpp.Software().JWKSURL(), ssatest.KeySetFault{Hang: true})
	_, err := tpp.Register()
	fmt.Println(dcrtest.RequireRefused(t, err).Status == http.StatusServiceUnavailable)
	// Output:
	// true
}
