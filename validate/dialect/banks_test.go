package dialect_test

import (
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/vectors"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/dialect"
)

// fault is one way to break a member of a bank's file.
type fault struct {
	rule   string
	change func(in *validate.Input)
}

// policyFaults are the faults of the members of policy; a member without one fails the test.
var policyFaults = map[string]fault{
	"audience_kinds": {validate.RuleAudFormat, func(in *validate.Input) {
		if aud := in.Request.Audience.Or(claims.StringOrList{}); strings.Contains(aud.Values[0], "://") {
			audience(in, "0015800001041RHAAY")
		} else {
			audience(in, "https://bank.example")
		}
	}},
	"audiences": {validate.RuleAudIsBank, func(in *validate.Input) { audience(in, "0015800000jfAbcAAE") }},
	"max_lifetime_seconds": {validate.RuleExpLifetime, func(in *validate.Input) {
		in.Request.Expiry = claims.Some(in.Request.IssuedAt.Or(0) + 3600)
	}},
	"auth_methods": {validate.RuleTokenEndpointAuthMethodSupported, func(in *validate.Input) {
		in.Request.TokenEndpointAuthMethod = claims.Some(claims.PrivateKeyJWT)
		in.Request.TokenEndpointAuthSigningAlg = claims.Some(claims.PS256)
		in.Request.TLSClientAuthSubjectDN = claims.Optional[string]{}
	}},
	"signing_algorithms": {validate.RuleHeaderAlg, func(in *validate.Input) { in.Header.Algorithm = claims.Some("ES256") }},
	"member_algorithms": {validate.RuleIDTokenSignedResponseAlgSupported, func(in *validate.Input) {
		in.Request.IDTokenSignedResponseAlg = claims.Some(claims.ES256)
	}},
	"grant_types": {validate.RuleGrantTypesSupported, func(in *validate.Input) {
		in.Request.GrantTypes = claims.Some([]claims.GrantType{claims.AuthorizationCode, claims.RefreshToken})
	}},
	"response_types": {validate.RuleResponseTypesSupported, func(in *validate.Input) {
		in.Request.ResponseTypes = claims.Some([]claims.ResponseType{claims.CodeIDToken})
	}},
	"ssa_max_age_seconds": {validate.RuleSSAAge, func(in *validate.Input) { in.SSA.IssuedAt = claims.Some(in.Now.Unix() - 3600) }},
	// It is about the name of the application, which no request has.
	"UseSoftwareIdAsApplicationName": {},
}

// fileFaults are those of the other members about a request.
var fileFaults = map[string]fault{
	"scope_as_array": {validate.RuleScopeArray, func(in *validate.Input) {
		in.Request.Scope = claims.Some(claims.Scope{Words: []string{"openid", "accounts"}})
	}},
}

func audience(in *validate.Input, aud string) {
	in.Request.Audience = claims.Some(claims.StringOrList{Values: []string{aud}})
}

var allVectors = sync.OnceValues(vectors.Load)

// request makes a valid request in the dialect of a bank.
func request(t *testing.T, d *dialect.Dialect) *validate.Input {
	all, err := allVectors()
	require.NoError(t, err)
	at := slices.IndexFunc(all, func(v vectors.Vector) bool { return v.Name == "scope.string/string" })
	in, err := all[at].Input()
	require.NoError(t, err)
	p, r := &d.Policy, in.Request
	switch {
	case len(p.Audiences) > 0:
		audience(in, p.Audiences[0])
	case !slices.Contains(p.AudienceKinds, validate.AudienceID):
		audience(in, "https://bank.example")
	}
	r.Expiry = claims.Some(r.IssuedAt.Or(0) + int64(min(p.MaxLifetime, 30*time.Minute)/time.Second))
	in.SSA.IssuedAt = claims.Some(in.Now.Unix() - 60)
	if !slices.Contains(p.AuthMethods, claims.PrivateKeyJWT) {
		r.TokenEndpointAuthMethod, r.TokenEndpointAuthSigningAlg = claims.Some(claims.TLSClientAuth), claims.Optional[claims.Algorithm]{}
		r.TLSClientAuthSubjectDN = claims.Some("CN=9b5usDpbNtmxDcTzs7GzKp,OU=0015800001041RHAAY,O=OpenBanking,C=GB")
	}
	r.IDTokenSignedResponseAlg, r.RequestObjectSigningAlg = claims.Some(claims.PS256), claims.Some(claims.PS256)
	r.GrantTypes = claims.Some([]claims.GrantType{claims.ClientCredentials, claims.AuthorizationCode})
	r.ResponseTypes = claims.Some(p.ResponseTypes[:1])
	r.Scope = claims.Some(claims.Scope{Words: []string{"openid", "accounts"}, List: d.ScopeAsArray})
	return in
}

