package claims

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func mapper(t *testing.T, c AttributeConfig) *AttributeMapper {
	t.Helper()
	m, err := NewAttributeMapper(c)
	require.NoError(t, err)
	return m
}

func TestDefaultAttributes(t *testing.T) {
	m := mapper(t, AttributeConfig{Declarations: DefaultAttributes()})
	app, err := m.Map(statement(t, fullSSA), Sandbox)
	require.NoError(t, err)
	assert.Equal(t, Application{
		Name: "Example App", ID: "4fHuZ6Fy1pLcTLdsTDYvGF",
		Attributes: []Attribute{
			{Name: "software_id_sandbox", Values: []string{"4fHuZ6Fy1pLcTLdsTDYvGF"}},
			{Name: "software_client_id_sandbox", Values: []string{"4fHuZ6Fy1pLcTLdsTDYvGF"}},
			{Name: "software_client_name_sandbox", Values: []string{"Example App"}},
			{Name: "software_roles_sandbox", Values: []string{"AISP", "PISP"}, List: true},
			{Name: "software_jwks_endpoint_sandbox", Values: []string{"https://keystore.example.org/0015800001041RHAAY/4fHuZ6Fy1pLcTLdsTDYvGF.jwks"}},
		},
	}, app)
	app, err = m.Map(statement(t, fullSSA), Production)
	require.NoError(t, err)
	assert.Equal(t, "software_roles_production", app.Attributes[3].Name)

	DefaultAttributes()[0].Name = "changed"
	assert.Equal(t, "software_id", DefaultAttributes()[0].Name, "a fresh list each time")
}

func TestApplicationName(t *testing.T) {
	byID := mapper(t, AttributeConfig{Declarations: DefaultAttributes(), UseSoftwareIDAsApplicationName: true})
	byName := mapper(t, AttributeConfig{Declarations: DefaultAttributes()})
	for _, c := range []struct {
		m             *AttributeMapper
		payload, want string
	}{
		{byName, `{"software_id":"id","software_client_name":"name"}`, "name"},
		{byID, `{"software_id":"id","software_client_name":"name"}`, "id"},
		{byName, `{"software_id":"id"}`, "id"},
		{byName, `{"software_id":"id","software_client_name":""}`, "id"},
		{byID, `{"software_client_name":"name"}`, ""},
	} {
		app, err := c.m.Map(statement(t, c.payload), Production)
		require.NoError(t, err)
		assert.Equal(t, c.want, app.Name, c.payload)
	}
}

func TestRequiredAttributes(t *testing.T) {
	m := mapper(t, AttributeConfig{Declarations: []AttributeDeclaration{
		{Name: "id", Claim: "software_id"}, {Name: "roles", Claim: "software_roles", Required: true}, {Name: "extra", Claim: "x", Required: true},
	}})
	for payload, want := range map[string]MissingAttributeError{
		`{}`:                                   {"roles_sandbox", "software_roles"},
		`{"x":1}`:                              {"roles_sandbox", "software_roles"},
		`{"software_roles":[],"x":1}`:          {"roles_sandbox", "software_roles"},
		`{"software_roles":"","x":1}`:          {"roles_sandbox", "software_roles"},
		`{"software_roles_sandbox":["AISP"]}`:  {"roles_sandbox", "software_roles"},
		`{"software_roles":["AISP"]}`:          {"extra_sandbox", "x"},
		`{"software_roles":["AISP"],"x":null}`: {"extra_sandbox", "x"},
		`{"software_roles":["AISP"],"x":""}`:   {"extra_sandbox", "x"},
		`{"software_roles":["AISP"],"X":"1"}`:  {"extra_sandbox", "x"},
	} {
		app, err := m.Map(statement(t, payload), Sandbox)
		assert.Equal(t, Application{}, app, payload)
		var missing *MissingAttributeError
		require.ErrorAs(t, err, &missing, payload)
		assert.Equal(t, want, *missing, payload)
		assert.Contains(t, err.Error(), want.Name)
		assert.Contains(t, err.Error(), want.Claim)
	}
	app, err := m.Map(statement(t, `{"software_roles":["AISP"],"x":false}`), Sandbox)
	require.NoError(t, err)
	assert.Equal(t, []Attribute{{Name: "roles_sandbox", Values: []string{"AISP"}, List: true}, {Name: "extra_sandbox", Values: []string{"false"}}}, app.Attributes)
}

