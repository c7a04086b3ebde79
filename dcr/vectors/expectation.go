package vectors

import (
	"errors"
	"fmt"
	"slices"

	"github.com/obdcr/obdcr/validate"
)

// expectationRow is one expectation as a file holds it.
type expectationRow struct {
	Profiles   []validate.Profile `json:"profiles"`
	Outcome    string             `json:"outcome"`
	Valid      *bool              `json:"valid"`
	Wire       validate.Code      `json:"wire"`
	Status     int                `json:"status"`
	Violations []findingRow       `json:"violations"`
}

// findingRow is a Finding as a file holds it. Its pointer may be empty, but not left out.
type findingRow struct {
	Finding
	Pointer *string `json:"pointer"`
}

// outcome reads the name of an outcome.
func outcome(name string) (validate.Outcome, bool) {
	switch name {
	case "failed":
		return validate.OutcomeFailed, true
	case "passed":
		return validate.OutcomePassed, true
	case "not_applicable":
		return validate.OutcomeNotApplicable, true
	case "none":
		return validate.OutcomeNone, true
	}
	return validate.OutcomeNone, false
}

// addTo adds the expectation to a vector and refuses one that contradicts itself or
// another.
func (e expectationRow) addTo(v *Vector, rules map[string]validate.Rule) error {
	errorFound, ruleFound, found := false, false, make([]Finding, len(e.Violations))
	for i, f := range e.Violations {
		if err := f.check(rules); err != nil {
			return fmt.Errorf("violations/%d: %w", i, err)
		}
		found[i] = f.Finding
		found[i].Pointer = *f.Pointer
		errorFound = errorFound || f.Severity == validate.SeverityError
		ruleFound = ruleFound || f.Rule == v.Rule
	}
	became, known := outcome(e.Outcome)
	switch {
	case e.Valid == nil || e.Violations == nil || len(e.Profiles) == 0:
		return errors.New("valid, violations or profiles is missing")
	case *e.Valid == errorFound:
		return fmt.Errorf("valid is %t, against the violations", *e.Valid)
	case e.Wire != "" && !slices.Contains(codes(), e.Wire):
		return fmt.Errorf("wire: %w", noneOf(e.Wire, codes()))
	case e.Status != 0 && (e.Status <= 400 || e.Status > 599 || e.Wire != ""):
		return fmt.Errorf("status is %d: with wire it is 400 and left out", e.Status)
	case *e.Valid != (e.Wire == "" && e.Status == 0):
		return fmt.Errorf("wire is %q, status %d, but valid is %t", e.Wire, e.Status, *e.Valid)
	case v.Rule == "" && e.Outcome != "":
		return errors.New("a topic has no outcome")
	case v.Rule != "" && !known:
		return fmt.Errorf("unknown outcome %q", e.Outcome)
	case v.Rule != "" && ruleFound != (became == validate.OutcomeFailed):
		return fmt.Errorf("outcome is %s, against the violations", e.Outcome)
	}
	for i, p := range e.Profiles {
		if _, twice := v.ExpectedIn(p); twice || slices.Contains(e.Profiles[:i], p) || !p.Valid() {
			return fmt.Errorf("profile %q is unknown or stands twice", p)
		}
	}
	v.Expect = append(v.Expect, Expectation{
		Profiles: e.Profiles, Outcome: became, Valid: *e.Valid, Wire: e.Wire, Status: e.Status, Violations: found,
	})
	return nil
}
