package roles

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/jsonform"
)

func TestATableOfRolesIsReadStrictly(t *testing.T) {
	table, err := ParseTable([]byte(`{"roles": {"accounts": ["AISP"], "funds": ["CBPII", "PISP"]}, "open": ["directory"]}`))
	require.NoError(t, err)
	require.Equal(t, Table{Open: []string{"directory"}, Roles: map[string][]claims.Role{
		"accounts": {claims.AISP}, "funds": {claims.CBPII, claims.PISP}}}, table)
	table, err = ParseTable([]byte(`{}`))
	require.NoError(t, err)
	require.Equal(t, Table{}, table)
	for name, text := range map[string]string{
		"nothing": "", "no object": `[]`, "a text": `"roles"`, "something behind": `{} {}`,
		"an unknown member": `{"role": {}}`, "another case": `{"Roles": {"accounts": ["AISP"]}}`,
		"a member twice": `{"open": ["a"], "open": ["b"]}`, "an API twice": `{"roles": {"a": ["AISP"], "a": ["PISP"]}}`,
		"null": `{"roles": null}`, "null for open": `{"open": null}`, "null roles": `{"roles": {"a": null}}`,
		"a list of APIs": `{"roles": ["AISP"]}`, "a text for roles": `{"roles": {"a": "AISP"}}`, "a number": `{"roles": {"a": [1]}}`,
		"no role": `{"roles": {"a": []}}`, "an unknown role": `{"roles": {"a": ["AIPS"]}}`, "role and open": `{"roles": {"a": ["AISP"]}, "open": ["a"]}`,
		"no name": `{"open": [""]}`, "open is one": `{"open": "a"}`, "too long": `{"open": ["` + strings.Repeat("a", 1<<18) + `"]}`,
		"no UTF-8": "{\"open\": [\"\xff\"]}", "half a character": `{"open": ["\ud800"]}`,
	} {
		table, err := ParseTable([]byte(text))
		require.Error(t, err, name)
		require.Zero(t, table, name)
		require.LessOrEqual(t, len(err.Error()), 250, name)
	}
}

func TestAFaultOfATableIsToldAndWhatWasMeant(t *testing.T) {
	for text, want := range map[string]string{
		`{"rolls": {}}`:                           "rolls: is unknown: did you mean to write roles?",
		`{"roles": {"accounts": ["AIPS"]}}`:       `roles/accounts: "AIPS" is none of AISP, PISP, CBPII, ASPSP: did you mean to write AISP or ASPSP?`,
		`{"roles": {"accounts": ["CD_AISP"]}}`:    `roles/accounts: "CD_AISP" is none of AISP, PISP, CBPII, ASPSP`,
		`{"open": ["a", ""], "roles": {"a": []}}`: "roles/a: is empty, which would mean nothing at all: name at least one of AISP, PISP, CBPII, ASPSP\nroles/a: carries roles and is open\nopen: has an API without a name",
	} {
		_, err := ParseTable([]byte(text))
		var fault *TableError
		require.True(t, errors.As(err, &fault), text)
		assert.Equal(t, want, fault.Detail())
	}
}

// anyTable draws a table that Check accepts.
func anyTable(t *rapid.T) Table {
	apis := rapid.SliceOfNDistinct(rapid.StringMatching("[^\x00]{1,8}"), 0, 6, rapid.ID).Draw(t, "APIs")
	open := rapid.IntRange(0, len(apis)).Draw(t, "open")
	table := Table{Open: apis[:open], Roles: map[string][]claims.Role{}}
	for _, api := range apis[open:] {
		table.Roles[api] = rapid.Permutation(known).Draw(t, "roles")[:rapid.IntRange(1, len(known)).Draw(t, "count")]
	}
	return table
}

func TestATableIsReadAsItWasWritten(t *testing.T) {
	schema := tableSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		table := anyTable(t)
		require.NoError(t, table.Check())
		written, err := json.Marshal(table)
		require.NoError(t, err)
		read, err := ParseTable(written)
		require.NoError(t, err)
		assert.Equal(t, table, read)
		var over Table
		require.NoError(t, json.Unmarshal(written, &over))
		assert.Equal(t, table, over)
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(written))
		require.NoError(t, err)
		assert.NoError(t, schema.Validate(document))
	})
}

