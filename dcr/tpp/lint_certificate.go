package tpp

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// checkCertificate judges the transport certificate by the bank's own checks, and sets the
// state of the check. It returns the violations for which a bank refuses the certificate.
// The error is one of the configuration.
func (l *linter) checkCertificate(ctx context.Context) (refused []validate.Violation, err error) {
	leaf, check := l.in.Certificate, &l.result.Checks.Certificate
	if leaf == nil || check.State == "" {
		return nil, nil
	}
	l.input.Certificate = &validate.Certificate{RawSubject: leaf.RawSubject}
	bindings := l.in.Bindings
	if bindings == nil {
		bindings = []cert.Binding{cert.ByPublicKey}
	}
	checker, err := cert.NewChecker(cert.CheckerConfig{Bindings: bindings, Authorities: l.in.Authorities, Clock: func() time.Time { return l.in.Now }})
	if err != nil {
		return nil, failure("the certificate's bindings: %w", err)
	}
	s := l.software()
	l.findSubjects(ctx, checker, s)
	faults, bound := checker.Examine(ctx, leaf, s)
	for _, e := range faults {
		if e.Kind == ssa.ErrKeySourceUnavailable || e.Kind == cert.ErrNoKeySet { //nolint:errorlint // sentinels as they are
			check.Note, l.result.Unavailable = unavailable, e
			continue
		}
		if e.Kind == ssa.ErrNoKeyPublished { //nolint:errorlint // a sentinel as it is
			l.addNoKeyPublished(e)
			check.Note = noKeyPublished
			continue
		}
		refused = append(refused, l.certificateViolation(e))
	}
	l.warnOfSigning(refused)
	switch {
	case len(refused) > 0:
		check.State = validate.CheckBad
	case bound:
		check.State = validate.CheckGood
	case check.Note == "":
		l.compareSubject(s)
	}
	return refused, nil
}

// findSubjects tells the rules of the transport certificates that the software publishes, of
// which an update may name one: those in which the bank's checks find no fault. Without
// Authorities nobody judges their chains, as with the certificate itself.
func (l *linter) findSubjects(ctx context.Context, checker *cert.Checker, s cert.Software) {
	update := l.input.Update
	if update == nil {
		return
	}
	if update.TransportSubjectsUnread = s.Keys.Source == nil; update.TransportSubjectsUnread {
		return
	}
	keys, err := s.Keys.Source.ResolveKeys(ctx, s.Keys.Ref(""))
	update.TransportSubjectsUnread = err != nil && !errors.Is(err, ssa.ErrKeyNotFound)
	for i := range keys {
		leaf := cert.TransportCertificate(&keys[i])
		if leaf == nil {
			continue
		}
		if faults, bound := checker.Examine(ctx, leaf, s); bound && len(faults) == 0 {
			update.TransportSubjects = append(update.TransportSubjects, leaf.RawSubject)
		}
	}
}

// noKeyPublished is the note of the check of a certificate that no key set can tell whose
// it is.
const noKeyPublished = "the software publishes no key"

// addNoKeyPublished reports that the software publishes no key, unless the check of the
// request's signature has reported it.
func (l *linter) addNoKeyPublished(e *cert.Error) {
	if !l.reports(validate.RuleRequestKeyFound) {
		l.add(verdict.Request(e))
	}
}

// certificateViolation returns the violation for a refusal of the checker. Of the chain it
// tells which CAs count here, and the answer stays the bank's.
func (l *linter) certificateViolation(e *cert.Error) validate.Violation {
	v := validate.Violation{Rule: verdict.CertificateRule(e), Message: verdict.Certificate(e)}
	if unknown := (x509.UnknownAuthorityError{}); errors.As(e, &unknown) && v.Rule == validate.RuleCertificateChain {
		bank := v
		v.Message, v.Refused = "it leads to none of the CAs that were given: its issuer is "+text.Quote(l.in.Certificate.Issuer.String()), &bank
	}
	return v
}

// software returns what the certificate is to belong to.
func (l *linter) software() cert.Software {
	s := cert.Software{Environment: l.input.Environment, Keys: l.keys}
	if c := l.input.SSA; c != nil {
		s.SoftwareID, s.OrgID, s.Authority = c.SoftwareID.Or(""), c.OrgID.Or(""), c.CompetentAuthority.Or(claims.Authority{})
	}
	return s
}

// warnOfSigning warns of a signing certificate whose usage lets it pass at a bank.
func (l *linter) warnOfSigning(refused []validate.Violation) {
	id, err := cert.Identify(l.in.Certificate)
	if err != nil || id.Profile.Transport() || id.Profile == cert.ProfileUnknown ||
		slices.ContainsFunc(refused, func(v validate.Violation) bool { return v.Rule == validate.RuleCertificatePurpose }) {
		return
	}
	l.add(validate.Violation{Rule: validate.RuleCertificatePurpose, Severity: validate.SeverityWarning,
		Message: "it is a signing certificate (" + string(id.Profile) + "), and not the transport certificate"})
}

// compareSubject warns of a subject that names another software, where no key set tells
// whose the certificate is.
func (l *linter) compareSubject(s cert.Software) {
	if l.input.SSA == nil {
		return
	}
	if why := cert.SubjectContradicts(l.in.Certificate, s); why != "" {
		l.add(validate.Violation{Rule: validate.RuleCertificateSubject, Message: why})
	}
}

// beforeCertificate are the rules about claims of the statement for which a bank refuses
// the statement before it looks at the certificate. It judges the others afterwards.
var beforeCertificate = []string{
	validate.RuleSSAMemberType, validate.RuleSSASoftwareRedirectURIsType, validate.RuleSSAIatRequired, validate.RuleSSAIatFuture,
	validate.RuleSSAAge, validate.RuleSSAExpPast, validate.RuleSSANbf, validate.RuleSSAEnvironment, validate.RuleSSAJWKSEndpointHost,
}

// judgeCertificate judges again, with the refusals of the certificate. A bank looks at the
// certificate once the statement is verified, and at most claims of the statement after it.
func (l *linter) judgeCertificate(refused []validate.Violation) {
	if l.reachesCertificate() {
		for i := range refused {
			refused[i].Step = validate.StepTrustSSA
			if bank := refused[i].Refused; bank != nil {
				bank.Step = validate.StepTrustSSA
			}
		}
	}
	l.input.Extra = append(l.input.Extra, refused...)
	l.result.Report = l.in.Validator.Judge(&l.input)
}

// reachesCertificate reports whether a bank finds nothing to refuse before it looks at the
// certificate.
func (l *linter) reachesCertificate() bool {
	r := l.result.Report
	for _, row := range l.in.Validator.Rules() {
		if row.Step <= validate.StepTrustSSA && row.Severity == validate.SeverityError && r.Outcome(row.ID) == validate.OutcomeFailed {
			return false
		}
	}
	return !slices.ContainsFunc(beforeCertificate, func(id string) bool { return r.Outcome(id) == validate.OutcomeFailed })
}
