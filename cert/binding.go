package cert

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// Binding is a way in which a certificate belongs to a software.
type Binding string

// The bindings.
const (
	// ByPublicKey: the certificate's public key is in the software's key set.
	ByPublicKey Binding = "public_key"
	// ByThumbprint: a key of the set names this very certificate, by x5t#S256 or as
	// the first of its x5c (RFC 7517 sections 4.7 and 4.9).
	ByThumbprint Binding = "thumbprint"
	// BySubject: the subject names the software or its organisation in the way of
	// the certificate's profile. OB Transport: CN is the software's id and OU the
	// organisation's. OBWAC: CN is the organisation's id, and organizationIdentifier
	// one of its registrations, if any is known. QWAC: organizationIdentifier is a
	// registration of the organisation, in whole, or by authority and number as
	// PSDGB-FCA-123456 is FCAGBR and 123456; never CN. An OBWAC and a QWAC name the
	// organisation alone, and serve all its software.
	//
	// Every CA of the Authorities then vouches for every subject: one that lets its
	// customers write them could give anybody's certificate away. List those alone
	// that check them, as the directory does and a qualified trust service provider.
	BySubject Binding = "subject"
)

// unfit says why a binding may not follow others in a list, "" if it may.
func (b Binding) unfit(before []Binding) string {
	switch {
	case b != ByPublicKey && b != ByThumbprint && b != BySubject:
		return fmt.Sprintf("is %s, none of public_key, thumbprint, subject", text.Quote(string(b)))
	case slices.Contains(before, b):
		return "is " + string(b) + " again"
	}
	return ""
}

// belongs judges whether a certificate that is good belongs to the software. It adds
// to a copy of the report.
func (c *Checker) belongs(good *Acceptance, leaf *x509.Certificate, s *Software, known *softwareKeys) (*Acceptance, error) {
	report := &Acceptance{Certificate: leaf, Software: *s, Identity: good.Identity, Checks: slices.Clone(good.Checks)}
	thumbprint := sha256.Sum256(leaf.Raw)
	if known.withdrawn == nil {
		report.add(CheckRevokedKeys, NotConsulted, "no set of withdrawn keys is named")
	} else {
		if why := known.withdraws(leaf, thumbprint); why != "" {
			return nil, &Error{Kind: ErrRevoked, Detail: why}
		}
		report.add(CheckRevokedKeys, Passed, fmt.Sprintf("not among %d withdrawn keys", len(known.withdrawn.Keys)+len(known.withdrawn.Skipped)))
	}
	var against []string
	for _, b := range c.config.Bindings {
		var note, why string
		switch b {
		case ByPublicKey:
			note, why = boundByKey(known.published, "its public key", func(k *ssa.Key) bool { return k.Is(leaf.PublicKey) })
		case ByThumbprint:
			note, why = boundByKey(known.published, "its thumbprint", func(k *ssa.Key) bool { return slices.Contains(k.CertificateSHA256, thumbprint) })
		case BySubject:
			note, why = boundBySubject(report.Identity, s)
		}
		if why == "" {
			report.Binding = b
			report.add(CheckBinding, Passed, note)
			return report, nil
		}
		against = append(against, why)
	}
	return nil, &Error{Kind: ErrNotOwned, Detail: strings.Join(against, "; ")}
}

// withdraws says how a certificate is among the keys that the directory has
// withdrawn, "" if it is not: its key or its thumbprint is listed there, or the kid
// of a key by which it would belong to the software.
func (known *softwareKeys) withdraws(leaf *x509.Certificate, thumbprint [32]byte) string {
	for i := range known.withdrawn.Keys {
		if relates(leaf, thumbprint, &known.withdrawn.Keys[i]) {
			return "the directory has withdrawn its key: the TPP is to use a new one"
		}
	}
	for i := range known.published {
		k := &known.published[i]
		if k.ID != "" && relates(leaf, thumbprint, k) && hasID(known.withdrawn, k.ID) {
			return fmt.Sprintf("the directory has withdrawn its key %s: the TPP is to use a new one", text.Quote(k.ID))
		}
	}
	return ""
}

