package lintpage

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

// fault is what is wrong with a field of the form.
type fault struct {
	Field string // its id
	Text  string
}

// faults collects what is wrong with the form.
type faults []fault

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, fault{field, fmt.Sprintf(format, args...)})
}

// Of returns what is wrong with a field; "" where nothing is.
func (f faults) Of(field string) string {
	for _, one := range f {
		if one.Field == field {
			return one.Text
		}
	}
	return ""
}

// Judge judges a submission, and returns what package report writes. Where a field of the
// form is wrong nothing is judged, and the error is a *FormError.
func (p *Page) Judge(ctx context.Context, s Submission) (*report.Result, error) {
	in, judgedAs, wrong := p.inputOf(&s)
	if len(wrong) > 0 {
		return nil, &FormError{wrong}
	}
	found, err := tpp.Lint(ctx, in)
	if err != nil {
		wrong.add(fieldDocument, "%s", text.Detail(err))
		return nil, &FormError{wrong}
	}
	result := &report.Result{Report: found.Report, Checks: found.Checks, Documents: found.Documents}
	addNotes(found, &result.Checks, &in)
	source, _ := text.Decode(s.judged())
	if strings.HasPrefix(strings.TrimSpace(source), "{") {
		result.Source, result.Judged = []byte(source), judgedAs
	}
	header := found.Header
	if in.Request == "" {
		header = found.SSAHeader
	}
	if header != nil {
		result.Algorithm, result.KeyID = header.Algorithm.Or(""), header.KeyID.Or("")
	}
	if found.SSA != nil {
		result.Issuer = found.SSA.Issuer.Or("")
	}
	return result, nil
}

// FormError says what is wrong with the fields of a form.
type FormError struct{ faults faults }

// Error names each field.
func (e *FormError) Error() string {
	words := make([]string, len(e.faults))
	for i, f := range e.faults {
		words[i] = f.Field + ": " + f.Text
	}
	return "lintpage: " + strings.Join(words, "; ")
}

// Fields returns the names of the fields that are wrong.
func (e *FormError) Fields() []string {
	var names []string
	for _, f := range e.faults {
		names = append(names, f.Field)
	}
	return names
}

// inputOf makes the input of a lint. judgedAs is the document that a file of JSON holds.
func (p *Page) inputOf(s *Submission) (in tpp.LintInput, judgedAs validate.Document, wrong faults) {
	document := s.judged()
	s.checkSizes(&wrong, document)
	if len(wrong) > 0 {
		return in, "", wrong
	}
	bank := p.preset(s.Bank, &wrong)
	in.Now = p.config.Clock()
	if now := strings.TrimSpace(s.Now); now != "" {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			wrong.add(fieldNow, "The time is not in the form 2026-01-31T12:00:00Z (RFC 3339)")
		}
		in.Now = at
	}
	in.SoftwareKeys, in.StatementKey = bank.SoftwareKeys, bank.StatementKey
	in.Authorities, in.Bindings, in.Metadata = bank.Authorities, bank.Bindings, bank.Metadata
	if bank.Anchor != nil {
		anchor := *bank.Anchor
		in.Anchor = &anchor
	}
	in.Validator = validatorOf(s, bank, &wrong)
	s.readTrust(&in, &wrong)
	kind := s.Kind
	if kind == KindAny && isStatement(document) {
		kind = KindStatement
	}
	judgedAs = validate.DocRequest
	switch kind {
	case KindAny, KindRequest, KindUpdate:
		in.Request, in.Statement, in.Update = document, strings.TrimSpace(s.Statement), kind == KindUpdate
	case KindStatement:
		in.Statement, judgedAs = document, validate.DocSSA
	default:
		wrong.add(fieldKind, "Choose what is to be judged from the list")
	}
	return in, judgedAs, wrong
}

