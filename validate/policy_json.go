package validate

import (
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonform"
)

// maxPolicy is the greatest length of a policy file, in bytes.
const maxPolicy = 256 << 10

// PolicySchemaID is the address under which PolicySchema is known.
const PolicySchemaID = "https://raw.githubusercontent.com/obdcr/obdcr/main/docs/policy.schema.json"

// ParsePolicy reads a policy from its JSON form, an object of the members that
// docs/policy.md lists. What it leaves out is as in DefaultPolicy of base. A member
// that it gives replaces the default whole, but for member_algorithms, whose own
// members replace theirs. Where it gives scopes and no default_scopes, those of the
// default that remain are assigned.
//
// It is strict: an unknown, duplicate or null member, a name in the wrong case and a
// value of the wrong type are errors, and so is everything that [New] would refuse.
// The error is PolicyErrors, or one that says that base is no profile, and the Policy
// then zero.
func ParsePolicy(data []byte, base Profile) (Policy, error) {
	if !base.Valid() {
		return Policy{}, unknownProfile(base)
	}
	p := DefaultPolicy(base)
	if err := p.UnmarshalJSON(data); err != nil {
		return Policy{}, err
	}
	if err := p.check(base); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// MarshalJSON writes all members, in the order of docs/policy.md. ParsePolicy of the
// same profile reads them back; an empty list and none are the same.
func (p Policy) MarshalJSON() ([]byte, error) { return policyTable.Write(nil, &p), nil }

// UnmarshalJSON reads a policy over p as ParsePolicy does over a default policy, but
// leaves it to New to refuse what cannot be used. On error p is as before.
func (p *Policy) UnmarshalJSON(data []byte) error {
	v, faults := jsonform.Open(string(data), maxPolicy)
	if len(faults) > 0 {
		return policyErrors(faults)
	}
	read := *p
	if faults := policyTable.Read(v, &read); len(faults) > 0 {
		return policyErrors(faults)
	}
	_, scopes := v.Member("scopes")
	_, assigned := v.Member("default_scopes")
	if scopes && !assigned {
		read.DefaultScopes = slices.DeleteFunc(slices.Clone(read.DefaultScopes), func(s string) bool {
			return !slices.Contains(read.Scopes, s)
		})
	}
	*p = read
	return nil
}

// PolicySchema returns the JSON Schema, draft 2020-12, of the policies that
// ParsePolicy reads. What several members must be together it does not say, so that
// ParsePolicy refuses some policies that it lets pass.
func PolicySchema() []byte {
	return policyTable.Schema(PolicySchemaID, "A bank's policy for Dynamic Client Registration", defaultPolicies()...)
}

// defaultPolicies are the default policies by profile.
func defaultPolicies() []jsonform.Default[Policy] {
	var all []jsonform.Default[Policy]
	for _, profile := range Profiles() {
		all = append(all, jsonform.Default[Policy]{Of: string(profile), Value: DefaultPolicy(profile)})
	}
	return all
}

// clone copies a policy with all that it points to.
func (p *Policy) clone() Policy { return policyTable.Clone(*p) }

// PolicyError says what is wrong with one member of a policy.
type PolicyError struct {
	// Member is the JSON name, with the path below it where there is one:
	// role_scopes/AISP. It is empty for a document that is no JSON object.
	Member string
	Reason string // what is wrong and what would do
}

// Error is the detail behind the name of the package.
func (e *PolicyError) Error() string { return "validate: policy: " + e.Detail() }

// Detail is member and reason, for a message that says already what is read.
func (e *PolicyError) Detail() string {
	return jsonform.Fault{Place: e.Member, Reason: e.Reason}.Detail()
}

// PolicyErrors is all that is wrong with a policy, at least one fault. errors.As also
// finds the first *PolicyError.
type PolicyErrors []*PolicyError

// Error is the detail behind the name of the package.
func (e PolicyErrors) Error() string { return "validate: policy: " + e.Detail() }

// Detail is the details of all faults, one a line.
func (e PolicyErrors) Detail() string {
	lines := make([]string, len(e))
	for i, fault := range e {
		lines[i] = fault.Detail()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults.
func (e PolicyErrors) Unwrap() []error {
	all := make([]error, len(e))
	for i, fault := range e {
		all[i] = fault
	}
	return all
}

// policyErrors makes an error of faults, nil of none.
func policyErrors(faults jsonform.Faults) error {
	if len(faults) == 0 {
		return nil
	}
	all := make(PolicyErrors, len(faults))
	for i, f := range faults {
		all[i] = &PolicyError{Member: f.Place, Reason: f.Reason}
	}
	return all
}
