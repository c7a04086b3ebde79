package dialect

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/validate"
)

// maxFile is the greatest length of a file, in bytes.
const maxFile = 256 << 10

// SchemaID is the $id of [Schema].
const SchemaID = "https://raw.githubusercontent.com/obdcr/obdcr/main/docs/dialect.schema.json"

// Parse reads the JSON form of a dialect, an object of at most 256 KiB. It is strict: it
// returns an error for another version, an unknown, duplicate or null member, a required one
// that is missing, a value of the wrong type, and a policy that validate.ParsePolicy or
// validate.New would refuse. errors.As finds an *[Error]; the text of the error has every
// fault, one a line.
func Parse(data []byte) (*Dialect, error) {
	v, faults := jsonform.Open(string(data), maxFile)
	if len(faults) == 0 {
		faults = otherVersion(v)
	}
	if len(faults) > 0 {
		return nil, errorOf(faults)
	}
	d := newFile()
	if faults = form.Read(v, &d); len(faults) > 0 {
		return nil, errorOf(faults)
	}
	if faults = form.Check(&d); len(faults) > 0 {
		return nil, errorOf(faults)
	}
	return d.dialect(), nil
}

// otherVersion refuses a file of another version, whose members may be unknown here.
func otherVersion(v jsonscan.Value) (f jsonform.Faults) {
	version, found := v.Member("version")
	switch n, whole := version.Int64(); {
	case !found:
		f.Add("version", "is missing: this program reads version %d of the form of a dialect", Version)
	case whole && n != Version:
		f.Add("version", "is %d, and this program reads version %d of the form of a dialect", n, Version)
	}
	return f
}

// dialect makes the Dialect of a file that has no fault.
func (d *file) dialect() *Dialect {
	policy, _ := d.wholePolicy() // checkPolicy has found no fault
	out := &Dialect{
		Name: d.name, Title: d.title, Date: d.date, Sources: d.sources, Profile: d.profile, Policy: policy,
		ContentType: d.contentType, TokenScopes: d.tokenScope, ScopeAsArray: d.scopeAsArray, UpperCaseJTI: d.jtiCase == jtiCases[1],
		Methods: d.methods, LeftOut: d.response.leftOut, Quirks: d.quirks,
	}
	for i := range out.Quirks {
		if out.Quirks[i].Source == "" {
			out.Quirks[i].Source = d.sources[0].URL // there is one alone
		}
	}
	if len(d.members) > 0 {
		out.Members = make(map[string]json.RawMessage, len(d.members))
		for name, value := range d.members {
			out.Members[name] = json.RawMessage(value)
		}
	}
	return out
}

// wholePolicy returns the policy with what other members say of it.
func (d *file) wholePolicy() (validate.Policy, error) {
	policy, err := validate.ParsePolicy([]byte(d.policy), d.profile)
	if err != nil {
		return policy, err
	}
	if d.audienceUnknown() && !slices.Contains(policy.AudienceKinds, validate.AudienceURL) {
		policy.AudienceKinds = append(policy.AudienceKinds, validate.AudienceURL)
	}
	policy.ClaimNames = d.claimNames
	policy.CreatedStatus, policy.ResponseScopeAsArray = d.response.createdStatus, d.response.scopeAsArray
	policy.ScopeArrayOnly = d.scopeAsArray
	_, err = validate.New(validate.Config{Profile: d.profile, Policy: policy})
	return policy, err
}

// audienceUnknown reports whether the file says nothing about aud. Some banks take their
// identifier at the directory, others their issuer.
func (d *file) audienceUnknown() bool {
	v, err := jsonscan.Parse(d.policy)
	_, audiences := v.Member("audiences")
	_, kinds := v.Member("audience_kinds")
	return err == nil && !audiences && !kinds
}

// elsewhere are the members of a policy that a dialect has in another place.
var elsewhere = map[string]string{
	"claim_names": "claim_names", "created_status": "response/created_status", "response_scope_as_array": "response/scope_as_array",
	"scope_array_only": "scope_as_array",
}

func checkPolicy(f *jsonform.Faults, d *file) {
	v, err := jsonscan.Parse(d.policy)
	if err != nil {
		f.Add("policy", "is no JSON object")
		return
	}
	for name := range v.Members() {
		if place := elsewhere[name]; place != "" {
			f.Add("policy/"+name, "stands in another place of a dialect: write it as %s of the whole file", place)
			return
		}
	}
	_, err = d.wholePolicy()
	var all validate.PolicyErrors
	if !errors.As(err, &all) { // no fault, or that of the profile, which has a check of its own
		return
	}
	for _, fault := range all {
		place, moved := elsewhere[fault.Member]
		if inner, found := strings.CutPrefix(fault.Member, "claim_names/"); found {
			place, moved = "claim_names/"+inner, true
		}
		if fault.Member == "created_status" { // it has a check of its own
			continue
		}
		if !moved {
			place = strings.TrimSuffix("policy/"+fault.Member, "/")
		}
		f.Add(place, "%s", fault.Reason)
	}
}

func placeOf(list string, at int) string { return list + "/" + strconv.Itoa(at) }

// parseError has every fault of a file.
type parseError []*Error

// Error returns the details with the name of the package in front.
func (e parseError) Error() string { return "dialect: " + e.Detail() }

// Detail returns the details of all faults, one a line.
func (e parseError) Detail() string {
	lines := make([]string, len(e))
	for i, fault := range e {
		lines[i] = fault.Detail()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the faults.
func (e parseError) Unwrap() []error {
	all := make([]error, len(e))
	for i, fault := range e {
		all[i] = fault
	}
	return all
}

func errorOf(faults jsonform.Faults) error {
	all := make(parseError, len(faults))
	for i, f := range faults {
		all[i] = &Error{Place: f.Place, Reason: f.Reason}
	}
	return all
}

// Schema returns the JSON Schema, draft 2020-12, of the files that Parse reads. It cannot
// express checks over several members, so Parse refuses some files that the schema accepts.
func Schema() []byte {
	return form.Schema(SchemaID, "The dialect of a bank in Dynamic Client Registration")
}
