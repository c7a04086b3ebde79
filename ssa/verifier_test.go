package ssa_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func TestVerifyAcceptsTheDirectorysStatements(t *testing.T) {
	for _, alg := range []claims.Algorithm{claims.PS256, claims.ES256} {
		for _, env := range []claims.Environment{claims.Sandbox, claims.Production} {
			t.Run(string(alg)+" "+string(env), func(t *testing.T) {
				d := newDirectory(t, ssatest.Options{Algorithm: alg, Environment: env})
				s := newSoftware(t, d)
				token := mint(t, s, nil)
				v, err := verify(newVerifier(t, d.Anchor()), token)
				require.NoError(t, err)
				require.Equal(t, env, v.Environment())
				require.Equal(t, token, v.Token())
				require.Equal(t, "OpenBanking Ltd ("+string(env)+")", v.Anchor())
				require.Equal(t, s.SoftwareID, v.Claims().SoftwareID.Or(""))
				require.Equal(t, s.OrgID, v.Claims().OrgID.Or(""))
				require.Equal(t, d.KeyID(), v.Header().KeyID.Or(""))
				address, err := v.SoftwareJWKS()
				require.NoError(t, err)
				require.Equal(t, s.JWKSURL(), address)
			})
		}
	}
}

func TestMalformedStatementsAreRefused(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	good := mint(t, s, nil)
	parts := strings.Split(good, ".")
	payload := func(text string) string {
		token, err := d.SignWith(text, ssatest.Forgery{})
		require.NoError(t, err)
		return token
	}
	for name, c := range map[string]struct{ token, rule string }{
		"nothing":                          {"", "ssa.jws"},
		"two parts, as alg none has them":  {parts[0] + "." + parts[1], "ssa.jws"},
		"four parts":                       {good + ".e30", "ssa.jws"},
		"newline inside":                   {good[:100] + "\n" + good[100:], "ssa.jws"},
		"carriage return and line feed":    {good + "\r\n", "ssa.jws"},
		"blank in front":                   {" " + good, "ssa.jws"},
		"padding":                          {parts[0] + "." + parts[1] + "=." + parts[2], "ssa.jws"},
		"JSON serialisation":               {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, "ssa.jws"},
		"header twice alg":                 {forge(t, s, ssatest.Forgery{Header: []byte(`{"alg":"none","alg":"PS256","kid":"k"}`)}), "ssa.jws"},
		"header that is an array":          {forge(t, s, ssatest.Forgery{Header: []byte(`["PS256"]`)}), "ssa.jws"},
		"crit":                             {forge(t, s, ssatest.Forgery{Members: map[string]any{"crit": []string{"exp"}, "exp": 1}}), "ssa.jws"},
		"b64 false":                        {forge(t, s, ssatest.Forgery{Members: map[string]any{"b64": false}}), "ssa.jws"},
		"key in the header":                {forge(t, s, ssatest.Forgery{Members: map[string]any{"jwk": map[string]string{"kty": "oct"}}}), "ssa.jws"},
		"key address in the header":        {forge(t, s, ssatest.Forgery{Members: map[string]any{"jku": "https://evil.example/k"}}), "ssa.jws"},
		"certificate in the header":        {forge(t, s, ssatest.Forgery{Members: map[string]any{"x5c": []string{"AA=="}}}), "ssa.jws"},
		"digest that is no string":         {forge(t, s, ssatest.Forgery{Members: map[string]any{"x5t": 1}}), "ssa.jws"},
		"typ of another kind":              {forge(t, s, ssatest.Forgery{Members: map[string]any{"typ": "at+jwt"}}), "ssa.jws"},
		"kid that is a number":             {forge(t, s, ssatest.Forgery{Members: map[string]any{"kid": 7}}), "ssa.jws"},
		"payload that is an array":         {payload(`[]`), "ssa.jws"},
		"payload with a claim twice":       {payload(`{"iss":"evil","iss":"OpenBanking Ltd"}`), "ssa.jws"},
		"payload with an escaped twin":     {payload(`{"iss":"OpenBanking Ltd","\u0069ss":"evil"}`), "ssa.jws"},
		"payload with something behind it": {payload(`{"iss":"OpenBanking Ltd"}{}`), "ssa.jws"},
		"payload that is not UTF-8":        {payload("{\"iss\":\"\xff\"}"), "ssa.jws"},
		"payload with a byte order mark":   {payload("\ufeff{}"), "ssa.jws"},
		"neither iat nor exp":              {mint(t, s, map[string]any{"iat": nil}), "ssa.iat.required"},
		"iat that no clock shows":          {mint(t, s, map[string]any{"iat": json.RawMessage("1e19")}), "ssa.member.type"},
		"iat as a string":                  {mint(t, s, map[string]any{"iat": "1773480413"}), "ssa.member.type"},
		"iat null":                         {mint(t, s, map[string]any{"iat": json.RawMessage("null")}), "ssa.member.type"},
		"org_id null":                      {mint(t, s, map[string]any{"org_id": json.RawMessage("null")}), "ssa.member.type"},
		"software_id that is a number":     {mint(t, s, map[string]any{"software_id": 4}), "ssa.member.type"},
		"redirect URIs as one string":      {mint(t, s, map[string]any{"software_redirect_uris": "https://tpp.example/callback"}), "ssa.member.type"},
		"one redirect URI that is none":    {mint(t, s, map[string]any{"software_redirect_uris": []any{"https://tpp.example/callback", 1}}), "ssa.member.type"},
	} {
		t.Run(name, func(t *testing.T) {
			verified, err := verify(newVerifier(t, d.Anchor()), c.token)
			requireRefused(t, verified, err, ssa.ErrMalformed, c.rule)
		})
	}
}

