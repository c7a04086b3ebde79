package main

import (
	"context"
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// severities are the values of --fail-on, the most serious first.
func severities() []string {
	return []string{string(validate.SeverityError), string(validate.SeverityWarning), string(validate.SeverityNotice)}
}

// fails reports whether a report has a violation for which --fail-on asks, or one that makes
// it invalid.
func fails(r *validate.Report, on string) bool {
	failed := !r.Valid()
	for _, s := range severities()[:slices.Index(severities(), on)+1] {
		failed = failed || r.Count(validate.Severity(s)) > 0
	}
	return failed
}

// bankOf makes the validator of what is known of the bank: its policy, its audience, what it
// announces. Where nothing is, no bank is named.
func (a *app) bankOf(ctx context.Context, o *lintOptions) (*validate.Validator, *tpp.Metadata, error) {
	bank, err := a.assume(o.bank, o.policy, o.profile, o.profileGiven)
	if err != nil {
		return nil, nil, err
	}
	o.bankName = bank.bankName()
	if o.policy == "" && o.bank == "" && o.discovery == "" && !o.audGiven {
		v, err := tpp.AnyBank(bank.profile)
		return v, nil, err
	}
	policy, m, err := a.narrowed(ctx, &bank, o)
	if err != nil {
		return nil, nil, err
	}
	if o.audGiven {
		policy = tpp.WithAudience(policy, o.aud)
	}
	v, err := validate.New(validate.Config{Profile: bank.profile, Policy: policy})
	if err != nil {
		return nil, nil, usageError("%s", text.Detail(err))
	}
	return v, m, nil
}

// narrowed returns the policy as far as the bank announces its values. What the bank announces
// goes before the default policy, and narrows that of --bank or --policy.
func (a *app) narrowed(ctx context.Context, bank *assumption, o *lintOptions) (validate.Policy, *tpp.Metadata, error) {
	m, err := a.announced(ctx, o.discovery, o.ca)
	if err != nil || m == nil {
		return bank.policy, nil, err
	}
	policy, flag := bank.policy, ""
	switch {
	case o.bank != "":
		flag = " and --bank " + cut(o.bank)
		policy, err = m.Narrow(policy)
	case o.policy != "":
		policy, err = m.Narrow(policy)
	default:
		policy, err = m.Policy(bank.profile)
	}
	if err != nil {
		return policy, nil, usageError("--discovery %s%s: %s", o.discovery, flag, detail(err))
	}
	return policy, m, nil
}

// announced reads a discovery document from a file or over the network; nil if name is "".
// Nothing is sent to the bank's endpoints, so the document need not have them.
func (a *app) announced(ctx context.Context, name, ca string) (*tpp.Metadata, error) {
	if name == "" {
		return nil, nil
	}
	roots, err := a.loadRoots(ca)
	if err != nil {
		return nil, err
	}
	return a.announcedBy(ctx, "--discovery ", name, roots, &clientOptions{ca: ca})
}

// announcedBy is announced with the CAs and the times of o. flag is what names the document in
// messages, "" for an argument.
func (a *app) announcedBy(ctx context.Context, flag, name string, roots *x509.CertPool, o *clientOptions) (*tpp.Metadata, error) {
	const unused = "https://endpoint.invalid/"
	o.registrationEndpoint, o.tokenEndpoint = unused, unused
	m, err := a.metadata(ctx, &settings{Config: &obieconfig.Config{WellknownEndpoint: name}, roots: roots}, o)
	if err != nil {
		return nil, err
	}
	if !announcesAnything(m.Document) {
		return nil, usageError("%s%s: no member of a discovery document is in it\n"+
			"  fix: give the document that the bank serves at /.well-known/openid-configuration", flag, shownName(name))
	}
	for _, f := range m.Faults {
		a.note("%s: %s %s: it counts as not announced, and the default is judged by", shownName(name), f.Member, f.Problem)
	}
	return m, nil
}

// announcesAnything reports whether a document has a member that discovery documents have
// (RFC 8414 section 2).
func announcesAnything(document []byte) bool {
	v, err := jsonscan.Parse(string(document))
	if err != nil {
		return false
	}
	for name := range v.Members() {
		if slices.Contains([]string{"issuer", "jwks_uri", "mtls_endpoint_aliases"}, name) ||
			strings.HasSuffix(name, "_endpoint") || strings.HasSuffix(name, "_supported") {
			return true
		}
	}
	return false
}

// certificateCAs reads the CAs of --cert-ca; nil if there are none. They are believed in
// each environment, since the user has named them for this one certificate.
func (a *app) certificateCAs(o *lintOptions, now time.Time) (*cert.Authorities, error) {
	if o.certCA == "" {
		return nil, nil
	}
	if o.cert == "" {
		return nil, usageError("--cert-ca checks the chain of a certificate: give --cert too")
	}
	f, err := a.open("--cert-ca", o.certCA)
	if err != nil {
		return nil, err
	}
	list, err := f.Authorities(a.opens)
	if err != nil {
		return nil, usageError("%w", err)
	}
	for _, c := range list {
		if !c.IsCA {
			return nil, usageError("%s: there is a certificate that is none of a CA: %s\n  fix: give the root and issuing CAs, and not what they have issued",
				f.Where(), cut(c.Subject.String()))
		}
	}
	authorities, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: list, claims.Production: list}, now)
	if err != nil {
		return nil, usageError("--cert-ca %s: %w", shownName(o.certCA), plainly(err))
	}
	return authorities, nil
}

// addNotes names the flag that makes a check which was not made, and the flag that makes the
// part of a check which was not made, so that "valid" is not taken for more than it is.
func addNotes(r *tpp.LintResult, c *validate.Checks, o *lintOptions) {
	note := func(to *validate.Check, how string) {
		if to.State == validate.CheckNotChecked && to.Note == "" {
			to.Note = how
		}
	}
	but := func(to *validate.Check, left bool, what string) {
		if to.State == validate.CheckGood && left {
			if to.Note != "" {
				what = to.Note + "; " + what
			}
			to.Note = what
		}
	}
	note(&c.RequestSignature, "give --software-jwks")
	note(&c.StatementSignature, "give --ssa-jwks")
	switch {
	case o.discovery != "":
		note(&c.Audience, "an identifier is not announced: give --aud")
	default:
		note(&c.Audience, "give --aud")
	}
	switch {
	case o.cert != "":
		note(&c.Certificate, "its dates and purpose are good; give --software-jwks to see whose it is")
	default:
		note(&c.Certificate, "give --cert")
	}
	const withdrawn = "withdrawn keys not looked at: give --revoked-jwks"
	but(&c.StatementSignature, !o.anchored, "issuer and hosts not checked: give --directory")
	but(&c.Certificate, o.certCA == "", "chain not checked: give --cert-ca")
	but(&c.RequestSignature, r.RevokedUnread, withdrawn)
	but(&c.Certificate, r.RevokedUnread, withdrawn)
}
