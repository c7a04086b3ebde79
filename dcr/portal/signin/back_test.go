package signin

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBackIsAPathOfTheBank(t *testing.T) {
	for _, back := range []string{"/", "/portal/", "/a?b=c&d=%2F", "/a/..;/b", "/%61#x", "/a//b", "/a:b@c", "/?https://evil.example"} {
		assert.Equal(t, back, localPath(back), back)
	}
	for _, back := range []string{
		"", "//evil.example", "///evil.example", `/\evil.example`, `\/evil.example`, "https://evil.example", "javascript:alert(1)", "evil.example",
		"/a b", "/\tevil", "/\n/evil.example", "/a\r\nSet-Cookie: x=y", "/\x00", "/ä", "/%5cevil.example", "/%2Fevil.example", "/%0d%0aX", "/%zz",
		"?a", "#a", ".", "..", "/" + strings.Repeat("a", maxBack), `/a\b`, " /", "\u2028/",
	} {
		assert.Equal(t, "/", localPath(back), "%q", back)
	}
}

// FuzzLocalPath: whatever a browser is sent back to stays on the bank's host.
func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"/", "//x", `/\x`, "/%2f/x", "/.//x", "/..//x", "/a?//x", "/\t/x"} {
		f.Add(seed)
	}
	bank, err := url.Parse("https://bank.example/portal/callback")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, back string) {
		got := localPath(back)
		if got != back && got != "/" {
			t.Fatalf("%q became %q", back, got)
		}
		to, err := bank.Parse(got)
		if err != nil || to.Host != bank.Host || to.Scheme != "https" {
			t.Fatalf("%q leads to %v", got, to)
		}
		// What browsers drop or take for a slash (WHATWG URL, special schemes).
		if plain := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(got); strings.HasPrefix(plain, "//") || strings.ContainsAny(got, "\r\n") {
			t.Fatalf("%q leads a browser away", got)
		}
		if localPath(got) != got {
			t.Fatalf("%q is not stable", got)
		}
	})
}

// FuzzCookie: a cookie that is read is one that is written, letter by letter.
func FuzzCookie(f *testing.F) {
	s := &SignIn{config: Config{}.withDefaults()}
	b, err := s.begin("/a?b")
	require.NoError(f, err)
	f.Add(b.cookie().Name, b.cookie().Value)
	f.Add(cookiePrefix, "1.....")
	f.Fuzz(func(t *testing.T, name, value string) {
		b, ok := parseCookie(&http.Cookie{Name: name, Value: value})
		if !ok {
			return
		}
		again := b.cookie()
		if again.Name != name || b.back != "/" && again.Value != value {
			t.Fatalf("%q=%q was read and is written as %q=%q", name, value, again.Name, again.Value)
		}
	})
}

func TestACookieIsReadAsItWasWritten(t *testing.T) {
	s := &SignIn{config: Config{}.withDefaults()}
	rapid.Check(t, func(t *rapid.T) {
		b, err := s.begin("/" + rapid.StringOfN(rapid.RuneFrom([]rune("aZ09-._~!$&'()*+,;=:@?#<>\"")), 0, maxBack-1, -1).Draw(t, "back"))
		require.NoError(t, err)
		b.at = rapid.Int64Min(0).Draw(t, "at")
		c := b.cookie()
		require.NoError(t, c.Valid())
		require.Less(t, len(c.String()), 4096)
		read, ok := parseCookie(c)
		require.True(t, ok)
		require.Equal(t, b, read)
	})
}