func FuzzParseTable(f *testing.F) {
	f.Add(`{"roles": {"accounts": ["AISP"]}, "open": ["directory"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		table, err := ParseTable([]byte(text))
		if err != nil {
			assert.Zero(t, table)
			return
		}
		written, err := json.Marshal(table)
		require.NoError(t, err)
		read, err := ParseTable(written)
		require.NoError(t, err)
		rewritten, err := json.Marshal(read)
		require.NoError(t, err)
		assert.Equal(t, string(written), string(rewritten))
	})
}

func TestEachFieldOfATableHasOneRow(t *testing.T) {
	require.Equal(t, reflect.TypeFor[Table]().NumField(), len(form))
	written, err := json.Marshal(Table{Roles: map[string][]claims.Role{"a": {"AISP"}}, Open: []string{"b"}})
	require.NoError(t, err)
	assert.Equal(t, `{"roles":{"a":["AISP"]},"open":["b"]}`, string(written))
}

func tableSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource(SchemaID, document))
	schema, err := c.Compile(SchemaID)
	require.NoError(t, err)
	return schema
}

func TestTheSchemaOfATableDescribesWhatIsRead(t *testing.T) {
	schema := tableSchema(t)
	assert.Len(t, schema.Properties, len(form))
	valid := func(text string) error {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		require.NoError(t, err, text)
		return schema.Validate(document)
	}
	for _, row := range form {
		text := `{"` + row.Name + `": ` + row.Example + `}`
		assert.NoError(t, valid(text))
		_, err := ParseTable([]byte(text))
		assert.NoError(t, err)
	}
	for _, text := range []string{`[]`, `{"rolls": {}}`, `{"roles": {"a": []}}`, `{"roles": {"a": ["AIPS"]}}`, `{"open": "a"}`, `{"open": null}`} {
		_, err := ParseTable([]byte(text))
		assert.Error(t, err, text)
		assert.Error(t, valid(text), text)
	}
}

var update = flag.Bool("update", false, "write docs/api-roles.md and its schema from the table's form")

const (
	pageFile   = "../../docs/api-roles.md"
	schemaFile = "../../docs/api-roles.schema.json"
)

func TestRolesDocIsRenderedFromTheForm(t *testing.T) {
	page := "# API roles\n\n" +
		"A bank's table of which software roles open which API. Rendered from the table of package dcr/roles; to render it anew, run\n" +
		"`go test ./dcr/roles -run TestRolesDoc -update`.\n\n" +
		"The table is a JSON object, of at most 256 KiB:\n\n" +
		"```json\n{\n  \"roles\": {\"accounts\": [\"AISP\"], \"payments\": [\"PISP\"]},\n  \"open\": [\"directory\"]\n}\n```\n\n" +
		"It is read strictly: an unknown member, a member that stands twice, `null` and a value of another type are refused, and so is an API\n" +
		"without a name, one without roles, and one that carries roles and is open. [api-roles.schema.json](api-roles.schema.json) is the\n" +
		"JSON Schema, for editors.\n\n" +
		"The roles of an application are those of its attribute `software_roles` of the environment that it is registered in.\n" +
		form.Page(jsonform.Default[Table]{})
	_, example, _ := strings.Cut(page, "```json")
	example, _, _ = strings.Cut(example, "```")
	_, err := ParseTable([]byte(example))
	require.NoError(t, err, "the example of the page")
	for name, want := range map[string][]byte{pageFile: []byte(page), schemaFile: Schema()} {
		if *update {
			require.NoError(t, os.WriteFile(name, want, 0o644))
		}
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), "run go test ./dcr/roles -run TestRolesDoc -update")
	}
}

func TestATableDecidesForARegistrar(t *testing.T) {
	table := Table{Roles: map[string][]claims.Role{"payments": {claims.PISP}, "accounts": {claims.AISP}}, Open: []string{"status", "branches"}}
	require.Equal(t, []string{"accounts", "branches", "payments", "status"}, table.Names())
	require.Empty(t, Table{}.Names())
	app := claims.Application{Attributes: []claims.Attribute{{Name: "software_roles_sandbox", Values: []string{"AISP"}, List: true}}}
	for api, want := range map[string]struct {
		role claims.Role
		ok   bool
	}{"accounts": {claims.AISP, true}, "status": {"", true}, "payments": {"", false}, "unheard of": {"", false}} {
		role, reason, ok := table.Decide(app, claims.Sandbox, api)
		require.Equal(t, want.role, role, api)
		require.Equal(t, want.ok, ok, api)
		require.NotEmpty(t, reason, api)
	}
	var _ = dcr.Config{MaySubscribe: table.Decide}
}