// checkSizes refuses what is missing, too long, or a secret.
func (s *Submission) checkSizes(wrong *faults, document string) {
	switch {
	case document == "" && s.File == "":
		wrong.add(fieldDocument, "Paste a registration request or a software statement, or choose a file")
	case len(document) > MaxFile:
		wrong.add(fieldDocument, "The document is longer than 1 MiB: a token has a few KiB")
	case hasPrivateKey(document):
		wrong.add(fieldDocument, "This is %s: whoever has it can act as you. Nothing of it was kept. Give the request that was signed with it, or public keys alone",
			secretIn(document))
	}
	for name, at := range s.fields() {
		switch {
		case name == fieldDocument || name == fieldFile:
		case len(*at) > maxField:
			wrong.add(name, "This is longer than 256 KiB")
		case hasPrivateKey(*at):
			wrong.add(name, "This holds a private key: whoever has it can act as you. Nothing of it was kept. Give public keys and certificates alone")
		}
	}
	slices.SortFunc(*wrong, func(a, b fault) int { return slices.Index(order, a.Field) - slices.Index(order, b.Field) })
}

// order is that of the fields on the page.
var order = []string{fieldDocument, fieldFile, fieldKind, fieldBank, fieldProfile, fieldPolicy, fieldAudience, fieldNow, fieldDirectory,
	fieldDirectoryJW, fieldSoftwareJW, fieldStatement, fieldCertificate, fieldAuthorities}

// preset returns the bank of a name; an empty one for no bank in particular.
func (p *Page) preset(name string, wrong *faults) Preset {
	if name == "" && len(p.config.Presets) > 0 {
		return p.banks[0]
	}
	for _, one := range p.banks {
		if one.Name == name {
			return one
		}
	}
	if name != "" && name != noBank {
		wrong.add(fieldBank, "Choose a bank from the list")
	}
	return Preset{}
}

// validatorOf makes the validator of what is known of the bank; nil where a field is wrong.
func validatorOf(s *Submission, bank Preset, wrong *faults) *validate.Validator {
	profile := bank.Profile
	if s.Profile != "" {
		profile = validate.Profile(s.Profile)
	}
	if profile == "" {
		profile = validate.OBIE33
	}
	if !profile.Valid() {
		wrong.add(fieldProfile, "Choose a profile from the list")
		return nil
	}
	audience, given := strings.TrimSpace(s.Audience), strings.TrimSpace(s.Policy)
	if audience == "" && given == "" && bank.Policy == nil {
		v, err := tpp.AnyBank(profile)
		if err != nil {
			wrong.add(fieldProfile, "%s", text.Detail(err))
		}
		return v
	}
	policy := validate.DefaultPolicy(profile)
	switch {
	case given != "":
		read, err := validate.ParsePolicy([]byte(given), profile)
		if err != nil {
			wrong.add(fieldPolicy, "The policy cannot be used: %s", text.Detail(err))
			return nil
		}
		policy = read
	case bank.Policy != nil && profile == bank.Profile:
		policy = *bank.Policy
	}
	if audience != "" {
		policy = tpp.WithAudience(policy, audience)
	}
	v, err := validate.New(validate.Config{Profile: profile, Policy: policy})
	if err != nil {
		field := fieldPolicy
		if given == "" {
			field = fieldAudience
		}
		wrong.add(field, "The policy cannot be used: %s", text.Detail(err))
	}
	return v
}

