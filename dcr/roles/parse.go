package roles

import (
	"fmt"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonscan"
)

// maxRoleTable is the greatest length of a table of API roles, in bytes.
const maxRoleTable = 256 << 10

// ParseTable reads a table from JSON, an object of "roles" (API name to a list of
// roles) and "open" (a list of API names), of at most 256 KiB. It is strict: an
// unknown, duplicate or null member, a name in the wrong case, a value of the wrong
// type and whatever Check refuses are errors. On error the table is empty.
func ParseTable(data []byte) (Table, error) {
	if len(data) > maxRoleTable {
		return Table{}, fmt.Errorf("roles: a table of API roles has more than %d bytes", maxRoleTable)
	}
	document, err := jsonscan.Parse(string(data))
	if err != nil {
		return Table{}, fmt.Errorf("roles: a table of API roles: %w", err)
	}
	if document.Kind() != jsonscan.Object {
		return Table{}, fmt.Errorf("roles: a table of API roles is a JSON %s, not an object", document.Kind())
	}
	var table Table
	for name, v := range document.Members() {
		switch name {
		case "roles":
			table.Roles, err = rolesByAPI(v)
		case "open":
			table.Open, err = texts[string](name, v)
		default:
			err = fmt.Errorf("roles: a table of API roles has no member %+.64q", name)
		}
		if err != nil {
			return Table{}, err
		}
	}
	if err := table.Check(); err != nil {
		return Table{}, err
	}
	return table, nil
}

func rolesByAPI(v jsonscan.Value) (map[string][]claims.Role, error) {
	if v.Kind() != jsonscan.Object {
		return nil, fmt.Errorf("roles: in a table of API roles \"roles\" is a JSON %s, not an object", v.Kind())
	}
	table := map[string][]claims.Role{}
	for api, roles := range v.Members() {
		list, err := texts[claims.Role](api, roles)
		if err != nil {
			return nil, err
		}
		table[api] = list
	}
	return table, nil
}

// texts reads a list of strings, each of them once.
func texts[T ~string](name string, v jsonscan.Value) ([]T, error) {
	if v.Kind() != jsonscan.Array {
		return nil, fmt.Errorf("roles: in a table of API roles %+.64q is a JSON %s, not a list", name, v.Kind())
	}
	var list []T
	for _, element := range v.Elements() {
		text, clean := element.Text()
		if !clean {
			return nil, fmt.Errorf("roles: in a table of API roles %+.64q holds what is no string", name)
		}
		list = append(list, T(text))
	}
	return list, nil
}
