package signin_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/portal/signin"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// set changes a claim; a nil value removes it.
func set(name string, value any) ssatest.ProviderFaults {
	return ssatest.ProviderFaults{IDToken: func(c map[string]any) { change(c, name, value) }}
}

// everywhere changes a claim of the ID token and of the userinfo alike.
func everywhere(name string, value any) ssatest.ProviderFaults {
	f := set(name, value)
	f.UserInfo = f.IDToken
	return f
}

func change(c map[string]any, name string, value any) {
	if value == nil {
		delete(c, name)
		return
	}
	c[name] = value
}

func inUserInfo(name string, value any) ssatest.ProviderFaults {
	return ssatest.ProviderFaults{UserInfo: func(c map[string]any) { change(c, name, value) }}
}

func ago(d time.Duration) int64 { return time.Now().Add(-d).Unix() }

// lies are claims that are not in order, each in a token that the directory signs.
func lies(w *world) map[string]ssatest.ProviderFaults {
	return map[string]ssatest.ProviderFaults{
		"iss of another":          set("iss", "https://evil.example"),
		"iss with a slash more":   set("iss", w.directory.URL()+"/"),
		"no iss":                  set("iss", nil),
		"aud of another":          set("aud", "other"),
		"aud of others":           set("aud", []string{"other", "another"}),
		"aud of no texts":         set("aud", []any{"bank", 1}),
		"no aud":                  set("aud", nil),
		"aud of several, no azp":  set("aud", []string{"bank", "other"}),
		"azp of another":          set("azp", "other"),
		"azp that is no text":     set("azp", 1),
		"nonce of another":        set("nonce", strings.Repeat("A", 43)),
		"no nonce":                set("nonce", nil),
		"expired":                 set("exp", ago(2*time.Minute)),
		"no exp":                  set("exp", nil),
		"exp that is a text":      set("exp", "9999999999"),
		"exp beyond all time":     set("exp", 1e300),
		"exp below zero":          set("exp", -1),
		"iat in the future":       set("iat", ago(-2*time.Minute)),
		"iat before the sign-in":  set("iat", ago(5*time.Minute)),
		"no iat":                  set("iat", nil),
		"nbf in the future":       set("nbf", ago(-2*time.Minute)),
		"no sub":                  set("sub", nil),
		"an empty sub":            set("sub", ""),
		"a long sub":              everywhere("sub", strings.Repeat("a", 256)),
		"at_hash of another":      set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
		"at_hash that is empty":   set("at_hash", ""),
		"at_hash that is no text": set("at_hash", 1),
		"no auth_time":            set("auth_time", nil),
		"auth_time long ago":      set("auth_time", ago(2*time.Hour)),
		"auth_time in the future": set("auth_time", ago(-2*time.Hour)),
		"sub of the userinfo":     inUserInfo("sub", "somebody else"),
		"no sub of the userinfo":  inUserInfo("sub", nil),
		"another email":           inUserInfo("email", "mallory@tpp.example"),
		"a verified email":        inUserInfo("email_verified", false),
		"another association":     inUserInfo("tpp_associated", false),
		"other organisations":     inUserInfo("org_id", []string{"other"}),
	}
}

