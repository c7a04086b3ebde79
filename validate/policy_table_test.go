package validate

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/jsonform"
)

// membersByField says for each field of a T which member its table writes it as. A
// field without one, or with several, fails the test, and so does a row that belongs
// to no field.
func membersByField[T any](t *testing.T, table jsonform.Table[T]) map[string]string {
	t.Helper()
	split := func(of *T) map[string]json.RawMessage {
		var written map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(table.Write(nil, of), &written))
		return written
	}
	empty, found := split(new(T)), map[string]string{}
	require.Len(t, empty, len(table), "each member is written once")
	kind := reflect.TypeFor[T]()
	for i := range kind.NumField() {
		var of T
		fill(t, reflect.ValueOf(&of).Elem().Field(i))
		var changed []string
		for name, value := range split(&of) {
			if !bytes.Equal(value, empty[name]) {
				changed = append(changed, name)
			}
		}
		if assert.Len(t, changed, 1, kind.Field(i).Name) {
			found[kind.Field(i).Name] = changed[0]
		}
	}
	require.Len(t, found, len(table))
	return found
}

// fill makes a value other than the zero value.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.Zero(v.Type().Key()), reflect.Zero(v.Type().Elem()))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(time.Second))
	default:
		t.Fatalf("a field is a %s, which no policy had before", v.Kind())
	}
}

func TestEachFieldOfAPolicyHasOneRowAndNamesItInItsComment(t *testing.T) {
	assert.Equal(t, comments(t, "policy.go", "Policy"), membersByField(t, policyTable))
	assert.Equal(t, comments(t, "policy.go", "MemberAlgorithms"), membersByField(t, memberAlgorithmTable))
	membersByField(t, attributeTable)
}

// comments are the words in parentheses at the end of the comments of a struct's
// fields, by field.
func comments(t *testing.T, file, name string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	require.NoError(t, err)
	found := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != name {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			text := strings.TrimSuffix(strings.TrimSpace(field.Doc.Text()+field.Comment.Text()), ")")
			found[field.Names[0].Name] = text[strings.LastIndexByte(text, '(')+1:]
		}
		return false
	})
	return found
}

func TestEachExampleOfAMemberIsAPolicyOfItsOwn(t *testing.T) {
	usual := DefaultPolicy(OBIE33)
	for _, row := range policyTable {
		p, err := ParsePolicy([]byte(`{"`+row.Name+`": `+row.Example+`}`), OBIE33)
		require.NoError(t, err, row.Name)
		assert.NotEqual(t, usual, p, "the example of %s shows the default", row.Name)
		assert.NotEmpty(t, row.Doc, row.Name)
	}
}

// some draws distinct entries of a list in any order, at least so many.
func some[T any](t *rapid.T, label string, least int, list []T) []T {
	mixed := rapid.Permutation(list).Draw(t, label)
	return mixed[:rapid.IntRange(least, len(list)).Draw(t, label+" count")]
}

func one[T any](t *rapid.T, label string, list ...T) T { return rapid.SampledFrom(list).Draw(t, label) }