func relates(leaf *x509.Certificate, thumbprint [32]byte, k *ssa.Key) bool {
	return k.Is(leaf.PublicKey) || slices.Contains(k.CertificateSHA256, thumbprint)
}

// hasID looks among the keys that cannot be used too: they are withdrawn no less.
func hasID(set *ssa.KeySet, id string) bool {
	return slices.ContainsFunc(set.Keys, func(k ssa.Key) bool { return k.ID == id }) ||
		slices.ContainsFunc(set.Skipped, func(k ssa.SkippedKey) bool { return k.ID == id })
}

func boundByKey(keys []ssa.Key, what string, matches func(*ssa.Key) bool) (note, why string) {
	encryption := false
	for i := range keys {
		switch {
		case !matches(&keys[i]):
		case keys[i].Use == "enc":
			encryption = true
		default:
			return fmt.Sprintf("key %s of the set", text.Quote(keys[i].ID)), ""
		}
	}
	if encryption {
		return "", what + " is that of a key for encryption (use enc)"
	}
	return "", fmt.Sprintf("%s is not among the %d keys of the software's key set", what, len(keys))
}

func boundBySubject(id Identity, s *Software) (note, why string) {
	switch id.Profile {
	case ProfileOBTransport:
		if s.SoftwareID == "" || s.OrgID == "" {
			return "", "the software's id and its organisation's are needed to compare the subject"
		}
		if id.SoftwareID == s.SoftwareID && id.OrgID == s.OrgID {
			return "CN is the software's id, OU the organisation's", ""
		}
		return "", "the CN and OU of its subject are not the software's id and the organisation's"
	case ProfileOBWAC:
		if s.OrgID == "" {
			return "", "the id of the software's organisation is needed to compare the subject"
		}
		switch {
		case id.OrgID != s.OrgID:
			return "", "the CN of its subject is not the id of the software's organisation"
		case contradicts(id.OrganizationIdentifier, s.Authority.Claims):
			return "", "its CN is the organisation's id, but its organizationIdentifier is none of the organisation's registrations"
		}
		return "CN is the organisation's id", ""
	case ProfileQWAC:
		if slices.ContainsFunc(s.Authority.Claims, func(a claims.AuthorityClaims) bool { return registered(id.OrganizationIdentifier, a) }) {
			return "organizationIdentifier is a registration of the organisation", ""
		}
		return "", "the organizationIdentifier of its subject is no registration of the software's organisation"
	}
	return "", fmt.Sprintf("its subject is of the profile %s, which names no software", id.Profile)
}

// contradicts says whether registrations of an organisation are known, and an
// organizationIdentifier is none of them. Where it is of an authority that the
// directory may spell in any way, the number decides: the CN binds already.
func contradicts(identifier string, list []claims.AuthorityClaims) bool {
	known := false
	id, err := ParseOrganizationIdentifier(identifier)
	for _, a := range list {
		number := a.RegistrationID.Or("")
		if registered(identifier, a) || err == nil && id.Country != "GB" && id.ID == number {
			return false
		}
		known = known || number != ""
	}
	return known
}

// registered says whether an organizationIdentifier is a registration: written in
// whole, or, for PSD2 (ETSI TS 119 495 clause 5.2.1), as the number alone beside the
// authority, which the directory calls FCAGBR where the certificate says GB-FCA.
func registered(identifier string, a claims.AuthorityClaims) bool {
	registration, ok := a.RegistrationID.Get()
	if !ok || registration == "" {
		return false
	}
	if registration == identifier {
		return true
	}
	id, err := ParseOrganizationIdentifier(identifier)
	if err != nil || id.Scheme != "PSD" || id.ID != registration {
		return false
	}
	// The directory's IDs end in ISO 3166-1 alpha-3, the certificate's country is
	// alpha-2. Of the United Kingdom alone it is known how the directory spells both.
	return id.Country == "GB" && a.AuthorityID.Or("") == id.Authority+"GBR"
}
