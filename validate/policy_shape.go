package validate

import (
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
)

// IDShape is a shape of the identifiers that a directory gives out: software_id and
// software_client_id, which iss and software_id of a request repeat, and org_id.
type IDShape string

// The shapes:
//   - IDShapeOBIE is that of the OBIE directory: a software_id of 1 to 22 letters and
//     digits, an org_id of 1 to 35 letters, digits and hyphens.
//   - IDShapeUUID is a UUID with hyphens, of any version and in either case (RFC 9562).
//   - IDShapeURLSafe is 1 to 64 letters, digits, hyphens and underscores.
const (
	IDShapeOBIE    IDShape = "obie"
	IDShapeUUID    IDShape = "uuid"
	IDShapeURLSafe IDShape = "url_safe"
)

// Greatest lengths of the identifiers that the OBIE directory gives out, and of those of
// IDShapeURLSafe.
const (
	maxSoftwareID = 22
	maxOrgID      = 35
	maxURLSafeID  = 64
	uuidLength    = 36
)

var idShapes = []IDShape{IDShapeOBIE, IDShapeUUID, IDShapeURLSafe}

// SoftwareID returns a regular expression for a software_id of the shape, without anchors
// at its ends, and its greatest length.
func (s IDShape) SoftwareID() (pattern string, most int) {
	switch s {
	case IDShapeOBIE:
		return `[A-Za-z0-9]{1,22}`, maxSoftwareID
	case IDShapeUUID:
		return `[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}`, uuidLength
	case IDShapeURLSafe:
		return `[A-Za-z0-9_-]{1,64}`, maxURLSafeID
	}
	return "", 0
}

// words says for people what has the shape. obie is what has IDShapeOBIE.
func (s IDShape) words(obie string) string {
	switch s {
	case IDShapeUUID:
		return "a UUID with hyphens"
	case IDShapeURLSafe:
		return "1 to 64 letters, digits, - and _"
	}
	return obie
}

// softwareIDFits reports whether the policy admits the shape of a software_id.
func (p *Policy) softwareIDFits(id string) bool {
	return isBase62(id) && len(id) <= maxSoftwareID && slices.Contains(p.IDShapes, IDShapeOBIE) || p.otherIDFits(id)
}

// orgIDFits reports whether the policy admits the shape of an org_id.
func (p *Policy) orgIDFits(id string) bool {
	return len(id) <= maxOrgID && consistsOf(id, "-") && slices.Contains(p.IDShapes, IDShapeOBIE) || p.otherIDFits(id)
}

// otherIDFits reports whether an identifier has a shape that is not the OBIE directory's
// and that the policy admits.
func (p *Policy) otherIDFits(id string) bool {
	return slices.Contains(p.IDShapes, IDShapeUUID) && isUUID(id) ||
		slices.Contains(p.IDShapes, IDShapeURLSafe) && len(id) <= maxURLSafeID && consistsOf(id, "-_")
}

// softwareIDWords and orgIDWords say what the policy admits.
func (p *Policy) softwareIDWords() string { return p.idWords("1 to 22 letters and digits") }
func (p *Policy) orgIDWords() string      { return p.idWords("1 to 35 letters, digits and -") }

func (p *Policy) idWords(obie string) string {
	all := make([]string, len(p.IDShapes))
	for i, s := range p.IDShapes {
		all[i] = s.words(obie)
	}
	return strings.Join(all, ", or ")
}

// isBase62 reports whether s is not empty and has only ASCII letters and digits.
func isBase62(s string) bool { return consistsOf(s, "") }

// consistsOf reports whether s is not empty and has only ASCII letters, digits and the
// characters of others.
func consistsOf(s, others string) bool {
	for i := range len(s) {
		if !text.IsLetter(s[i]) && !text.IsDigit(s[i]) && strings.IndexByte(others, s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// isUUID reports whether s is a UUID with hyphens (RFC 9562 section 4), in either case and
// of any version.
func isUUID(s string) bool {
	if len(s) != uuidLength {
		return false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if !text.IsHex(s[i]) {
			return false
		}
	}
	return true
}