// anyPolicy draws a policy that New accepts.
func anyPolicy(t *rapid.T, profile Profile) Policy {
	p := DefaultPolicy(profile)
	p.Widenings = some(t, "widenings", 0, widenings)
	p.SigningAlgorithms = admitted(t, "signing_algorithms", p.Widenings, signingAlgorithms)
	p.MemberAlgorithms.IDToken = admitted(t, "id_token", p.Widenings, signingAlgorithms)
	p.MemberAlgorithms.RequestObject = admitted(t, "request_object", p.Widenings, signingAlgorithms)
	p.MemberAlgorithms.TokenEndpointAuth = admitted(t, "token_endpoint_auth", p.Widenings, signingAlgorithms)
	p.AuthMethods = admitted(t, "auth_methods", p.Widenings, []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth,
		claims.ClientSecretJWT, claims.ClientSecretBasic, claims.ClientSecretPost})
	p.AudienceKinds = []AudienceKind{AudienceURL, AudienceList, AudienceID}
	p.Audiences = some(t, "audiences", 0, []string{"abc", "0015800001HQQrZAAX", "https://bank.example/a"})
	p.GrantTypes = some(t, "grant_types", 1, profileGrants(profile))
	p.MemberAlgorithms.Backchannel = some(t, "backchannel", 1, []claims.Algorithm{claims.PS256, claims.ES256})
	p.ApplicationTypes = some(t, "application_types", 1, profileApplicationTypes(profile))
	p.ResponseTypes = some(t, "response_types", 1, []claims.ResponseType{claims.Code, claims.CodeIDToken})
	p.RoleScopes = map[claims.Role][]string{"AISP": {"accounts", "fx", "!~"}, "PISP": some(t, "PISP", 0, []string{"payments", "fx"}), "CD_CBPII": {}}
	p.Scopes = append([]string{"openid", "fx", "!~"}, some(t, "scopes", 0, []string{"accounts"})...)
	p.DefaultScopes = append(some(t, "default_scopes", 0, p.Scopes[1:]), "openid")
	p.ServedRoles = some(t, "served_roles", 1, []claims.Role{"AISP", "PISP", "CD_PISP"})
	p.RequiredMembers = some(t, "required_members", 0, claims.RequestMembers())
	p.AllowedValues = map[string][]string{"response_types": some(t, "allowed_values", 1, []string{string(p.ResponseTypes[0])}), "jti": {"\u00e9\"\\\n"}}
	p.Adjustable = some(t, "adjustable", 0, adjustableMembers)
	p.IssuerKinds = some(t, "issuer_kinds", 1, []IssuerKind{IssuerSoftwareID, IssuerOrgID})
	if rapid.Bool().Draw(t, "claim_names") {
		p.ClaimNames = map[string]string{"org_id": "\u00e9\"", "software_roles": "roles"}
	}
	p.IDShapes = some(t, "id_shapes", 1, idShapes)
	p.SoftwareIDFrom = one(t, "software_id_from", SoftwareIDFromSSA, SoftwareIDFromHint)
	p.SubjectDNMatch = one(t, "subject_dn_match", DNMatchExact, DNMatchReversed, DNMatchAnyOrder, DNMatchImmutable)
	p.Registrations = one(t, "registrations", RegistrationsMany, RegistrationsOnePerSoftware, RegistrationsOnePerClientName)
	p.Attributes = some(t, "attributes", 0, append(claims.DefaultAttributes(),
		claims.AttributeDeclaration{Name: "a", Claim: "b", Description: "<&>", Required: true},
		claims.AttributeDeclaration{Name: "c", Claim: "d", RequiredIn: []claims.Environment{claims.Production}}))
	p.ClockSkew = time.Duration(rapid.Int64Range(0, 3600).Draw(t, "clock_skew")) * time.Second
	p.MaxLifetime = time.Duration(rapid.Int64Range(1, 1e8).Draw(t, "max_lifetime")) * time.Second
	p.SSAMaxAge = time.Duration(rapid.Int64Range(1, 1e8).Draw(t, "ssa_max_age")) * time.Second
	p.SSAMaxAgeWithExp = time.Duration(rapid.Int64Range(1, 1e8).Draw(t, "ssa_max_age_with_exp")) * time.Second
	p.RecheckStatementMaxAge = time.Duration(rapid.Int64Range(0, 1e8).Draw(t, "recheck_statement_max_age")) * time.Second
	p.MaxRedirectURIs = rapid.IntRange(1, 1000).Draw(t, "max_redirect_uris")
	p.CreatedStatus = one(t, "created_status", 200, 201)
	for i, flag := range []*bool{&p.SubjectDNFromKeySet, &p.OlderStatementInUpdate, &p.UseSoftwareIDAsApplicationName, &p.ScopeAsArray, &p.RolesAsString, &p.ResponseScopeAsArray} {
		*flag = rapid.Bool().Draw(t, "flag "+string(rune('a'+i)))
	}
	p.ScopeArrayOnly = rapid.Bool().Draw(t, "scope_array_only")
	p.DeniedStatements = some(t, "denied_statements", 0, []string{"j", "J"})
	p.DeniedSoftware = some(t, "denied_software", 0, []string{"s", "~!"})
	p.DeniedOrganisations = some(t, "denied_organisations", 0, []string{"o"})
	p.ErrorDetail = one(t, "error_detail", DetailFirst, DetailAll)
	p.ForeignToken = one(t, "foreign_token", ForeignTokenUnauthorized, ForeignTokenForbidden)
	p.ManagementScope = one(t, "management_scope", "", "registration", "accounts !~")
	p.ManagementAudience = one(t, "management_audience", "", "https://bank.example/register", "a b")
	return p
}

