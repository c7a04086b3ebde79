package vectors

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// ruleTable returns the rules that a vector can name, by ID.
func ruleTable() map[string]validate.Rule {
	table := map[string]validate.Rule{}
	for _, r := range validate.Rules() {
		table[r.ID] = r
	}
	return table
}

// codes returns the codes that a violation can have.
func codes() []validate.Code {
	return []validate.Code{
		validate.InvalidRedirectURI, validate.InvalidClientMetadata,
		validate.InvalidSoftwareStatement, validate.UnapprovedSoftwareStatement,
	}
}

// severities returns the severities that a violation can have.
func severities() []validate.Severity {
	return []validate.Severity{validate.SeverityError, validate.SeverityWarning, validate.SeverityNotice}
}

func noneOf[T ~string](value T, known []T) error {
	return fmt.Errorf("%q is none of %s", text.Echo(string(value)), text.List(known))
}

func noRule(id string) error { return fmt.Errorf("there is no rule %q", text.Echo(id)) }

// check refuses values that no vector can have, whatever it expects.
func (row *vectorRow) check(rules map[string]validate.Rule) error {
	for i, d := range row.Without {
		if slices.Contains(row.Without[:i], d) {
			return fmt.Errorf("without: %s stands twice", d)
		}
		if !slices.Contains(validate.Documents(), d) {
			return fmt.Errorf("without: %w", noneOf(d, validate.Documents()))
		}
	}
	environments := []claims.Environment{claims.Sandbox, claims.Production}
	if row.Environment != "" && !slices.Contains(environments, row.Environment) {
		return fmt.Errorf("environment: %w", noneOf(row.Environment, environments))
	}
	if c := row.Certificate; c != nil && (c.DER == "" || c.Subject == nil) {
		return errors.New("certificate: der or subject is missing")
	}
	for i, id := range row.Extra {
		switch {
		case slices.Contains(row.Extra[:i], id):
			return fmt.Errorf("extra: %s stands twice", text.Echo(id))
		case rules[id].ID == "":
			return fmt.Errorf("extra: %w", noRule(id))
		case !rules[id].External:
			return fmt.Errorf("extra: the documents alone show whether %s is broken", id)
		}
	}
	return nil
}

// check refuses a violation that no report can have.
func (f *findingRow) check(rules map[string]validate.Rule) error {
	switch {
	case rules[f.Rule].ID == "":
		return fmt.Errorf("rule: %w", noRule(f.Rule))
	case !slices.Contains(severities(), f.Severity):
		return fmt.Errorf("severity: %w", noneOf(f.Severity, severities()))
	case rules[f.Rule].Status != 0 && f.Code != "":
		return fmt.Errorf("code: %s has a status and no code", f.Rule)
	case rules[f.Rule].Status == 0 && !slices.Contains(codes(), f.Code):
		return fmt.Errorf("code: %w", noneOf(f.Code, codes()))
	case !slices.Contains(validate.Documents(), f.Document):
		return fmt.Errorf("document: %w", noneOf(f.Document, validate.Documents()))
	case f.Pointer == nil:
		return errors.New("pointer: is missing")
	case !isPointer(*f.Pointer):
		return fmt.Errorf("pointer: %q is no JSON pointer", text.Echo(*f.Pointer))
	}
	return nil
}

// isPointer reports whether s is a JSON pointer (RFC 6901 section 3).
func isPointer(s string) bool {
	escapes := strings.Count(s, "~0") + strings.Count(s, "~1")
	return (s == "" || s[0] == '/') && strings.Count(s, "~") == escapes
}

// checkPolicy refuses a policy that a profile which the vector is for does not admit.
func checkPolicy(v *Vector) error {
	for _, e := range v.Expect {
		for _, p := range e.Profiles {
			if _, err := v.PolicyFor(p); err != nil {
				return fmt.Errorf("policy: profile %s: %w", p, err)
			}
		}
	}
	return nil
}
