package uri

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestWhatDiffersIsNamed(t *testing.T) {
	const base = "https://tpp.example/callback"
	for a, want := range map[string]string{
		"https://tpp.example/callback/":          "a slash at the end",
		"https://TPP.example/callback":           "upper case in the host",
		"HTTPS://tpp.example/callback":           "upper case in the scheme",
		"https://tpp.example/Callback":           "upper case in the path",
		"https://tpp.example/Callback/":          "a slash at the end, upper case in the path",
		"http://tpp.example/callback":            "http instead of https",
		"https://tpp.example:443/callback":       "the port 443",
		"https://tpp.example:8443/callback":      "a port",
		"https://tpp.example/callback?":          "a query",
		"https://tpp.example/callback?state=1":   "a query",
		"https://tpp.example/callback#":          "a fragment",
		"https://www.tpp.example/callback":       "www. before the host",
		"https://tpp.example./callback":          "a dot at the end of the host",
		"https://me@tpp.example/callback":        "a user before the host",
		"https://tpp.example//callback":          "two slashes in the path",
		"https://tpp.example/%63allback":         "percent-encoding in the path",
		"https://tpp.example/callback ":          "a blank",
		"https://TPP.example:8443/callback/?a=b": "upper case in the host, a port, a slash at the end, a query",
	} {
		d := Differ(a, base)
		assert.Equal(t, want, strings.Join(d.Words, ", "), a)
		assert.True(t, d.Slip(), a)
	}
	for a, want := range map[string]string{
		"https://tpp.example/callback2": "another path", "https://other.example/callback": "another host",
		"/callback": "another form", "": "another form", "mailto:x": "another form",
	} {
		d := Differ(a, base)
		assert.Equal(t, want, strings.Join(d.Words, ", "), a)
		assert.False(t, d.Slip(), a)
	}
	assert.Equal(t, []string{"lower case in the path"}, Differ("https://tpp.example/cb", "https://tpp.example/CB").Words)
	assert.Equal(t, []string{"another port"}, Differ("https://tpp.example:1/", "https://tpp.example:2/").Words)
	assert.Equal(t, []string{"another query"}, Differ("https://tpp.example/?a", "https://tpp.example/?b").Words)
	assert.Equal(t, []string{"another fragment"}, Differ("https://tpp.example/#a", "https://tpp.example/#b").Words)
	assert.Zero(t, Differ(base, base).Far)
}

func TestTheNearestOfTwoIsLessFar(t *testing.T) {
	const a = "https://tpp.example/callback/one"
	for _, order := range [][]string{
		{"https://tpp.example/callback/one/", "https://tpp.example/callback/two", "https://tpp.example/other", "https://elsewhere.example/callback/one"},
		{"https://tpp.example/callback/one/", "https://app.tpp.example/callback/one"},
	} {
		for i := 1; i < len(order); i++ {
			assert.Less(t, Differ(a, order[i-1]).Far, Differ(a, order[i]).Far, order[i])
		}
	}
}

func TestOnlyEqualAddressesDoNotDiffer(t *testing.T) {
	part := rapid.StringMatching(`(https?://)?[a-zA-Z.@:/?#% ]{0,12}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := part.Draw(t, "a"), part.Draw(t, "b")
		d, e := Differ(a, b), Differ(b, a)
		if (d.Far == 0) != (a == b) || (len(d.Words) == 0) != (a == b) || d.Slip() != e.Slip() {
			t.Fatalf("%q and %q differ by %v and by %v", a, b, d, e)
		}
	})
}