// admitted draws entries that need no widening or have theirs.
func admitted[T ~string](t *rapid.T, label string, named []Widening, list []T) []T {
	var can []T
	for _, v := range list {
		wide, ok := false, false
		for _, w := range widenings {
			wide = wide || string(w) == string(v)
		}
		for _, w := range named {
			ok = ok || string(w) == string(v)
		}
		if !wide || ok {
			can = append(can, v)
		}
	}
	return some(t, label, 1, can)
}

// withoutEmpty makes empty lists none, which mean the same.
func withoutEmpty(p Policy) Policy {
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); (f.Kind() == reflect.Slice || f.Kind() == reflect.Map) && f.Len() == 0 {
			f.SetZero()
		}
	}
	p.Attributes = slices.Clone(p.Attributes)
	for i := range p.Attributes {
		if a := &p.Attributes[i]; len(a.RequiredIn) == 0 {
			a.RequiredIn = nil
		}
	}
	return p
}

func TestAPolicyIsReadAsItWasWritten(t *testing.T) {
	schema := policySchema(t)
	for _, profile := range Profiles() {
		t.Run(string(profile), rapid.MakeCheck(func(t *rapid.T) {
			p := anyPolicy(t, profile)
			written, err := json.Marshal(p)
			require.NoError(t, err)
			read, err := ParsePolicy(written, profile)
			require.NoError(t, err)
			assert.Equal(t, withoutEmpty(p), withoutEmpty(read))
			again, err := read.MarshalJSON()
			require.NoError(t, err)
			assert.Equal(t, string(written), string(again))

			var over Policy
			require.NoError(t, json.Unmarshal(written, &over))
			assert.Equal(t, read, over, "nothing of the default is left")
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(written))
			require.NoError(t, err)
			assert.NoError(t, schema.Validate(document))
		}))
	}
}

func TestADocumentThatCannotBeReadLeavesThePolicyAsItIs(t *testing.T) {
	for _, text := range []string{`null`, `[]`, `{"scopes": ["a"], "colour": 1}`, `{"scopes": ["a"], "attributes": [{"name": 1}]}`} {
		p := DefaultPolicy(OBIE34)
		var faults PolicyErrors
		require.True(t, errors.As(json.Unmarshal([]byte(text), &p), &faults), text)
		assert.Equal(t, DefaultPolicy(OBIE34), p, text)
		for _, line := range strings.Split(faults.Detail(), "\n") {
			assert.NotContains(t, line, "validate")
		}
	}
}

func policySchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(PolicySchema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource(PolicySchemaID, document))
	schema, err := c.Compile(PolicySchemaID)
	require.NoError(t, err)
	require.Equal(t, 2020, schema.DraftVersion)
	return schema
}

