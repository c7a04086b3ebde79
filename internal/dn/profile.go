package dn

import "strings"

// Profile is what the subject of a certificate tells about the profile that the
// certificate was issued by. Transport and signing certificates of one profile
// have subjects alike: their key usage tells them apart.
type Profile uint8

// The profiles of subjects.
const (
	ProfileUnknown Profile = iota
	// ProfileOB has the OBIE directory's older form: O=OpenBanking, the
	// organisation's id in OU, the software's in CN, and C=GB or no C at all (OB
	// Transport, OB Signing).
	ProfileOB
	// ProfileOBPSD2 has the OBIE directory's form for PSD2: C, the legal name in
	// O, organizationIdentifier, the organisation's id in CN (OBWAC, OBSeal).
	ProfileOBPSD2
	// ProfileEIDAS has the form of a trust service provider: C, O and
	// organizationIdentifier, CN a host or any name, perhaps more (QWAC, QSealC).
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

// ProfileOf tells the profile by a certificate's subject. It is ProfileUnknown
// where an attribute that binds stands twice, and where the subject is that of a
// CA, say. It proves nothing: whether the issuer may issue such subjects is for
// the chain to say, and what the certificate is for is for its extensions.
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

// directoryOU says whether a subject has the older form: these attributes and no
// other, so that a CA of the same O has it not.
func directoryOU(subject Name, o string, hasC bool) bool {
	cn, hasCN := subject.Only(OIDCommonName)
	ou, hasOU := subject.Only(OIDOrganizationalUnit)
	most := 3
	if hasC {
		most = 4
	}
	return hasCN && hasOU && subject.attributes() == most &&
		fold(o) == "openbanking" && base62(ou, maxOrgID) && base62(cn, maxSoftwareID)
}

// Binding returns the OIDs of the attributes that bind a certificate of the
// profile to its owner, in a fresh slice; nil for ProfileUnknown. A
// certificate that changes hands, or is renewed, changes anything else first.
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

// Only returns the value of the attribute of that OID or name, if there is exactly
// one in the whole name and it is a text.
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

// count says how many values of an attribute, text or not, all RDNs have.
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

// directoryCN says whether a CN is the organisation's id in the OBIE directory: the
// end of the organizationIdentifier that the directory's sandbox makes up, or 18
// letters and digits, where a trust service provider would write a host or a
// company's name.
func directoryCN(cn string, id *OrganizationID) bool {
	switch {
	case id.Scheme != schemePSD || !base62(cn, maxOrgID):
		return false
	case id.Country == "GB" && id.Authority == "OB":
		return id.ID == "Unknown"+cn
	}
	return len(cn) == maxOrgID && strings.ContainsAny(cn, "0123456789")
}

// base62: at least one letter or digit, and at most so many.
func base62(s string, most int) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return s != "" && len(s) <= most
}

// EqualImmutable says whether every RDN of sent is in the certificate's subject, in
// whatever order, and the attributes that bind a certificate of its profile are
// among them. A subject of ProfileUnknown has no such attributes: all its RDNs must
// be sent.
func EqualImmutable(sent, subject Name) bool {
	binding := ProfileOf(subject).Binding()
	if binding == nil {
		return EqualUnordered(sent, subject)
	}
	if !Within(sent, subject) {
		return false
	}
	for _, oid := range binding {
		if _, ok := sent.Only(oid); !ok {
			return false
		}
	}
	return true
}
