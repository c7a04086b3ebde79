package dcr

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// restoreFix is for a record that the registrar did not write.
const restoreFix = "restore the record from a backup, or have the TPP update the client; another program wrote it"

// readRequest reads the registered members. A record that is no JSON object has none.
func (j *rechecking) readRequest() {
	request, faults, err := claims.DecodeRequest(string(j.client.Metadata))
	if err != nil {
		j.add(validate.Violation{Rule: validate.RuleRequestJWS, Document: validate.DocRequest, Fix: restoreFix,
			Message: "the registered members are no strict JSON object: " + verdict.Plain(err)})
		return
	}
	j.input.Request, j.input.RequestFaults = request, faults
	request.SoftwareStatement = claims.Some(j.client.SoftwareStatement)
}

// readStatement reads the stored statement in the names of its anchor, which has to be trusted
// still. It returns nil if there is no more to judge.
func (j *rechecking) readStatement() *ssa.Verified {
	parsed, err := ssa.Parse(j.client.SoftwareStatement)
	if err != nil {
		v := verdict.Statement(err)
		v.Fix = restoreFix
		j.add(v)
		return nil
	}
	j.input.SSAHeader, j.input.SSAHeaderFaults = parsed.UnverifiedHeader(), parsed.Signed().UnverifiedHeaderFaults()
	statement, err := j.k.r.reread(j.client)
	var refusal *ssa.Error
	switch {
	case errors.As(err, &refusal):
		j.add(verdict.Statement(err))
		return nil
	case err != nil:
		j.unknown("the bank's configuration: %s", text.Detail(err))
		return nil
	}
	j.judged(validate.RuleSSAJWS, validate.RuleSSAIssuerTrusted, validate.RuleSSAJWKSEndpointHost)
	j.input.SSA, j.input.ClaimNames = statement.Claims(), statement.ClaimNames()
	return statement
}

// verifyStatement checks the signature of the statement by the directory's keys of today.
func (j *rechecking) verifyStatement(ctx context.Context, statement *ssa.Verified) {
	err := j.k.r.verifier.Statements.Reverify(ctx, statement, j.k.keys.of)
	switch {
	case err == nil:
		j.judged(validate.RuleSSAKeyFound, validate.RuleSSASignature)
	case errors.Is(err, ssa.ErrJWKSHost):
		j.unknown("the bank's configuration: %s", verdict.Plain(err))
	case errors.Is(err, ssa.ErrKeySourceUnavailable):
		j.unknown("the directory's keys: %s", verdict.Plain(err))
	default:
		j.add(verdict.Statement(err)) // dropped where the rules about the header name the fault
	}
}

// judgeAge judges the age of the statement by the policy.
func (j *rechecking) judgeAge(statement *ssa.Verified) {
	most := j.k.r.policy.RecheckStatementMaxAge
	issued, known := statement.Claims().IssuedAt.Get()
	if most == 0 || !known { // a rule asks for iat
		return
	}
	age := j.input.Now.Sub(time.Unix(issued, 0))
	if age <= most+j.k.r.policy.ClockSkew {
		j.judged(validate.RuleSSARecheckAge)
		return
	}
	allowed := "at most " + days(most) + " old"
	j.add(validate.Violation{Rule: validate.RuleSSARecheckAge, Document: validate.DocSSA, Pointer: "/iat", Got: text.UTC(issued), Want: allowed,
		Message: "is " + text.UTC(issued) + ": the statement is " + days(age) + " old; " + allowed + " by recheck_statement_max_age_seconds"})
}

// readKeys reads the software's key set, and looks for a key that can sign a request. known is
// false where no set can be had.
func (j *rechecking) readKeys(ctx context.Context, statement *ssa.Verified) (keys ssa.SoftwareKeys, known bool) {
	keys, err := statement.SoftwareKeys(j.k.keys)
	if err != nil {
		j.add(verdict.Statement(err))
		return keys, false
	}
	found, err := keys.ResolveKeys(ctx, keys.Ref(""))
	switch {
	case errors.Is(err, ssa.ErrJWKSHost):
		j.unknown("the bank's configuration: its key resolver has no source for the host of %s", text.Quote(keys.Address))
		return keys, false
	case errors.Is(err, ssa.ErrKeyNotFound) || errors.Is(err, ssa.ErrNoKeyPublished):
		j.add(verdict.Request(err))
		return keys, false // without a key there is no certificate either
	case err != nil:
		j.unknown("the software's keys: %s", verdict.Plain(err))
		return keys, false
	}
	signs := func(k ssa.Key) bool { return slices.ContainsFunc(j.k.r.policy.SigningAlgorithms, k.Verifies) }
	if slices.ContainsFunc(found, signs) {
		j.judged(validate.RuleRequestKeyFound, validate.RuleRequestKeyRevoked)
		return keys, true
	}
	v := validate.Violation{Rule: validate.RuleRequestKeyFound, Document: validate.DocHeader, Pointer: "/kid",
		Message: "no key of the software's key set can sign a request", Fix: "publish a signing key of the software in its directory"}
	if all, err := j.k.keys.ResolveKeys(ctx, keys.Ref("")); err == nil && slices.ContainsFunc(all, signs) {
		v.Rule, v.Message = validate.RuleRequestKeyRevoked, "each key of the software that can sign a request is withdrawn"
	}
	j.add(v)
	return keys, true
}