// forgeries are tokens that the directory has not signed as it should, or that two readers read
// in two ways.
func forgeries(w *world) map[string]ssatest.ProviderFaults {
	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(w, err)
	forged := func(f ssatest.Forgery) ssatest.ProviderFaults { return ssatest.ProviderFaults{Forgery: &f} }
	raw := func(change func(payload []byte) []byte) ssatest.ProviderFaults {
		return ssatest.ProviderFaults{IDTokenRaw: change}
	}
	twice := func(member string) ssatest.ProviderFaults {
		return raw(func(p []byte) []byte { return append([]byte(`{`+member+`,`), p[1:]...) })
	}
	return map[string]ssatest.ProviderFaults{
		"alg none":                   forged(ssatest.Forgery{Algorithm: "none", Unsigned: true}),
		"alg HS256 by the secret":    forged(ssatest.Forgery{Algorithm: "HS256", Secret: []byte(secret.Reveal())}),
		"alg RS256, not allowed":     forged(ssatest.Forgery{Algorithm: "RS256"}),
		"alg PS256 by another key":   forged(ssatest.Forgery{Key: w.directory.ForgedKey()}),
		"alg ES256, not allowed":     forged(ssatest.Forgery{Algorithm: "ES256", Key: foreign}),
		"an unknown kid":             forged(ssatest.Forgery{KeyID: "another"}),
		"a key in the header":        forged(ssatest.Forgery{Members: map[string]any{"jwk": map[string]any{"kty": "EC"}}}),
		"crit":                       forged(ssatest.Forgery{Members: map[string]any{"crit": []string{"exp"}}}),
		"typ of an access token":     forged(ssatest.Forgery{Members: map[string]any{"typ": "at+jwt"}}),
		"alg twice":                  forged(ssatest.Forgery{Header: []byte(`{"alg":"none","alg":"PS256","kid":"` + w.directory.KeyID() + `"}`)}),
		"a short salt":               forged(ssatest.Forgery{SaltLength: 20}),
		"not signed":                 forged(ssatest.Forgery{Unsigned: true}),
		"sub twice":                  twice(`"sub":"admin"`),
		"nonce twice":                twice(`"nonce":"x"`),
		"the association twice":      twice(`"tpp_associated":true`),
		"claims that are a list":     raw(func(p []byte) []byte { return append(append([]byte("["), p...), ']') }),
		"claims that are no JSON":    raw(func(p []byte) []byte { return p[:len(p)-1] }),
		"something behind":           raw(func(p []byte) []byte { return append(p, " {}"...) }),
		"no ID token":                {Answer: func(a map[string]any) { delete(a, "id_token") }},
		"an ID token of no text":     {Answer: func(a map[string]any) { a["id_token"] = 1 }},
		"an ID token of another use": {Answer: func(a map[string]any) { a["id_token"] = a["access_token"] }},
		"an ID token in five parts":  {Answer: func(a map[string]any) { a["id_token"] = "a.b.c.d.e" }},
		"a token of another type":    {Answer: func(a map[string]any) { a["token_type"] = "DPoP" }},
		"no token type":              {Answer: func(a map[string]any) { delete(a, "token_type") }},
	}
}

// TestNoTokenThatIsNotInOrderSignsAnybodyIn has a directory, or whoever is in its place, give
// one token with one fault each.
func TestNoTokenThatIsNotInOrderSignsAnybodyIn(t *testing.T) {
	w := newWorld(t, func(c *signin.Config) { c.MaxAge = time.Hour })
	for _, table := range []map[string]ssatest.ProviderFaults{lies(w), forgeries(w)} {
		for name, faults := range table {
			t.Run(name, func(t *testing.T) {
				w.provider.Misbehave(faults)
				requireRefused(t, w, signin.ErrToken)
			})
		}
	}
	t.Run("the same directory without a fault", func(t *testing.T) {
		w.provider.Misbehave(ssatest.ProviderFaults{})
		_, err := w.browser().walk(anna)
		require.NoError(t, err)
	})
}

// requireRefused walks through a sign-in that fails by the cause. The error shows nothing that
// is secret or personal.
func requireRefused(t *testing.T, w *world, cause error) {
	t.Helper()
	b := w.browser()
	callback := b.authorize(b.begin("/"), anna)
	who, err := b.finish(callback)
	require.ErrorIs(t, err, cause)
	require.Zero(t, who)
	for _, hidden := range append(strings.FieldsFunc(callback, func(c rune) bool { return strings.ContainsRune("?&=", c) })[1:], anna, secret.Reveal()) {
		if len(hidden) > 10 {
			assert.NotContains(t, err.Error(), hidden)
		}
	}
	assert.Less(t, len(err.Error()), 300)
	assert.Empty(t, b.cookies(), "the cookie is removed whatever comes of it")
}

func TestATokenWithinTheLimitsOfTheClocksIsTaken(t *testing.T) {
	w := newWorld(t, func(c *signin.Config) { c.MaxAge = time.Minute })
	for name, faults := range map[string]ssatest.ProviderFaults{
		"expired less than a minute ago":    set("exp", ago(50*time.Second)),
		"from less than a minute ahead":     set("iat", ago(-50*time.Second)),
		"signed in within the age and skew": set("auth_time", ago(110*time.Second)),
		"for several, with azp": {IDToken: func(c map[string]any) {
			c["aud"], c["azp"] = []string{"other", "bank"}, "bank"
		}},
		"times with fractions": set("exp", float64(ago(-time.Minute))+0.5),
		"no at_hash":           set("at_hash", nil),
	} {
		t.Run(name, func(t *testing.T) {
			w.provider.Misbehave(faults)
			_, err := w.browser().walk(anna)
			require.NoError(t, err)
		})
	}
}

