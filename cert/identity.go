package cert

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"strings"

	"github.com/obdcr/obdcr/internal/dn"
)

// ErrSubject says that the subject of a certificate is no distinguished name.
var ErrSubject = errors.New("unreadable subject")

// Profile is a kind of certificate that TPPs hold, by its subject and its use.
type Profile string

// The transport profiles are for TLS clients, the signing profiles for tokens.
const (
	ProfileUnknown     Profile = "unknown"      // no profile below, as every certificate of a CA
	ProfileOBTransport Profile = "ob_transport" // legacy of Open Banking: O=OpenBanking, OU={org_id}, CN={software_id}
	ProfileOBSigning   Profile = "ob_signing"   // the same for signing
	ProfileOBWAC       Profile = "obwac"        // Open Banking's own kind of QWAC: organizationIdentifier, CN={org_id}
	ProfileOBSeal      Profile = "obseal"       // the same for signing
	ProfileQWAC        Profile = "qwac"         // eIDAS, website authentication: organizationIdentifier
	ProfileQSeal       Profile = "qseal"        // eIDAS, electronic seal: organizationIdentifier
)

// Transport says whether certificates of the profile are for TLS clients.
func (p Profile) Transport() bool {
	return p == ProfileOBTransport || p == ProfileOBWAC || p == ProfileQWAC
}

// Identity is what the subject of a certificate says about its holder. A field
// that the profile does not bind is empty; ProfileUnknown has none.
type Identity struct {
	Profile                Profile `json:"profile"`
	SoftwareID             string  `json:"software_id,omitempty"`             // of the legacy profiles: CN
	OrgID                  string  `json:"org_id,omitempty"`                  // of the legacy profiles OU, of OBWAC and OBSeal CN
	OrganizationIdentifier string  `json:"organization_identifier,omitempty"` // of all others, as ParseOrganizationIdentifier reads it
}

const (
	orgIDLength      = 18
	directoryName    = "OpenBanking" // O of the legacy profiles
	oidOrganization  = "2.5.4.10"
	oidOrgUnit       = "2.5.4.11"
	oidCommonName    = "2.5.4.3"
	oidOrgIdentifier = "2.5.4.97"
)

// Identify tells the profile of a certificate and whom its subject names. It
// believes the certificate: that a trusted CA issued it is for the caller to
// check, and that the names are the software's.
//
// Transport is extended key usage clientAuth or serverAuth with key usage
// digitalSignature, signing is key usage nonRepudiation or extended key usage
// document signing; where both are there, the QcType of the qcStatements decides
// (ETSI EN 319 412-5 clause 4.2.3). A certificate with a statement of qualified
// status is never an OBWAC or OBSeal, whatever its CN looks like. An attribute
// that stands in the subject twice makes the profile unknown.
//
// The error wraps ErrSubject, ErrQCStatements or ErrNoCertificate (leaf is nil);
// the Identity is then empty.
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

func identify(name dn.Name, u usage, qualified bool) Identity {
	unknown := Identity{Profile: ProfileUnknown}
	cn, cns := single(name, oidCommonName)
	org, orgs := single(name, oidOrgIdentifier)
	unit, units := single(name, oidOrgUnit)
	o, os := single(name, oidOrganization)
	if u == useOther || max(cns, orgs, os) > 1 {
		return unknown
	}
	profile := func(transport, signing Profile) Profile {
		if u == useTransport {
			return transport
		}
		return signing
	}
	if orgs == 0 {
		if units != 1 || o != directoryName || cn == "" || unit == "" || qualified {
			return unknown
		}
		return Identity{Profile: profile(ProfileOBTransport, ProfileOBSigning), SoftwareID: cn, OrgID: unit}
	}
	id, err := ParseOrganizationIdentifier(org)
	if err != nil {
		return unknown
	}
	if !qualified && isOrgID(cn) && id.Scheme == "PSD" {
		return Identity{Profile: profile(ProfileOBWAC, ProfileOBSeal), OrgID: cn, OrganizationIdentifier: org}
	}
	return Identity{Profile: profile(ProfileQWAC, ProfileQSeal), OrganizationIdentifier: org}
}

