package assertion_test

import (
	"crypto"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/assertion"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

const (
	clientID = "client"
	endpoint = "https://bank.example/token"
	issuer   = "https://bank.example"
	at       = int64(1_790_000_000)
	skew     = 60
	hour     = 3600
)

var fapi = []claims.Algorithm{claims.PS256, claims.ES256}

// world is a directory with software of either algorithm.
type world struct{ rsa, elliptic, other *ssatest.EnrolledSoftware }

func newWorld(t *testing.T) *world {
	t.Helper()
	d, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	w := &world{}
	for to, algorithm := range map[**ssatest.EnrolledSoftware]claims.Algorithm{&w.rsa: claims.PS256, &w.elliptic: claims.ES256, &w.other: claims.PS256} {
		*to, err = d.NewSoftware(ssatest.SoftwareOptions{Algorithm: algorithm})
		require.NoError(t, err)
	}
	return w
}

// payload returns the payload of a good assertion, with changes; nil removes a member.
func payload(changes map[string]any) map[string]any {
	all := map[string]any{"iss": clientID, "sub": clientID, "aud": endpoint, "iat": at, "exp": at + 600, "jti": "one"}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

func (w *world) signed(t *testing.T, body any, f ssatest.Forgery) string {
	t.Helper()
	token, err := w.rsa.SignWith(body, f)
	require.NoError(t, err)
	return token
}

func (w *world) parsed(t *testing.T, body any, f ssatest.Forgery) *assertion.Assertion {
	t.Helper()
	a, err := assertion.Parse(w.signed(t, body, f))
	require.NoError(t, err)
	return a
}

// requireRefused requires a Refused whose text is fit for the wire.
func requireRefused(t *testing.T, err error, name string) {
	t.Helper()
	var refused assertion.Refused
	require.ErrorAs(t, err, &refused, name)
	require.Regexp(t, `^[ -~]{1,500}$`, refused.Error(), name)
}

func TestAnAssertionSaysWhoSendsItAndHow(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		sub      any
		forgery  ssatest.Forgery
		clientID string
		method   claims.AuthMethod
	}{
		"signed by a key":       {clientID, ssatest.Forgery{}, clientID, claims.PrivateKeyJWT},
		"signed by a secret":    {clientID, ssatest.Forgery{Algorithm: "HS256", Secret: []byte("s")}, clientID, claims.ClientSecretJWT},
		"by a stronger hash":    {clientID, ssatest.Forgery{Algorithm: "HS512", Secret: []byte("s")}, clientID, claims.ClientSecretJWT},
		"signed by nobody":      {clientID, ssatest.Forgery{Algorithm: "none", Unsigned: true}, clientID, claims.PrivateKeyJWT},
		"without sub":           {nil, ssatest.Forgery{}, "", claims.PrivateKeyJWT},
		"with sub as a number":  {7, ssatest.Forgery{}, "", claims.PrivateKeyJWT},
		"with sub as a list":    {[]string{clientID}, ssatest.Forgery{}, "", claims.PrivateKeyJWT},
		"with half a character": {json.RawMessage(`"\ud800"`), ssatest.Forgery{}, "", claims.PrivateKeyJWT},
	} {
		a := w.parsed(t, payload(map[string]any{"sub": c.sub}), c.forgery)
		require.Equal(t, c.clientID, a.ClientID(), name)
		require.Equal(t, c.method, a.Method(), name)
	}
	kid, named := w.parsed(t, payload(nil), ssatest.Forgery{}).KeyID()
	require.True(t, named)
	require.Equal(t, w.rsa.SigningKeyID, kid)
	_, named = w.parsed(t, payload(nil), ssatest.Forgery{Members: map[string]any{"kid": nil}}).KeyID()
	require.False(t, named)
}

func TestWhatIsNoAssertionIsNotParsed(t *testing.T) {
	w := newWorld(t)
	good := w.signed(t, payload(nil), ssatest.Forgery{})
	_, err := assertion.Parse(good)
	require.NoError(t, err, "what follows differs in one thing from this")
	for name, token := range map[string]string{
		"nothing": "", "no dots": "assertion", "two parts": strings.Join(strings.Split(good, ".")[:2], "."), "four parts": good + ".x",
		"a newline behind": good + "\n", "a blank before": " " + good, "padding": good + "==",
		"the JSON form":  `{"payload": "e30", "signatures": []}`,
		"a list":         w.signed(t, []byte(`[]`), ssatest.Forgery{}),
		"a text":         w.signed(t, []byte(`"client"`), ssatest.Forgery{}),
		"no JSON":        w.signed(t, []byte(`client`), ssatest.Forgery{}),
		"a member twice": w.signed(t, []byte(`{"sub": "a", "sub": "client"}`), ssatest.Forgery{}),
		"two objects":    w.signed(t, []byte(`{}{}`), ssatest.Forgery{}),
		"bad UTF-8":      w.signed(t, []byte("{\"sub\": \"\xff\"}"), ssatest.Forgery{}),
		"a header twice": w.signed(t, payload(nil), ssatest.Forgery{Header: []byte(`{"alg": "PS256", "alg": "none"}`)}),
	} {
		a, err := assertion.Parse(token)
		requireRefused(t, err, name)
		require.Nil(t, a, name)
	}
}

func TestAMACIsMadeWithTheClientsSecret(t *testing.T) {
	w := newWorld(t)
	const secret = "0123456789abcdef0123456789abcdef"
	mac := func(f ssatest.Forgery) *assertion.Assertion {
		if f.Secret == nil {
			f.Secret = []byte(secret)
		}
		if f.Algorithm == "" {
			f.Algorithm = "HS256"
		}
		return w.parsed(t, payload(nil), f)
	}
	for name, a := range map[string]*assertion.Assertion{
		"a good one": mac(ssatest.Forgery{}), "without kid": mac(ssatest.Forgery{Members: map[string]any{"kid": nil}}),
		"without typ": mac(ssatest.Forgery{Members: map[string]any{"typ": nil}}),
	} {
		require.NoError(t, a.CheckMAC(claims.NewSecret(secret)), name)
	}
	for name, a := range map[string]*assertion.Assertion{
		"another secret":        mac(ssatest.Forgery{Secret: []byte(secret[1:])}),
		"a longer secret":       mac(ssatest.Forgery{Secret: []byte(secret + "0")}),
		"another algorithm":     mac(ssatest.Forgery{Algorithm: "HS384"}),
		"alg in lower case":     mac(ssatest.Forgery{Algorithm: "hs256"}),
		"alg of a signature":    mac(ssatest.Forgery{Algorithm: "PS256"}),
		"no alg":                mac(ssatest.Forgery{Header: []byte(`{"kid": "x"}`)}),
		"a signature by a key":  w.parsed(t, payload(nil), ssatest.Forgery{}),
		"no signature":          w.parsed(t, payload(nil), ssatest.Forgery{Algorithm: "HS256", Unsigned: true}),
		"crit":                  mac(ssatest.Forgery{Members: map[string]any{"crit": []string{"x"}}}),
		"b64":                   mac(ssatest.Forgery{Members: map[string]any{"b64": false}}),
		"a key":                 mac(ssatest.Forgery{Members: map[string]any{"jwk": map[string]any{}}}),
		"a name that is longer": mac(ssatest.Forgery{Members: map[string]any{"kids": "x"}}),
	} {
		requireRefused(t, a.CheckMAC(claims.NewSecret(secret)), name)
	}
	// A sender that signs with an empty secret is not a client that has none.
	bare := mac(ssatest.Forgery{Secret: []byte{}})
	requireRefused(t, bare.CheckMAC(claims.Secret{}), "no secret at all")

	parts := strings.Split(w.signed(t, payload(nil), ssatest.Forgery{Algorithm: "HS256", Secret: []byte(secret)}), ".")
	elsewhere := strings.Split(w.signed(t, payload(map[string]any{"sub": "victim", "iss": "victim"}), ssatest.Forgery{Algorithm: "HS256", Secret: []byte("x")}), ".")
	swapped, err := assertion.Parse(parts[0] + "." + elsewhere[1] + "." + parts[2])
	require.NoError(t, err)
	requireRefused(t, swapped.CheckMAC(claims.NewSecret(secret)), "another payload")
}

func TestTheHeaderIsOfAnAlgorithmThatTheClientRegistered(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		forgery    ssatest.Forgery
		allowed    []claims.Algorithm
		registered claims.Algorithm
		good       bool
	}{
		"the registered one":        {ssatest.Forgery{}, fapi, claims.PS256, true},
		"an allowed one":            {ssatest.Forgery{}, fapi, "", true},
		"the other of the allowed":  {ssatest.Forgery{Key: w.elliptic.SigningKey, Algorithm: "ES256"}, fapi, claims.ES256, true},
		"without kid":               {ssatest.Forgery{Members: map[string]any{"kid": nil}}, fapi, "", true},
		"a typ in lower case":       {ssatest.Forgery{Members: map[string]any{"typ": "jwt"}}, fapi, "", true},
		"a typ with its prefix":     {ssatest.Forgery{Members: map[string]any{"typ": "application/jwt"}}, fapi, "", true},
		"a digest of a certificate": {ssatest.Forgery{Members: map[string]any{"x5t": "NT1mRdvCV0u1WgoxA7YQR0PyTL4"}}, fapi, "", true},
		"another than registered":   {ssatest.Forgery{}, fapi, claims.ES256, false},
		"registered, not allowed":   {ssatest.Forgery{}, fapi[1:], claims.PS256, false},
		"nothing allowed":           {ssatest.Forgery{}, nil, "", false},
		"RS256":                     {ssatest.Forgery{Algorithm: "RS256"}, fapi, "", false},
		"RS256 that was registered": {ssatest.Forgery{Algorithm: "RS256"}, fapi, claims.RS256, false},
		"none":                      {ssatest.Forgery{Algorithm: "none", Unsigned: true}, fapi, "", false},
		"a MAC":                     {ssatest.Forgery{Algorithm: "HS256", Secret: []byte("s")}, fapi, "", false},
		"no alg":                    {ssatest.Forgery{Header: []byte(`{"kid": "x"}`)}, fapi, "", false},
		"alg in lower case":         {ssatest.Forgery{Algorithm: "ps256"}, fapi, "", false},
		"crit":                      {ssatest.Forgery{Members: map[string]any{"crit": []string{"x"}}}, fapi, "", false},
		"a key":                     {ssatest.Forgery{Members: map[string]any{"jwk": map[string]any{}}}, fapi, "", false},
		"an address of keys":        {ssatest.Forgery{Members: map[string]any{"jku": "https://a.example/"}}, fapi, "", false},
		"a certificate":             {ssatest.Forgery{Members: map[string]any{"x5c": []string{}}}, fapi, "", false},
		"a typ of something else":   {ssatest.Forgery{Members: map[string]any{"typ": "at+jwt"}}, fapi, "", false},
		"a kid that is no text":     {ssatest.Forgery{Members: map[string]any{"kid": 7}}, fapi, "", false},
		"a kid that is too long":    {ssatest.Forgery{KeyID: strings.Repeat("k", 129)}, fapi, "", false},
	} {
		err := w.parsed(t, payload(nil), c.forgery).CheckHeader(c.allowed, c.registered)
		if c.good {
			require.NoError(t, err, name)
			continue
		}
		requireRefused(t, err, name)
	}
}

