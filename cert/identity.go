package cert

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"

	"github.com/obdcr/obdcr/internal/dn"
)

// ErrSubject means that the subject of a certificate is no distinguished name.
var ErrSubject = errors.New("unreadable subject")

// SubjectProfile is a kind of TPP certificate. Its subject and its use tell it.
type SubjectProfile string

// The transport profiles are for TLS clients, the signing profiles for tokens.
const (
	ProfileUnknown     SubjectProfile = "unknown"      // none of those below, such as the certificate of a CA
	ProfileOBTransport SubjectProfile = "ob_transport" // Open Banking, legacy: O=OpenBanking, OU={org_id}, CN={software_id}, perhaps C
	ProfileOBSigning   SubjectProfile = "ob_signing"   // the same for signing
	ProfileOBWAC       SubjectProfile = "obwac"        // Open Banking's own kind of QWAC: organizationIdentifier, CN={org_id}
	ProfileOBSeal      SubjectProfile = "obseal"       // the same for signing
	ProfileQWAC        SubjectProfile = "qwac"         // eIDAS, website authentication: organizationIdentifier
	ProfileQSeal       SubjectProfile = "qseal"        // eIDAS, electronic seal: organizationIdentifier
)

// Transport reports whether certificates of the profile are for TLS clients.
func (p SubjectProfile) Transport() bool {
	return p == ProfileOBTransport || p == ProfileOBWAC || p == ProfileQWAC
}

// Identity is what the subject of a certificate says about its holder. A field that
// the profile does not bind is empty. With ProfileUnknown all of them are.
type Identity struct {
	Profile                SubjectProfile `json:"profile"`
	SoftwareID             string         `json:"software_id,omitempty"`             // of the legacy profiles: CN
	OrgID                  string         `json:"org_id,omitempty"`                  // of the legacy profiles OU, of OBWAC and OBSeal CN
	OrganizationIdentifier string         `json:"organization_identifier,omitempty"` // of all others, as ParseOrganizationIdentifier reads it
}

// SubjectDN returns the subject of a certificate in RFC 4514 text, in one canonical form:
// the order of the certificate, short names for the attribute types of RFC 4514 section 3,
// and for all others, such as organizationIdentifier, dotted decimals with the value as #
// and hexadecimal DER (section 2.4). Java writes and compares names so: it does not know
// the names of more types. SubjectDN takes x509.Certificate.RawSubject. It returns "" for a
// subject that is empty or no distinguished name.
func SubjectDN(rawSubject []byte) string {
	name, err := dn.FromDER(rawSubject)
	if err != nil {
		return ""
	}
	return name.JavaRFC2253()
}

// Identify tells the profile of a certificate and whom its subject names. It believes
// the certificate: the caller checks that a trusted CA issued it, and that the names are
// those of the software.
//
// Identify looks at these:
//
//   - Transport certificates have the extended key usage clientAuth or serverAuth, and
//     the key usage digitalSignature. Signing certificates have the key usage
//     nonRepudiation or the extended key usage document signing. Where a certificate
//     has both, the QcType of its qcStatements decides (ETSI EN 319 412-5 clause
//     4.2.3).
//   - A certificate with a statement of qualified status is never an OBWAC or OBSeal,
//     whatever its CN looks like.
//   - The subject of a legacy profile has CN, OU, O, perhaps C, and nothing else. That
//     of any other profile has C, O, organizationIdentifier, and perhaps more. A
//     binding attribute that stands there twice makes the profile unknown.
//
// The error wraps ErrSubject, ErrQCStatements or ErrNoCertificate (leaf is nil). The
// Identity is then empty.
func Identify(leaf *x509.Certificate) (Identity, error) {
	if leaf == nil {
		return Identity{}, noCertificate()
	}
	name, err := dn.FromDER(leaf.RawSubject)
	if err != nil {
		return Identity{}, &Error{Kind: ErrSubject, Detail: "its DER is no distinguished name", Cause: err}
	}
	qc, err := readQCStatements(leaf)
	if err != nil {
		return Identity{}, err
	}
	return identify(name, use(leaf, &qc), qc.qualified), nil
}

func noCertificate() error {
	return &Error{Kind: ErrNoCertificate, Detail: "there is nothing to read"}
}

