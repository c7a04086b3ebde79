package dcr_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/validate"
)

// official has the facts of testdata/official.json: what the OpenAPI documents of OBIE say
// of members, statuses and types.
type official struct {
	About           string            `json:"about"`
	Sources         map[string]string `json:"sources"`
	Versions        []string          `json:"versions"`
	MediaTypes      []string          `json:"media_types"`
	Statuses        map[string][]int  `json:"statuses"`
	Challenge       string            `json:"challenge"`
	RequestRequired []string          `json:"request_required"`
	AnswerRequired  []string          `json:"answer_required"`
	ErrorRequired   []string          `json:"error_required"`
	Members         []officialMember  `json:"members"`
	ErrorMembers    []officialMember  `json:"error_members"`
}

// officialMember is a member as the versions have it; all of them where none is named. The
// lengths and values of an array are those of its entries.
type officialMember struct {
	Name      string   `json:"name"`
	Versions  []string `json:"versions"`
	Type      string   `json:"type"`
	Format    string   `json:"format"`
	MinLength *uint64  `json:"min_length"`
	MaxLength *uint64  `json:"max_length"`
	MinItems  uint64   `json:"min_items"`
	Minimum   *float64 `json:"minimum"`
	Values    []any    `json:"values"`
	Pattern   bool     `json:"pattern"` // there is one; what it is is not kept
}

func readOfficial(t *testing.T) *official {
	t.Helper()
	text, err := os.ReadFile("testdata/official.json")
	require.NoError(t, err)
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	var o official
	require.NoError(t, decoder.Decode(&o))
	for _, version := range o.Versions {
		require.NotEmpty(t, o.Sources[version])
		require.NotEmpty(t, o.members(version))
	}
	return &o
}

// profiles are those of the versions.
var profiles = map[string]validate.Profile{"3.2": validate.OBIE32, "3.3": validate.OBIE33, "3.4": validate.OBIE34}

// members returns the members of a version.
func (o *official) members(version string) []officialMember {
	return slices.DeleteFunc(slices.Clone(o.Members), func(m officialMember) bool {
		return m.Versions != nil && !slices.Contains(m.Versions, version)
	})
}

// schema makes a schema of a version's members, for answers to be held to.
func (o *official) schema(version string) *openapi3.Schema {
	all := openapi3.NewObjectSchema().WithRequired(o.AnswerRequired)
	for _, m := range o.members(version) {
		entry := &openapi3.Schema{Type: &openapi3.Types{m.Type}, Enum: m.Values, MaxLength: m.MaxLength, Min: m.Minimum}
		if m.MinLength != nil {
			entry.MinLength = *m.MinLength
		}
		if m.Type == "array" {
			entry.Type = &openapi3.Types{"string"}
			entry = &openapi3.Schema{Type: &openapi3.Types{"array"}, Items: entry.NewRef(), MinItems: m.MinItems}
		}
		all.WithProperty(m.Name, entry)
	}
	return all
}

// differences says where a document differs from the facts of a version.
func (o *official) differences(version string, d *document) []string {
	var found []string
	for _, side := range []struct {
		name, schema string
		required     []string
		members      []officialMember
	}{
		{"request", "RegistrationRequest", o.RequestRequired, o.members(version)},
		{"answer", "RegisteredClient", o.AnswerRequired, o.members(version)},
		{"error", "RegistrationError", o.ErrorRequired, o.ErrorMembers},
	} {
		schema := d.Components.Schemas[side.schema].Value
		for _, name := range without(side.required, schema.Required) {
			found = append(found, side.name+" "+name+": optional here")
		}
		for _, name := range without(schema.Required, side.required) {
			found = append(found, side.name+" "+name+": required here")
		}
		for _, m := range side.members {
			if ours := schema.Properties[m.Name]; ours == nil {
				found = append(found, side.name+" "+m.Name+": unknown here")
			} else {
				found = append(found, m.differences(side.name, ours.Value)...)
			}
		}
	}
	for _, item := range d.Paths.Map() {
		for method, operation := range item.Operations() {
			var ours, theirs []string
			for status := range operation.Responses.Map() {
				ours = append(ours, method+" "+status)
			}
			for _, status := range o.Statuses[method] {
				theirs = append(theirs, fmt.Sprint(method, " ", status))
			}
			for _, only := range without(ours, theirs) {
				found = append(found, only+": here alone")
			}
			for _, lost := range without(theirs, ours) {
				found = append(found, lost+": not here")
			}
			if operation.RequestBody != nil {
				types := slices.Sorted(maps.Keys(operation.RequestBody.Value.Content))
				if !slices.Equal(types, o.MediaTypes) {
					found = append(found, fmt.Sprint(method, ": ", strings.Join(types, ", ")))
				}
			}
		}
	}
	return found
}

