package claims

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

// AttributeDeclaration names a claim of a software statement that becomes an attribute
// of the application, and the name of the attribute. The attribute's full name
// ends in the environment: software_id becomes software_id_sandbox.
type AttributeDeclaration struct {
	Name        string `json:"name"`                  // without the environment
	Claim       string `json:"claim"`                 // of the software statement
	Description string `json:"description,omitempty"` // for people
	Required    bool   `json:"required,omitempty"`    // a statement without the claim is refused
	// RequiredIn are the environments in which the attribute is required. A bank may
	// require more in production than in its sandbox. Required means both of them.
	RequiredIn []Environment `json:"required_in,omitempty"`
}

// in reports whether the attribute is required in an environment.
func (d *AttributeDeclaration) in(env Environment) bool {
	return d.Required || slices.Contains(d.RequiredIn, env)
}

// DefaultAttributes returns the five attributes that OBIE registration needs: the names of
// the software, its roles, and the addresses of its keys.
func DefaultAttributes() []AttributeDeclaration {
	return []AttributeDeclaration{
		{Name: "software_id", Claim: "software_id", Description: "identifier of the software at the directory"},
		{Name: "software_client_id", Claim: "software_client_id", Description: "client identifier of the software at the directory"},
		{Name: "software_client_name", Claim: "software_client_name", Description: "name of the software for people"},
		{Name: "software_roles", Claim: "software_roles", Description: "PSD2 roles; they decide which APIs the application may use"},
		{Name: "software_jwks_endpoint", Claim: "software_jwks_endpoint", Description: "address of the software's keys"},
	}
}

// AttributeConfig configures an AttributeMapper.
type AttributeConfig struct {
	Declarations []AttributeDeclaration
	// UseSoftwareIDAsApplicationName names the application after its software_id
	// instead of its software_client_name.
	UseSoftwareIDAsApplicationName bool
}

// Attribute is an attribute of an application. A claim that is an array stays one.
type Attribute struct {
	Name   string   `json:"name"`           // with the environment
	Values []string `json:"values"`         // one value, or the array's
	List   bool     `json:"list,omitempty"` // the claim is an array
}

// Application is what a portal shows of a registered software.
type Application struct {
	Name       string      `json:"name"` // software_client_name, or the software id by configuration
	ID         string      `json:"id"`   // software_id
	Attributes []Attribute `json:"attributes"`
}

// MissingAttributeError means that a software statement lacks the claim of a required
// attribute.
type MissingAttributeError struct{ Name, Claim string }

// Error is the detail behind the name of the package.
func (e *MissingAttributeError) Error() string { return "claims: " + e.Detail() }

// Detail names the attribute and the claim.
func (e *MissingAttributeError) Detail() string {
	return fmt.Sprintf("the software statement lacks %s, which the required attribute %s needs", e.Claim, e.Name)
}

// AttributeError is a fault of the declarations of attributes, or of attributes that
// cannot be mapped.
type AttributeError struct{ detail string }

// Error is the detail behind the name of the package.
func (e *AttributeError) Error() string { return "claims: " + e.detail }

// Detail names the attribute and its fault.
func (e *AttributeError) Detail() string { return e.detail }

func attributeError(format string, args ...any) error {
	return &AttributeError{detail: fmt.Sprintf(format, args...)}
}

// AttributeMapper maps claims to attributes and back. Its declarations are checked.
type AttributeMapper struct {
	declarations []AttributeDeclaration
	nameByID     bool
}

// NewAttributeMapper checks the declarations:
//   - Each has a name and a claim. No name and no claim is there twice.
//   - No name or claim already ends in an environment, since two attributes could then
//     collide.
//   - Required and RequiredIn exclude each other. Each environment that RequiredIn names
//     is Sandbox or Production.
//
// Without declarations an application has no attribute. The error is an *AttributeError.
func NewAttributeMapper(c AttributeConfig) (*AttributeMapper, error) {
	seen := map[string]bool{}
	for _, d := range c.Declarations {
		switch {
		case d.Name == "" || d.Claim == "":
			return nil, attributeError("attribute %q needs a name and a claim", d.Name)
		case seen["name "+d.Name]:
			return nil, attributeError("attribute %q is declared twice", d.Name)
		case seen["claim "+d.Claim]:
			return nil, attributeError("claim %q feeds two attributes; it could not be mapped back", d.Claim)
		case d.Required && len(d.RequiredIn) > 0:
			return nil, attributeError("attribute %q is required in every environment, and names some: leave one of the two out", d.Name)
		case slices.ContainsFunc(d.RequiredIn, func(e Environment) bool { return e != Sandbox && e != Production }):
			return nil, attributeError("attribute %q is required in an environment that is neither sandbox nor production", d.Name)
		case environmentOf(d.Name) != "" || environmentOf(d.Claim) != "":
			return nil, attributeError("attribute %q: name and claim must not end in an environment", d.Name)
		}
		seen["name "+d.Name], seen["claim "+d.Claim] = true, true
	}
	m := &AttributeMapper{declarations: slices.Clone(c.Declarations)}
	m.nameByID = c.UseSoftwareIDAsApplicationName
	return m, nil
}

