package dialect_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/dialect"
)

// least is the shortest file.
const least = `{"version": 1, "name": "example-bank", "title": "Example Bank", "date": "2026-11-27",
	"sources": [{"url": "https://bank.example/register", "title": "Register", "date": "2026-11-27"}]}`

// with returns the shortest file with a member changed: JSON, or "" for none.
func with(t testing.TB, member, value string) string {
	var file map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(least), &file))
	if file[member] = json.RawMessage(value); value == "" {
		delete(file, member)
	}
	document, err := json.Marshal(file)
	require.NoError(t, err)
	return string(document)
}

// places returns the places of the faults.
func places(err error) []string {
	var all interface{ Unwrap() []error }
	var found []string
	if errors.As(err, &all) {
		for _, one := range all.Unwrap() {
			var fault *dialect.Error
			if errors.As(one, &fault) {
				found = append(found, fault.Place)
			}
		}
	}
	return found
}

func TestTheShortestFileIsTheProfileItself(t *testing.T) {
	d, err := dialect.Parse([]byte(least))
	require.NoError(t, err)
	want := validate.DefaultPolicy(validate.OBIE33)
	want.AudienceKinds = []validate.AudienceKind{validate.AudienceID, validate.AudienceURL} // nothing is known
	assert.Equal(t, want, d.Policy)
	assert.Equal(t, validate.OBIE33, d.Profile)
	assert.Equal(t, []string{"GET", "PUT", "DELETE"}, d.Methods)
	assert.True(t, d.Offers("PUT"))
	assert.Empty(t, d.ContentType)
	assert.False(t, d.ScopeAsArray || d.UpperCaseJTI)
}

func TestAWholeFileIsRead(t *testing.T) {
	d, err := dialect.Parse([]byte(`{"$schema": "x", "version": 1, "name": "a", "title": "A", "date": "2026-11-27", "profile": "obie-3.4",
		"sources": [{"url": "https://bank.example/1", "title": "One", "date": "2026-11-26"}, {"url": "https://bank.example/2", "title": "Two", "date": "2026-11-27"}],
		"policy": {"issuer_kinds": ["org_id"], "audience_kinds": ["id"]}, "claim_names": {"org_id": "organisation_id"}, "content_type": "application/jose", "token_scope": ["accounts", "openid"],
		"scope_as_array": true, "jti_case": "upper", "members": {"subject_type": "pairwise", "n": 1}, "methods": [],
		"response": {"created_status": 200, "scope_as_array": true, "left_out": ["software_statement"]},
		"quirks": [{"text": "q", "source": "https://bank.example/2"}]}`))
	require.NoError(t, err)
	want := validate.DefaultPolicy(validate.OBIE34)
	want.IssuerKinds, want.ClaimNames = []validate.IssuerKind{validate.IssuerOrgID}, map[string]string{"org_id": "organisation_id"}
	want.ScopeArrayOnly, want.CreatedStatus, want.ResponseScopeAsArray = true, 200, true
	assert.Equal(t, &dialect.Dialect{
		Name: "a", Title: "A", Date: "2026-11-27", Profile: validate.OBIE34, Policy: want,
		Sources:     []dialect.Reference{{URL: "https://bank.example/1", Title: "One", Date: "2026-11-26"}, {URL: "https://bank.example/2", Title: "Two", Date: "2026-11-27"}},
		ContentType: "application/jose", TokenScopes: []string{"accounts", "openid"}, ScopeAsArray: true, UpperCaseJTI: true,
		Members: map[string]json.RawMessage{"subject_type": json.RawMessage(`"pairwise"`), "n": json.RawMessage("1")}, Methods: []string{},
		LeftOut: []string{"software_statement"}, Quirks: []dialect.Quirk{{Text: "q", Source: "https://bank.example/2"}},
	}, d)
}