// differences says where a member differs from the official one.
func (m *officialMember) differences(side string, ours *openapi3.Schema) []string {
	var found []string
	differ := func(is bool, what string, values ...any) {
		if is {
			found = append(found, side+" "+m.Name+": "+fmt.Sprintf(what, values...))
		}
	}
	if ours.Type == nil || !ours.Type.Is(m.Type) {
		return []string{side + " " + m.Name + ": of another type"}
	}
	differ(m.Format != ours.Format, "without the format %s", m.Format)
	differ(m.MinItems != ours.MinItems, "at least %d entries", ours.MinItems)
	differ(ours.UniqueItems, "no entry twice")
	if m.Type == "array" {
		ours = ours.Items.Value
	}
	least, most := uint64(0), "any"
	if m.MinLength != nil {
		least = *m.MinLength
	}
	if m.MaxLength != nil {
		most = fmt.Sprint(*m.MaxLength)
	}
	longest := "any"
	if ours.MaxLength != nil {
		longest = fmt.Sprint(*ours.MaxLength)
	}
	differ(least != ours.MinLength, "at least %d characters", ours.MinLength)
	differ(most != longest, "at most %s characters", longest)
	differ((m.Minimum == nil) != (ours.Min == nil), "from 0 on")
	differ(m.Pattern && ours.Pattern == "", "without the pattern")
	for _, value := range m.Values {
		differ(!slices.Contains(ours.Enum, value), "without %s", value)
	}
	for _, value := range ours.Enum {
		differ(!slices.Contains(m.Values, value), "also %s", value)
	}
	return found
}

// without returns the texts of all that are not among some, in order.
func without(all, some []string) []string {
	rest := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
	slices.Sort(rest)
	return rest
}

// TestTheDocumentDiffersFromTheOfficialOneAsThePageSays compares the documents of the
// default policies with the facts of their versions.
func TestTheDocumentDiffersFromTheOfficialOneAsThePageSays(t *testing.T) {
	o := readOfficial(t)
	found := map[string]bool{}
	for version, profile := range profiles {
		v, err := validate.New(validate.Config{Profile: profile, Policy: validate.DefaultPolicy(profile)})
		require.NoError(t, err)
		text, err := dcr.OpenAPI(v)
		for _, d := range o.differences(version, readDocument(t, text, err)) {
			found[d] = true
		}
	}
	var known []string
	for id, d := range deviations {
		require.True(t, len(d.differences) > 0 || d.shown != nil, id)
		known = append(known, d.differences...)
	}
	slices.Sort(known)
	require.Equal(t, slices.Sorted(maps.Keys(found)), known)
}

// TestAnswersDifferFromTheOfficialSchemaAsThePageSays holds the live answers of clients of
// each kind to the official schema of their version.
func TestAnswersDifferFromTheOfficialSchemaAsThePageSays(t *testing.T) {
	o := readOfficial(t)
	for version, profile := range profiles {
		s := newSiteOf(t, profile, nil)
		server := s.start(t, nil, nil)
		for name, changes := range s.clients(t) {
			created, _ := s.post(t, server, changes)
			require.Equal(t, 201, created.status, created.body)
			path := "/register/" + decodeJSON(t, []byte(created.body))["client_id"].(string)
			read := server.send(t, s.request(t, http.MethodGet, path, nil))
			want := []string{"aud is missing", "exp is missing", "iat is missing", "iss is missing", "jti is missing"}
			if strings.Contains(created.body, `"HS256"`) {
				want = append(want, "token_endpoint_auth_signing_alg: enum")
			}
			for _, a := range []answer{created, read} {
				require.Equal(t, want, mismatches(t, o.schema(version), a.body), "%s %s", version, name)
			}
		}
		refused := server.send(t, s.request(t, http.MethodGet, "/register/nobody", nil))
		require.Regexp(t, o.Challenge, refused.header.Get("WWW-Authenticate"))
	}
}

// mismatches says where a body does not fit a schema: the missing members, and the members
// that break a keyword.
func mismatches(t *testing.T, schema *openapi3.Schema, body string) []string {
	t.Helper()
	var all openapi3.MultiError
	if err := schema.VisitJSON(decodeJSON(t, []byte(body)), openapi3.MultiErrors()); err != nil {
		require.ErrorAs(t, err, &all)
	}
	var found []string
	for _, err := range all {
		var e *openapi3.SchemaError
		require.ErrorAs(t, err, &e)
		place := strings.Join(e.JSONPointer(), "/")
		if e.SchemaField == "required" {
			found = append(found, place+" is missing")
		} else {
			found = append(found, place+": "+e.SchemaField)
		}
	}
	slices.Sort(found)
	return found
}
