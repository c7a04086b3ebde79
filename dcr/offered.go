package dcr

import (
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// offered returns those of the supported values that the policy's allowed_values admit
// for a member. The caller must not change the slice: it may be the policy's own.
func offered[T ~string](p *validate.Policy, member string, supported []T) []T {
	allowed, narrowed := p.AllowedValues[member]
	if !narrowed {
		return supported
	}
	var kept []T
	for _, v := range supported {
		if slices.Contains(allowed, string(v)) {
			kept = append(kept, v)
		}
	}
	return kept
}

// preferred returns the values of offered, with PS256 moved to the front.
func preferred(p *validate.Policy, member string, supported []claims.Algorithm) []claims.Algorithm {
	values := slices.Clone(offered(p, member, supported))
	if i := slices.Index(values, claims.PS256); i > 0 {
		values = slices.Insert(slices.Delete(values, i, i+1), 0, claims.PS256)
	}
	return values
}