func TestUnknownIssuersAreRefused(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	v := newVerifier(t, d.Anchor())
	for name, iss := range map[string]any{
		"another":                 "Open Banking Ltd",
		"in another case":         "openbanking ltd",
		"with a blank behind it":  "OpenBanking Ltd ",
		"with the real one in it": "not OpenBanking Ltd",
		"none":                    nil,
		"empty":                   "",
		"null":                    json.RawMessage("null"),
		"a list":                  []string{"OpenBanking Ltd"},
	} {
		t.Run(name, func(t *testing.T) {
			verified, err := verify(v, mint(t, s, map[string]any{"iss": iss}))
			requireRefused(t, verified, err, ssa.ErrUnknownIssuer, "ssa.issuer.trusted")
		})
	}
}

// An issuer is looked up in the claim iss, by its name, at the top level.
func TestClaimsAreFoundByTheirWholeName(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	verified, err := verify(newVerifier(t, d.Anchor()), mint(t, s, map[string]any{
		"iss": nil, "software_iss": "OpenBanking Ltd", "x": map[string]any{"iss": "OpenBanking Ltd"},
		"note": `"iss":"OpenBanking Ltd"`,
	}))
	requireRefused(t, verified, err, ssa.ErrUnknownIssuer, "ssa.issuer.trusted")

	verified, err = verify(newVerifier(t, d.Anchor()), mint(t, s, map[string]any{
		"software_id": nil, "x_software_id": "forged", "x": map[string]any{"software_id": "forged"},
	}))
	require.NoError(t, err)
	require.False(t, verified.Claims().SoftwareID.Present())
}

func TestAlgorithmsAreTheAnchorsNotTheTokens(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	secret := d.JWKS() // the key set as an HMAC secret, the classic confusion
	for name, token := range map[string]string{
		"none":                        forge(t, s, ssatest.Forgery{Algorithm: "none", Unsigned: true}),
		"none in capitals":            forge(t, s, ssatest.Forgery{Algorithm: "NONE", Unsigned: true}),
		"none over a good signature":  forge(t, s, ssatest.Forgery{Algorithm: "none"}),
		"HS256":                       forge(t, s, ssatest.Forgery{Algorithm: "HS256", Secret: secret}),
		"HS256 over a good signature": forge(t, s, ssatest.Forgery{Algorithm: "HS256"}),
		"RS256":                       forge(t, s, ssatest.Forgery{Algorithm: "RS256"}),
		"PS512":                       forge(t, s, ssatest.Forgery{Algorithm: "PS512"}),
		"ES256 that is not allowed":   forge(t, s, ssatest.Forgery{Algorithm: "ES256"}),
		"absent":                      forge(t, s, ssatest.Forgery{Members: map[string]any{"alg": nil}}),
		"a list":                      forge(t, s, ssatest.Forgery{Members: map[string]any{"alg": []string{"PS256"}}}),
	} {
		t.Run(name, func(t *testing.T) {
			asked := false
			a := d.Anchor()
			a.Keys = resolverFunc(func(ssa.KeyRef) ([]ssa.Key, error) {
				asked = true
				return staticKeys(t, d), nil
			})
			verified, err := verify(newVerifier(t, a), token)
			requireRefused(t, verified, err, ssa.ErrAlgorithm, "ssa.header.alg")
			require.False(t, asked, "a key was fetched for a token that must be refused anyway")
		})
	}
	a := d.Anchor()
	a.Algorithms = append(a.Algorithms, claims.RS256)
	_, err := verify(newVerifier(t, a), forge(t, s, ssatest.Forgery{Algorithm: "RS256"}))
	require.NoError(t, err, "an anchor may name RS256")
}

