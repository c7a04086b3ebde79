package tpp

import (
	"slices"

	"github.com/obdcr/obdcr/validate"
)

// nameJudged names the rules that a lint judges outside of the table, so that those without
// a violation count as passed. refused are the refusals of the certificate.
func (l *linter) nameJudged(refused []validate.Violation) {
	judged := func(when bool, ids ...string) {
		if when {
			l.input.Judged = append(l.input.Judged, ids...)
		}
	}
	c, certificate := &l.result.Checks, l.input.Certificate != nil
	broken := func(id string) bool {
		return slices.ContainsFunc(refused, func(v validate.Violation) bool { return v.Rule == id })
	}
	judged(true, validate.RuleRequestSize, validate.RuleInputEncoding)
	judged(l.request != nil, validate.RuleRequestJWS)
	judged(l.statement != nil, validate.RuleSSAJWS)
	judged(found(c.RequestSignature), validate.RuleRequestKeyFound, validate.RuleRequestSignature)
	judged(found(c.StatementSignature), validate.RuleSSAKeyFound, validate.RuleSSASignature)
	judged(certificate, validate.RuleCertificateValidity, validate.RuleCertificatePurpose)
	// The chain of a certificate that is expired or for another purpose is not judged.
	judged(certificate && l.in.Authorities != nil && !broken(validate.RuleCertificateValidity) && !broken(validate.RuleCertificatePurpose),
		validate.RuleCertificateChain)
	judged(c.Certificate.State == validate.CheckGood, validate.RuleCertificateBinding)
	judged(c.RequestSignature.State == validate.CheckGood && !l.result.RevokedUnread, validate.RuleRequestKeyRevoked)
	judged(c.Certificate.State == validate.CheckGood && !l.result.RevokedUnread, validate.RuleCertificateKeyRevoked)
}

// found reports whether the key of a signature was found, so that the signature was judged.
func found(c validate.Check) bool {
	return c.State == validate.CheckGood || c.State == validate.CheckBad
}
