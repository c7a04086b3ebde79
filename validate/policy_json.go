package validate

import (
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonform"
)

// maxPolicy is the greatest length of a policy file, in bytes.
const maxPolicy = 256 << 10

// PolicySchemaID is the $id of PolicySchema.
const PolicySchemaID = "https://raw.githubusercontent.com/obdcr/obdcr/main/docs/policy.schema.json"

// ParsePolicy reads a policy from its JSON form, an object of the members that
// docs/policy.md lists. A member that is left out has the value of DefaultPolicy(base). A
// member replaces the default value as a whole; only within member_algorithms each member
// replaces its own default. If the document has scopes and no default_scopes,
// DefaultScopes are those of the default that are among scopes.
//
// ParsePolicy is strict. It returns an error for an unknown, duplicate or null member, a
// name in the wrong case, a value of the wrong type, and all that [New] would refuse. The
// error is PolicyErrors, or another one if base is no profile. On error the Policy is zero.
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

// MarshalJSON writes all members, in the order of docs/policy.md. ParsePolicy reads them
// back for the same profile; a nil list comes back as an empty one. The error is
// PolicyErrors, for values that ParsePolicy does not read, such as a fraction of a second.
func (p Policy) MarshalJSON() ([]byte, error) {
	out := policyTable.Write(nil, &p)
	if err := new(Policy).UnmarshalJSON(out); err != nil {
		return nil, err
	}
	return out, nil
}

// UnmarshalJSON reads a policy as ParsePolicy does, but does not check it: New does. A
// member that the document leaves out keeps its value in p. On error p does not change.
func (p *Policy) UnmarshalJSON(data []byte) error {
	v, faults := jsonform.Open(string(data), maxPolicy)
	if len(faults) > 0 {
		return policyErrors(faults)
	}
	read := *p
	if faults := policyTable.Read(v, &read); len(faults) > 0 {
		for i := range faults {
			if faults[i].Place == "profile" {
				faults[i].Reason = "is no member of a policy: the profile is chosen beside it, by --profile or in Config.Profile"
			}
		}
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

// PolicySchema returns the JSON Schema, draft 2020-12, of the policies that ParsePolicy
// reads. It cannot express checks over several members, so ParsePolicy refuses some
// policies that the schema accepts.
func PolicySchema() []byte {
	return policyTable.Schema(PolicySchemaID, "A bank's policy for Dynamic Client Registration", defaultPolicies()...)
}

// defaultPolicies returns the default policies by profile.
func defaultPolicies() []jsonform.Default[Policy] {
	var all []jsonform.Default[Policy]
	for _, profile := range Profiles() {
		all = append(all, jsonform.Default[Policy]{Of: string(profile), Value: DefaultPolicy(profile)})
	}
	return all
}

// clone copies a policy with all that it points to.
func (p *Policy) clone() Policy { return policyTable.Clone(*p) }

// PolicyError is a fault of one member of a policy.
type PolicyError struct {
	// Member is the JSON name, followed by the path within the member, if there is one:
	// role_scopes/AISP. It is empty for a document that is no JSON object.
	Member string
	Reason string // what is wrong and what would be right
}

// Error returns the detail with the name of the package in front.
func (e *PolicyError) Error() string { return "validate: policy: " + e.Detail() }

// Detail returns member and reason, for a message that names the policy itself.
func (e *PolicyError) Detail() string {
	return jsonform.Fault{Place: e.Member, Reason: e.Reason}.Detail()
}

// PolicyErrors has every fault of a policy, at least one. errors.As also finds the first
// *PolicyError.
type PolicyErrors []*PolicyError

// Error returns the details with the name of the package in front.
func (e PolicyErrors) Error() string { return "validate: policy: " + e.Detail() }

// Detail returns the details of all faults, one a line.
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

// policyErrors makes the error of faults; nil if there are none.
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