func TestKeysThatAreNotFound(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	v := newVerifier(t, d.Anchor())
	kid := d.KeyID()
	for name, other := range map[string]string{
		"another":         "not-a-key",
		"the software's":  s.SigningKeyID,
		"without padding": strings.TrimRight(kid, "="),
		"in base64url":    strings.NewReplacer("+", "-", "/", "_", "=", "%3D").Replace(kid),
		"with a blank":    kid + " ",
		"in capitals":     strings.ToUpper(kid),
	} {
		t.Run(name, func(t *testing.T) {
			verified, err := verify(v, forge(t, s, ssatest.Forgery{KeyID: other}))
			requireRefused(t, verified, err, ssa.ErrKeyNotFound, "ssa.key.found")
		})
	}
	a := d.Anchor()
	a.Keys = resolverFunc(func(ssa.KeyRef) ([]ssa.Key, error) { return nil, nil })
	verified, err := verify(newVerifier(t, a), mint(t, s, nil))
	requireRefused(t, verified, err, ssa.ErrKeyNotFound, "ssa.key.found")
}

func TestBadSignaturesAreRefused(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	v := newVerifier(t, d.Anchor())
	good, other := strings.Split(mint(t, s, nil), "."), strings.Split(mint(t, s, nil), ".")
	for name, token := range map[string]string{
		"an unrelated key under the right kid":  forge(t, s, ssatest.Forgery{Key: d.ForgedKey()}),
		"the TPP's own key under the right kid": forge(t, s, ssatest.Forgery{Key: s.SigningKey}),
		"no signature":                          good[0] + "." + good[1] + ".",
		"the signature of another statement":    good[0] + "." + good[1] + "." + other[2],
		"the header and signature of another":   other[0] + "." + good[1] + "." + other[2],
		"PKCS #1 v1.5 under PS256":              forge(t, s, ssatest.Forgery{Members: map[string]any{"alg": "PS256"}, Algorithm: "RS256"}),
		"a salt of 20":                          forge(t, s, ssatest.Forgery{SaltLength: 20}),
		"a MAC with the key set under PS256":    forge(t, s, ssatest.Forgery{Secret: d.JWKS()}),
	} {
		t.Run(name, func(t *testing.T) {
			verified, err := verify(v, token)
			requireRefused(t, verified, err, ssa.ErrBadSignature, "ssa.signature")
		})
	}
}

func TestKeysThatMustNotVerifyStatements(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	public := staticKeys(t, d)[0].Public
	for name, key := range map[string]ssa.Key{
		"of another algorithm": {ID: d.KeyID(), Algorithm: claims.RS256, Public: public},
		"for transport":        {ID: d.KeyID(), Use: "tls", Public: public},
		"for encryption":       {ID: d.KeyID(), Use: "enc", Public: public},
		"of another type":      {ID: d.KeyID(), Public: ecKey(t)},
		"that is none":         {ID: d.KeyID()},
		"that is a secret":     {ID: d.KeyID(), Public: []byte("secret")},
	} {
		t.Run(name, func(t *testing.T) {
			a := d.Anchor()
			a.Keys = ssa.StaticKeys(key)
			verified, err := verify(newVerifier(t, a), mint(t, s, nil))
			requireRefused(t, verified, err, ssa.ErrBadSignature, "ssa.signature")
		})
	}
	t.Run("beside one that may under the same kid", func(t *testing.T) {
		a := d.Anchor()
		a.Keys = ssa.StaticKeys(ssa.Key{ID: d.KeyID(), Use: "tls", Public: public}, ssa.Key{ID: d.KeyID(), Public: ecKey(t)},
			ssa.Key{ID: d.KeyID(), Algorithm: claims.RS256, Public: public}, ssa.Key{ID: d.KeyID(), Use: "sig", Public: public})
		_, err := verify(newVerifier(t, a), mint(t, s, nil))
		require.NoError(t, err)
	})
}

