package cert

import (
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
	// BySubject: the subject names the software or its organisation. The profile of
	// the certificate says how:
	//   - OB Transport: CN is the software's id, OU the organisation's id.
	//   - OBWAC: CN is the organisation's id. If any registration of the organisation
	//     is known, organizationIdentifier must be one of them.
	//   - QWAC: organizationIdentifier is a registration of the organisation, in whole,
	//     or by authority and number: PSDGB-FCA-123456 is number 123456 of FCAGBR. The
	//     CN counts for nothing.
	//
	// An OBWAC and a QWAC name the organisation alone, so they serve all its software.
	//
	// With BySubject each CA of the Authorities can give a certificate of any software
	// to anybody. List only CAs that check the subjects they sign, such as the
	// directory's or those of qualified trust service providers.
	BySubject Binding = "subject"
)

// unfit returns the reason why a binding may not stand in a list behind others, "" if it
// may.
func (b Binding) unfit(before []Binding) string {
	switch {
	case b != ByPublicKey && b != ByThumbprint && b != BySubject:
		return fmt.Sprintf("is %s, none of public_key, thumbprint, subject", text.Quote(string(b)))
	case slices.Contains(before, b):
		return "is " + string(b) + " again"
	}
	return ""
}

// belongs judges whether a good certificate belongs to the software, by the keys that
// were read. It returns a copy of good with its own results added.
func (c *Checker) belongs(good *Acceptance, leaf *x509.Certificate, s *Software, known *softwareKeys) (*Acceptance, error) {
	accepted, thumbprint := *good, good.thumbprint
	accepted.Certificate, accepted.Software = leaf, *s
	accepted.Checks = append(make([]CheckResult, 0, numberOfChecks), good.Checks...)
	if known.withdrawn == nil {
		accepted.add(CheckRevokedKeys, NotConsulted, "no set of withdrawn keys is named")
	} else {
		none := known.allWithdrawn()
		if why := known.withdraws(leaf, thumbprint); why != "" {
			return nil, &Error{Kind: ErrRevoked, Detail: why, Cause: none}
		}
		if none != nil {
			return nil, &Error{Kind: ErrRevoked, Detail: "the directory has withdrawn all keys of the software: the TPP is to publish new ones", Cause: none}
		}
		accepted.add(CheckRevokedKeys, Passed, fmt.Sprintf("not among %d withdrawn keys", len(known.withdrawn.Keys)+len(known.withdrawn.Skipped)))
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
			note, why = boundBySubject(accepted.Identity, s)
		}
		if why == "" {
			accepted.Binding = b
			accepted.add(CheckBinding, Passed, note)
			return &accepted, nil
		}
		against = append(against, why)
	}
	return nil, &Error{Kind: ErrNotOwned, Detail: strings.Join(against, "; ")}
}

// withdraws returns the reason why the directory counts a certificate as withdrawn, "" if
// it does not. The withdrawn set may list the certificate's key or thumbprint, or the kid
// of a published key that the certificate matches.
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

// hasID reports whether a set lists a kid. It looks among the skipped keys too: a key
// that we cannot use is withdrawn all the same.
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
			return "key " + text.Quote(keys[i].ID) + " of the set", ""
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

// contradicts reports whether an organisation has known registrations and an
// organizationIdentifier is none of them. Outside the United Kingdom the number alone
// decides: nobody knows how the directory spells the authority, and the CN has already
// bound the certificate.
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

// registered reports whether an organizationIdentifier is a registration. A
// registration may be written in whole. For PSD2 (ETSI TS 119 495 clause 5.2.1) it may
// also be a number beside its authority, which is FCAGBR in the directory and GB-FCA in
// the certificate.
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
	// The directory writes countries as ISO 3166-1 alpha-3, the certificate as alpha-2.
	// Only for the United Kingdom do we know both spellings of an authority.
	return id.Country == "GB" && a.AuthorityID.Or("") == id.Authority+"GBR"
}
