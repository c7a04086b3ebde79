package validate

import (
	"maps"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/internal/text"
)

// claimNames returns the names that the statement's directory gives to claims.
func claimNames(in *Input, p *Policy) map[string]string {
	if in.ClaimNames != nil {
		return in.ClaimNames
	}
	return p.ClaimNames
}

// asSent returns the pointer into a statement for one that begins with our name of a claim.
// The directory may have another name for it.
func asSent(pointer string, names map[string]string) string {
	if len(names) == 0 || pointer == "" {
		return pointer
	}
	name, rest, inside := strings.Cut(pointer[1:], "/")
	their, moved := names[name]
	switch {
	case !moved:
		return pointer
	case inside:
		return pointerTo(their) + "/" + rest
	}
	return pointerTo(their)
}

// checkClaimNames refuses a mapping that could not be meant.
func checkClaimNames(f *jsonform.Faults, p *Policy) {
	known := claims.SSAMembers()
	for _, name := range slices.Sorted(maps.Keys(p.ClaimNames)) {
		if !slices.Contains(known, name) {
			f.Add("claim_names/"+Echo(name), "is no claim of a statement%s", jsonform.Meant(name, known))
			return
		}
	}
	if err := claims.CheckNames(p.ClaimNames); err != nil {
		f.Add("claim_names", "%s", text.Detail(err))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(p.ClaimNames)) {
		their := p.ClaimNames[name]
		if _, moved := p.ClaimNames[their]; !moved && slices.Contains(known, their) {
			f.Add("claim_names/"+Echo(name), "gives %s to two claims: it is the name of another claim", their)
			return
		}
	}
}
