package tpp

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// unavailable is the note of a check whose key set could not be read.
const unavailable = "the key set cannot be read"

// bareClaims is the note of a signature that does not exist.
const bareClaims = "claims alone, not signed"

// checkStatement verifies the statement's signature if there are keys for it. It does not
// report a fault of the header or of the claims: the rules report it in more detail.
func (l *linter) checkStatement(ctx context.Context) error {
	l.keys = l.softwareKeys()
	check := &l.result.Checks.StatementSignature
	switch {
	case l.statement == nil && l.input.SSA != nil && !l.reports(validate.RuleSSAJWS):
		check.Note = bareClaims
	case l.statement == nil:
		check.Note = unread
	case l.in.Anchor != nil:
		return l.checkAnchored(ctx, check)
	case l.in.StatementKey != nil:
		l.setStatement(check, l.statement.Verify(ctx, l.in.StatementKey, "", l.policy.SigningAlgorithms))
	}
	return nil
}

// checkAnchored verifies the statement as a bank does that trusts one anchor.
func (l *linter) checkAnchored(ctx context.Context, check *validate.Check) error {
	anchor := *l.in.Anchor
	anchor.Algorithms, anchor.MaxAge = l.policy.SigningAlgorithms, l.policy.SSAMaxAge
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Skew: l.policy.ClockSkew,
		Clock: func() time.Time { return l.in.Now }})
	if err != nil {
		return failure("the anchor of the lint: %w", err)
	}
	statement, err := ssa.Parse(l.statement.Token())
	if err != nil {
		return nil //nolint:nilerr // readClaims has reported it
	}
	verified, err := verifier.Verify(ctx, statement)
	l.setStatement(check, err)
	if err != nil {
		return nil //nolint:nilerr // it is reported
	}
	if l.keys, err = verified.SoftwareKeys(l.in.SoftwareKeys); err != nil {
		l.add(verdict.Statement(err))
		l.keys = ssa.SoftwareKeys{}
	}
	return nil
}

// softwareKeys returns the keys of the software at the addresses that the statement names.
func (l *linter) softwareKeys() ssa.SoftwareKeys {
	keys := ssa.SoftwareKeys{Source: l.in.SoftwareKeys}
	if c := l.input.SSA; c != nil {
		keys.Address = c.SoftwareJWKSEndpoint.Or("")
		for _, revoked := range []claims.Optional[string]{c.SoftwareJWKSRevokedEndpoint, c.OrgJWKSRevokedEndpoint} {
			if address := revoked.Or(""); address != "" {
				keys.Revoked = append(keys.Revoked, address)
			}
		}
	}
	return keys
}

// setStatement sets the state of the statement's signature by the error of its
// verification.
func (l *linter) setStatement(check *validate.Check, err error) {
	var e *ssa.Error
	if errors.As(err, &e) {
		//nolint:errorlint // a sentinel as it is
		switch {
		case e.Claims != nil:
			err = nil // the signature is good, and the rules judge the claims
		case e.Kind == ssa.ErrUnknownIssuer:
			l.add(verdict.Statement(e))
			check.Note = "the bank does not know its issuer"
			return
		case e.Kind == ssa.ErrKeyNotFound:
			e.Rule = validate.RuleSSAKeyFound
		case e.Kind == ssa.ErrBadSignature:
			e.Rule = validate.RuleSSASignature
		}
	}
	l.set(check, err, verdict.Statement)
}

// checkRequest verifies the request's signature if there are keys for it.
func (l *linter) checkRequest(ctx context.Context) {
	check := &l.result.Checks.RequestSignature
	switch {
	case check.State == "": // a statement alone
	case l.request != nil && l.keys.Source != nil:
		l.set(check, l.request.Verify(ctx, l.keys, l.keys.Address, l.policy.SigningAlgorithms), verdict.Request)
	case l.request != nil && l.in.SoftwareKeys != nil:
		check.Note = "its key set is on a host that the bank does not know"
	case l.request == nil && !l.reports(validate.RuleRequestJWS):
		check.Note = bareClaims
	case l.request == nil:
		check.Note = unread
	}
}

// reports tells whether a violation of the rule was found outside of the table.
func (l *linter) reports(rule string) bool {
	return slices.ContainsFunc(l.input.Extra, func(v validate.Violation) bool { return v.Rule == rule })
}

// set sets the state of a signature by the error of its verification, and reports it.
func (l *linter) set(check *validate.Check, err error, violation func(error) validate.Violation) {
	var e *ssa.Error
	check.State = validate.CheckBad
	if err == nil {
		check.State = validate.CheckGood
		return
	}
	if !errors.As(err, &e) {
		e = &ssa.Error{Kind: ssa.ErrKeySourceUnavailable, Cause: err, Detail: unavailable}
	}
	//nolint:errorlint // a sentinel as it is
	switch e.Kind {
	case ssa.ErrKeySourceUnavailable, ssa.ErrJWKSHost:
		check.State, check.Note, l.result.Unavailable = validate.CheckNotChecked, unavailable, err
	case ssa.ErrKeyNotFound:
		check.State = validate.CheckKeyNotFound
		l.add(violation(e))
	case ssa.ErrKeyRevoked, ssa.ErrBadSignature:
		l.add(violation(e))
	}
}
