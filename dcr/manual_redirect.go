package dcr

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/validate"
)

// redirectBatch is how many redirect URIs are judged at a time: a report has room for all that
// may be wrong with them.
const redirectBatch = 10

// redirectFaults returns what the rules find wrong with each of the redirect URIs of a statement.
func (r *Registrar) redirectFaults(v *VerifiedRequest, uris []string, kind claims.Optional[claims.ApplicationType]) [][]validate.Violation {
	const pointer, their = "/redirect_uris/", "software_redirect_uris"
	name := cmp.Or(v.statement.ClaimNames()[their], their)
	found := make([][]validate.Violation, len(uris))
	size := max(1, min(redirectBatch, r.policy.MaxRedirectURIs))
	for from := 0; from < len(uris); from += size {
		batch := uris[from:min(from+size, len(uris))]
		report := r.verifier.Validator.Judge(&validate.Input{Now: v.input.Now, Environment: v.input.Environment,
			Request: &claims.Request{RedirectURIs: claims.Some(batch), ApplicationType: kind}})
		for _, violation := range report.Violations {
			rest, inside := strings.CutPrefix(violation.Pointer, pointer)
			at, err := strconv.Atoi(rest)
			if violation.Document != validate.DocRequest || !inside || err != nil || at >= len(batch) || violation.Rule == validate.RuleRedirectURIsDuplicate {
				continue
			}
			violation.Document, violation.Pointer = validate.DocSSA, "/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name)+"/"+strconv.Itoa(from+at)
			found[from+at] = append(found[from+at], violation)
		}
	}
	return found
}

// unfit reports whether an error is among the violations.
func unfit(found []validate.Violation) bool {
	return slices.ContainsFunc(found, func(v validate.Violation) bool { return v.Severity == validate.SeverityError })
}

// fitOf returns those of the redirect URIs that the rules admit, each once. Where they admit
// none it returns all, so that the report says what is wrong with each.
func (r *Registrar) fitOf(v *VerifiedRequest, uris []string, kind claims.Optional[claims.ApplicationType]) []string {
	var fit []string
	for i, found := range r.redirectFaults(v, uris, kind) {
		if !unfit(found) && !slices.Contains(fit, uris[i]) {
			fit = append(fit, uris[i])
		}
	}
	if fit == nil {
		return slices.Clone(uris)
	}
	return fit
}