func TestTimes(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	v := newVerifier(t, d.Anchor()) // 24 hours, and a minute for skew
	at := func(delta time.Duration) int64 { return now.Add(delta).Unix() }
	const day, minute, second = 24 * time.Hour, time.Minute, time.Second
	for name, c := range map[string]struct {
		changes map[string]any
		kind    error // nil: accepted
		rule    string
	}{
		"as old as may be":           {map[string]any{"iat": at(-day - minute)}, nil, ""},
		"a second older":             {map[string]any{"iat": at(-day - minute - second)}, ssa.ErrTooOld, "ssa.age"},
		"of 1970":                    {map[string]any{"iat": 0}, ssa.ErrTooOld, "ssa.age"},
		"before all times":           {map[string]any{"iat": json.RawMessage("-9223372036854775808")}, ssa.ErrTooOld, "ssa.age"},
		"issued a minute ahead":      {map[string]any{"iat": at(minute)}, nil, ""},
		"issued in the future":       {map[string]any{"iat": at(minute + second)}, ssa.ErrNotYetValid, "ssa.iat.future"},
		"iat in milliseconds":        {map[string]any{"iat": now.UnixMilli()}, ssa.ErrNotYetValid, "ssa.iat.future"},
		"after all times":            {map[string]any{"iat": json.RawMessage("9223372036854775807")}, ssa.ErrNotYetValid, "ssa.iat.future"},
		"exp now, within the skew":   {map[string]any{"exp": at(0)}, nil, ""},
		"exp a minute ago":           {map[string]any{"exp": at(-minute)}, ssa.ErrTooOld, "ssa.exp.past"},
		"exp says more than iat":     {map[string]any{"exp": at(minute), "iat": at(-30 * day)}, nil, ""},
		"exp without iat":            {map[string]any{"exp": at(minute), "iat": nil}, ssa.ErrMalformed, "ssa.iat.required"},
		"exp, as old as may be":      {map[string]any{"exp": at(minute), "iat": at(-30*day - minute)}, nil, ""},
		"exp, a second older":        {map[string]any{"exp": at(minute), "iat": at(-30*day - minute - second)}, ssa.ErrTooOld, "ssa.age"},
		"five years old, exp far":    {map[string]any{"exp": at(20 * 365 * day), "iat": at(-5 * 365 * day)}, ssa.ErrTooOld, "ssa.age"},
		"exp, before all times":      {map[string]any{"exp": at(day), "iat": json.RawMessage("-9223372036854775808")}, ssa.ErrTooOld, "ssa.age"},
		"exp past, and too old":      {map[string]any{"exp": at(-day), "iat": at(-31 * day)}, ssa.ErrTooOld, "ssa.exp.past"},
		"exp past, iat fresh":        {map[string]any{"exp": at(-day)}, ssa.ErrTooOld, "ssa.exp.past"},
		"exp before all times":       {map[string]any{"exp": json.RawMessage("-9223372036854775808")}, ssa.ErrTooOld, "ssa.exp.past"},
		"exp ahead, iat in future":   {map[string]any{"exp": at(day), "iat": at(day)}, ssa.ErrNotYetValid, "ssa.iat.future"},
		"a fraction does not count":  {map[string]any{"iat": json.RawMessage(strconv.FormatInt(at(-day-minute), 10) + ".9")}, nil, ""},
		"exp is rounded down":        {map[string]any{"exp": json.RawMessage(strconv.FormatInt(at(-minute), 10) + ".9")}, ssa.ErrTooOld, "ssa.exp.past"},
		"exp null is none":           {map[string]any{"exp": json.RawMessage("null"), "iat": at(-30 * day)}, ssa.ErrTooOld, "ssa.age"},
		"all null that may be":       {map[string]any{"exp": json.RawMessage("null"), "nbf": json.RawMessage("null"), "software_mode": json.RawMessage("null")}, nil, ""},
		"nbf a minute ahead":         {map[string]any{"nbf": at(minute)}, nil, ""},
		"nbf in the future":          {map[string]any{"nbf": at(minute + second)}, ssa.ErrNotYetValid, "ssa.nbf"},
		"nbf in the future with exp": {map[string]any{"nbf": at(day), "exp": at(2 * day)}, ssa.ErrNotYetValid, "ssa.nbf"},
	} {
		t.Run(name, func(t *testing.T) {
			verified, err := verify(v, mint(t, s, c.changes))
			if c.kind == nil {
				require.NoError(t, err)
				return
			}
			requireRefused(t, verified, err, c.kind, c.rule)
		})
	}
}