// single returns the last text of a type and how many values of that type, text or
// not, the name has.
func single(name dn.Name, oid string) (text string, number int) {
	for _, rdn := range name {
		for i := range rdn {
			if rdn[i].OID == oid {
				text = rdn[i].Value
				number++
			}
		}
	}
	return text, number
}

type usage int

const (
	useOther usage = iota
	useTransport
	useSigning
)

var oidDocumentSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 10, 3, 12}

// use says what a certificate is for. Seals exist that may also be used for TLS
// clients, and website certificates with nonRepudiation; their QcType is clear.
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

// isOrgID says whether a CN is the directory's identifier of an organisation
// rather than a host name or a legal name: 18 letters and digits, some digit.
func isOrgID(s string) bool {
	digits, letters := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digits++
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			letters++
		}
	}
	return len(s) == orgIDLength && digits+letters == len(s) && digits > 0
}

// ErrOrganizationIdentifier says that a text is no organizationIdentifier.
var ErrOrganizationIdentifier = errors.New("not an organizationIdentifier")

// OrganizationID is an organizationIdentifier in its parts.
type OrganizationID struct {
	Scheme    string // three capital letters (PSD, NTR, VAT, LEI, ...), or two and a colon for a national scheme
	Country   string // ISO 3166-1 alpha-2 code, with + and a subdivision where EV has one: US+CA
	Authority string // of PSD alone: the competent authority, two to eight capital letters
	ID        string // the identifier in the register, as its keeper writes it
}

const maxOrganizationID = 256

// ParseOrganizationIdentifier reads the attribute 2.5.4.97 of a subject: scheme,
// country, a hyphen and an identifier (ETSI EN 319 412-1 clause 5.1.4), with the
// competent authority and another hyphen before it for PSD (ETSI TS 119 495
// clause 5.2.1). PSDGB-FCA-123456 is such a one. The error wraps
// ErrOrganizationIdentifier and repeats nothing of s.
func ParseOrganizationIdentifier(s string) (OrganizationID, error) {
	if len(s) > maxOrganizationID {
		return OrganizationID{}, badOrganizationID("it is too long")
	}
	head, id, found := strings.Cut(s, "-")
	if !found || len(head) < 5 || !isScheme(head[:3]) || !isCountry(head[3:]) {
		return OrganizationID{}, badOrganizationID("it must begin with scheme, country and a hyphen")
	}
	o := OrganizationID{Scheme: head[:3], Country: head[3:], ID: id}
	if o.Scheme == "PSD" {
		if o.Authority, o.ID, found = strings.Cut(id, "-"); !found || len(o.Authority) < 2 || len(o.Authority) > 8 || !capitals(o.Authority) {
			return OrganizationID{}, badOrganizationID("the competent authority and a hyphen are due behind the country")
		}
	}
	if !printable(o.ID) {
		return OrganizationID{}, badOrganizationID("the identifier must be of printable characters")
	}
	return o, nil
}

func badOrganizationID(reason string) error {
	return &Error{Kind: ErrOrganizationIdentifier, Detail: reason}
}

// String writes the identifier as ParseOrganizationIdentifier reads it.
func (o OrganizationID) String() string {
	if o.Scheme == "PSD" {
		return o.Scheme + o.Country + "-" + o.Authority + "-" + o.ID
	}
	return o.Scheme + o.Country + "-" + o.ID
}

func isScheme(s string) bool {
	return capitals(s) || capitals(s[:2]) && s[2] == ':'
}

// isCountry: CA/Browser Forum EV guidelines, section 9.2.8, let a subdivision of up
// to three letters and digits follow.
func isCountry(s string) bool {
	country, subdivision, found := strings.Cut(s, "+")
	if len(country) != 2 || !capitals(country) {
		return false
	}
	for i := 0; i < len(subdivision); i++ {
		if c := subdivision[i]; !('A' <= c && c <= 'Z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return !found || len(subdivision) >= 1 && len(subdivision) <= 3
}

func capitals(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && s != ""
}
