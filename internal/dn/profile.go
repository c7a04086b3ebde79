package dn

import "strings"

// Profile is the form of a certificate's subject. Transport and signing certificates
// have subjects of the same form; their key usage tells them apart.
type Profile uint8

// The profiles of subjects.
const (
	ProfileUnknown Profile = iota
	// ProfileOB is the OBIE directory's older form (OB Transport, OB Signing):
	// O=OpenBanking, the organisation's id in OU, the software's id in CN, and C=GB or
	// no C.
	ProfileOB
	// ProfileOBPSD2 is the OBIE directory's form for PSD2 (OBWAC, OBSeal): C, the legal
	// name in O, organizationIdentifier, and the organisation's id in CN.
	ProfileOBPSD2
	// ProfileEIDAS is the form of a trust service provider (QWAC, QSealC): C, O,
	// organizationIdentifier, a host or any name in CN, and perhaps more.
	ProfileEIDAS
)

// OIDs of the attributes that bind a certificate to an organisation or software.
const (
	OIDCommonName             = "2.5.4.3"
	OIDCountry                = "2.5.4.6"
	OIDOrganization           = "2.5.4.10"
	OIDOrganizationalUnit     = "2.5.4.11"
	OIDOrganizationIdentifier = "2.5.4.97"
)

const (
	maxOrgID      = 18 // an organisation's id in the directory has 18 characters
	maxSoftwareID = 36 // 22 in the directory; a few more elsewhere
)

// ProfileOf tells the profile of a certificate's subject. It returns ProfileUnknown for
// any other subject, such as that of a CA, and where a binding attribute stands twice.
// A form proves nothing: the chain shows whether the issuer may issue such subjects, and
// the extensions show what the certificate is for.
func ProfileOf(subject Name) Profile {
	o, hasO := subject.Only(OIDOrganization)
	_, hasC := subject.Only(OIDCountry)
	switch {
	case !hasO:
		return ProfileUnknown
	case directoryOU(subject, o, hasC):
		return ProfileOB
	}
	text, _ := subject.Only(OIDOrganizationIdentifier)
	id, err := ParseOrganizationID(text)
	if !hasC || err != nil || subject.count(OIDCommonName) > 1 {
		return ProfileUnknown
	}
	if cn, ok := subject.Only(OIDCommonName); ok && subject.attributes() == 4 && directoryCN(cn, &id) {
		return ProfileOBPSD2
	}
	return ProfileEIDAS
}

// directoryOU reports whether a subject has the older form. It has these attributes and
// no other, so a CA with the same O does not have it.
func directoryOU(subject Name, o string, hasC bool) bool {
	cn, hasCN := subject.Only(OIDCommonName)
	ou, hasOU := subject.Only(OIDOrganizationalUnit)
	most := 3
	if hasC {
		most = 4
	}
	return hasCN && hasOU && subject.attributes() == most &&
		sameText(o, "OpenBanking") && base62(ou, maxOrgID) && base62(cn, maxSoftwareID)
}

// Binding returns the OIDs of the attributes that bind a certificate of the profile to
// its owner, nil for ProfileUnknown. They stay the same when the certificate is renewed.
// The slice is fresh.
func (p Profile) Binding() []string {
	switch p {
	case ProfileOB:
		return []string{OIDCommonName, OIDOrganizationalUnit}
	case ProfileOBPSD2:
		return []string{OIDCommonName}
	case ProfileEIDAS:
		return []string{OIDOrganizationIdentifier}
	}
	return nil
}

// Only returns the value of the attribute of that OID or name. ok is false unless the
// whole name has exactly one, and it is a text.
func (n Name) Only(attribute string) (value string, ok bool) {
	oid, known := typeOID(attribute)
	if !known || n.count(oid) != 1 {
		return "", false
	}
	for _, r := range n {
		for i := range r {
			if r[i].OID == oid {
				value, ok = r[i].Value, r[i].Raw == nil
			}
		}
	}
	return value, ok
}

// count counts the values of an attribute in all RDNs, text or not.
func (n Name) count(oid string) int {
	count := 0
	for _, r := range n {
		for i := range r {
			if r[i].OID == oid {
				count++
			}
		}
	}
	return count
}

// attributes counts the attributes of all RDNs.
func (n Name) attributes() int {
	count := 0
	for _, r := range n {
		count += len(r)
	}
	return count
}

// directoryCN reports whether a CN is the organisation's id in the OBIE directory. The
// directory's sandbox makes up an organizationIdentifier that ends in that id. Elsewhere
// the id is 18 letters and digits, where a trust service provider would write a host or
// a company's name.
func directoryCN(cn string, id *OrganizationID) bool {
	switch {
	case id.Scheme != schemePSD || !base62(cn, maxOrgID):
		return false
	case id.Country == "GB" && id.Authority == "OB":
		return id.ID == "Unknown"+cn
	}
	return len(cn) == maxOrgID && strings.ContainsAny(cn, "0123456789")
}

// base62 reports whether s is at least one letter or digit, and at most so many.
func base62(s string, most int) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return s != "" && len(s) <= most
}

// EqualImmutable reports whether the certificate's subject has every RDN of sent, in any
// order, and sent has the attributes that bind a certificate of that profile. A subject
// of ProfileUnknown has no such attributes: sent must then have all its RDNs.
func EqualImmutable(sent, subject Name) bool {
	binding := ProfileOf(subject).Binding()
	if binding == nil {
		return EqualUnordered(sent, subject)
	}
	if !within(sent, subject) {
		return false
	}
	for _, oid := range binding {
		if _, ok := sent.Only(oid); !ok {
			return false
		}
	}
	return true
}
