package tpp

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// unavailable is the note of a check whose key set could not be read.
const unavailable = "the key set cannot be read"

// headerRefused is the note of a signature that nobody tries, because of its header.
const headerRefused = "the header is refused"

// bareClaims is the note of a signature that does not exist.
const bareClaims = "claims alone, not signed"

// checkStatement verifies the statement's signature if there are keys for it, and judges
// whether the Anchor trusts it. It does not report a fault of the header or of the claims:
// the rules report it in more detail.
func (l *linter) checkStatement(ctx context.Context) error {
	check := &l.result.Checks.StatementSignature
	switch {
	case l.statement == nil && l.input.SSA != nil && !l.reports(validate.RuleSSAJWS):
		check.Note = bareClaims
	case l.statement == nil && l.none:
		check.Note = "there is none"
	case l.statement == nil:
		check.Note = unread
	case l.in.Anchor != nil:
		if err := l.checkAnchored(ctx, check); err != nil {
			return err
		}
	case l.in.StatementKey != nil:
		l.setStatement(check, l.statement.Verify(ctx, l.in.StatementKey, "", l.policy.SigningAlgorithms))
	}
	if err := l.findSoftwareKeys(); err != nil {
		return err
	}
	if l.in.RevokedKeys != nil && l.keys.Source != nil && len(l.keys.Revoked) == 0 {
		l.keys.Revoked = []string{""} // RevokedKeys counts whether the statement names an address or not
	}
	return nil
}

// checkAnchored verifies the statement as a bank does that trusts one anchor.
func (l *linter) checkAnchored(ctx context.Context, check *validate.Check) error {
	anchor := *l.in.Anchor
	anchor.Algorithms, anchor.MaxAge, anchor.MaxAgeWithExp = l.policy.SigningAlgorithms, l.policy.SSAMaxAge, l.policy.SSAMaxAgeWithExp
	if anchor.Keys == nil {
		anchor.Keys = noKeys{}
	}
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{Anchors: []ssa.Anchor{anchor}, Skew: l.policy.ClockSkew,
		Clock: func() time.Time { return l.in.Now }})
	if err != nil {
		return failure("the anchor of the lint: %w", err)
	}
	statement, err := ssa.Parse(l.statement.Token())
	if err != nil {
		return nil //nolint:nilerr // readClaims has reported it
	}
	_, err = verifier.Verify(ctx, statement)
	l.setStatement(check, err)
	l.reached = err == nil || errors.Is(err, ssa.ErrKeySourceUnavailable)
	return nil
}

// noKeys stands in for the keys of an Anchor that has none.
type noKeys struct{}

var errNoKeys = errors.New("no keys of the directory are known")

// ResolveKeys finds nothing.
func (noKeys) ResolveKeys(context.Context, ssa.KeyRef) ([]ssa.Key, error) { return nil, errNoKeys }

// unknownIssuer is the refusal of a bank that does not trust the issuer.
var unknownIssuer = &ssa.Error{Kind: ssa.ErrUnknownIssuer, Rule: validate.RuleSSAIssuerTrusted, Pointer: "/iss",
	Detail: "no trust anchor has the issuer of this statement; fetch it from a directory that this bank trusts"}

// findSoftwareKeys finds where the keys of the software are, as far as the Anchor admits the
// addresses. It reports an address that is not admitted where a bank looks at it: once the
// signature and the types of all claims are good, as far as that is known.
func (l *linter) findSoftwareKeys() error {
	c, anchor := l.input.SSA, l.in.Anchor
	switch {
	case c == nil:
		c = &claims.SSA{}
	case anchor == nil:
		l.warnOfIssuer(c)
	case l.statement == nil && c.Issuer.Or("") != anchor.Issuer:
		l.addUnknownIssuer(unknownIssuer)
	case (l.statement == nil || l.reached) && len(l.input.SSAFaults) == 0:
		keys, err := anchor.UnverifiedSoftwareKeys(c, l.source())
		var refused *ssa.Error
		if l.keys = keys; errors.As(err, &refused) {
			l.add(verdict.Statement(err))
		} else if err != nil {
			return failure("the anchor of the lint: %w", err)
		}
		return nil
	}
	l.keys = l.softwareKeys(c)
	return nil
}

func (l *linter) addUnknownIssuer(e *ssa.Error) {
	v := verdict.Statement(e)
	v.Want = text.Echo(l.in.Anchor.Issuer)
	if c := l.input.SSA; c != nil {
		v.Got = text.Echo(c.Issuer.Or(""))
	}
	l.add(v)
}

// warnOfIssuer warns of an issuer that no directory has that is publicly known, where no
// Anchor tells whom the bank trusts.
func (l *linter) warnOfIssuer(c *claims.SSA) {
	iss, told := c.Issuer.Get()
	if !told || slices.ContainsFunc(ssa.KnownDirectories(), func(d ssa.KnownDirectory) bool { return d.Issuer == iss }) {
		return
	}
	l.add(validate.Violation{Rule: validate.RuleSSAIssuerTrusted, Severity: validate.SeverityWarning, Document: validate.DocSSA, Pointer: "/iss",
		Got: text.Echo(iss), Message: "no directory that is publicly known has this issuer, so that a bank may not trust it",
		Fix: "tell lint which directory the bank trusts, with --directory"})
}

// softwareKeys returns the keys of the software at the addresses that the statement names.
func (l *linter) softwareKeys(c *claims.SSA) ssa.SoftwareKeys {
	keys := ssa.SoftwareKeys{Source: l.source(), Address: c.SoftwareJWKSEndpoint.Or("")}
	for _, revoked := range []claims.Optional[string]{c.SoftwareJWKSRevokedEndpoint, c.OrgJWKSRevokedEndpoint} {
		if address := revoked.Or(""); address != "" {
			keys.Revoked = append(keys.Revoked, address)
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
		case errors.Is(e, errNoKeys):
			return
		case e.Kind == ssa.ErrUnknownIssuer:
			l.addUnknownIssuer(e)
			check.Note = "the bank does not know its issuer"
			return
		case e.Kind == ssa.ErrKeyNotFound || e.Kind == ssa.ErrNoKeyPublished:
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
	case ssa.ErrAlgorithm, ssa.ErrMalformed: // a rule reports it
		check.State, check.Note = validate.CheckNotChecked, headerRefused
	case ssa.ErrKeyNotFound, ssa.ErrNoKeyPublished:
		check.State = validate.CheckKeyNotFound
		l.add(violation(e))
	case ssa.ErrKeyRevoked, ssa.ErrBadSignature:
		l.add(violation(e))
	}
}