func TestAFileThatIsNotStrictIsRefusedWithThePlace(t *testing.T) {
	for document, want := range map[string][]string{
		``:                             {""},
		`[]`:                           {""},
		`{`:                            {""},
		`{"version": 1} x`:             {""},
		`{"version": 1, "version": 1}`: {"version"},
		`{}`:                           {"version"},
		with(t, "version", ""):         {"version"},
		with(t, "version", "2"):        {"version"},
		with(t, "version", `"1"`):      {"version"},
		with(t, "version", "null"):     {"version"},
		with(t, "nam", `"x"`):          {"nam"},
		with(t, "Title", `"x"`):        {"Title"},
		with(t, "title", ""):           {"title"},
		with(t, "title", "null"):       {"title"},
		with(t, "title", `""`):         {"title"},
		with(t, "name", ""):            {"name"},
		with(t, "name", `"Bank"`):      {"name"},
		with(t, "name", `"a--b"`):      {"name"},
		with(t, "name", `"../a"`):      {"name"},
		with(t, "name", `"`+strings.Repeat("a", 41)+`"`): {"name"},
		with(t, "date", ""):                          {"date"},
		with(t, "date", `"27.11.2026"`):              {"date"},
		with(t, "date", `"2026-11-26"`):              {"sources/0/date"},
		with(t, "sources", ""):                       {"sources"},
		with(t, "sources", "[]"):                     {"sources"},
		with(t, "sources", `"https://bank.example"`): {"sources"},
		with(t, "sources", `[{"url": "http://bank.example", "title": "", "date": "x", "by": 1}]`): {"sources/0/by"},
		with(t, "sources", `[{"url": "http://bank.example", "title": "", "date": "x"}]`):          {"sources/0/url", "sources/0/title", "sources/0/date"},
		with(t, "profile", `"obie-9"`):            {"profile"},
		with(t, "policy", `null`):                 {"policy"},
		with(t, "policy", `[]`):                   {"policy"},
		with(t, "policy", `{"scoops": []}`):       {"policy/scoops"},
		with(t, "policy", `{"auth_methods": []}`): {"policy/auth_methods"},
		with(t, "policy", `{"grant_types": ["client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"]}`): {"policy/grant_types"},
		with(t, "policy", `{"signing_algorithms": ["RS256"]}`):                                                      {"policy/signing_algorithms"},
		with(t, "policy", `{"claim_names": {}}`):                                                                    {"policy/claim_names"},
		with(t, "policy", `{"created_status": 200}`):                                                                {"policy/created_status"},
		with(t, "policy", `{"scope_array_only": true}`):                                                             {"policy/scope_array_only"},
		with(t, "claim_names", `{"roles": "software_roles"}`):                                                       {"claim_names/roles"},
		with(t, "content_type", `"jose"`):                                                                           {"content_type"},
		with(t, "token_scope", `["accounts payments"]`):                                                             {"token_scope"},
		with(t, "token_scope", `"accounts"`):                                                                        {"token_scope"},
		with(t, "scope_as_array", `"yes"`):                                                                          {"scope_as_array"},
		with(t, "jti_case", `"Upper"`):                                                                              {"jti_case"},
		with(t, "members", `{"aud": "x", "software_statement": "x", "": 1, "subject_type": "pairwise"}`):            {"members", "members/aud", "members/software_statement"},
		with(t, "response", `{"left_out": ["software_statement", ""]}`):                                             {"response/left_out"},
		with(t, "title", `"\u001b[31mBank"`):                                                                        {"title"},
		with(t, "quirks", `[{"text": "a\nb"}]`):                                                                     {"quirks/0/text"},
		with(t, "members", `{"subject_type": null}`):                                                                {"members/subject_type"},
		with(t, "methods", `["POST"]`):                                                                              {"methods"},
		with(t, "response", `{"created_status": 202}`):                                                              {"response/created_status"},
		with(t, "response", `{"status": 200}`):                                                                      {"response/status"},
		with(t, "quirks", `[{"text": ""}]`):                                                                         {"quirks/0/text"},
		with(t, "quirks", `[{"text": "a", "source": "https://other.example"}]`):                                     {"quirks/0/source"},
		strings.Repeat(" ", 256<<10) + least:                                                                        {""},
	} {
		d, err := dialect.Parse([]byte(document))
		require.Error(t, err, "%.200s", document)
		assert.Nil(t, d)
		assert.Equal(t, want, places(err), "%.200s: %v", document, err)
	}
}

const schemaFile = "../../docs/dialect.schema.json"

func TestTheSchemaIsRenderedFromTheTable(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile(schemaFile, dialect.Schema(), 0o644))
	}
	got, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	assert.Equal(t, string(dialect.Schema()), string(got), "run go test ./validate/dialect -update")
}

// schema is the schema by itself: what it refers to is in it, so that no program needs a network.
func schema(t testing.TB) *jsonschema.Schema {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(dialect.Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	require.NoError(t, c.AddResource(dialect.SchemaID, document))
	compiled, err := c.Compile(dialect.SchemaID)
	require.NoError(t, err)
	return compiled
}

// judged is the fault that a schema finds.
func judged(t testing.TB, by *jsonschema.Schema, document string) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	require.NoError(t, err, document)
	return by.Validate(value)
}

func TestTheSchemaAcceptsEachBank(t *testing.T) {
	by := schema(t)
	for _, name := range dialect.Names() {
		document, err := fs.ReadFile(dialect.Files(), name+".json")
		require.NoError(t, err)
		assert.NoError(t, judged(t, by, string(document)), name)
	}
}

