package validate

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRedirectURIGrammarAccepts(t *testing.T) {
	label := strings.Repeat("a", 63)
	for _, u := range []string{
		"https://app.example.com", "https://app.example.com/", "https://app.example.com/cb?a=b&c=%2F~",
		"https://APP.Example.COM/cb", "HTTPS://app.example.com/cb", "https://app.example.com:1/cb", "https://app.example.com:65535",
		"https://xn--bcher-kva.example/cb", "https://xn--p1ai.xn--p1ai/", "https://xn--fiqs8s.example/", "https://xn--ls8h.example/", "https://r3---sn.example.com/",
		"https://3com.example/cb", "https://1.2.3.example/", "https://localhost.example.com/", "https://notlocalhost.example/",
		"https://" + label + "." + label + ".example/", "https://app.example.com/.well-known/cb", "https://app.example.com/...",
		"https://app.example.com/a..b/c.", "https://app.example.com/cb?next=/../x", "https://app.example.com?x=@y",
		"https://app.example.com/" + strings.Repeat("a", 256-24),
	} {
		assert.Zero(t, scanURI(u, uriAnyFault), "%s %s", u, scanURI(u, uriAnyFault).message())
	}
}

func TestRedirectURIGrammarRefuses(t *testing.T) {
	label := strings.Repeat("a", 64)
	for u, want := range map[string]uriFault{
		"": uriRelative, "/cb": uriRelative, "app.example.com/cb": uriRelative, "//app.example.com/cb": uriRelative,
		"https:/app.example.com": uriRelative, "https:app.example.com": uriRelative, "https:": uriRelative, "://app.example.com": uriRelative,
		"http://app.example.com": uriNotHTTPS, "com.example.app:/cb": uriNotHTTPS, "javascript:alert(1)": uriNotHTTPS,
		"httpſ://app.example.com":                                uriRelative | uriCharacters,
		"https://app.example.com/" + strings.Repeat("a", 257-24): uriTooLong,

		"https://localhost": uriLocalhost, "https://LocalHost:8443/cb": uriLocalhost, "https://localhost./cb": uriLocalhost,
		"https://app.localhost/cb": uriLocalhost, "https://a.b.LOCALHOST./": uriLocalhost, "https://localhost.localdomain/": uriLocalhost,
		"https://localhoſt/": uriHostName, "https://%6cocalhost/": uriHostName, "https://ｌocalhost/": uriHostName,

		"https://127.0.0.1/cb": uriIPAddress, "https://0x7f.1/": uriIPAddress, "https://0X7F000001/": uriIPAddress, "https://2130706433/": uriIPAddress,
		"https://017700000001/": uriIPAddress, "https://127.1/": uriIPAddress, "https://1.2.3.08/": uriIPAddress, "https://app.example.0x/": uriIPAddress,
		"https://app.example.5/": uriIPAddress, "https://127.0.0.1./": uriIPAddress, "https://[::1]/cb": uriIPAddress, "https://[::1]:8443/cb": uriIPAddress,
		"https://[::ffff:127.0.0.1]": uriIPAddress, "https://::1/": uriIPAddress, "https://[v1.x]/": uriIPAddress, "https://[fe80::1%25eth0]/": uriIPAddress,
		"https://999999999999/": uriIPAddress,

		"https:///cb": uriHostName, "https://intranet/cb": uriHostName, "https://app.example.com./": uriHostName, "https://app..example.com/": uriHostName,
		"https://.example.com/": uriHostName, "https://-app.example.com/": uriHostName, "https://app-.example.com/": uriHostName,
		"https://my_app.example.com/": uriHostName, "https://" + label + ".example/": uriHostName, "https://bücher.example/": uriHostName,
		"https://app%2eexample.com/": uriHostName, "https://app example.com/": uriHostName, "https://app,example.com/": uriHostName,
		"https://" + strings.Repeat("a.", 127) + "a/": uriHostName | uriTooLong,

		"https://xn--.example/": uriHostName, "https://xn--a.example/": uriPunycode, "https://xn--pokxncvks.example/": uriPunycode,
		"https://xn--abc-.example/": uriHostName, "https://xn---foo.example/": uriPunycode, "https://XN--A.example/": uriPunycode,
		"https://xn--99999999.example/": uriPunycode,

		"https://user@app.example.com/": uriUserinfo, "https://user:pw@app.example.com/": uriUserinfo, "https://@app.example.com/": uriUserinfo,
		"https://bank.example@a.example@app.example.com/": uriUserinfo,
		"https://app.example.com/cb#":                     uriFragment, "https://app.example.com/cb#a": uriFragment, "https://app.example.com#": uriFragment,
		"https://app.example.com:/cb": uriPort, "https://app.example.com:0/cb": uriPort, "https://app.example.com:65536/": uriPort,
		"https://app.example.com:0443/": uriPort, "https://app.example.com:+443/": uriPort, "https://app.example.com:99999999999999999999/": uriPort,
		"https://app.example.com/./cb": uriDotSegment, "https://app.example.com/a/..": uriDotSegment, "https://app.example.com/..?x": uriDotSegment,
		"https://app.example.com/%2e%2E/cb": uriDotSegment, "https://app.example.com/.%2e/cb": uriDotSegment, "https://app.example.com/%2E": uriDotSegment,
		"https://*.example.com/cb": uriWildcard, "https://app.example.com/*": uriWildcard,
		"https://app.example.com/a b": uriCharacters, `https://app.example.com/a\b`: uriCharacters, "https://app.example.com/%zz": uriCharacters,
		"https://app.example.com/%2": uriCharacters, "https://app.example.com/ü": uriCharacters, "https://app.example.com/\n": uriCharacters,
		"https://app.example.com/[x]": uriCharacters, "https://app.example.com/<x>": uriCharacters, "https://app.example.com/\x00": uriCharacters,
		`https://app.example.com\@evil.example.com/`: uriUserinfo | uriCharacters, `https://app.example.com\.evil.example/`: uriHostName,
		" https://app.example.com/": uriRelative | uriCharacters,
	} {
		got := scanURI(u, uriAnyFault)
		assert.Equal(t, want, got, "%q: %s", u, got.message())
		for bit := uriFault(1); bit <= uriWildcard; bit <<= 1 {
			assert.Equal(t, got&bit, scanURI(u, bit), "%q: a fault looked for alone is found as among all", u)
		}
	}
}