func TestTheSecondFactorIsLookedAtWhereTheBankAsks(t *testing.T) {
	w := newWorld(t, func(c *signin.Config) { c.ACR, c.AMR = []string{"gold", ssatest.ACRTwoFactors}, []string{"hwk", "otp"} })
	for name, faults := range map[string]ssatest.ProviderFaults{
		"another acr":         set("acr", ssatest.ACROneFactor),
		"no acr":              set("acr", nil),
		"acr of no text":      set("acr", []string{"gold"}),
		"another amr":         set("amr", []string{"pwd"}),
		"no amr":              set("amr", nil),
		"amr of no texts":     set("amr", []any{"otp", 1}),
		"acr in the userinfo": {IDToken: func(c map[string]any) { delete(c, "acr") }, UserInfo: func(c map[string]any) { c["acr"] = "gold" }},
	} {
		t.Run(name, func(t *testing.T) {
			w.provider.Misbehave(faults)
			requireRefused(t, w, signin.ErrSecondFactor)
		})
	}
	t.Run("the directory says so", func(t *testing.T) {
		w.provider.Misbehave(ssatest.ProviderFaults{Redirect: func(p map[string]string) {
			delete(p, "code")
			p["error"] = "unmet_authentication_requirements"
		}})
		_, err := w.browser().walk(anna)
		require.ErrorIs(t, err, signin.ErrSecondFactor)
	})
	t.Run("a person who has no second factor", func(t *testing.T) {
		w.provider.Misbehave(ssatest.ProviderFaults{})
		w.account(ssatest.Account{Email: "one@tpp.example", Password: "p"})
		_, err := w.browser().walk("one@tpp.example")
		require.ErrorIs(t, err, signin.ErrSecondFactor)
	})
}

func TestASignedUserInfoIsVerifiedAsTheIDToken(t *testing.T) {
	w := newWorld(t)
	w.client.SignedUserInfo = true
	require.NoError(t, w.provider.AddClient(w.client))
	forged := func(f ssatest.Forgery) ssatest.ProviderFaults { return ssatest.ProviderFaults{UserInfoForge: &f} }
	for name, faults := range map[string]ssatest.ProviderFaults{
		"iss of another": inUserInfo("iss", "https://evil.example"),
		"aud of another": inUserInfo("aud", "other"),
		"expired":        inUserInfo("exp", ago(time.Hour)),
		"alg none":       forged(ssatest.Forgery{Algorithm: "none", Unsigned: true}),
		"alg RS256":      forged(ssatest.Forgery{Algorithm: "RS256"}),
		"alg HS256":      forged(ssatest.Forgery{Algorithm: "HS256", Secret: []byte(secret.Reveal())}),
		"another key":    forged(ssatest.Forgery{Key: w.directory.ForgedKey()}),
		"unknown kid":    forged(ssatest.Forgery{KeyID: "x"}),
	} {
		t.Run(name, func(t *testing.T) {
			w.provider.Misbehave(faults)
			requireRefused(t, w, signin.ErrToken)
		})
	}
	t.Run("without iss, aud and exp", func(t *testing.T) {
		w.provider.Misbehave(ssatest.ProviderFaults{UserInfo: func(c map[string]any) { delete(c, "iss"); delete(c, "aud") }})
		_, err := w.browser().walk(anna)
		require.NoError(t, err)
	})
}

// TestOtherAlgorithmsAreTakenWhereTheBankAllowsThem: the list is the bank's, not the directory's.
func TestOtherAlgorithmsAreTakenWhereTheBankAllowsThem(t *testing.T) {
	w := newWorld(t, func(c *signin.Config) { c.Algorithms = []claims.Algorithm{claims.RS256} })
	requireRefused(t, w, signin.ErrToken)
	w.provider.Misbehave(ssatest.ProviderFaults{Forgery: &ssatest.Forgery{Algorithm: "RS256"}})
	_, err := w.browser().walk(anna)
	require.NoError(t, err)
}

func TestClaimsAboutThePersonAreOfTheirTypes(t *testing.T) {
	w := newWorld(t)
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("org%d", i)
	}
	for claim, values := range map[string][]any{
		"email": {"", "anna", "@tpp.example", "anna@", "a@b@c", "anna @tpp.example", "anna@tpp.example\n", "anna@tpp.example\u202e", "\x00@b",
			strings.Repeat("a", 251) + "@b.c", 1, []string{anna}, nil, "a@b\u00a0c", "a\ufffd@b"},
		"tpp_associated": {"true", 1, "yes", []bool{true}, map[string]any{"a": true}},
		"org_id": {1, true, "", "a b", "a\n", "ä", strings.Repeat("a", 101), []any{"a", 1}, []any{[]string{"a"}}, many, map[string]any{"": 1},
			[]any{map[string]any{"id": "a"}}},
	} {
		for _, value := range values {
			t.Run(fmt.Sprintf("%s %.40q", claim, fmt.Sprint(value)), func(t *testing.T) {
				w.provider.Misbehave(everywhere(claim, value))
				requireRefused(t, w, signin.ErrToken)
			})
		}
	}
}

