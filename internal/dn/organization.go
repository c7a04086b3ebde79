package dn

import (
	"errors"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
)

// OrganizationID is an organizationIdentifier (2.5.4.97) in its parts.
type OrganizationID struct {
	Scheme    string // three capital letters (PSD, NTR, VAT, LEI, ...), or two and a colon for a national scheme
	Country   string // ISO 3166-1 alpha-2 code, with + and a subdivision where EV has one: US+CA
	Authority string // of PSD alone: the competent authority, two to eight capital letters
	ID        string // the identifier in the register, as its keeper writes it
}

const (
	schemePSD         = "PSD"
	maxOrganizationID = 256 // bytes
)

// The errors of ParseOrganizationID.
var (
	errLong      = errors.New("it is too long")
	errHead      = errors.New("it must begin with scheme, country and a hyphen")
	errAuthority = errors.New("the competent authority and a hyphen are due behind the country")
	errText      = errors.New("the identifier must be of printable characters")
)

// ParseOrganizationID reads an organizationIdentifier: scheme, country, a hyphen and an
// identifier (ETSI EN 319 412-1 clause 5.1.4). For PSD the competent authority and
// another hyphen stand before the identifier (ETSI TS 119 495 clause 5.2.1). The error
// names the fault and repeats nothing of s.
func ParseOrganizationID(s string) (OrganizationID, error) {
	if len(s) > maxOrganizationID {
		return OrganizationID{}, errLong
	}
	head, id, found := strings.Cut(s, "-")
	if !found || len(head) < 5 || !isScheme(head[:3]) || !isCountry(head[3:]) {
		return OrganizationID{}, errHead
	}
	o := OrganizationID{Scheme: head[:3], Country: head[3:], ID: id}
	if o.Scheme == schemePSD {
		if o.Authority, o.ID, found = strings.Cut(id, "-"); !found || len(o.Authority) < 2 || len(o.Authority) > 8 || !capitals(o.Authority) {
			return OrganizationID{}, errAuthority
		}
	}
	if !text.Legible(o.ID) {
		return OrganizationID{}, errText
	}
	return o, nil
}

func isScheme(s string) bool {
	return capitals(s) || capitals(s[:2]) && s[2] == ':'
}

// isCountry reports whether s is two capitals. The CA/Browser Forum's EV guidelines
// (section 9.2.8) let a plus and a subdivision of up to three letters and digits
// follow.
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
