package cert

import (
	"crypto/sha256"
	"crypto/x509"
)

// CheckOutcome is the result of one check of an accepted certificate.
type CheckOutcome string

// The outcomes of a check. There is none for a failure: Check then refuses the
// certificate.
const (
	Passed       CheckOutcome = "passed"
	NotConsulted CheckOutcome = "not_consulted" // nothing is configured that could answer
)

// The checks of an Acceptance, in their order.
const (
	CheckValidity    = "validity"     // notBefore and notAfter
	CheckUsage       = "usage"        // key usage and extended key usage
	CheckChain       = "chain"        // to a root of the environment
	CheckRevocation  = "revocation"   // of the certificate and its CAs
	CheckRevokedKeys = "revoked_keys" // keys that the directory has withdrawn
	CheckBinding     = "binding"      // to the software

	numberOfChecks = 6
)

// CheckResult is one check of a certificate.
type CheckResult struct {
	Name    string       `json:"name"` // one of the Check constants
	Outcome CheckOutcome `json:"outcome"`
	Note    string       `json:"note,omitempty"` // for people: by what, or why not
}

// Acceptance is the reason why a certificate was accepted as one of a software.
type Acceptance struct {
	Certificate *x509.Certificate `json:"-"`        // the one that was accepted
	Software    Software          `json:"-"`        // that it belongs to, as the caller of Check gave it, with an Asker of its Keys
	Identity    Identity          `json:"identity"` // as the subject claims it; proved with Binding BySubject alone
	Binding     Binding           `json:"binding"`  // the one that held
	Checks      []CheckResult     `json:"checks"`   // in the order of the Check constants

	thumbprint [sha256.Size]byte // of Certificate
}

func (a *Acceptance) add(name string, outcome CheckOutcome, note string) {
	a.Checks = append(a.Checks, CheckResult{Name: name, Outcome: outcome, Note: note})
}
