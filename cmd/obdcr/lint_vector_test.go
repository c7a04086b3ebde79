package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/validate"
)

const vectorFolder = "../../dcr/vectors/signed/data"

// toldOfVector is what a report in JSON says of a vector.
type toldOfVector struct {
	File   string
	Error  string
	Vector string
	Found  struct {
		Valid           bool
		Rules, Warnings []string
		Wire            validate.Code
	}
	Valid      bool
	Wire       *struct{ Error validate.Code }
	Violations []struct {
		Rule     string
		Severity validate.Severity
	}
	Checks map[string]validate.CheckState
}

func (r *toldOfVector) rules(of validate.Severity) []string {
	ids := []string{}
	for _, v := range r.Violations {
		if v.Severity == of {
			ids = append(ids, v.Rule)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// lintVectors runs lint for JSON.
func lintVectors(t *testing.T, args ...string) (code int, reports []toldOfVector, messages string) {
	t.Helper()
	var out, told bytes.Buffer
	code = (&app{err: &told}).run(append([]string{"lint", "-o", "json"}, args...), &out)
	if out.Len() > 0 {
		text := out.String()
		if text[0] != '[' {
			text = "[" + text + "]"
		}
		require.NoError(t, json.Unmarshal([]byte(text), &reports))
	}
	return code, reports, told.String()
}

// TestABrokenFileAmongVectorsIsAFailure: it is named with the place and what to do, and a caller that has good vectors
// beside it does not get 0. Elsewhere such a file is left out.
func TestABrokenFileAmongVectorsIsAFailure(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	all, err := signed.Load()
	require.NoError(t, err)
	valid := slices.IndexFunc(all, func(v signed.Vector) bool { return v.Expect.Valid && len(v.Expect.Warnings) == 0 })
	data, err := os.ReadFile(filepath.Join(vectorFolder, all[valid].File))
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(filepath.Join(dir, "keys"), os.DirFS(filepath.Join(vectorFolder, "keys"))))
	good := filepath.Join(dir, all[valid].File)
	require.NoError(t, os.MkdirAll(filepath.Dir(good), 0o700))
	require.NoError(t, os.WriteFile(good, data, 0o600))
	code, reports, messages := lintVectors(t, dir)
	require.Equal(t, exitFine, code, messages)
	require.Len(t, reports, 1)

	for _, folder := range []string{filepath.Dir(good), other} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "broken.json"), []byte("{\n  \"name\": \"a\",,\n}"), 0o600))
	}
	code, reports, messages = lintVectors(t, dir)
	require.Equal(t, exitUsage, code, messages)
	require.Len(t, reports, 2)
	require.Contains(t, reports[1].Error, "broken.json")
	require.Contains(t, messages, "broken.json")
	require.Contains(t, messages, "line 2")
	require.Contains(t, messages, "fix:")
	require.Equal(t, 1, strings.Count(messages, "broken.json"), "it is not told as left out too")

	_, _, messages = lintVectors(t, other)
	require.Contains(t, messages, "left out")
}

func TestOneLintJudgesAllVectorsAsTheyExpect(t *testing.T) {
	t.Parallel()
	code, reports, messages := lintVectors(t, vectorFolder)
	require.Equal(t, exitViolated, code, messages)
	all, err := signed.Load()
	require.NoError(t, err)
	require.Len(t, reports, len(all))
	by := map[string]*toldOfVector{}
	for i := range reports {
		by[reports[i].File] = &reports[i]
	}
	for _, v := range all {
		got := by[filepath.Join(vectorFolder, v.File)]
		require.NotNil(t, got, v.Name)
		wire := validate.Code("")
		if got.Wire != nil {
			wire = got.Wire.Error
		}
		assert.Equal(t, v.Expect.Valid, got.Valid, v.Name)
		assert.Equal(t, v.Expect.Wire, wire, v.Name)
		assert.Equal(t, v.Expect.Rules, got.rules(validate.SeverityError), v.Name)
		assert.Equal(t, v.Expect.Warnings, got.rules(validate.SeverityWarning), v.Name)
		assert.Equal(t, v.Name, got.Vector)
		assert.Equal(t, []any{v.Expect.Valid, v.Expect.Rules, v.Expect.Warnings, v.Expect.Wire},
			[]any{got.Found.Valid, got.Found.Rules, got.Found.Warnings, got.Found.Wire}, v.Name)
	}
}

// vectorIn writes a vector, changed, and its keys into a folder, and returns its name.
func vectorIn(t *testing.T, dir string, change func(text string) string) string {
	t.Helper()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "keys"), os.DirFS(vectorFolder+"/keys")))
	data, err := os.ReadFile(vectorFolder + "/vectors/redirect_uris.https/plain-http.json")
	require.NoError(t, err)
	name := filepath.Join(dir, "vectors", "about", "name.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte(change(string(data))), 0o600))
	return name
}

