package cert

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
)

// ErrQCStatements means that a certificate's qcStatements break RFC 3739 or ETSI TS
// 119 495.
var ErrQCStatements = errors.New("unreadable qualified statements")

// PSD2 is the statement of an eIDAS certificate about its holder as a payment
// service provider (ETSI TS 119 495 clause 5.1, PSD2QcType).
type PSD2 struct {
	// Roles are those that TS 119 495 defines: PSP_AI is AISP, PSP_PI is PISP, PSP_IC
	// is CBPII, PSP_AS is ASPSP. They are in the certificate's order, each once.
	Roles         []claims.Role
	AuthorityName string // of the competent authority: Financial Conduct Authority
	AuthorityID   string // its country and identifier: GB-FCA
}

// PSD2Of reads the PSD2 statement of a certificate's qcStatements. It returns false
// where the certificate has none.
//
// PSD2Of leaves out a role whose object identifier TS 119 495 does not define, so that
// it gives no permission. A role whose name contradicts its identifier makes the
// statement unreadable. The error wraps ErrQCStatements or ErrNoCertificate (leaf is
// nil) and repeats nothing of the certificate.
func PSD2Of(leaf *x509.Certificate) (PSD2, bool, error) {
	if leaf == nil {
		return PSD2{}, false, noCertificate()
	}
	qc, err := readQCStatements(leaf)
	if err != nil || qc.psd2 == nil {
		return PSD2{}, false, err
	}
	return *qc.psd2, true, nil
}

// Lacks returns the roles of a software statement that the certificate does not have,
// in the statement's order and spelling. A role of the Crown Dependencies needs the
// plain one: CD_AISP needs AISP. The certificate always lacks a role that PSD2 does not
// know.
func (p PSD2) Lacks(roles []claims.Role) []claims.Role {
	var lacking []claims.Role
	for _, r := range roles {
		if !slices.Contains(p.Roles, r.Plain()) {
			lacking = append(lacking, r)
		}
	}
	return lacking
}

// Beyond returns the roles of the certificate that a software statement does not name,
// neither plain nor with CD_. That is no fault: the certificate is the organisation's,
// and one software may need fewer roles.
func (p PSD2) Beyond(roles []claims.Role) []claims.Role {
	var beyond []claims.Role
	for _, r := range p.Roles {
		if !slices.ContainsFunc(roles, func(named claims.Role) bool { return named.Plain() == r }) {
			beyond = append(beyond, r)
		}
	}
	return beyond
}

// roleOfPSP is a role by its names in TS 119 495 and in the directory.
type roleOfPSP struct {
	name string
	role claims.Role
}

// rolesOfPSP are in the order of their object identifiers: the first is
// 0.4.0.19495.1.1.
var rolesOfPSP = []roleOfPSP{
	{"PSP_AS", claims.ASPSP}, {"PSP_PI", claims.PISP}, {"PSP_AI", claims.AISP}, {"PSP_IC", claims.CBPII},
}

// Object identifiers as DER encodes them: they compare whatever the size of an arc.
var (
	oidQCStatements = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}
	oidQcCompliance = []byte{0x04, 0x00, 0x8e, 0x46, 0x01, 0x01}       // 0.4.0.1862.1.1
	oidQcType       = []byte{0x04, 0x00, 0x8e, 0x46, 0x01, 0x06}       // 0.4.0.1862.1.6
	oidQcTypeSeal   = []byte{0x04, 0x00, 0x8e, 0x46, 0x01, 0x06, 0x02} // 0.4.0.1862.1.6.2
	oidQcTypeWeb    = []byte{0x04, 0x00, 0x8e, 0x46, 0x01, 0x06, 0x03} // 0.4.0.1862.1.6.3
	oidPSD2         = []byte{0x04, 0x00, 0x81, 0x98, 0x27, 0x02}       // 0.4.0.19495.2
	oidPSD2Role     = []byte{0x04, 0x00, 0x81, 0x98, 0x27, 0x01}       // 0.4.0.19495.1
)

const (
	maxQCStatements = 4096 // bytes
	maxQCElements   = 32   // statements, types, roles
	maxPSD2Text     = 256  // characters of a name (TS 119 495 annex A)
)

// qcStatements is what this package reads of the extension.
type qcStatements struct {
	qualified bool // QcCompliance: qualified under eIDAS, which OBWAC and OBSeal are not
	web, seal bool // QcType
	psd2      *PSD2
}

func badStatements(reason string) error {
	return &Error{Kind: ErrQCStatements, Detail: reason}
}

// readQCStatements reads the extension. Without one all is zero.
func readQCStatements(leaf *x509.Certificate) (qcStatements, error) {
	for i := range leaf.Extensions {
		if leaf.Extensions[i].Id.Equal(oidQCStatements) {
			return parseQCStatements(leaf.Extensions[i].Value)
		}
	}
	return qcStatements{}, nil
}