func TestClaimsOfEveryType(t *testing.T) {
	one := func(claim, payload string) []Attribute {
		m := mapper(t, AttributeConfig{Declarations: []AttributeDeclaration{{Name: "a", Claim: claim}}})
		app, err := m.Map(statement(t, payload), Production)
		require.NoError(t, err)
		return app.Attributes
	}
	text := func(values ...string) []Attribute { return []Attribute{{Name: "a_production", Values: values}} }
	list := func(values ...string) []Attribute {
		return []Attribute{{Name: "a_production", Values: append([]string{}, values...), List: true}}
	}
	assert.Equal(t, text("17"), one("iat", `{"iat":17}`))
	assert.Equal(t, text("1.10"), one("software_version", `{"software_version":1.10}`))
	assert.Equal(t, text("1.10"), one("software_version", `{"software_version":"1.10"}`))
	assert.Equal(t, text("AISP PISP"), one("software_roles", `{"software_roles":"AISP PISP"}`))
	assert.Equal(t, list("AISP"), one("software_roles", `{"software_roles":["AISP"]}`), "an array of one stays an array")
	assert.Equal(t, list(), one("software_roles", `{"software_roles":[]}`))
	assert.Equal(t, list("https://a.example", "b"), one("software_redirect_uris", `{"software_redirect_uris":["https:\/\/a.example","b"]}`))
	assert.Equal(t, list(`{ "a": "<" }`, "b"), one("org_contacts", `{"org_contacts":[{ "a": "<" },"b"]}`))
	assert.Equal(t, text(`{ "status": "Active" }`), one("organisation_competent_authority_claims",
		`{"organisation_competent_authority_claims":{ "status": "Active" }}`))
	assert.Equal(t, list("1", "x", "null"), one("mine", `{"mine":[1,"x",null]}`))
	assert.Equal(t, text(""), one("org_name", `{"org_name":""}`))
	assert.Empty(t, one("org_name", `{}`))
	assert.Empty(t, one("mine", `{"mine":null}`))
}

func TestMapRefusesUnknownEnvironments(t *testing.T) {
	m := mapper(t, AttributeConfig{Declarations: DefaultAttributes()})
	for _, env := range []Environment{"", "Sandbox", "test", "sandbox_production"} {
		app, err := m.Map(statement(t, fullSSA), env)
		require.Error(t, err)
		assert.Equal(t, Application{}, app)
	}
}

func TestSuffixedClaimsNeverSetAnAttribute(t *testing.T) {
	m := mapper(t, AttributeConfig{Declarations: DefaultAttributes()})
	app, err := m.Map(statement(t, `{"software_id":"real","software_id_sandbox":"forged","software_roles_sandbox":["ASPSP"],"software_id_production":"forged"}`), Sandbox)
	require.NoError(t, err)
	assert.Equal(t, []Attribute{{Name: "software_id_sandbox", Values: []string{"real"}}}, app.Attributes)
}

func TestDeclarationsAreChecked(t *testing.T) {
	good := AttributeDeclaration{Name: "a", Claim: "b"}
	for name, list := range map[string][]AttributeDeclaration{
		"no name":                    {{Claim: "b"}},
		"no claim":                   {{Name: "a"}},
		"a name twice":               {good, {Name: "a", Claim: "c"}},
		"a claim twice":              {good, {Name: "c", Claim: "b"}},
		"name with the sandbox":      {{Name: "a_sandbox", Claim: "b"}},
		"name with the production":   {{Name: "a_production", Claim: "b"}},
		"claim with the environment": {{Name: "a", Claim: "software_id_sandbox"}},
		"environment alone":          {{Name: "_sandbox", Claim: "b"}},
		"required twice over":        {{Name: "a", Claim: "b", Required: true, RequiredIn: []Environment{Sandbox}}},
		"required nowhere known":     {{Name: "a", Claim: "b", RequiredIn: []Environment{"test"}}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := NewAttributeMapper(AttributeConfig{Declarations: list})
			assert.Nil(t, m)
			require.Error(t, err)
		})
	}
	list := []AttributeDeclaration{good, {Name: "sandbox", Claim: "production"}, {Name: "b", Claim: "a"}}
	m := mapper(t, AttributeConfig{Declarations: list})
	list[0].Claim = "changed"
	assert.Equal(t, "b", m.declarations[0].Claim, "the mapper keeps its own list")
}