// readTrust reads directory, key sets and certificates.
func (s *Submission) readTrust(in *tpp.LintInput, wrong *faults) {
	if s.Directory != "" {
		i := slices.IndexFunc(ssa.KnownDirectories(), func(d ssa.KnownDirectory) bool { return d.Short == s.Directory })
		if i < 0 {
			wrong.add(fieldDirectory, "Choose a directory from the list")
		} else {
			d := ssa.KnownDirectories()[i]
			in.Anchor = &ssa.Anchor{Name: d.Name, Issuer: d.Issuer, Environment: d.Environment, JWKSURL: d.JWKSURL, JWKSHosts: d.Hosts}
		}
	}
	if set, ok := keySet(s.DirectoryJWK, fieldDirectoryJW, wrong); ok {
		if in.StatementKey = set; in.Anchor != nil {
			in.Anchor.Keys = set
		}
	}
	if set, ok := keySet(s.SoftwareJWK, fieldSoftwareJW, wrong); ok {
		in.SoftwareKeys = pastedKeys{set}
	}
	leaves := certificates(s.Certificate, fieldCertificate, wrong)
	if len(leaves) > 0 {
		in.Certificate = leaves[0]
	}
	if list := certificates(s.Authorities, fieldAuthorities, wrong); len(list) > 0 {
		authorities, err := cert.NewAuthorities(map[claims.Environment][]*x509.Certificate{claims.Sandbox: list, claims.Production: list}, in.Now)
		if err != nil {
			wrong.add(fieldAuthorities, "The CAs cannot be used: %s", text.Detail(err))
		}
		in.Authorities = authorities
	}
}

// pastedKeys are keys of the form. Nobody has named a host where withdrawn keys may be read.
type pastedKeys struct{ ssa.KeyResolver }

// ResolveRevokedKeys reads nothing.
func (pastedKeys) ResolveRevokedKeys(context.Context, string) (ssa.KeySet, error) {
	return ssa.KeySet{}, tpp.ErrNotLookedAt
}

// keySet reads a key set, or a single key. An empty set is one too (RFC 7517 section 5).
func keySet(document, field string, wrong *faults) (set ssa.KeySet, ok bool) {
	document = strings.TrimSpace(document)
	if document == "" {
		return set, false
	}
	if v, err := jsonscan.Parse(document); err == nil {
		if _, single := v.Member("kty"); single {
			document = `{"keys":[` + document + `]}`
		}
	}
	set, err := ssa.ParseRevokedJWKS([]byte(document))
	if err == nil && len(set.Keys) == 0 && len(set.Skipped) > 0 {
		set, err = ssa.ParseJWKS([]byte(document))
	}
	if err != nil {
		detail := text.Detail(err)
		if e, is := errors.AsType[*ssa.Error](err); is {
			detail = e.Detail
		}
		wrong.add(field, "This is no key set (JWKS) that can be used: %s", detail)
		return set, false
	}
	return set, true
}

// certificates reads certificates in PEM, in their order.
func certificates(document, field string, wrong *faults) (list []*x509.Certificate) {
	rest := []byte(strings.TrimSpace(document))
	if len(rest) == 0 {
		return nil
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			wrong.add(field, "Certificate %d cannot be read: %s", len(list)+1, text.Description(err.Error()))
			return nil
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		wrong.add(field, "There is no certificate in PEM: it begins with -----BEGIN CERTIFICATE-----")
	}
	return list
}

// addNotes says of each check that was not made, or not in all, what it needs.
func addNotes(found *tpp.LintResult, c *validate.Checks, in *tpp.LintInput) {
	note := func(to *validate.Check, how string) {
		if to.State == validate.CheckNotChecked && to.Note == "" {
			to.Note = how
		}
	}
	but := func(to *validate.Check, left bool, what string) {
		if to.State != validate.CheckGood || !left {
			return
		}
		to.Note = strings.TrimPrefix(to.Note+"; "+what, "; ")
	}
	note(&c.RequestSignature, "give the software's key set")
	note(&c.StatementSignature, "give the directory's key set")
	note(&c.Audience, "give the bank's identifier or issuer")
	if in.Certificate != nil {
		note(&c.Certificate, "its dates and purpose are good; give the software's key set to see whose it is")
	}
	note(&c.Certificate, "give the transport certificate")
	but(&c.StatementSignature, in.Anchor == nil, "issuer and hosts not checked: choose the directory")
	but(&c.Certificate, in.Authorities == nil, "chain not checked: give the CAs")
	but(&c.RequestSignature, found.RevokedUnread, "withdrawn keys not looked at")
	but(&c.Certificate, found.RevokedUnread, "withdrawn keys not looked at")
}
