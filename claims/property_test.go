package claims

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const fullRequest = `{"iss":"4fHuZ6Fy1pLcTLdsTDYvGF","iat":1700000000,"exp":1700000300,"nbf":1700000000,"aud":"0015800001041RHAAY",` +
	`"jti":"8F3C2B1A-0D4E-4F6A-9B8C-7D6E5F4A3B2C","client_id":"wish","redirect_uris":["https://tpp.example.com/one"],` +
	`"token_endpoint_auth_method":"tls_client_auth","token_endpoint_auth_signing_alg":"PS256","tls_client_auth_subject_dn":"CN=a,O=b",` +
	`"grant_types":["client_credentials","authorization_code","urn:openid:params:grant-type:ciba"],"response_types":["code id_token"],` +
	`"software_id":"4fHuZ6Fy1pLcTLdsTDYvGF","scope":"openid accounts","software_statement":"a.b.c","application_type":"web",` +
	`"id_token_signed_response_alg":"PS256","request_object_signing_alg":"ES256","backchannel_token_delivery_mode":"ping",` +
	`"backchannel_client_notification_endpoint":"https://tpp.example.com/ciba","backchannel_authentication_request_signing_alg":"PS256",` +
	`"backchannel_user_code_parameter_supported":false,"client_secret":null,"x":[{"y": 1.50}]}`

func TestFullDocumentsHaveEveryMember(t *testing.T) {
	for _, c := range []struct {
		text  string
		names map[string]int
	}{{fullRequest, requestFields.index}, {fullSSA, ssaFields.index}} {
		v, err := jsonscan.Parse(c.text)
		require.NoError(t, err)
		for name := range c.names {
			_, ok := v.Member(name)
			assert.True(t, ok, name)
		}
	}
}

// requestHolds: what ParseRequest accepts, encoding/json accepts too, and writing
// and reading it again changes nothing; what it refuses, it gives nothing of.
func requestHolds(t require.TestingT, payload []byte) bool {
	r, err := ParseRequest(payload)
	if err != nil {
		require.Nil(t, r)
		return false
	}
	require.True(t, json.Valid(payload))
	text, err := r.MarshalJSON()
	require.NoError(t, err)
	again, err := ParseRequest(text)
	require.NoError(t, err, "%s", text)
	require.Equal(t, r, again, "%s", text)
	sameMembers(t, payload, text)
	return true
}

// ssaHolds is requestHolds for statements.
func ssaHolds(t require.TestingT, payload []byte) bool {
	s, err := ParseSSA(payload)
	if err != nil {
		require.Nil(t, s)
		return false
	}
	require.True(t, json.Valid(payload))
	text, err := s.MarshalJSON()
	require.NoError(t, err)
	again, err := ParseSSA(text)
	require.NoError(t, err, "%s", text)
	require.Equal(t, s, again, "%s", text)
	sameMembers(t, payload, text)
	return true
}

// sameMembers compares two objects as encoding/json reads them, except that members
// that are null may be left out.
func sameMembers(t require.TestingT, sent, written []byte) {
	var a, b map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(sent, &a))
	require.NoError(t, json.Unmarshal(written, &b))
	for name, text := range a {
		if other, ok := b[name]; ok || string(text) != "null" {
			require.True(t, ok, name)
			require.Equal(t, decoded(name, text), decoded(name, other), name)
		}
	}
	require.LessOrEqual(t, len(b), len(a))
}

// decoded reads a value. A time is written anew, in whole seconds.
func decoded(name string, text json.RawMessage) any {
	if v, err := jsonscan.Parse(string(text)); err == nil && (name == "iat" || name == "exp" || name == "nbf") {
		if seconds, ok := v.Floor(); ok {
			return seconds
		}
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	return v
}

// drawn builds a document whose members are known and unknown ones, mostly of the
// right type.
func drawn(pick func(int) int, members []expectation) []byte {
	var parts []string
	for _, e := range members {
		texts := append(append([]string{}, e.valid...), e.empty...)
		switch pick(4) {
		case 0:
		case 1:
			if e.null {
				texts = []string{"null"}
			}
			fallthrough
		default:
			parts = append(parts, fmt.Sprintf(`%q:%s`, e.name, texts[pick(len(texts))]))
		}
	}
	for i := range pick(3) {
		unknown := []string{`null`, `{"a": [ ]}`, `"<\u2028>"`, `-0.10e+5`, `"\ud800"`}
		parts = append(parts, fmt.Sprintf(`"unknown%d\u000a":%s`, i, unknown[pick(len(unknown))]))
	}
	for i := len(parts) - 1; i > 0; i-- {
		j := pick(i + 1)
		parts[i], parts[j] = parts[j], parts[i]
	}
	return []byte("{" + strings.Join(parts, ", ") + "}")
}

func TestManyDocumentsAndTheirMutationsHold(t *testing.T) {
	r := rand.New(rand.NewPCG(7591, 2018))
	kept := 0
	rounds := fulltest.Rounds(1000)
	for i := range rounds {
		members, holds := requestMembers, requestHolds
		if i%2 == 1 {
			members, holds = ssaMembers, ssaHolds
		}
		doc := drawn(r.IntN, members)
		require.True(t, holds(t, doc), "%s", doc)
		doc[r.IntN(len(doc))] = byte(r.Uint32())
		if holds(t, doc) {
			kept++
		}
	}
	assert.Greater(t, kept, rounds/20)
}

func TestRapidDocumentsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }
		require.True(t, requestHolds(t, drawn(pick, requestMembers)))
		require.True(t, ssaHolds(t, drawn(pick, ssaMembers)))
	})
}