func TestAnAttributeIsRequiredWhereTheBankWantsIt(t *testing.T) {
	m := mapper(t, AttributeConfig{Declarations: []AttributeDeclaration{{Name: "a", Claim: "software_logo_uri", RequiredIn: []Environment{Production}}}})
	app, err := m.Map(statement(t, `{"software_id":"s"}`), Sandbox)
	require.NoError(t, err)
	assert.Empty(t, app.Attributes)
	for _, empty := range []string{`{"software_id":"s"}`, `{"software_logo_uri":""}`} {
		_, err = m.Map(statement(t, empty), Production)
		var missing *MissingAttributeError
		require.ErrorAs(t, err, &missing)
		assert.Equal(t, MissingAttributeError{Name: "a_production", Claim: "software_logo_uri"}, *missing)
	}
	app, err = m.Map(statement(t, `{"software_logo_uri":"https://l.example"}`), Production)
	require.NoError(t, err)
	assert.Equal(t, "a_production", app.Attributes[0].Name)
}

func TestABankMayWantNoAttributes(t *testing.T) {
	app, err := mapper(t, AttributeConfig{}).Map(statement(t, fullSSA), Sandbox)
	require.NoError(t, err)
	assert.Empty(t, app.Attributes)
	assert.NotEmpty(t, app.Name)
}

func TestAttributesMapBack(t *testing.T) {
	m := mapper(t, AttributeConfig{Declarations: DefaultAttributes()})
	app, err := m.Map(statement(t, fullSSA), Production)
	require.NoError(t, err)
	back, env, err := m.Claims(app.Attributes)
	require.NoError(t, err)
	assert.Equal(t, Production, env)
	assert.Equal(t, Attribute{Name: "software_roles", Values: []string{"AISP", "PISP"}, List: true}, back["software_roles"])
	assert.Equal(t, Attribute{Name: "software_client_name", Values: []string{"Example App"}}, back["software_client_name"])
	assert.Len(t, back, 5)

	back, env, err = m.Claims(nil)
	require.NoError(t, err)
	assert.Empty(t, back)
	assert.Empty(t, env)
	for name, list := range map[string][]Attribute{
		"not declared":     {{Name: "org_id_sandbox"}},
		"no environment":   {{Name: "software_id"}},
		"trailing bar":     {{Name: "software_id_"}},
		"both":             {{Name: "software_id_sandbox_production"}},
		"two environments": {{Name: "software_id_sandbox"}, {Name: "software_roles_production"}},
		"twice":            {{Name: "software_id_sandbox"}, {Name: "software_id_sandbox"}},
	} {
		back, env, err := m.Claims(list)
		require.Error(t, err, name)
		assert.Nil(t, back, name)
		assert.Empty(t, env, name)
	}
}

func ExampleAttributeMapper() {
	m, err := NewAttributeMapper(AttributeConfig{Declarations: DefaultAttributes()})
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := ParseSSA([]byte(`{"software_id": "4fHuZ6Fy1pLcTLdsTDYvGF", "software_client_name": "Example App", "software_roles": ["AISP"]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	app, err := m.Map(s, Sandbox)
	fmt.Println(app.Name, app.ID, err)
	for _, a := range app.Attributes {
		fmt.Println(a.Name, a.Values, a.List)
	}
	// Output:
	// Example App 4fHuZ6Fy1pLcTLdsTDYvGF <nil>
	// software_id_sandbox [4fHuZ6Fy1pLcTLdsTDYvGF] false
	// software_client_name_sandbox [Example App] false
	// software_roles_sandbox [AISP] true
}