// unknown is the policy of a bank of which nothing is known but its profile.
func unknown(t *testing.T, p validate.Profile) validate.Policy {
	d, err := dialect.Parse([]byte(with(t, "profile", `"`+string(p)+`"`)))
	require.NoError(t, err)
	return d.Policy
}

// members returns the names of the members of an object.
func members(t *testing.T, document []byte) map[string]json.RawMessage {
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(document, &all))
	return all
}

// TestARequestToEachBank: a request as the bank's pages say is valid, and one that breaks one
// of the bank's own differences breaks the rule about it, which a bank of which nothing is known
// does not have.
func TestARequestToEachBank(t *testing.T) {
	for _, name := range dialect.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := dialect.Load(name)
			require.NoError(t, err)
			judge := func(p validate.Policy, in *validate.Input) *validate.Report {
				v, err := validate.New(validate.Config{Profile: d.Profile, Policy: p})
				require.NoError(t, err)
				return v.Judge(in)
			}
			good := judge(d.Policy, request(t, d))
			require.True(t, good.Valid(), "%+v", good.Violations)

			document, err := fs.ReadFile(dialect.Files(), name+".json")
			require.NoError(t, err)
			faults := map[string]fault{}
			file := members(t, document)
			for member := range file {
				if f, found := fileFaults[member]; found {
					faults[member] = f
				}
			}
			if policy, found := file["policy"]; found {
				for member := range members(t, policy) {
					f, known := policyFaults[member]
					require.True(t, known, "policy/%s: this test knows no request that breaks it: add one to policyFaults", member)
					faults["policy/"+member] = f
				}
			}
			for member, f := range faults {
				if f.change == nil {
					continue
				}
				in := request(t, d)
				f.change(in)
				assert.Equal(t, validate.OutcomeFailed, judge(d.Policy, in).Outcome(f.rule), "%s: %s", member, f.rule)
				assert.NotEqual(t, validate.OutcomeFailed, judge(unknown(t, d.Profile), in).Outcome(f.rule),
					"%s is no difference: a bank of profile %s of which nothing is known has %s too", member, d.Profile, f.rule)
			}
		})
	}
}

// TestEachFileOfTheFolderIsABank: to add a bank is to add a file. Nothing else names them.
func TestEachFileOfTheFolderIsABank(t *testing.T) {
	entries, err := fs.ReadDir(dialect.Files(), ".")
	require.NoError(t, err)
	names := dialect.Names()
	require.Len(t, entries, len(names), "a file of the folder is no .json")
	require.GreaterOrEqual(t, len(names), 10)
	for _, name := range names {
		d, err := dialect.Load(strings.ToUpper(name))
		require.NoError(t, err, name)
		assert.Equal(t, name, d.Name, "the name is that of the file")
		assert.LessOrEqual(t, len(d.Name), 18, "it fits a terminal in the list of all")
		assert.LessOrEqual(t, len(d.Title), 36, "it fits a terminal in the list of all")
		for _, q := range d.Quirks {
			assert.True(t, q.Source != "", "each quirk of a Dialect has its source")
		}
	}
	_, err = dialect.Load("no-such-bank")
	require.ErrorIs(t, err, dialect.ErrUnknown)
	_, err = dialect.Load("../data/hsbc")
	require.ErrorIs(t, err, dialect.ErrUnknown)
}