// identify finds the profile by the form of the subject, by the usage, and by the
// qualified status.
func identify(name dn.Name, u usage, qualified bool) Identity {
	if u == useOther {
		return Identity{Profile: ProfileUnknown}
	}
	profile := func(transport, signing SubjectProfile) SubjectProfile {
		if u == useTransport {
			return transport
		}
		return signing
	}
	cn, _ := name.Only(dn.OIDCommonName)
	unit, _ := name.Only(dn.OIDOrganizationalUnit)
	org, _ := name.Only(dn.OIDOrganizationIdentifier)
	switch form := dn.ProfileOf(name); {
	case form == dn.ProfileOB && !qualified:
		return Identity{Profile: profile(ProfileOBTransport, ProfileOBSigning), SoftwareID: cn, OrgID: unit}
	case form == dn.ProfileOBPSD2 && !qualified:
		return Identity{Profile: profile(ProfileOBWAC, ProfileOBSeal), OrgID: cn, OrganizationIdentifier: org}
	case form == dn.ProfileOBPSD2 || form == dn.ProfileEIDAS:
		return Identity{Profile: profile(ProfileQWAC, ProfileQSeal), OrganizationIdentifier: org}
	}
	return Identity{Profile: ProfileUnknown}
}

type usage int

const (
	useOther usage = iota
	useTransport
	useSigning
)

var oidDocumentSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 10, 3, 12}

// use is the purpose of a certificate. Some seals may also serve TLS clients, and some
// website certificates have nonRepudiation: the QcType tells them apart.
func use(leaf *x509.Certificate, qc *qcStatements) usage {
	if leaf.IsCA || leaf.KeyUsage&x509.KeyUsageCertSign != 0 {
		return useOther
	}
	transport, signing := false, leaf.KeyUsage&x509.KeyUsageContentCommitment != 0
	for _, u := range leaf.ExtKeyUsage {
		transport = transport || u == x509.ExtKeyUsageClientAuth || u == x509.ExtKeyUsageServerAuth
	}
	for _, u := range leaf.UnknownExtKeyUsage {
		signing = signing || u.Equal(oidDocumentSigning)
	}
	transport = transport && leaf.KeyUsage&x509.KeyUsageDigitalSignature != 0
	switch {
	case qc.web && !qc.seal && transport:
		return useTransport
	case qc.seal && !qc.web && (signing || leaf.KeyUsage&x509.KeyUsageDigitalSignature != 0):
		return useSigning
	case qc.web || qc.seal || transport == signing:
		return useOther
	case transport:
		return useTransport
	}
	return useSigning
}

// ErrOrganizationIdentifier means that a text is no organizationIdentifier.
var ErrOrganizationIdentifier = errors.New("not an organizationIdentifier")

// OrganizationID is an organizationIdentifier in its parts.
type OrganizationID struct {
	Scheme    string // three capital letters (PSD, NTR, VAT, LEI, ...), or two and a colon for a national scheme
	Country   string // ISO 3166-1 alpha-2 code, with + and a subdivision where EV has one: US+CA
	Authority string // of PSD alone: the competent authority, two to eight capital letters
	ID        string // the identifier in the register, as its keeper writes it
}

// ParseOrganizationIdentifier reads the attribute 2.5.4.97 of a subject, such as
// PSDGB-FCA-123456: scheme, country, a hyphen and an identifier (ETSI EN 319 412-1
// clause 5.1.4). For PSD the competent authority and another hyphen stand before the
// identifier (ETSI TS 119 495 clause 5.2.1). The error wraps ErrOrganizationIdentifier
// and repeats nothing of s.
func ParseOrganizationIdentifier(s string) (OrganizationID, error) {
	id, err := dn.ParseOrganizationID(s)
	if err != nil {
		return OrganizationID{}, &Error{Kind: ErrOrganizationIdentifier, Detail: err.Error()}
	}
	return OrganizationID(id), nil
}

// String writes the identifier as ParseOrganizationIdentifier reads it.
func (o OrganizationID) String() string {
	if o.Scheme == "PSD" {
		return o.Scheme + o.Country + "-" + o.Authority + "-" + o.ID
	}
	return o.Scheme + o.Country + "-" + o.ID
}
