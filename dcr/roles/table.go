package roles

import (
	"maps"
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/internal/text"
)

// maxTable is the greatest length of a table of API roles, in bytes.
const maxTable = 256 << 10

// SchemaID is the $id of Schema.
const SchemaID = "https://raw.githubusercontent.com/obdcr/obdcr/main/docs/api-roles.schema.json"

// Table lists which roles open which API of a bank. An API that it does not name is
// closed. docs/api-roles.md describes its JSON form; [ParseTable] reads it.
type Table struct {
	Roles map[string][]claims.Role // by API name: the roles, any one of which opens it (roles)
	Open  []string                 // names of APIs that need no role (open)
}

// known are the roles that can open an API.
var known = claims.PlainRoles()

// form has one row for each field of Table. Reader, writer, Check, Schema and
// docs/api-roles.md follow from it.
var form = jsonform.Table[Table]{
	{
		Name: "roles",
		Field: jsonform.At(func(t *Table) *map[string][]claims.Role { return &t.Roles },
			jsonform.Map[string, []claims.Role]{Of: jsonform.Texts[claims.Role]{Known: known, Filled: true}}),
		Doc: "The roles that open each API, by the name of the API. Any one of them opens it; `CD_AISP` and the other roles of the Crown " +
			"Dependencies count as those without `CD_`. An API that stands neither here nor in `open` is closed.",
		Example: `{"accounts": ["AISP"], "funds-confirmations": ["CBPII"]}`,
		Check:   checkRoles,
	},
	{
		Name:    "open",
		Field:   jsonform.At(func(t *Table) *[]string { return &t.Open }, jsonform.Texts[string]{}),
		Doc:     "The names of the APIs that need no role: each registered application may use them.",
		Example: `["directory"]`,
		Check: func(f *jsonform.Faults, t *Table) {
			if slices.Contains(t.Open, "") {
				f.Add("open", "has an API without a name")
			}
		},
	},
}

func checkRoles(f *jsonform.Faults, t *Table) {
	if _, unnamed := t.Roles[""]; unnamed {
		f.Add("roles", "has an API without a name")
	}
	for _, api := range t.Open {
		if _, both := t.Roles[api]; both {
			f.Add("roles/"+text.Echo(api), "carries roles and is open")
		}
	}
}

// Check returns a *TableError if the table has a role other than AISP, PISP, CBPII and
// ASPSP, an API without a name or without roles, or an API that is in both fields.
func (t Table) Check() error { return tableError(form.Check(&t)) }

// MaySubscribe decides by the table whether an application may subscribe to the API
// of this name.
func (t Table) MaySubscribe(app claims.Application, env claims.Environment, api string) Decision {
	if slices.Contains(t.Open, api) {
		return Decision{Allowed: true, Reason: "the API needs no role"}
	}
	return MaySubscribe(app, env, t.Roles[api])
}

// Decide is MaySubscribe in the shape of dcr.Config.MaySubscribe.
func (t Table) Decide(app claims.Application, env claims.Environment, api string) (role claims.Role, reason string, ok bool) {
	d := t.MaySubscribe(app, env, api)
	return d.Role, d.Reason, d.Allowed
}

// Names returns the names of all APIs of the table, each once, in the order of their bytes.
func (t Table) Names() []string {
	names := slices.AppendSeq(slices.Clone(t.Open), maps.Keys(t.Roles))
	slices.Sort(names)
	return slices.Compact(names)
}

// ParseTable reads a table from its JSON form, an object of at most 256 KiB with the
// members that docs/api-roles.md lists. It is strict: it returns a *TableError and an
// empty table for an unknown, duplicate or null member, a name in the wrong case, a value
// of the wrong type, and for all that Check refuses.
func ParseTable(data []byte) (Table, error) {
	var t Table
	if err := t.UnmarshalJSON(data); err != nil {
		return Table{}, err
	}
	if err := t.Check(); err != nil {
		return Table{}, err
	}
	return t, nil
}

// MarshalJSON writes both members. ParseTable reads them back; a nil list comes back as
// an empty one.
func (t Table) MarshalJSON() ([]byte, error) { return form.Write(nil, &t), nil }

// UnmarshalJSON reads a table as ParseTable does, but does not call Check. A member that
// data does not have stays as it is in t. On error t does not change.
func (t *Table) UnmarshalJSON(data []byte) error {
	v, faults := jsonform.Open(string(data), maxTable)
	if len(faults) > 0 {
		return tableError(faults)
	}
	read := *t
	if faults := form.Read(v, &read); len(faults) > 0 {
		return tableError(faults)
	}
	*t = read
	return nil
}

// Schema returns the JSON Schema, draft 2020-12, of the tables that ParseTable reads. The
// schema cannot express that no API may be in both members: Check refuses that.
func Schema() []byte {
	return form.Schema(SchemaID, "Which roles open which API", jsonform.Default[Table]{})
}

// TableError lists the faults of a table of API roles.
type TableError struct{ detail string }

// Error returns the detail with the name of the package in front.
func (e *TableError) Error() string { return "roles: table of API roles: " + e.detail }

// Detail returns the faults, one a line, each with the name of its member.
func (e *TableError) Detail() string { return e.detail }

// tableError makes the error of faults; nil if there are none.
func tableError(faults jsonform.Faults) error {
	if len(faults) == 0 {
		return nil
	}
	return &TableError{detail: faults.Detail()}
}
