package claims

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/obdcr/obdcr/internal/text"
)

// registered are the claims that keep their names at each directory (RFC 7519 section
// 4.1): they choose the trust anchor of a statement and bound its trust.
var registered = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

// CheckNames refuses a mapping of claim names, as DecodeSSA takes it, that could not be
// meant: one of a claim that [SSAMembers] does not have, one that moves a registered claim
// (RFC 7519 section 4.1), one with a name that is empty or has characters that cannot be
// printed, and one that gives a claim of the directory to two of ours.
func CheckNames(names map[string]string) error {
	theirs, known := map[string]string{}, SSAMembers()
	for _, ours := range slices.Sorted(maps.Keys(names)) {
		their := names[ours]
		fault := ""
		switch {
		case ours == "" || their == "":
			fault = "has an empty name"
		case strings.ContainsFunc(their, func(r rune) bool { return !unicode.IsPrint(r) }):
			fault = "moves " + text.Quote(ours) + " to a name with characters that cannot be printed"
		case slices.Contains(registered, ours) || slices.Contains(registered, their):
			fault = "moves " + text.Quote(ours) + " to " + text.Quote(their) + ": registered claims stay"
		case !slices.Contains(known, ours):
			fault = "moves " + text.Quote(ours) + ", which is no claim of a statement"
		case theirs[their] != "":
			fault = "gives " + text.Quote(their) + " to two claims"
		}
		if fault != "" {
			return text.Named{Package: "claims", Err: fmt.Errorf("the mapping of claim names %s", fault)}
		}
		theirs[their] = ours
	}
	return nil
}