func TestRapidAttributesAreReversible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }
		attributesHold(t, drawn(pick, ssaMembers), pick(2) == 0)
	})
}

// attributesHold: mapping a statement and mapping back gives the declared claims
// that the statement has, with their values, and the environment.
func attributesHold(t require.TestingT, payload []byte, production bool) {
	s, err := ParseSSA(payload)
	if err != nil {
		return
	}
	env := Sandbox
	if production {
		env = Production
	}
	declarations := append(DefaultAttributes(), AttributeDeclaration{Name: "uris", Claim: "software_redirect_uris"},
		AttributeDeclaration{Name: "authority", Claim: "organisation_competent_authority_claims"},
		AttributeDeclaration{Name: "version", Claim: "software_version"}, AttributeDeclaration{Name: "own", Claim: "own"})
	m, err := NewAttributeMapper(AttributeConfig{Declarations: declarations})
	require.NoError(t, err)
	app, err := m.Map(s, env)
	require.NoError(t, err, "nothing is required")
	back, gotEnv, err := m.Claims(app.Attributes)
	require.NoError(t, err)
	require.Len(t, back, len(app.Attributes))
	if len(back) > 0 {
		require.Equal(t, env, gotEnv)
	}
	sent, err := jsonscan.Parse(string(payload))
	require.NoError(t, err)
	for _, d := range declarations {
		v, ok := sent.Member(d.Claim)
		got, mapped := back[d.Claim]
		require.Equal(t, ok && v.Kind() != jsonscan.Null, mapped, d.Claim)
		if !mapped {
			continue
		}
		want := Attribute{Name: d.Claim, List: v.Kind() == jsonscan.Array, Values: []string{}}
		for _, e := range v.Elements() {
			want.Values = append(want.Values, valueText(e))
		}
		if !want.List {
			want.Values = []string{valueText(v)}
		}
		require.Equal(t, want, got)
	}
}

func seed(f *testing.F, members []expectation, full string) {
	r := rand.New(rand.NewPCG(1, 2))
	f.Add([]byte(full))
	for range 20 {
		f.Add(drawn(r.IntN, members))
	}
	for _, s := range []string{``, `{}`, `[]`, `{"iss":1}`, `{"iss":"a","\u0069ss":"b"}`, `{"scope":" ","software_roles":"  ","x":null}`} {
		f.Add([]byte(s))
	}
}

func FuzzClaims(f *testing.F) {
	seed(f, requestMembers, fullRequest)
	f.Fuzz(func(t *testing.T, payload []byte) { requestHolds(t, payload) })
}

func FuzzSSA(f *testing.F) {
	seed(f, ssaMembers, fullSSA)
	f.Fuzz(func(t *testing.T, payload []byte) { ssaHolds(t, payload) })
}

func FuzzHeader(f *testing.F) {
	for _, s := range []string{`{"alg":"PS256","kid":"k","typ":"JWT"}`, `{"alg":null,"crit":[]}`, `{}`, `[]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		h, faults, err := DecodeHeader(header)
		if err != nil {
			require.Nil(t, h)
			require.Nil(t, faults)
			return
		}
		v, err := jsonscan.Parse(string(header))
		require.NoError(t, err)
		require.Len(t, h.Members, v.Len())
		for name := range v.Members() {
			require.True(t, h.Has(name))
		}
		alg, ok := v.Member("alg")
		require.Equal(t, ok, h.Algorithm.Present())
		text, clean := alg.Text()
		require.Equal(t, clean, h.Algorithm.Valid())
		if clean {
			require.Equal(t, Some(text), h.Algorithm)
		}
	})
}

func FuzzAttributes(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	f.Add([]byte(fullSSA), true)
	for range 20 {
		f.Add(drawn(r.IntN, ssaMembers), false)
	}
	f.Fuzz(func(t *testing.T, payload []byte, production bool) { attributesHold(t, payload, production) })
}