func TestOneOfTheSoftwaresSigningKeysHasSigned(t *testing.T) {
	w := newWorld(t)
	own, elliptic, others := w.rsa.Keys().Keys, w.elliptic.Keys().Keys, w.other.Keys().Keys
	bare := ssatest.Forgery{Members: map[string]any{"kid": nil}}
	byTransport := bare
	var ok bool
	byTransport.Key, ok = w.rsa.TransportCertificate.PrivateKey.(crypto.Signer)
	require.True(t, ok)
	byECDSA := ssatest.Forgery{Key: w.elliptic.SigningKey, Algorithm: "ES256", Members: bare.Members}
	for name, c := range map[string]struct {
		forgery ssatest.Forgery
		keys    []ssa.Key
		good    bool
	}{
		"the one": {bare, own, true}, "one of several": {bare, append(append([]ssa.Key{}, others...), own...), true},
		"by its kid": {ssatest.Forgery{}, own, true}, "on a curve": {byECDSA, elliptic, true},
		"no key at all": {bare, nil, false}, "another software's": {bare, others, false}, "one of another kind": {bare, elliptic, false},
		"a key for TLS": {byTransport, own, false}, "under any kid, by which the caller chose": {ssatest.Forgery{KeyID: "x"}, own, true},
		"by another algorithm":      {ssatest.Forgery{Algorithm: "RS256", Members: bare.Members}, own, false},
		"under another name":        {ssatest.Forgery{Key: w.rsa.SigningKey, Algorithm: "ES256", Members: bare.Members}, own, false},
		"with a salt of its own":    {ssatest.Forgery{SaltLength: 20, Members: bare.Members}, own, false},
		"no signature":              {ssatest.Forgery{Unsigned: true, Members: bare.Members}, own, false},
		"a MAC with the public key": {ssatest.Forgery{Algorithm: "HS256", Secret: w.rsa.JWKS(), Members: bare.Members}, own, false},
	} {
		require.Equal(t, c.good, w.parsed(t, payload(nil), c.forgery).SignedBy(c.keys, fapi), name)
	}
	a := w.parsed(t, payload(nil), ssatest.Forgery{})
	require.False(t, a.SignedBy(own, fapi[1:]), "an algorithm that is not allowed")
	require.False(t, a.SignedBy(own, nil), "nothing is allowed")
}