func TestNamesAreForDisplay(t *testing.T) {
	w := newWorld(t)
	for given, want := range map[any]string{
		"Anna\r\n\x00\x1b[31m <b>": "Anna[31m <b>", 1: "", "  ": "", "אנה": "אנה",
		strings.Repeat("ä", 300): strings.Repeat("ä", 126) + "...",
	} {
		w.provider.Misbehave(everywhere("name", given))
		who, err := w.browser().walk(anna)
		require.NoError(t, err)
		assert.Equal(t, want, who.Name)
	}
}

func TestOrganisationsComeInManyForms(t *testing.T) {
	type any1 = map[string]any
	for name, c := range map[string]struct {
		pointer string
		value   any
		want    []string
	}{
		"a text":               {"", "b", []string{"b"}},
		"texts, one twice":     {"", []string{"b", "a", "b"}, []string{"a", "b"}},
		"an object":            {"", any1{"b": any1{"name": "B"}, "a": nil}, []string{"a", "b"}},
		"none":                 {"", []string{}, []string{}},
		"absent":               {"", nil, nil},
		"a list of objects":    {"/org_id/*/id", []any{any1{"id": "b"}, any1{"id": "a"}}, []string{"a", "b"}},
		"an object of objects": {"/org_id/*/id", any1{"x": any1{"id": "b"}, "y": any1{"id": []string{"a", "c"}}}, []string{"a", "b", "c"}},
		"deep":                 {"/org_id/tpp~1s/ids", any1{"tpp/s": any1{"ids": "a"}}, []string{"a"}},
		"not there":            {"/org_id/other", any1{"tpp": "a"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(config *signin.Config) { config.Claims.Organisations = c.pointer })
			w.provider.Misbehave(everywhere("org_id", c.value))
			who, err := w.browser().walk(anna)
			require.NoError(t, err)
			assert.Equal(t, c.want, who.Organisations)
		})
	}
}

func TestClaimsHaveTheNamesThatTheBankSays(t *testing.T) {
	w := newWorld(t, func(c *signin.Config) {
		c.Claims = signin.ClaimNames{Email: "/contact/mail", Name: "full_name", Associated: "https://directory.example/associated",
			Organisations: "orgs", Operator: "/roles"}
	})
	f := ssatest.ProviderFaults{IDToken: func(c map[string]any) {
		delete(c, "email")
		c["contact"], c["full_name"] = map[string]any{"mail": "x@y.example"}, "X"
		c["https://directory.example/associated"], c["orgs"], c["roles"] = true, "o", []string{"operator", "auditor"}
	}}
	w.provider.Misbehave(f)
	who, err := w.browser().walk(anna)
	require.NoError(t, err)
	assert.Equal(t, "x@y.example X true [o] [auditor operator]", fmt.Sprint(who.Email, " ", who.Name, " ", who.Associated, " ", who.Organisations, " ", who.Operator))
}

// TestGroupsOfOthersKeepNobodyOut: a directory keeps groups for other purposes too, under names
// that are for people.
func TestGroupsOfOthersKeepNobodyOut(t *testing.T) {
	w := newWorld(t, func(c *signin.Config) { c.Claims.Operator = "groups" })
	signedIn := func(groups any) ([]string, error) {
		w.provider.Misbehave(ssatest.ProviderFaults{IDToken: func(c map[string]any) { c["groups"] = groups }})
		who, err := w.browser().walk(anna)
		return who.Operator, err
	}
	names := []string{"Domain Users", "Zürich", strings.Repeat("g", 300)}
	groups, err := signedIn(names)
	require.NoError(t, err)
	assert.Equal(t, names, groups)
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf("%04d", i)
	}
	groups, err = signedIn(many[1:])
	require.NoError(t, err)
	assert.Len(t, groups, 1000)
	for name, wrong := range map[string]any{"too many": many, "numbers": []any{1}, "an object": map[string]any{"operators": true}, "a list in a list": []any{[]string{"operators"}}} {
		_, err = signedIn(wrong)
		require.ErrorIs(t, err, signin.ErrToken, name)
	}
}

// TestWhatTheDirectorySendsShowsNowhere: an answer that quotes the bank's secrets back.
func TestWhatTheDirectorySendsShowsNowhere(t *testing.T) {
	w := newWorld(t)
	w.provider.Misbehave(ssatest.ProviderFaults{Redirect: func(p map[string]string) {
		delete(p, "code")
		p["error"], p["error_description"] = "<script>"+secret.Reveal(), anna
	}})
	b := w.browser()
	_, err := b.finish(b.authorize(b.begin("/"), anna))
	require.ErrorIs(t, err, signin.ErrDeclined)
	assert.False(t, bytes.ContainsAny([]byte(err.Error()), "<@") || strings.Contains(err.Error(), secret.Reveal()), err.Error())
}