// parseQCStatements reads QCStatements ::= SEQUENCE OF SEQUENCE { OID, ANY
// OPTIONAL } (RFC 3739 section 3.2.6). It skips statements of other kinds. One that it
// reads must not stand there twice.
func parseQCStatements(der []byte) (qcStatements, error) {
	if len(der) > maxQCStatements {
		return qcStatements{}, badStatements("they are too long")
	}
	statements, ok := sequence(der)
	if !ok {
		return qcStatements{}, badStatements("no sequence of statements")
	}
	var qc qcStatements
	hasType := false
	for _, s := range statements {
		parts, ok := sequence(s.FullBytes)
		if !ok || len(parts) == 0 || len(parts) > 2 || !is(parts[0], asn1.TagOID) {
			return qcStatements{}, badStatements("a statement is no pair of identifier and information")
		}
		switch id := parts[0].Bytes; {
		case bytes.Equal(id, oidQcCompliance):
			qc.qualified = true
		case bytes.Equal(id, oidQcType):
			if hasType || len(parts) != 2 || !qc.readTypes(parts[1].FullBytes) {
				return qcStatements{}, badStatements("QcType")
			}
			hasType = true
		case bytes.Equal(id, oidPSD2):
			if qc.psd2 != nil || len(parts) != 2 {
				return qcStatements{}, badStatements("the PSD2 statement stands there twice or is empty")
			}
			p, err := parsePSD2(parts[1].FullBytes)
			if err != nil {
				return qcStatements{}, err
			}
			qc.psd2 = &p
		}
	}
	return qc, nil
}

// readTypes reads QcType ::= SEQUENCE OF OBJECT IDENTIFIER.
func (qc *qcStatements) readTypes(der []byte) bool {
	types, ok := sequence(der)
	for _, t := range types {
		ok = ok && is(t, asn1.TagOID)
		qc.web = qc.web || bytes.Equal(t.Bytes, oidQcTypeWeb)
		qc.seal = qc.seal || bytes.Equal(t.Bytes, oidQcTypeSeal)
	}
	return ok
}

// parsePSD2 reads PSD2QcType ::= SEQUENCE { rolesOfPSP, nCAName, nCAId }.
func parsePSD2(der []byte) (PSD2, error) {
	parts, ok := sequence(der)
	if !ok || len(parts) != 3 {
		return PSD2{}, badStatements("the PSD2 statement is not roles, name and identifier")
	}
	roles, ok := sequence(parts[0].FullBytes)
	if !ok {
		return PSD2{}, badStatements("the roles are no sequence")
	}
	var p PSD2
	for _, r := range roles {
		role, ok := parseRole(r.FullBytes)
		if !ok {
			return PSD2{}, badStatements("a role is not an identifier and its name")
		}
		if role != "" && !slices.Contains(p.Roles, role) {
			p.Roles = append(p.Roles, role)
		}
	}
	if p.AuthorityName, ok = utf8String(parts[1]); !ok {
		return PSD2{}, badStatements("the competent authority's name")
	}
	if p.AuthorityID, ok = utf8String(parts[2]); !ok {
		return PSD2{}, badStatements("the competent authority's identifier")
	}
	return p, nil
}

// parseRole reads RoleOfPSP ::= SEQUENCE { roleOfPspOid, roleOfPspName }. It returns ""
// for an unknown role. The identifier and the name of a known role must match, or two
// readers would see two roles.
func parseRole(der []byte) (claims.Role, bool) {
	parts, ok := sequence(der)
	if !ok || len(parts) != 2 || !is(parts[0], asn1.TagOID) {
		return "", false
	}
	name, ok := utf8String(parts[1])
	if !ok {
		return "", false
	}
	index := slices.IndexFunc(rolesOfPSP, func(r roleOfPSP) bool { return r.name == name })
	if arc, ok := bytes.CutPrefix(parts[0].Bytes, oidPSD2Role); ok && len(arc) == 1 && arc[0] >= 1 && int(arc[0]) <= len(rolesOfPSP) {
		if index != int(arc[0])-1 {
			return "", false
		}
		return rolesOfPSP[index].role, true
	}
	return "", index < 0
}

// sequence splits a SEQUENCE that fills der into its elements.
func sequence(der []byte) ([]asn1.RawValue, bool) {
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(der, &outer)
	if err != nil || len(rest) != 0 || outer.Class != asn1.ClassUniversal || outer.Tag != asn1.TagSequence || !outer.IsCompound {
		return nil, false
	}
	var elements []asn1.RawValue
	for rest = outer.Bytes; len(rest) > 0; {
		var e asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &e); err != nil || len(elements) == maxQCElements {
			return nil, false
		}
		elements = append(elements, e)
	}
	return elements, true
}

func is(v asn1.RawValue, tag int) bool {
	return v.Class == asn1.ClassUniversal && v.Tag == tag && !v.IsCompound && len(v.Bytes) > 0
}

// utf8String reads a UTF8String of 1 to 256 printable characters. Some CAs write a
// PrintableString instead, which reads the same.
func utf8String(v asn1.RawValue) (string, bool) {
	if !is(v, asn1.TagUTF8String) && !is(v, asn1.TagPrintableString) {
		return "", false
	}
	s := string(v.Bytes)
	return s, utf8.RuneCountInString(s) <= maxPSD2Text && text.Legible(s)
}