func TestTheClaimsAreForThisBankAndForNow(t *testing.T) {
	w := newWorld(t)
	expected := assertion.Expected{ClientID: clientID, Audiences: []string{endpoint, issuer}, Now: time.Unix(at, 0),
		Skew: skew * time.Second, MaxLifetime: hour * time.Second}
	for name, changes := range map[string]map[string]any{
		"a good one": nil, "for the issuer": {"aud": issuer}, "for one of several": {"aud": []any{7, "https://other.example", endpoint}},
		"without iat": {"iat": nil}, "with nbf": {"nbf": at},
		"iat at the end of the skew": {"iat": at + skew}, "nbf at the end of the skew": {"nbf": at + skew},
		"exp at the end of the skew": {"exp": at - skew + 1}, "exp as far ahead as may be": {"exp": at + skew + hour},
		"a jti of 256 bytes": {"jti": strings.Repeat("j", 256)},
	} {
		all := payload(changes)
		jti, until, err := w.parsed(t, all, ssatest.Forgery{}).CheckClaims(expected)
		require.NoError(t, err, name)
		require.Equal(t, all["jti"], jti, name)
		require.Equal(t, all["exp"].(int64)+skew, until.Unix(), name)
	}
	for name, changes := range map[string]map[string]any{
		"of another issuer": {"iss": "other"}, "without iss": {"iss": nil}, "iss as a list": {"iss": []string{clientID}},
		"of another client": {"sub": "other"}, "without sub": {"sub": nil}, "of another client altogether": {"iss": "other", "sub": "other"},
		"of nobody": {"iss": nil, "sub": nil}, "in upper case": {"iss": "CLIENT", "sub": "CLIENT"},
		"for nobody": {"aud": nil}, "for somebody else": {"aud": "https://other.example"}, "for others": {"aud": []string{"https://other.example"}},
		"for an empty list": {"aud": []string{}}, "for a number": {"aud": 7}, "for a list in a list": {"aud": [][]string{{endpoint}}},
		"for a longer address": {"aud": endpoint + "/"}, "for null": {"aud": json.RawMessage("null")}, "for an object": {"aud": map[string]any{endpoint: endpoint}},
		"without exp": {"exp": nil}, "exp as text": {"exp": fmt.Sprint(at + 600)}, "exp with a fraction": {"exp": json.RawMessage("1790000600.5")},
		"exp null": {"exp": json.RawMessage("null")}, "exp below zero": {"exp": -1}, "exp beyond all time": {"exp": int64(math.MaxInt64)},
		"exp beyond numbers":             {"exp": json.RawMessage("99999999999999999999")},
		"expired at the end of the skew": {"exp": at - skew}, "expired": {"exp": at - hour}, "too far ahead by a second": {"exp": at + skew + hour + 1},
		"of the future by a second": {"iat": at + skew + 1}, "not valid for a second": {"nbf": at + skew + 1},
		"iat as text": {"iat": fmt.Sprint(at)}, "iat null": {"iat": json.RawMessage("null")}, "nbf as text": {"nbf": "now"},
		"without jti": {"jti": nil}, "an empty jti": {"jti": ""}, "a jti of 257 bytes": {"jti": strings.Repeat("j", 257)}, "a jti that is a number": {"jti": 7},
	} {
		jti, until, err := w.parsed(t, payload(changes), ssatest.Forgery{}).CheckClaims(expected)
		requireRefused(t, err, name)
		require.Empty(t, jti, name)
		require.Zero(t, until, name)
	}
	expected.ClientID = ""
	_, _, err := w.parsed(t, payload(map[string]any{"iss": nil, "sub": nil}), ssatest.Forgery{}).CheckClaims(expected)
	requireRefused(t, err, "nobody is expected")
}

