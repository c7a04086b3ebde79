package dcrtest_test

import (
	"testing"

	"github.com/obdcr/obdcr/dcr/dcrtest"
	"github.com/obdcr/obdcr/validate"
)

// TestABankRefusesAnotherCallback has a directory, a bank and a TPP, over mutual TLS.
func TestABankRefusesAnotherCallback(t *testing.T) {
	bank := dcrtest.NewBank(t)
	tpp := bank.NewTPP(t)
	_, err := tpp.Register(dcrtest.Set("/redirect_uris/0", "https://other.example/callback"))
	dcrtest.RequireViolation(t, err, validate.RuleRedirectURIsSubsetOfSSA)
}
