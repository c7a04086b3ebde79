package validate

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
)

// maxPolicy is the greatest length of a policy file, in bytes.
const maxPolicy = 256 << 10

// ParsePolicy reads a policy from its JSON form: an object of the members whose
// names stand in [Policy]'s comments. What it leaves out is as in DefaultPolicy
// of base; a list or object that it gives replaces the default whole. When it
// gives scopes but no default_scopes, those of the default that remain are
// assigned.
//
// It is strict: an unknown, duplicate or null member, a name in the wrong case
// and a value of the wrong type are errors that name the member (*PolicyError),
// and so is everything that [New] would refuse. On error the Policy is zero.
func ParsePolicy(data []byte, base Profile) (Policy, error) {
	p := DefaultPolicy(base)
	if !base.Valid() {
		return Policy{}, p.check(base)
	}
	if len(data) > maxPolicy {
		return Policy{}, fmt.Errorf("validate: policy: longer than %d bytes", maxPolicy)
	}
	doc := string(data)
	v, err := jsonscan.Parse(doc)
	if err != nil {
		return Policy{}, syntaxFault(doc, err)
	}
	if v.Kind() != jsonscan.Object {
		return Policy{}, fmt.Errorf("validate: policy: is a JSON %s, not an object", v.Kind())
	}
	if err := readMembers("", v, policyMembers(&p)); err != nil {
		return Policy{}, err
	}
	if _, given := v.Member("default_scopes"); !given {
		p.DefaultScopes = intersect(p.DefaultScopes, p.Scopes)
	}
	if err := p.check(base); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// syntaxFault names the member where one stands at the fault, as a duplicate does.
func syntaxFault(doc string, err error) error {
	var syntax *jsonscan.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset < len(doc) && doc[syntax.Offset] == '"' {
		if name, _, ok := strings.Cut(doc[syntax.Offset+1:], `"`); ok {
			return &PolicyError{Member: Echo(name), Reason: syntax.Reason}
		}
	}
	return fmt.Errorf("validate: policy: %w", err)
}

func intersect(list, with []string) []string {
	both := make([]string, 0, len(list))
	for _, s := range list {
		for _, w := range with {
			if s == w {
				both = append(both, s)
				break
			}
		}
	}
	return both
}

// member reads one value of a policy; its error says what is wrong with it.
type member func(place string, v jsonscan.Value) error

// policyMembers says how each member is read into p.
func policyMembers(p *Policy) map[string]member {
	return map[string]member{
		"audiences":                      list(&p.Audiences),
		"audience_kinds":                 list(&p.AudienceKinds),
		"signing_algorithms":             list(&p.SigningAlgorithms),
		"auth_methods":                   list(&p.AuthMethods),
		"grant_types":                    list(&p.GrantTypes),
		"response_types":                 list(&p.ResponseTypes),
		"scopes":                         list(&p.Scopes),
		"role_scopes":                    listsByName(&p.RoleScopes),
		"application_types":              list(&p.ApplicationTypes),
		"member_algorithms":              object(memberAlgorithmMembers(&p.MemberAlgorithms)),
		"required_members":               list(&p.RequiredMembers),
		"allowed_values":                 listsByName(&p.AllowedValues),
		"adjustable":                     list(&p.Adjustable),
		"default_scopes":                 list(&p.DefaultScopes),
		"software_id_from":               text(&p.SoftwareIDFrom),
		"issuer_kinds":                   list(&p.IssuerKinds),
		"subject_dn_match":               text(&p.SubjectDNMatch),
		"registrations":                  text(&p.Registrations),
		"attributes":                     attributes(&p.Attributes),
		"UseSoftwareIdAsApplicationName": boolean(&p.UseSoftwareIDAsApplicationName),
		"clock_skew_seconds":             seconds(&p.ClockSkew),
		"max_lifetime_seconds":           seconds(&p.MaxLifetime),
		"ssa_max_age_seconds":            seconds(&p.SSAMaxAge),
		"max_redirect_uris":              number(&p.MaxRedirectURIs),
		"scope_as_array":                 boolean(&p.ScopeAsArray),
		"roles_as_string":                boolean(&p.RolesAsString),
		"served_roles":                   list(&p.ServedRoles),
		"denied_statements":              list(&p.DeniedStatements),
		"denied_software":                list(&p.DeniedSoftware),
		"denied_organisations":           list(&p.DeniedOrganisations),
		"created_status":                 number(&p.CreatedStatus),
		"response_scope_as_array":        boolean(&p.ResponseScopeAsArray),
		"error_detail":                   text(&p.ErrorDetail),
		"foreign_token":                  text(&p.ForeignToken),
		"widenings":                      list(&p.Widenings),
	}
}

func memberAlgorithmMembers(m *MemberAlgorithms) map[string]member {
	return map[string]member{
		"id_token":            list(&m.IDToken),
		"request_object":      list(&m.RequestObject),
		"token_endpoint_auth": list(&m.TokenEndpointAuth),
		"backchannel":         list(&m.Backchannel),
	}
}

// readMembers reads the members of an object, all faults joined.
func readMembers(place string, v jsonscan.Value, known map[string]member) error {
	var errs []error
	for name, value := range v.Members() {
		at := below(place, name)
		read, ok := known[name]
		if !ok {
			errs = append(errs, &PolicyError{Member: at, Reason: unknownMember(name, known)})
			continue
		}
		if err := read(at, value); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func unknownMember(name string, known map[string]member) string {
	for k := range known {
		if strings.EqualFold(k, name) {
			return "is unknown: write " + k
		}
	}
	return "is unknown"
}

// below gives the path of a member of an object.
func below(place, name string) string {
	if place == "" {
		return Echo(name)
	}
	return place + "/" + Echo(name)
}

func wrongType(place string, v jsonscan.Value, want string) error {
	return &PolicyError{Member: place, Reason: "is " + v.Kind().String() + ", not " + want}
}

func object(known map[string]member) member {
	return func(place string, v jsonscan.Value) error {
		if v.Kind() != jsonscan.Object {
			return wrongType(place, v, "an object")
		}
		return readMembers(place, v, known)
	}
}

func text[T ~string](to *T) member {
	return func(place string, v jsonscan.Value) error {
		s, clean := v.Text()
		if v.Kind() != jsonscan.String {
			return wrongType(place, v, "a string")
		}
		if !clean {
			return &PolicyError{Member: place, Reason: "holds a character that no text may hold"}
		}
		*to = T(s)
		return nil
	}
}

func list[T ~string](to *[]T) member {
	return func(place string, v jsonscan.Value) error {
		if v.Kind() != jsonscan.Array {
			return wrongType(place, v, "an array of strings")
		}
		all := []T{}
		for i, e := range v.Elements() {
			var s T
			if err := text(&s)(fmt.Sprintf("%s/%d", place, i), e); err != nil {
				return err
			}
			all = append(all, s)
		}
		*to = all
		return nil
	}
}

func listsByName[K ~string](to *map[K][]string) member {
	return func(place string, v jsonscan.Value) error {
		if v.Kind() != jsonscan.Object {
			return wrongType(place, v, "an object of arrays")
		}
		all := map[K][]string{}
		for name, value := range v.Members() {
			var entries []string
			if err := list(&entries)(below(place, name), value); err != nil {
				return err
			}
			all[K(name)] = entries
		}
		*to = all
		return nil
	}
}

func boolean(to *bool) member {
	return func(place string, v jsonscan.Value) error {
		if v.Kind() != jsonscan.Bool {
			return wrongType(place, v, "true or false")
		}
		*to = v.Bool()
		return nil
	}
}

func number(to *int) member {
	return func(place string, v jsonscan.Value) error {
		n, ok := v.Int64()
		if v.Kind() != jsonscan.Number || !ok || n < math.MinInt32 || n > math.MaxInt32 {
			return wrongType(place, v, "an integer of usual size")
		}
		*to = int(n)
		return nil
	}
}

func seconds(to *time.Duration) member {
	return func(place string, v jsonscan.Value) error {
		var n int
		if err := number(&n)(place, v); err != nil {
			return err
		}
		*to = time.Duration(n) * time.Second
		return nil
	}
}

func attributes(to *[]claims.AttributeDeclaration) member {
	return func(place string, v jsonscan.Value) error {
		if v.Kind() != jsonscan.Array {
			return wrongType(place, v, "an array of objects")
		}
		all := []claims.AttributeDeclaration{}
		for i, e := range v.Elements() {
			var d claims.AttributeDeclaration
			err := object(map[string]member{
				"name": text(&d.Name), "claim": text(&d.Claim),
				"description": text(&d.Description), "required": boolean(&d.Required),
			})(fmt.Sprintf("%s/%d", place, i), e)
			if err != nil {
				return err
			}
			all = append(all, d)
		}
		*to = all
		return nil
	}
}