func TestThePolicySchemaDescribesWhatIsRead(t *testing.T) {
	schema := policySchema(t)
	valid := func(text string) error {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		require.NoError(t, err, text)
		return schema.Validate(document)
	}
	assert.Len(t, schema.Properties, len(policyTable))
	for _, row := range policyTable {
		member := schema.Properties[row.Name]
		require.NotNil(t, member, row.Name)
		assert.NoError(t, valid(`{"`+row.Name+`": `+row.Example+`}`))
		assert.Error(t, valid(`{"`+row.Name+`": null}`), row.Name)
		if member.Default != nil {
			assert.NoError(t, member.Validate(*member.Default), row.Name)
		}
	}
	for _, row := range memberAlgorithmTable {
		assert.NoError(t, valid(`{"member_algorithms": {"`+row.Name+`": `+row.Example+`}}`))
	}
	for _, row := range attributeTable {
		assert.NoError(t, valid(`{"attributes": [{"`+row.Name+`": `+row.Example+`}]}`))
	}
	for _, profile := range Profiles() {
		written, err := DefaultPolicy(profile).MarshalJSON()
		require.NoError(t, err)
		assert.NoError(t, valid(string(written)))
	}
	for _, text := range []string{
		`[]`, `{"colour": 1}`, `{"Scopes": ["openid"]}`, `{"scopes": "openid"}`, `{"scopes": ["openid", "openid"]}`,
		`{"grant_types": []}`, `{"grant_types": ["password"]}`, `{"created_status": 202}`, `{"max_redirect_uris": 0}`,
		`{"clock_skew_seconds": 1.5}`, `{"clock_skew_seconds": 99999}`, `{"error_detail": "some"}`, `{"scope_as_array": "yes"}`,
		`{"member_algorithms": {"idtoken": ["PS256"]}}`, `{"member_algorithms": {"id_token": ["none"]}}`,
		`{"role_scopes": {"AISP": "accounts"}}`, `{"allowed_values": {"scope": []}}`, `{"attributes": [{"Claim": "b"}]}`,
	} {
		_, err := ParsePolicy([]byte(text), OBIE33)
		assert.Error(t, err, text)
		assert.Error(t, valid(text), text)
	}
}

func TestAnUnknownMemberOfAPolicyIsToldWhatWasMeant(t *testing.T) {
	for text, want := range map[string]PolicyError{
		`{"scops": []}`:                       {Member: "scops", Reason: "is unknown: did you mean to write scopes?"},
		`{"CREATED_STATUS":1}`:                {Member: "CREATED_STATUS", Reason: "is unknown: did you mean to write created_status?"},
		`{"audience": "a"}`:                   {Member: "audience", Reason: "is unknown: did you mean to write audiences or audience_kinds or management_audience?"},
		`{"aud": "a"}`:                        {Member: "aud", Reason: "is unknown: did you mean to write audiences?"},
		`{"token_endpoint_auth_method": "a"}`: {Member: "token_endpoint_auth_method", Reason: "is unknown: did you mean to write auth_methods?"},
		`{"Grant_Types_supported": []}`:       {Member: "Grant_Types_supported", Reason: "is unknown: did you mean to write grant_types?"},
		`{"max_lifetime": 1}`:                 {Member: "max_lifetime", Reason: "is unknown: did you mean to write max_lifetime_seconds?"},
		`{"audiences": "a"}`:                  {Member: "audiences", Reason: `is a string, not an array of strings, such as ["0015800001HQQrZAAX"]`},
		`{"member_algorithms": {"id_token_signed_response_alg": []}}`: {Member: "member_algorithms/id_token_signed_response_alg",
			Reason: "is unknown: did you mean to write id_token?"},
		`{"audiences": ["https://a.example"]}`: {Member: "audiences", Reason: `"https://a.example" has no shape that audience_kinds admits (id): ` +
			"no request could name it: id is 1 to 18 letters and digits, url an https URL: add url to audience_kinds"},
		`{"profile": "wso2"}`:                    {Member: "profile", Reason: "is no member of a policy: the profile is chosen beside it, by --profile or in Config.Profile"},
		`{"colour": 1}`:                          {Member: "colour", Reason: "is unknown"},
		`{"member_algorithms": {"idtoken": []}}`: {Member: "member_algorithms/idtoken", Reason: "is unknown: did you mean to write id_token?"},
	} {
		_, err := ParsePolicy([]byte(text), OBIE33)
		var got *PolicyError
		require.True(t, errors.As(err, &got), text)
		assert.Equal(t, want, *got)
	}
}