// judgeCertificates looks for a published certificate by which the client can connect: one of
// its registered name if it authenticates by that, else any of the software.
func (j *rechecking) judgeCertificates(ctx context.Context, statement *ssa.Verified, keys ssa.SoftwareKeys) {
	ctx, cancel := context.WithTimeout(ctx, j.k.config.Timeout)
	defer cancel()
	all, err := j.k.r.certificates.EachPublished(ctx, cert.SoftwareOf(statement, keys), func(*x509.Certificate) bool { return true })
	var refusal *cert.Error
	switch {
	case err == nil:
	case errors.As(err, &refusal) && (errors.Is(err, ssa.ErrNoKeyPublished) || errors.Is(err, ssa.ErrKeyRevoked)):
		return // as the check of the keys has said
	default:
		j.unknown("the software's certificates: %s", text.Detail(err))
		return
	}
	own := all
	if name, ok := j.byName(); ok {
		own = slices.DeleteFunc(slices.Clone(all), func(c cert.PublishedCertificate) bool {
			same, err := j.k.r.policy.SubjectDNMatch.Same(name, c.Certificate.RawSubject)
			return err != nil || !same
		})
	}
	switch {
	case len(all) == 0: // the set has keys without x5c: nobody can tell
	case len(own) == 0:
		j.input.Certificate = &validate.Certificate{RawSubject: all[0].Certificate.RawSubject} // and a rule says that it is another
	default:
		j.chooseCertificate(own)
	}
}

// chooseCertificate takes the good certificate that lasts longest. Where none is good it
// reports why the newest is not.
func (j *rechecking) chooseCertificate(own []cert.PublishedCertificate) {
	j.input.Certificate = &validate.Certificate{RawSubject: own[0].Certificate.RawSubject}
	var best, refused *cert.PublishedCertificate
	for i := range own {
		c := &own[i]
		switch {
		case c.Refusal == nil && (best == nil || c.Certificate.NotAfter.After(best.Certificate.NotAfter)):
			best = c
		case c.Refusal != nil && (refused == nil || weightOf(c.Refusal) > weightOf(refused.Refusal)):
			refused = c
		}
	}
	switch {
	case best != nil:
		j.acceptCertificate(best)
	case weightOf(refused.Refusal) == outageWeight:
		j.unknown("the software's certificates: %s", text.Detail(refused.Refusal))
	default:
		leaf := refused.Certificate
		j.add(validate.Violation{Rule: verdict.CertificateRule(refused.Refusal), Document: validate.DocRequest,
			Message: "no published certificate is good; of the one of " + text.Quote(cert.SubjectDN(leaf.RawSubject)) + ", valid to " +
				text.UTC(leaf.NotAfter.Unix()) + ": " + refused.Refusal.Kind.Error() + ": " + refused.Refusal.Detail,
			Fix: "have the TPP publish a transport certificate that is good, in x5c of its key set"})
	}
}

// outageWeight is the weight of a refusal that may pass.
const outageWeight = 3

// weightOf orders refusals by how much they say of the client: an outage may hide a good
// certificate, and a signing certificate was never meant.
func weightOf(e *cert.Error) int {
	//nolint:errorlint // sentinels as they are
	switch e.Kind {
	case cert.ErrRevocationUnknown, ssa.ErrKeySourceUnavailable:
		return outageWeight
	case cert.ErrNotOwned:
		return 0
	case cert.ErrUsage:
		return 1
	}
	return 2
}

func (j *rechecking) acceptCertificate(best *cert.PublishedCertificate) {
	leaf := best.Certificate
	j.input.Certificate, j.ends = &validate.Certificate{RawSubject: leaf.RawSubject}, leaf.NotAfter
	j.judged(validate.RuleCertificateValidity, validate.RuleCertificatePurpose, validate.RuleCertificateBinding)
	for _, check := range best.Acceptance.Checks {
		switch {
		case check.Outcome != cert.Passed:
		case check.Name == cert.CheckChain:
			j.judged(validate.RuleCertificateChain)
		case check.Name == cert.CheckRevokedKeys:
			j.judged(validate.RuleCertificateKeyRevoked)
		}
	}
	left := leaf.NotAfter.Sub(j.input.Now)
	if left > j.k.config.ExpiresWithin {
		return
	}
	j.add(validate.Violation{Rule: validate.RuleCertificateValidity, Severity: validate.SeverityWarning, Document: validate.DocRequest,
		Got: text.UTC(leaf.NotAfter.Unix()), Want: "a certificate that lasts longer",
		Message: "ends in " + days(left) + ", at " + text.UTC(leaf.NotAfter.Unix()) + ", and no certificate that lasts longer is published",
		Fix:     "have the TPP publish its next transport certificate, in x5c of its key set"})
}

// days tells a duration in whole days, rounded down.
func days(d time.Duration) string {
	if n := d / day; n != 1 {
		return strconv.FormatInt(int64(n), 10) + " days"
	}
	return "1 day"
}
