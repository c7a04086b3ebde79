package tpp

import (
	"context"
	"crypto/x509"
	"maps"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// LintInput is a request with what the TPP knows about it before it sends it, and what it
// knows of the bank. Lint makes each check that it has the means for, and says which it
// did not make.
type LintInput struct {
	// Request is what a file holds: a compact JWS, or the claims alone as a JSON object. If
	// it is empty, Lint judges Statement alone.
	Request string
	// Statement is the software statement if the request does not hold it, or if the request
	// is claims alone: a compact JWS, or its claims as a JSON object.
	Statement string
	Validator *validate.Validator // required; AnyBank makes one where no bank is known
	Now       time.Time           // when the request would arrive; the present if zero
	Update    bool                // the request would change a registered client (PUT)

	// Anchor is the directory as the bank trusts it: issuer, keys, environment, hosts and
	// names of claims. The policy sets its Algorithms, MaxAge and MaxAgeWithExp. Without Keys
	// the statement's signature is not checked, and all else is. Nil: StatementKey and
	// Environment are all that is known of the directory, and an issuer that no known
	// directory has is a warning.
	Anchor       *ssa.Anchor
	StatementKey ssa.KeyResolver    // the directory's keys; nil, and no Anchor, checks no signature of the statement
	Environment  claims.Environment // of the directory that issued the statement; "" if unknown
	// SoftwareKeys finds the keys of the software, and which are withdrawn; nil checks no
	// signature of the request, and not whose the certificate is.
	SoftwareKeys ssa.SoftwareKeyResolver
	// RevokedKeys finds the withdrawn keys of the software in place of SoftwareKeys, and also
	// where the statement names no address of them; nil asks SoftwareKeys.
	RevokedKeys ssa.RevokedKeyResolver

	Certificate *x509.Certificate // the transport certificate; nil judges none
	Authorities *cert.Authorities // the CAs that the bank believes; nil leaves out the certificate's chain
	Bindings    []cert.Binding    // how a certificate belongs to a software at the bank; nil: by its public key

	// Metadata is what the bank announces. Its issuer is then the one URL that aud may be.
	// Make the Validator's policy with its method Policy.
	Metadata *Metadata
}

// LintResult is what Lint found.
type LintResult struct {
	Report    *validate.Report
	Documents map[validate.Document][]byte // the JSON documents that could be decoded, UNVERIFIED
	Header    *claims.Header               // of the request, UNVERIFIED; nil for claims alone
	SSAHeader *claims.Header               // of the statement, UNVERIFIED
	SSA       *claims.SSA                  // the claims of the statement, UNVERIFIED
	// Checks are the states of what needs more than the request. A Note says why a check
	// could not be made; it is empty where LintInput lacks what the check needs.
	Checks validate.Checks
	// RevokedUnread is whether an address of withdrawn keys that the statement names was not
	// looked at, as ErrNotLookedAt says. A good check may then be one of a withdrawn key.
	RevokedUnread bool
	// StatementUnused is whether LintInput.Statement was not looked at, because the request is
	// signed and holds a statement itself.
	StatementUnused bool
	// Unavailable is the error if a key set could not be read, else nil.
	Unavailable error
}

// Lint judges a request as a bank's server would, and its Report's Wire is the server's
// answer. It goes on after a step that fails, where a server would stop, so that it
// reports every violation at once. Use it to write better requests, never to accept one:
// what it reads is unverified unless both signatures are good. It returns an error only if
// there is no validator, or nothing to judge, or an Anchor that cannot be used.
func Lint(ctx context.Context, in LintInput) (*LintResult, error) {
	switch {
	case in.Validator == nil:
		return nil, failure("lint needs a validator")
	case in.Request == "" && in.Statement == "":
		return nil, failure("there is nothing to lint")
	}
	if in.Now.IsZero() {
		in.Now = time.Now()
	}
	l := &linter{in: in, policy: in.Validator.Policy(), input: validate.Input{Now: in.Now, Environment: in.Environment},
		result: LintResult{Documents: map[validate.Document][]byte{}}}
	l.result.Checks = notChecked(in.Request == "")
	if in.Anchor != nil {
		l.input.Environment = in.Anchor.Environment
	}
	if in.Update {
		l.input.Update = &validate.Update{}
	}
	if err := l.nameClaims(); err != nil {
		return nil, err
	}
	l.read()
	if !l.ended {
		if err := l.check(ctx); err != nil {
			return nil, err
		}
	}
	return &l.result, nil
}

// nameClaims takes the names that the directory gives to claims from the policy or from the
// Anchor, and lets both have them.
func (l *linter) nameClaims() error {
	l.input.ClaimNames = l.policy.ClaimNames
	switch a := l.in.Anchor; {
	case a == nil:
	case len(l.policy.ClaimNames) == 0:
		l.input.ClaimNames = a.ClaimNames
	case len(a.ClaimNames) == 0:
		named := *a
		named.ClaimNames = l.policy.ClaimNames
		l.in.Anchor = &named
	case !maps.Equal(a.ClaimNames, l.policy.ClaimNames):
		return failure("ClaimNames of the Anchor and claim_names of the policy differ: give one of them")
	}
	return nil
}

// notChecked returns the checks that apply to a request, or to a statement alone.
func notChecked(alone bool) validate.Checks {
	none := validate.Check{State: validate.CheckNotChecked}
	if alone {
		return validate.Checks{StatementSignature: none}
	}
	return validate.Checks{RequestSignature: none, StatementSignature: none, Audience: none, Certificate: none}
}

// linter is one call of Lint.
type linter struct {
	in     LintInput
	policy validate.Policy
	input  validate.Input
	result LintResult
	ended  bool // nothing but one finding can be said

	request   *ssa.Signed // nil if it is none
	statement *ssa.Signed // nil if it is none
	keys      ssa.SoftwareKeys
	none      bool // the request has no statement
	reached   bool // nothing is known for which a bank would stop before it looks for the software's keys
}

func (l *linter) add(v validate.Violation) { l.input.Extra = append(l.input.Extra, v) }

// end reports one violation and nothing else: of the rest nothing is known.
func (l *linter) end(v validate.Violation) {
	l.ended = true
	l.result.Report = l.in.Validator.Judge(&validate.Input{Now: l.in.Now, Extra: []validate.Violation{v}})
	for _, c := range []*validate.Check{&l.result.Checks.RequestSignature, &l.result.Checks.StatementSignature,
		&l.result.Checks.Audience, &l.result.Checks.Certificate} {
		if c.State != "" {
			c.Note = unread
		}
	}
}

// unread is the note of a check of a part that cannot be read.
const unread = "it cannot be read"

// check makes the checks, and judges.
func (l *linter) check(ctx context.Context) error {
	if err := l.checkStatement(ctx); err != nil {
		return err
	}
	l.checkRequest(ctx)
	named := l.checkAnnounced()
	refused, err := l.checkCertificate(ctx)
	if err != nil {
		return err
	}
	l.nameJudged(refused)
	l.result.Report = l.in.Validator.Judge(&l.input)
	l.result.Header, l.result.SSAHeader, l.result.SSA = l.input.Header, l.input.SSAHeader, l.input.SSA
	l.result.Checks.Audience = l.audience(named)
	if len(refused) > 0 {
		l.judgeCertificate(refused)
	}
	return nil
}
