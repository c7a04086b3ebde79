package uri

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
		assert.Zero(t, Scan(u, Any), "%s %s", u, Scan(u, Any).Message())
	}
}

func TestRedirectURIGrammarRefuses(t *testing.T) {
	label := strings.Repeat("a", 64)
	for u, want := range map[string]Fault{
		"": Relative, "/cb": Relative, "app.example.com/cb": Relative, "//app.example.com/cb": Relative,
		"https:/app.example.com": Relative, "https:app.example.com": Relative, "https:": Relative, "://app.example.com": Relative,
		"http://app.example.com": NotHTTPS, "com.example.app:/cb": NotHTTPS, "javascript:alert(1)": NotHTTPS,
		"httpſ://app.example.com":                                Relative | Characters,
		"https://app.example.com/" + strings.Repeat("a", 257-24): TooLong,

		"https://localhost": Localhost, "https://LocalHost:8443/cb": Localhost, "https://localhost./cb": Localhost,
		"https://app.localhost/cb": Localhost, "https://a.b.LOCALHOST./": Localhost, "https://localhost.localdomain/": Localhost,
		"https://localhoſt/": HostName, "https://%6cocalhost/": HostName, "https://ｌocalhost/": HostName,

		"https://127.0.0.1/cb": IPAddress, "https://0x7f.1/": IPAddress, "https://0X7F000001/": IPAddress, "https://2130706433/": IPAddress,
		"https://017700000001/": IPAddress, "https://127.1/": IPAddress, "https://1.2.3.08/": IPAddress, "https://app.example.0x/": IPAddress,
		"https://app.example.5/": IPAddress, "https://127.0.0.1./": IPAddress, "https://[::1]/cb": IPAddress, "https://[::1]:8443/cb": IPAddress,
		"https://[::ffff:127.0.0.1]": IPAddress, "https://::1/": IPAddress, "https://[v1.x]/": IPAddress, "https://[fe80::1%25eth0]/": IPAddress,
		"https://999999999999/": IPAddress,

		"https:///cb": HostName, "https://intranet/cb": HostName, "https://app.example.com./": HostName, "https://app..example.com/": HostName,
		"https://.example.com/": HostName, "https://-app.example.com/": HostName, "https://app-.example.com/": HostName,
		"https://my_app.example.com/": HostName, "https://" + label + ".example/": HostName, "https://bücher.example/": HostName,
		"https://app%2eexample.com/": HostName, "https://app example.com/": HostName, "https://app,example.com/": HostName,
		"https://" + strings.Repeat("a.", 127) + "a/": HostName | TooLong,

		"https://xn--.example/": HostName, "https://xn--a.example/": Punycode, "https://xn--pokxncvks.example/": Punycode,
		"https://xn--abc-.example/": HostName, "https://xn---foo.example/": Punycode, "https://XN--A.example/": Punycode,
		"https://xn--99999999.example/": Punycode,

		"https://user@app.example.com/": Userinfo, "https://user:pw@app.example.com/": Userinfo, "https://@app.example.com/": Userinfo,
		"https://bank.example@a.example@app.example.com/": Userinfo,
		"https://app.example.com/cb#":                     Fragment, "https://app.example.com/cb#a": Fragment, "https://app.example.com#": Fragment,
		"https://app.example.com:/cb": Port, "https://app.example.com:0/cb": Port, "https://app.example.com:65536/": Port,
		"https://app.example.com:0443/": Port, "https://app.example.com:+443/": Port, "https://app.example.com:99999999999999999999/": Port,
		"https://app.example.com/./cb": DotSegment, "https://app.example.com/a/..": DotSegment, "https://app.example.com/..?x": DotSegment,
		"https://app.example.com/%2e%2E/cb": DotSegment, "https://app.example.com/.%2e/cb": DotSegment, "https://app.example.com/%2E": DotSegment,
		"https://*.example.com/cb": Wildcard, "https://app.example.com/*": Wildcard,
		"https://app.example.com/a b": Characters, `https://app.example.com/a\b`: Characters, "https://app.example.com/%zz": Characters,
		"https://app.example.com/%2": Characters, "https://app.example.com/ü": Characters, "https://app.example.com/\n": Characters,
		"https://app.example.com/[x]": Characters, "https://app.example.com/<x>": Characters, "https://app.example.com/\x00": Characters,
		`https://app.example.com\@evil.example.com/`: Userinfo | Characters, `https://app.example.com\.evil.example/`: HostName,
		" https://app.example.com/": Relative | Characters,
	} {
		got := Scan(u, Any)
		assert.Equal(t, want, got, "%q: %s", u, got.Message())
		for bit := Fault(1); bit <= Wildcard; bit <<= 1 {
			assert.Equal(t, got&bit, Scan(u, bit), "%q: a fault looked for alone is found as among all", u)
		}
	}
}

func TestEachURIFaultHasAMessage(t *testing.T) {
	seen := map[string]bool{}
	for bit := Fault(1); bit <= Wildcard; bit <<= 1 {
		assert.NotEmpty(t, bit.Message())
		assert.False(t, seen[bit.Message()])
		seen[bit.Message()] = true
	}
	assert.Empty(t, Fault(0).Message())
}

func TestScanningAllocatesHardlyAnything(t *testing.T) {
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		Scan("https://xn--bcher-kva.example:8443/cb/a?b=%2F", Any)
		Scan("http://u@127.0.0.1:0/../*#", Any)
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
		if Scan(s, Any) != 0 {
			return
		}
		p := split(s)
		u, err := url.Parse(s)
		require.NoError(t, err)
		assert.Equal(t, "https", u.Scheme)
		assert.Equal(t, p.host, u.Hostname())
		assert.Equal(t, p.port, u.Port())
		assert.Nil(t, u.User)
		assert.Empty(t, u.Fragment)
		assert.LessOrEqual(t, len(s), MaxLength)
		assert.Zero(t, Scan(s, Any))
		if len(u.String()) <= MaxLength {
			assert.Zero(t, Scan(u.String(), Any), u.String())
		}
	})
}