// Map returns the application that a software statement of that environment
// describes. A required claim that is absent or empty gives a
// *MissingAttributeError, an environment that is none an *AttributeError.
func (m *AttributeMapper) Map(s *SSA, env Environment) (Application, error) {
	if env != Sandbox && env != Production {
		return Application{}, attributeError("environment %.20q is neither sandbox nor production", string(env))
	}
	app := Application{ID: s.SoftwareID.Or(""), Name: s.SoftwareClientName.Or("")}
	if m.nameByID || app.Name == "" {
		app.Name = app.ID
	}
	for _, d := range m.declarations {
		values, list, ok := claimValues(s, d.Claim)
		full := d.Name + "_" + string(env)
		if required := d.in(env); !ok || (required && isEmpty(values)) {
			if required {
				return Application{}, &MissingAttributeError{Name: full, Claim: d.Claim}
			}
			continue
		}
		app.Attributes = append(app.Attributes, Attribute{Name: full, Values: values, List: list})
	}
	return app, nil
}

// Claims maps attributes back: the claims by name, and the environment that all of
// them carry. Attributes that are not declared, of two environments, or given twice
// are an *AttributeError.
func (m *AttributeMapper) Claims(attributes []Attribute) (map[string]Attribute, Environment, error) {
	claims, env := map[string]Attribute{}, Environment("")
	for _, a := range attributes {
		e := environmentOf(a.Name)
		claim := m.claimOf(strings.TrimSuffix(a.Name, "_"+string(e)))
		switch {
		case e == "" || claim == "":
			return nil, "", attributeError("attribute %.64q is not declared", a.Name)
		case env != "" && env != e:
			return nil, "", attributeError("attribute %.64q is not of environment %s like the others", a.Name, env)
		}
		if _, twice := claims[claim]; twice {
			return nil, "", attributeError("attribute %.64q is given twice", a.Name)
		}
		env = e
		a.Name = claim
		claims[claim] = a
	}
	return claims, env, nil
}

func (m *AttributeMapper) claimOf(name string) string {
	for _, d := range m.declarations {
		if d.Name == name {
			return d.Claim
		}
	}
	return ""
}

// environmentOf returns the environment that an attribute's name ends in, "" for none.
func environmentOf(name string) Environment {
	for _, env := range []Environment{Sandbox, Production} {
		if strings.HasSuffix(name, "_"+string(env)) {
			return env
		}
	}
	return ""
}

func isEmpty(values []string) bool {
	return len(values) == 0 || (len(values) == 1 && values[0] == "")
}

// claimValues returns a claim, known or unknown, as one string or as the strings of an
// array. Objects and other values that are no strings keep their JSON text.
func claimValues(s *SSA, name string) (values []string, list, ok bool) {
	i, known := ssaFields.index[name]
	if !known {
		for _, m := range s.Unknown {
			if m.Name == name {
				return rawValues(m.Raw)
			}
		}
		return nil, false, false
	}
	value, ok := ssaFields.rows[i].write(s)
	if !ok {
		return nil, false, false
	}
	switch v := value.(type) {
	case string:
		return []string{v}, false, true
	case []string:
		return append([]string{}, v...), true, true
	case []Role:
		values = make([]string, 0, len(v))
		for _, role := range v {
			values = append(values, string(role))
		}
		return values, true, true
	case json.RawMessage:
		return rawValues(v)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, false, false
	}
	return rawValues(raw)
}

func rawValues(raw []byte) (values []string, list, ok bool) {
	v, err := jsonscan.Parse(string(raw))
	if err != nil || v.Kind() == jsonscan.Null {
		return nil, false, false
	}
	if v.Kind() != jsonscan.Array {
		return []string{valueText(v)}, false, true
	}
	values = make([]string, 0, v.Len())
	for _, e := range v.Elements() {
		values = append(values, valueText(e))
	}
	return values, true, true
}

func valueText(v jsonscan.Value) string {
	if v.Kind() == jsonscan.String {
		s, _ := v.Text()
		return s
	}
	return v.Raw()
}