// TestAnAnchorBoundsStatementsWithExpApart: neither greatest age counts for the other kind
// of statement.
func TestAnAnchorBoundsStatementsWithExpApart(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	at := func(delta time.Duration) int64 { return now.Add(delta).Unix() }
	for name, most := range map[string][2]time.Duration{"longer with exp": {time.Hour, 3 * time.Hour}, "shorter with exp": {3 * time.Hour, time.Hour}} {
		a := d.Anchor()
		a.MaxAge, a.MaxAgeWithExp = most[0], most[1]
		v := newVerifier(t, a)
		for i, changes := range []map[string]any{{}, {"exp": at(time.Hour)}} {
			changes["iat"] = at(-2 * time.Hour)
			verified, err := verify(v, mint(t, s, changes))
			if most[i] < 2*time.Hour {
				requireRefused(t, verified, err, ssa.ErrTooOld, "ssa.age")
				continue
			}
			require.NoError(t, err, name)
		}
	}
}

func TestEnvironmentComesFromTheAnchor(t *testing.T) {
	d := newDirectory(t, ssatest.Options{Environment: claims.Production})
	s := newSoftware(t, d)
	v := newVerifier(t, d.Anchor())
	for _, said := range []any{"production", "Production", "prdtst", "", nil} {
		verified, err := verify(v, mint(t, s, map[string]any{"software_environment": said}))
		require.NoError(t, err, said)
		require.Equal(t, claims.Production, verified.Environment())
	}
	for _, said := range []string{"sandbox", "Sandbox", "SANDBOX"} {
		verified, err := verify(v, mint(t, s, map[string]any{"software_environment": said}))
		requireRefused(t, verified, err, ssa.ErrNotApproved, "ssa.environment")
	}
}

func TestAKeySourceThatFailsIsNotTheSendersFault(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	for name, cause := range map[string]error{
		"says so":           ssa.ErrKeySourceUnavailable,
		"is cancelled":      context.Canceled,
		"times out":         context.DeadlineExceeded,
		"says what it will": errors.New("connection refused by 10.0.0.1"),
	} {
		t.Run(name, func(t *testing.T) {
			a := d.Anchor()
			a.JWKSURL = "https://directory.example/keys.jwks"
			a.Keys = resolverFunc(func(ref ssa.KeyRef) ([]ssa.Key, error) {
				require.Equal(t, ssa.KeyRef{URL: a.JWKSURL, KeyID: d.KeyID()}, ref)
				return nil, cause
			})
			verified, err := verify(newVerifier(t, a), mint(t, s, nil))
			requireRefused(t, verified, err, ssa.ErrKeySourceUnavailable, "ssa.key.found")
			require.ErrorIs(t, err, cause)
			require.NotContains(t, err.Error(), "10.0.0.1")
		})
	}
}

// Nothing in a statement leads anywhere before its signature is verified.
func TestOnlyTheAnchorsKeysAreAskedFor(t *testing.T) {
	d := newDirectory(t, ssatest.Options{})
	s := newSoftware(t, d)
	var asked []ssa.KeyRef
	a := d.Anchor()
	a.Keys = resolverFunc(func(ref ssa.KeyRef) ([]ssa.Key, error) {
		asked = append(asked, ref)
		return staticKeys(t, d), nil
	})
	token, err := s.SSAWith(map[string]any{"software_jwks_endpoint": "https://evil.example/k", "org_jwks_endpoint": "https://evil.example/o"},
		ssatest.Forgery{Key: d.ForgedKey()})
	require.NoError(t, err)
	verified, err := verify(newVerifier(t, a), token)
	requireRefused(t, verified, err, ssa.ErrBadSignature, "ssa.signature")
	require.Equal(t, []ssa.KeyRef{{KeyID: d.KeyID()}}, asked)
}