func TestAVectorThatCannotBeReadIsTold(t *testing.T) {
	t.Parallel()
	replaced := func(old, with string) func(string) string {
		return func(text string) string { return strings.Replace(text, old, with, 1) }
	}
	for name, c := range map[string]struct {
		change func(string) string
		code   int
		words  []string
	}{
		"another version":    {replaced(`"version": 1`, `"version": 2, "new": {}`), exitUsage, []string{"version is 2", "reads 1"}},
		"no number":          {replaced(`"version": 1`, `"version": "1"`), exitUsage, []string{"version"}},
		"an unknown member":  {replaced(`"live"`, `"alive"`), exitUsage, []string{"alive"}},
		"a member twice":     {replaced(`"live"`, `"version": 1, "live"`), exitUsage, []string{"twice"}},
		"no token":           {replaced(`"jws"`, `"jws_base64"`), exitUsage, []string{"jws_base64"}},
		"an unknown profile": {replaced(`"obie-3.3"`, `"obie-9"`), exitUsage, []string{"obie-9"}},
		"a broken policy":    {replaced(`"audience"`, `"policy": {"scopes": 1}, "audience"`), exitUsage, []string{"policy", "scopes"}},
		"another folder":     {replaced(`../../keys/software.jwks.json`, `../../other/software.jwks.json`), exitUsage, []string{"other/software"}},
		"a file not there":   {replaced(`keys/software.jwks.json`, `keys/nowhere.jwks.json`), exitIO, []string{"nowhere.jwks.json"}},
		"no key set":         {replaced(`keys/software.jwks.json`, `keys/transport.pem`), exitUsage, []string{"transport.pem"}},
		"a contradiction":    {replaced(`"valid": false`, `"valid": true`), exitUsage, []string{"valid"}},
		"a misspelt rule":    {replaced(`"rules": ["redirect_uris.https"]`, `"rules": ["redirect_uris.http"]`), exitUsage, []string{"redirect_uris.http"}},
		"no time":            {replaced(`"now": "2023`, `"now": "23`), exitUsage, []string{"now"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := vectorIn(t, t.TempDir(), c.change)
			code, reports, messages := lintVectors(t, file)
			assert.Equal(t, c.code, code, messages)
			assert.Empty(t, reports)
			assert.Contains(t, messages, file)
			for _, word := range c.words {
				assert.Contains(t, messages, word)
			}
		})
	}
}

// What cannot be read does not hide what the other files of a folder break, and is not hidden by it: each form of the
// report has it.
func TestAVectorThatCannotBeReadLeavesTheOthersJudged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := vectorIn(t, dir, func(s string) string { return s })
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	broken := filepath.Join(filepath.Dir(name), "other.json")
	require.NoError(t, os.WriteFile(broken, bytes.Replace(data, []byte(`"version": 1`), []byte(`"version": 7`), 1), 0o600))
	code, reports, messages := lintVectors(t, dir)
	require.Equal(t, exitViolated, code)
	require.Len(t, reports, 2)
	require.Equal(t, []string{validate.RuleRedirectURIsHTTPS}, reports[0].rules(validate.SeverityError))
	require.Empty(t, reports[0].Error)
	require.Equal(t, broken, reports[1].File)
	require.Contains(t, reports[1].Error, "version is 7")
	require.False(t, reports[1].Valid)
	require.Equal(t, 1, strings.Count(messages, broken))
	require.Contains(t, messages, "version is 7")
	for format, has := range map[string]string{"junit": `errors="1"`, "sarif": `"executionSuccessful": false`, "text": "1 could not be judged",
		"github": "::error file=" + broken, "concise": broken + ": not judged"} {
		code, out, _ := call("lint", dir, "-o", format)
		require.Equal(t, exitViolated, code, format)
		require.Contains(t, out, has, format)
	}
}

// Of two files that cannot be judged the graver error decides: 3 for one that is not there.
func TestTheGraverErrorOfTwoFilesDecides(t *testing.T) {
	t.Parallel()
	name := vectorIn(t, t.TempDir(), func(s string) string { return strings.Replace(s, `"version": 1`, `"version": 7`, 1) })
	gone := filepath.Join(t.TempDir(), "gone.json")
	for _, files := range [][]string{{name, gone}, {gone, name}} {
		code, reports, messages := lintVectors(t, files...)
		require.Equal(t, exitIO, code, messages)
		require.Len(t, reports, 2)
		for i, file := range files {
			require.Equal(t, file, reports[i].File)
			require.Contains(t, messages, file)
		}
	}
}

func TestFlagsThatAVectorDoesNotNeedAreTold(t *testing.T) {
	t.Parallel()
	name := vectorIn(t, t.TempDir(), func(s string) string { return s })
	code, reports, messages := lintVectors(t, name, "--profile", "wso2", "--aud", "0015800001041REAAX")
	require.Equal(t, exitViolated, code)
	require.Equal(t, []string{validate.RuleRedirectURIsHTTPS}, reports[0].rules(validate.SeverityError), "the vector's own audience")
	require.Contains(t, messages, "--profile")
	require.Contains(t, messages, "--aud")
	_, _, messages = lintVectors(t, name)
	require.Empty(t, messages)
}

// A vector of a statement and one of a request are told apart by themselves.
func TestLintSSATakesVectorsToo(t *testing.T) {
	t.Parallel()
	name := vectorIn(t, t.TempDir(), func(s string) string { return s })
	var out, messages bytes.Buffer
	require.Equal(t, exitViolated, (&app{err: &messages}).run([]string{"lint", "ssa", name, "-o", "concise"}, &out))
	require.Contains(t, out.String(), validate.RuleRedirectURIsHTTPS)
}

// A vector names files. One that is a pipe or a device would be read for ever.
func TestAKeyFileOfAVectorIsARegularFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := vectorIn(t, dir, func(s string) string { return s })
	software := filepath.Join(dir, "keys", "software.jwks.json")
	require.NoError(t, os.Remove(software))
	require.NoError(t, os.Symlink(os.DevNull, software))
	code, reports, messages := lintVectors(t, name)
	assert.Equal(t, exitIO, code, messages)
	assert.Empty(t, reports)
	assert.Contains(t, messages, "software.jwks.json")
	assert.Contains(t, messages, "no regular file")
}
