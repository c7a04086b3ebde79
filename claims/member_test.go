package claims

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fieldsSet returns the names of the fields of a claim set that are not zero.
func fieldsSet(set any) []string {
	var names []string
	v := reflect.ValueOf(set).Elem()
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			names = append(names, v.Type().Field(i).Name)
		}
	}
	return names
}

// TestEachFieldHasOneRow: the name of each row reaches one field of the struct, and
// no field is left without a row.
func TestEachFieldHasOneRow(t *testing.T) {
	for _, c := range []struct {
		empty  any
		names  []string
		decode decoder
	}{{&Request{}, RequestMembers(), decodeRequest}, {&SSA{}, SSAMembers(), decodeSSA}} {
		var reached []string
		for _, name := range c.names {
			set, _, err := c.decode(`{"` + name + `": {}}`) // no member's type but that of free JSON
			require.NoError(t, err)
			fields := fieldsSet(set)
			require.Len(t, fields, 1, "the row %s", name)
			reached = append(reached, fields...)
		}
		var want []string
		structure := reflect.TypeOf(c.empty).Elem()
		for i := range structure.NumField() {
			if name := structure.Field(i).Name; name != "Unknown" {
				want = append(want, name)
			}
		}
		assert.ElementsMatch(t, want, reached)
	}
}

func TestAMemberIsFoundByItsName(t *testing.T) {
	r, faults, err := DecodeRequest(`{"iss":"abc","iat":17,"aud":["a","b"],"redirect_uris":["https://a.example","https://b.example"],` +
		`"scope":"openid accounts","grant_types":[],"client_id":"","backchannel_user_code_parameter_supported":true,"jti":7,` +
		`"x/y":{"z": 1},"words":"free text"}`)
	require.NoError(t, err)
	require.Len(t, faults, 1)
	for name, want := range map[string]struct {
		present, valid, array, empty bool
		values                       []string
		text                         string
	}{
		"iss":           {present: true, valid: true, values: []string{"abc"}, text: "abc"},
		"iat":           {present: true, valid: true, values: []string{"17"}, text: "17"},
		"aud":           {present: true, valid: true, values: []string{"a", "b"}},
		"redirect_uris": {present: true, valid: true, array: true, values: []string{"https://a.example", "https://b.example"}},
		"scope":         {present: true, valid: true, values: []string{"openid", "accounts"}},
		"grant_types":   {present: true, valid: true, array: true, empty: true},
		"client_id":     {present: true, valid: true, empty: true, values: []string{""}},
		"backchannel_user_code_parameter_supported": {present: true, valid: true, values: []string{"true"}, text: "true"},
		"jti":         {present: true},
		"software_id": {},
		"no_such":     {},
		"x/y":         {present: true, valid: true, values: []string{`{"z": 1}`}, text: `{"z": 1}`},
		"words":       {present: true, valid: true, values: []string{"free text"}, text: "free text"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, m := range []MemberValue{r.Member(name), RequestMember(name)(r)} {
				assert.Equal(t, "/"+strings.ReplaceAll(name, "/", "~1"), m.Pointer())
				assert.Equal(t, want.present, m.Present(), "present")
				assert.Equal(t, want.valid, m.Valid(), "valid")
				assert.Equal(t, want.array, m.IsArray(), "array")
				assert.Equal(t, want.empty, m.Empty(), "empty")
				assert.Equal(t, want.text, m.Text())
				var values []string
				for i := range m.Len() {
					values = append(values, m.Value(i))
				}
				assert.Equal(t, want.values, values)
			}
		})
	}
	var none MemberValue
	assert.False(t, none.Present() || none.Valid() || none.IsArray() || none.Empty())
	assert.Empty(t, none.Pointer()+none.Text())
}

func TestAClaimIsFoundByItsName(t *testing.T) {
	s := statement(t, `{"software_roles":"AISP PISP","software_version":1.10,"org_contacts":[{"name":"x"}],"software_redirect_uris":[""],`+
		`"organisation_competent_authority_claims":{"status":"Active"},"software_logo_uri":null,"colour":7}`)
	for name, want := range map[string][]string{
		"software_roles":                          {"AISP", "PISP"},
		"software_version":                        {"1.10"},
		"org_contacts":                            {`[{"name":"x"}]`},
		"software_redirect_uris":                  {""},
		"organisation_competent_authority_claims": {`{"status":"Active"}`},
		"software_logo_uri":                       nil,
		"colour":                                  {"7"},
	} {
		for _, m := range []MemberValue{s.Member(name), SSAMember(name)(s)} {
			var values []string
			for i := range m.Len() {
				values = append(values, m.Value(i))
			}
			assert.Equal(t, want, values, name)
			assert.Equal(t, want != nil, m.Present(), name)
			assert.False(t, m.Empty(), "%s: one empty entry is an entry", name)
		}
	}
}

func TestTheNameOfAMemberDoesNotMakeItsPointerLong(t *testing.T) {
	long := strings.Repeat("ä/", 1000)
	r := request(t, `{"`+long+`":1}`)
	for _, m := range []MemberValue{r.Member(long), (&Request{}).Member(long)} {
		assert.LessOrEqual(t, len(m.Pointer()), 2*maxPointer+1, "each character may need an escape")
		assert.True(t, strings.HasPrefix(m.Pointer(), "/ä~1"))
	}
}

func TestLookingAMemberUpAllocatesNothing(t *testing.T) {
	r, s := request(t, fullRequest), statement(t, fullSSA)
	found := RequestMember("scope")
	used := 0
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		for _, m := range []MemberValue{r.Member("scope"), found(r), s.Member("software_redirect_uris")} {
			if m.Present() && !m.Empty() {
				used += len(m.Value(0)) + len(m.Pointer())
			}
		}
	}))
	assert.NotZero(t, used)
}

func TestTheNamesOfMembersAreFresh(t *testing.T) {
	RequestMembers()[0], SSAMembers()[0] = "changed", "changed"
	assert.Equal(t, "iss", RequestMembers()[0])
	assert.Equal(t, "iss", SSAMembers()[0])
}