func TestEachURIFaultHasAMessage(t *testing.T) {
	seen := map[string]bool{}
	for bit := uriFault(1); bit <= uriWildcard; bit <<= 1 {
		assert.NotEmpty(t, bit.message())
		assert.False(t, seen[bit.message()])
		seen[bit.message()] = true
	}
	assert.Empty(t, uriFault(0).message())
}

func TestScanningAllocatesHardlyAnything(t *testing.T) {
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		scanURI("https://xn--bcher-kva.example:8443/cb/a?b=%2F", uriAnyFault)
		scanURI("http://u@127.0.0.1:0/../*#", uriAnyFault)
	}), 2.0)
}

// Whatever the grammar accepts, net/url reads the same way, and its own
// rendering is accepted again.
func FuzzRedirectURI(f *testing.F) {
	for _, s := range []string{
		"https://app.example.com/cb", "https://app.example.com:8443/cb?x=%2F", "HTTPS://APP.example.com", "https://xn--bcher-kva.example/",
		"https://0x7f.1/", "https://[::1]/", "https://u@app.example.com/", "https://app.example.com/%2e/", "https:///", "https://a.b:0/#",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if scanURI(s, uriAnyFault) != 0 {
			return
		}
		p := splitURI(s)
		u, err := url.Parse(s)
		require.NoError(t, err)
		assert.Equal(t, "https", u.Scheme)
		assert.Equal(t, p.host, u.Hostname())
		assert.Equal(t, p.port, u.Port())
		assert.Nil(t, u.User)
		assert.Empty(t, u.Fragment)
		assert.LessOrEqual(t, len(s), maxURI)
		assert.Zero(t, scanURI(s, uriAnyFault))
		if len(u.String()) <= maxURI {
			assert.Zero(t, scanURI(u.String(), uriAnyFault), u.String())
		}
	})
}
