package signed_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/vectors/signed"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := fs.ReadFile(signed.Files(), name)
	require.NoError(t, err)
	return data
}

// compiled is the schema of a vector.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(read(t, "schema.json")))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("schema.json", parsed))
	schema, err := compiler.Compile("schema.json")
	require.NoError(t, err)
	return schema
}

// Each file is what the schema says, and what this package writes.
func TestEachFileFollowsTheSchema(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	for _, v := range load(t) {
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(read(t, v.File)))
		require.NoError(t, err, v.Name)
		assert.NoError(t, schema.Validate(document), v.Name)
	}
}

// The index has each vector, in the order of Load.
func TestTheIndexHasEachVector(t *testing.T) {
	t.Parallel()
	var index struct {
		Version, Count int
		Vectors        []struct {
			Name, File  string
			Rules       []string
			Valid, Live bool
		}
	}
	require.NoError(t, json.Unmarshal(read(t, "index.json"), &index))
	all := load(t)
	require.Equal(t, signed.Version, index.Version)
	require.Equal(t, len(all), index.Count)
	require.Len(t, index.Vectors, len(all))
	by := map[string]int{}
	for i := range all {
		by[all[i].Name] = i
	}
	for _, line := range index.Vectors {
		at, there := by[line.Name]
		require.True(t, there, line.Name)
		v := all[at]
		assert.Equal(t, []any{v.File, v.Expect.Rules, v.Expect.Valid, v.Live}, []any{line.File, line.Rules, line.Valid, line.Live}, line.Name)
	}
}

func TestFilesThatCannotBeReadAreRefused(t *testing.T) {
	t.Parallel()
	good := string(read(t, "vectors/redirect_uris.https/plain-http.json"))
	for name, c := range map[string]struct{ old, by string }{
		"another version":            {`"version": 1`, `"version": 2`},
		"no version":                 {`"version": 1,`, ``},
		"an unknown member":          {`"live"`, `"alive"`},
		"a member in another case":   {`"live"`, `"Live"`},
		"a member twice":             {`"live"`, `"kind": "request", "live"`},
		"null":                       {`"live": true`, `"live": null`},
		"both forms of the token":    {`"jws"`, `"jws_base64": "AA==", "jws"`},
		"no base64":                  {`"jws"`, `"jws_base64"`},
		"an unknown kind":            {`"kind": "request"`, `"kind": "token"`},
		"a statement that is live":   {`"kind": "request"`, `"kind": "statement"`},
		"an unknown profile":         {`obie-3.3`, `obie-2`},
		"no environment":             {`"environment":"sandbox",`, ``},
		"an unknown environment":     {`"environment":"sandbox"`, `"environment":"test"`},
		"no issuer":                  {`"issuer":"OpenBanking Ltd",`, ``},
		"no key set":                 {`"directory":"../../keys/directory.jwks.json",`, ``},
		"a path that leaves keys":    {`../../keys/directory.jwks.json`, `../../keys/../../x.json`},
		"an absolute path":           {`../../keys/directory.jwks.json`, `/keys/directory.jwks.json`},
		"valid with rules":           {`"valid": false`, `"valid": true`},
		"no valid":                   {`"valid": false,`, ``},
		"an unknown rule":            {`["redirect_uris.https"]`, `["redirect_uris.http"]`},
		"rules out of order":         {`["redirect_uris.https"]`, `["redirect_uris.https","aud.format"]`},
		"an unknown code":            {`"invalid_redirect_uri"`, `"invalid_uri"`},
		"a code with another status": {`"status": 400`, `"status": 401`},
		"no comment":                 {`"comment": "`, `"comment": "","x":"`},
		"no live":                    {`"live": true,`, ``},
		"a name of one word":         {`"name": "redirect_uris.https/plain-http"`, `"name": "plain-http"`},
		"a name with a control":      {`"name": "redirect_uris.https/plain-http"`, `"name": "redirect_uris.https/\u001b[31m"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(good, c.old, c.by, 1)
			require.NotEqual(t, good, text)
			v, err := signed.Parse([]byte(text))
			require.ErrorIs(t, err, signed.ErrFile)
			assert.Equal(t, strings.Contains(name, "another version"), errors.Is(err, signed.ErrVersion))
			assert.Zero(t, v.Name)
			assert.True(t, signed.IsVector(text), "it is recognised all the same")
			_, err = signed.Read(fstest.MapFS{"vectors/a/b.json": {Data: []byte(text)}})
			require.ErrorIs(t, err, signed.ErrFile)
		})
	}
	_, err := signed.Read(fstest.MapFS{"vectors/a/b.json": {Data: []byte(good)}})
	require.ErrorIs(t, err, signed.ErrFile, "the name is not that of the file")
	_, err = signed.Read(fstest.MapFS{})
	require.ErrorIs(t, err, signed.ErrFile)
	for _, other := range []string{``, `[]`, `{"version": 1}`, `{"keys": []}`, `{"iss": "x", "software_statement": "expect"}`} {
		assert.False(t, signed.IsVector(other), other)
	}
}

// What the schema refuses of a member that is missing or of another type, Parse refuses too:
// programs in other languages go by the schema. The error has the member, and no word of Go.
func TestParseRefusesWhatTheSchemaRefuses(t *testing.T) {
	t.Parallel()
	schema, good := compiled(t), map[string]any{}
	require.NoError(t, json.Unmarshal(read(t, "vectors/redirect_uris.https/plain-http.json"), &good))
	for name, old := range good {
		for _, value := range []any{nil, 5, true, "", "x", []any{}, []any{1}, map[string]any{}, map[string]any{"x": 1}} {
			good[name] = value
			if value == nil {
				delete(good, name)
			}
			text, err := json.Marshal(good)
			require.NoError(t, err)
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			require.NoError(t, err)
			refused := schema.Validate(document)
			if _, err = signed.Parse(text); refused != nil && assert.Error(t, err, "%s: %v: %v", name, value, refused) {
				assert.Regexp(t, regexp.QuoteMeta(name)+`|"x"`, err.Error())
				assert.NotContains(t, err.Error(), "Go ")
			}
		}
		good[name] = old
	}
}