// TestTheSchemaRefusesWhatTheReaderRefuses: as far as one value shows it. What is good stays good.
func TestTheSchemaRefusesWhatTheReaderRefuses(t *testing.T) {
	by := schema(t)
	source := func(url, date string) string {
		return with(t, "sources", `[{"url": "`+url+`", "title": "T", "date": "`+date+`"}]`)
	}
	for document, good := range map[string]bool{
		least:                     true,
		`{}`:                      false,
		`[]`:                      false,
		`null`:                    false,
		with(t, "version", ""):    false,
		with(t, "version", "2"):   false,
		with(t, "nam", `"x"`):     false,
		with(t, "name", ""):       false,
		with(t, "name", `"Bank"`): false,
		with(t, "name", `"a--b"`): false,
		with(t, "name", `"`+strings.Repeat("a", 41)+`"`):                      false,
		with(t, "name", `"`+strings.Repeat("a", 40)+`"`):                      true,
		with(t, "title", ""):                                                  false,
		with(t, "title", `""`):                                                false,
		with(t, "title", `"\u001b[31mBank"`):                                  false,
		with(t, "title", `"\u0085"`):                                          false,
		with(t, "title", `"Bänk – \u00a0 2"`):                                 true,
		with(t, "date", ""):                                                   false,
		with(t, "date", `"27.11.2026"`):                                       false,
		with(t, "date", `"2026-13-40"`):                                       false,
		with(t, "date", `"2027-02-30"`):                                       false,
		with(t, "date", `"2027-04-31"`):                                       false,
		with(t, "date", `"2028-02-29"`):                                       true,
		with(t, "date", `"2027-12-31"`):                                       true,
		with(t, "sources", ""):                                                false,
		with(t, "sources", "[]"):                                              false,
		with(t, "sources", `[{"url": "https://bank.example", "title": "T"}]`): false,
		source("javascript:alert(1)", "2026-11-27"):                           false,
		source("http://bank.example", "2026-11-27"):                           false,
		source("https:///register", "2026-11-27"):                             false,
		source("https://:443/", "2026-11-27"):                                 false,
		source("https:bank.example", "2026-11-27"):                            false,
		source("https://u@bank.example/", "2026-11-27"):                       false,
		source("https://bank.example/#a", "2026-11-27"):                       false,
		source("https://bank.example/\\n", "2026-11-27"):                      false,
		source("https://bank.example/", "2026-11-00"):                         false,
		source("https://bank.example:8443/a@b/c?x=1/?", "2026-11-27"):         true,
		source("https://[::1]/a", "2026-11-27"):                               true,
		source("HTTPS://bank.example", "2026-11-27"):                          true,
		with(t, "policy", `null`):                                             false,
		with(t, "policy", `{"scoops": []}`):                                   false,
		with(t, "policy", `{"auth_methods": []}`):                             false,
		with(t, "policy", `{"claim_names": {}}`):                              false,
		with(t, "policy", `{"created_status": 200}`):                          false,
		with(t, "policy", `{"scope_array_only": true}`):                       false,
		with(t, "policy", `{"response_scope_as_array": true}`):                false,
		with(t, "policy", `{"auth_methods": ["tls_client_auth"]}`):            true,
		with(t, "content_type", `"jose"`):                                     false,
		with(t, "token_scope", `["accounts payments"]`):                       false,
		with(t, "token_scope", `[""]`):                                        false,
		with(t, "token_scope", `["a\"b"]`):                                    false,
		with(t, "token_scope", `["a\\b"]`):                                    false,
		with(t, "token_scope", `["é"]`):                                       false,
		with(t, "token_scope", `["a", "a"]`):                                  false,
		with(t, "token_scope", `["!#[]~:/a"]`):                                true,
		with(t, "members", `{"iss": "x"}`):                                    false,
		with(t, "members", `{"software_statement": "x"}`):                     false,
		with(t, "members", `{"": 1}`):                                         false,
		with(t, "members", `{"subject_type": null}`):                          false,
		with(t, "members", `{"a": [null], "b": {}, "c": "x"}`):                true,
		with(t, "methods", `["POST"]`):                                        false,
		with(t, "response", `{"left_out": [""]}`):                             false,
		with(t, "response", `{"created_status": 202}`):                        false,
		with(t, "quirks", `[{"text": ""}]`):                                   false,
		with(t, "quirks", `[{"text": "a\nb"}]`):                               false,
		with(t, "quirks", `[{}]`):                                             false,
		with(t, "quirks", `[{"text": "a"}]`):                                  true,
	} {
		_, err := dialect.Parse([]byte(document))
		require.Equal(t, good, err == nil, "the reader: %s: %v", document, err)
		err = judged(t, by, document)
		assert.Equal(t, good, err == nil, "the schema: %s: %v", document, err)
	}
}

// FuzzParse: what is read has a policy that package validate takes, and what is refused gives
// nothing and says where.
func FuzzParse(f *testing.F) {
	f.Add([]byte(least))
	for _, name := range dialect.Names() {
		document, err := fs.ReadFile(dialect.Files(), name+".json")
		require.NoError(f, err)
		f.Add(document)
	}
	f.Add([]byte(with(f, "policy", `{"audience_kinds": ["url"], "audiences": ["x"]}`)))
	f.Fuzz(func(t *testing.T, document []byte) {
		d, err := dialect.Parse(document)
		if err != nil {
			if d != nil || len(places(err)) == 0 {
				t.Fatalf("half a dialect, or no place: %v", err)
			}
			return
		}
		if _, err := validate.New(validate.Config{Profile: d.Profile, Policy: d.Policy}); err != nil {
			t.Fatalf("its policy cannot be used: %v", err)
		}
		if len(d.Sources) == 0 || d.Name == "" || !json.Valid(document) {
			t.Fatalf("read without what is required: %q", document)
		}
	})
}
