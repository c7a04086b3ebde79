package dn

import "strings"

// Profile is what the subject of a certificate tells about the profile that the
// certificate was issued by. Transport and signing certificates of one profile
// have subjects alike: their key usage tells them apart.
type Profile uint8

// The profiles of subjects.
const (
	ProfileUnknown Profile = iota
	// ProfileOB has the OBIE directory's older form: C=GB, O=OpenBanking, the
	// organisation's id in OU, the software's in CN (OB Transport, OB Signing).
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
// the chain to say.
func ProfileOf(subject Name) Profile {
	cn, hasCN := subject.Only(OIDCommonName)
	o, hasO := subject.Only(OIDOrganization)
	if _, hasC := subject.Only(OIDCountry); !hasC || !hasO {
		return ProfileUnknown
	}
	if ou, ok := subject.Only(OIDOrganizationalUnit); ok && hasCN && subject.attributes() == 4 {
		if fold(o) == "openbanking" && base62(ou, maxOrgID) && base62(cn, maxSoftwareID) {
			return ProfileOB
		}
		return ProfileUnknown
	}
	id, ok := subject.Only(OIDOrganizationIdentifier)
	switch {
	case !ok || !organizationID(id):
		return ProfileUnknown
	case hasCN && subject.attributes() == 4 && directoryCN(cn, id):
		return ProfileOBPSD2
	}
	return ProfileEIDAS
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
	if !known {
		return "", false
	}
	count := 0
	for _, r := range n {
		for i := range r {
			if r[i].OID == oid {
				value, ok = r[i].Value, r[i].Raw == nil
				count++
			}
		}
	}
	if count != 1 || !ok {
		return "", false
	}
	return value, true
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
func directoryCN(cn, id string) bool {
	if rest, ok := strings.CutPrefix(id, "PSDGB-OB-"); ok {
		return base62(cn, maxOrgID) && strings.HasSuffix(rest, cn)
	}
	return strings.HasPrefix(id, "PSD") && len(cn) == maxOrgID && base62(cn, maxOrgID) && strings.ContainsAny(cn, "0123456789")
}

// organizationID: ETSI EN 319 412-1 section 5.1.4, three letters for the scheme (or
// two and a colon), two for the country (EV adds + and a subdivision), a hyphen and
// an identifier.
func organizationID(s string) bool {
	head, id, found := strings.Cut(s, "-")
	if !found || id == "" || len(head) < 5 || len(head) > 5 && head[5] != '+' {
		return false
	}
	for i := range 5 {
		if (head[i] < 'A' || head[i] > 'Z') && (i != 2 || head[i] != ':') {
			return false
		}
	}
	return true
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