func TestATimeOfAnAssertionIsAWholeNumberInAnySpelling(t *testing.T) {
	w := newWorld(t)
	expected := assertion.Expected{ClientID: clientID, Audiences: []string{endpoint}, Now: time.Unix(at, 0), MaxLifetime: time.Hour}
	for _, spelling := range []string{"1790000600", "1790000600.0", "1.7900006e9", "17900006E+2"} {
		times := payload(map[string]any{"exp": json.RawMessage(spelling), "iat": json.RawMessage("1.79e9"), "nbf": json.RawMessage("1790000000.0")})
		_, until, err := w.parsed(t, times, ssatest.Forgery{}).CheckClaims(expected)
		require.NoError(t, err, spelling)
		require.Equal(t, at+600, until.Unix(), spelling)
	}
}

// TestUntilIsWhenAnAssertionIsOfNoUse: a jti needs to be remembered until then, and no
// longer.
func TestUntilIsWhenAnAssertionIsOfNoUse(t *testing.T) {
	w := newWorld(t)
	a := w.parsed(t, payload(nil), ssatest.Forgery{})
	for _, skew := range []time.Duration{0, time.Second, time.Minute, 5 * time.Minute} {
		expected := assertion.Expected{ClientID: clientID, Audiences: []string{endpoint}, Now: time.Unix(at, 0), Skew: skew, MaxLifetime: time.Hour}
		_, until, err := a.CheckClaims(expected)
		require.NoError(t, err)
		expected.Now = until.Add(-time.Nanosecond)
		_, _, err = a.CheckClaims(expected)
		require.NoError(t, err, skew)
		expected.Now = until
		_, _, err = a.CheckClaims(expected)
		requireRefused(t, err, skew.String())
	}
}
