package roles

import (
	"slices"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/internal/text"
)

// maxTable is the greatest length of a table of API roles, in bytes.
const maxTable = 256 << 10

// SchemaID is the address under which Schema is known.
const SchemaID = "https://raw.githubusercontent.com/obdcr/obdcr/main/docs/api-roles.schema.json"

// Table is a bank's table of which roles open which API. An API that it does not
// name is closed. Its JSON form is described in docs/api-roles.md; read it with
// [ParseTable].
type Table struct {
	Roles map[string][]claims.Role // API name to roles, any one of which opens it (roles)
	Open  []string                 // names of APIs that need no role (open)
}

// known are the roles that open an API.
var known = []claims.Role{claims.AISP, claims.PISP, claims.CBPII, claims.ASPSP}

// form has one row for each field of Table. Reader, writer, Check, Schema and
// docs/api-roles.md follow from it.
var form = jsonform.Table[Table]{
	{
		Name: "roles",
		Field: jsonform.At(func(t *Table) *map[string][]claims.Role { return &t.Roles },
			jsonform.Lists[string, claims.Role]{Of: jsonform.Texts[claims.Role]{Known: known, Filled: true}}),
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

// Check refuses a table that names a role which is none of AISP, PISP, CBPII and
// ASPSP, an API without a name or without roles, and one that is open as well. The
// error is a *TableError.
func (t Table) Check() error { return tableError(form.Check(&t)) }

// MaySubscribe decides by the table whether an application may subscribe to the API
// of this name.
func (t Table) MaySubscribe(app claims.Application, env claims.Environment, api string) Decision {
	if slices.Contains(t.Open, api) {
		return Decision{Allowed: true, Reason: "the API needs no role"}
	}
	return MaySubscribe(app, env, t.Roles[api])
}

// ParseTable reads a table from its JSON form, an object of at most 256 KiB with the
// members that docs/api-roles.md lists. It is strict: an unknown, duplicate or null
// member, a name in the wrong case, a value of the wrong type and whatever Check
// refuses are a *TableError, and the table then empty.
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

// MarshalJSON writes both members. ParseTable reads them back; an empty list and none
// are the same.
func (t Table) MarshalJSON() ([]byte, error) { return form.Write(nil, &t), nil }

// UnmarshalJSON reads a table over t as ParseTable does over an empty one, but leaves it
// to Check to refuse what cannot be used. On error t is as before.
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

// Schema returns the JSON Schema, draft 2020-12, of the tables that ParseTable reads.
// It does not say that an API stands in one of both members alone.
func Schema() []byte {
	return form.Schema(SchemaID, "Which roles open which API", jsonform.Default[Table]{})
}

// TableError says what is wrong with a table of API roles.
type TableError struct{ detail string }

// Error is the detail behind the name of the package.
func (e *TableError) Error() string { return "roles: table of API roles: " + e.detail }

// Detail names the members and what is wrong with them, one a line.
func (e *TableError) Detail() string { return e.detail }

// tableError makes an error of faults, nil of none.
func tableError(faults jsonform.Faults) error {
	if len(faults) == 0 {
		return nil
	}
	return &TableError{detail: faults.Detail()}
}
