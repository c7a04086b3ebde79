package fetch_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fetch"
)

// memory answers every request with the response that header and body make.
func memory(status int, header http.Header, body string) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)),
			ContentLength: -1, Request: r,
		}, nil
	}
}

var jsonHeader = http.Header{"Content-Type": {"application/json"}}

func inMemory(transport http.RoundTripper, hosts ...string) fetch.Config {
	return fetch.Config{
		Sources: []fetch.Source{{Hosts: hosts}}, Transport: transport, MaxBytes: 1 << 20, Timeout: 5 * time.Second,
	}
}

func TestAnAnswerIsReadWhole(t *testing.T) {
	exact := strings.Repeat(" ", 1<<20)
	h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json; charset=utf-8")
		w.Header().Set("Cache-Control", "max-age=600")
		w.Header().Set("Set-Cookie", "a=b")
		assert.Equal(t, "identity", r.Header.Get("Accept-Encoding"))
		assert.Empty(t, r.Header.Get("Cookie"))
		assert.Equal(t, "/keys/a%2Fb?c=d&e", r.RequestURI)
		assert.Equal(t, http.MethodGet, r.Method)
		assert.Equal(t, 1, r.ProtoMajor)
		_, _ = io.WriteString(w, exact)
	}), nil)
	client := newClient(t, h.config())
	for range 2 {
		r, err := client.Get(t.Context(), h.url("/keys/a%2Fb?c=d&e"))
		require.NoError(t, err)
		assert.True(t, exact == string(r.Body))
		assert.Equal(t, http.StatusOK, r.Status)
		assert.Equal(t, 10*time.Minute, r.MaxAge)
		assert.True(t, r.HasMaxAge)
	}
}

func TestACurrentAnswerIsAskedForPastTheCachesBetween(t *testing.T) {
	var sent []http.Header
	client := newClient(t, inMemory(roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = append(sent, r.Header)
		return memory(200, jsonHeader, keySet)(r)
	}), "keys.test"))
	for _, get := range []func(context.Context, string) (*fetch.Response, error){client.Get, client.GetCurrent} {
		_, err := get(t.Context(), "https://keys.test/")
		require.NoError(t, err)
	}
	assert.NotContains(t, sent[0], "Cache-Control")
	assert.Equal(t, []string{"no-cache"}, sent[1]["Cache-Control"])
	assert.Equal(t, sent[0]["Accept"], sent[1]["Accept"])
}

func TestAHostHasOneCanonicalForm(t *testing.T) {
	for text, want := range map[string]string{
		"Keys.Test": "keys.test:443", "keys.test:443": "keys.test:443", "KEYS.test:8443": "keys.test:8443",
		"192.0.2.1": "192.0.2.1:443", "[2001:DB8:0::1]:444": "[2001:db8::1]:444",
	} {
		host, err := fetch.CanonicalHost(text)
		require.NoError(t, err)
		assert.Equal(t, want, host)
		host, err = fetch.Host("HTTPS://" + text + "/a?b")
		require.NoError(t, err)
		assert.Equal(t, want, host)
	}
	for _, text := range []string{"", ":443", "keys.test:", "keys.test:0", "keys.test/", "u@keys.test", "2001:db8::1", "k\u00e9ys.test"} {
		_, err := fetch.CanonicalHost(text)
		assert.Error(t, err, text)
		host, err := fetch.Host("https://" + text + "#")
		refused(t, err, fetch.ErrAddress)
		assert.Empty(t, host)
	}
}

func TestAConfigurationErrorNamesTheHostAndIsASCII(t *testing.T) {
	for _, change := range []func(*fetch.Source){
		func(s *fetch.Source) { s.Hosts = nil },
		func(s *fetch.Source) { s.Hosts = []string{strings.Repeat("\u00e9", 200)} },
		func(s *fetch.Source) { s.MediaTypes = []string{strings.Repeat("\u00e9", 200)} },
		func(s *fetch.Source) { s.Networks = []netip.Prefix{{}} },
	} {
		cfg := fetch.Config{Sources: []fetch.Source{{Hosts: []string{"keys.test"}}}, MaxBytes: 1, Timeout: 1}
		change(&cfg.Sources[0])
		_, err := fetch.New(cfg)
		require.Error(t, err)
		assert.Regexp(t, `^fetch: [ -~]{10,260}$`, err.Error())
		assert.NotContains(t, err.Error(), "source 0")
	}
}

func TestConnectionsAreUsedAgainUntilClosed(t *testing.T) {
	var mu sync.Mutex
	connections := map[string]bool{}
	h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		connections[r.RemoteAddr] = true
		mu.Unlock()
		answer(200, map[string]string{"Content-Type": "application/json"}, keySet)(w, r)
	}), nil)
	client := newClient(t, h.config())
	for want := 1; want <= 2; want++ {
		for range 3 {
			_, err := client.Get(t.Context(), h.url("/"))
			require.NoError(t, err)
		}
		mu.Lock()
		assert.Len(t, connections, want)
		mu.Unlock()
		client.Close()
	}
}

func TestAbsenceIsAnAnswerWithoutABody(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusGone} {
		h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Cache-Control", "max-age=60")
			w.WriteHeader(status)
			pour(w, make([]byte, 64<<10))
		}), nil)
		var r *fetch.Response
		var err error
		client := newClient(t, h.config())
		grown := allocated(func() { r, err = client.Get(t.Context(), h.url("/")) })
		require.NoError(t, err)
		assert.Equal(t, &fetch.Response{Status: status, MaxAge: time.Minute, HasMaxAge: true}, r)
		assert.LessOrEqual(t, grown, uint64(mostHeap))
	}
}

func TestAnAddressIsRefusedBeforeAnythingIsSent(t *testing.T) {
	cfg := inMemory(roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("something was sent")
	}), "Keys.test", "keys.test:8443", "k.test", "192.0.2.1", "[2001:db8::1]:444")
	client := newClient(t, cfg)
	long := "https://keys.test/" + strings.Repeat("x", 2048-len("https://keys.test/"))
	for name, address := range map[string]string{
		"nothing":                       "",
		"no URL":                        "keys.test",
		"no scheme":                     "//keys.test/",
		"http":                          "http://keys.test/",
		"http at the port of https":     "http://keys.test:443/",
		"file":                          "file:///etc/passwd",
		"opaque":                        "https:keys.test",
		"no host":                       "https:///keys",
		"a port alone":                  "https://:443/",
		"userinfo":                      "https://user@keys.test/",
		"userinfo with password":        "https://user:secret@keys.test/",
		"empty userinfo":                "https://@keys.test/",
		"userinfo like a host":          "https://keys.test@evil.test/",
		"a fragment":                    "https://keys.test/#x",
		"an empty fragment":             "https://keys.test/#",
		"another host":                  "https://evil.test/",
		"a subdomain":                   "https://a.keys.test/",
		"a longer host":                 "https://keys.test.evil.test/",
		"a trailing dot":                "https://keys.test./",
		"an odd port":                   "https://keys.test:444/",
		"the port of another":           "https://k.test:8443/",
		"an empty port":                 "https://keys.test:/",
		"a port with a zero":            "https://keys.test:0443/",
		"port 0":                        "https://keys.test:0/",
		"a port out of range":           "https://keys.test:65979/",
		"a port with a sign":            "https://keys.test:+443/",
		"Kelvin for k":                  "https://\u212aeys.test/",
		"Kelvin for k, percent-encoded": "https://%E2%84%AAeys.test/",
		"another address":               "https://192.0.2.2/",
		"an address in hexadecimal":     "https://0xc0000201/",
		"an address in decimal":         "https://3221225985/",
		"an address in octal":           "https://0300.0.2.1/",
		"an address cut short":          "https://192.0.513/",
		"an IPv4-mapped address":        "https://[::ffff:192.0.2.1]/",
		"an IPv4 address in brackets":   "https://[192.0.2.1]/",
		"IPv6 without its port":         "https://[2001:db8::1]/",
		"IPv6 with a zone":              "https://[2001:db8::1%25eth0]:444/",
		"a backslash":                   "https://keys.test\\@evil.test/",
		"a blank":                       "https://keys.test/a b",
		"a line break":                  "https://keys.test/\r\nHost: evil.test",
		"a NUL":                         "https://keys.test/\x00",
		"no ASCII":                      "https://keys.test/\u00e4",
		"a broken escape":               "https://keys.test/%zz",
		"a byte too long":               long + "x",
	} {
		r, err := client.Get(t.Context(), address)
		assert.Nil(t, r, name)
		refused(t, err, fetch.ErrAddress, name)
		assert.NotContains(t, fmt.Sprint(err), "evil", name)
		assert.NotContains(t, fmt.Sprint(err), "secret", name)
	}
	for _, address := range []string{
		"https://keys.test", "https://keys.test/", "HTTPS://KEYS.TEST:443/a?b", "https://keys.test:8443/",
		"https://192.0.2.1:443/", "https://[2001:DB8:0::1]:444/", long,
	} {
		_, err := client.Get(t.Context(), address)
		refused(t, err, fetch.ErrNetwork, address)
	}
}

func TestTheHostIsSentInOneForm(t *testing.T) {
	var seen []string
	client := newClient(t, inMemory(roundTrip(func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r.URL.String(), r.Host)
		return memory(200, jsonHeader, keySet)(r)
	}), "keys.test", "KEYS.test:8443", "[2001:db8:0::1]"))
	for _, a := range []string{"https://Keys.Test:443/A", "https://keys.TEST:8443", "https://[2001:DB8::0:1]/"} {
		_, err := client.Get(t.Context(), a)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{
		"https://keys.test/A", "keys.test", "https://keys.test:8443", "keys.test:8443",
		"https://[2001:db8::1]/", "[2001:db8::1]",
	}, seen)
}

func TestJSONAndWhatTheSourceAdmitsAreTheMediaTypes(t *testing.T) {
	for contentType, want := range map[string]bool{
		"application/json":                 true,
		"Application/JSON":                 true,
		"application/json; charset=utf-8":  true,
		"application/json;":                true,
		"application/json; charset":        true,
		"application/jwk-set+json":         true,
		"application/octet-stream":         true,
		"application/octet-stream; x=y":    true,
		"application/jsonp":                false,
		"application/jose":                 false,
		"text/json":                        false,
		"text/plain":                       false,
		"text/html, application/json":      false,
		"application/json, text/html":      false,
		"application/":                     false,
		"":                                 false,
		"text/html; type=application/json": false,
	} {
		cfg := inMemory(memory(200, http.Header{"Content-Type": {contentType}}, keySet), "keys.test")
		cfg.Sources[0].MediaTypes = []string{"Application/Octet-Stream"}
		_, err := newClient(t, cfg).Get(t.Context(), "https://keys.test/")
		if want {
			assert.NoError(t, err, contentType)
			continue
		}
		refused(t, err, fetch.ErrAnswer, contentType)
	}
}

func TestABodyOfExactlyTheGreatestLengthIsRead(t *testing.T) {
	for length, want := range map[int]bool{1 << 20: true, 1<<20 + 1: false} {
		text := strings.Repeat(" ", length)
		client := newClient(t, inMemory(roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: jsonHeader, ContentLength: int64(length), Body: io.NopCloser(strings.NewReader(text))}, nil
		}), "keys.test"))
		answer, err := client.Get(t.Context(), "https://keys.test/")
		if !want {
			refused(t, err, fetch.ErrAnswer)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, length, len(answer.Body)) // Len would print the body
	}
}

func TestTheIdentityCodingMayBeNamed(t *testing.T) {
	for coding, want := range map[string]bool{
		"": true, "identity": true, "Identity, identity": true, "gzip": false, "identity, gzip": false, "x": false,
		`"gzip\`: false, `identity, "\`: false, `"identity, identity`: false, // quoted strings that do not end
	} {
		header := http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {coding}}
		_, err := newClient(t, inMemory(memory(200, header, keySet), "keys.test")).Get(t.Context(), "https://keys.test/")
		assert.Equal(t, want, err == nil, coding)
	}
}

func TestFreshnessIsReadFromCacheControlAndAge(t *testing.T) {
	const most = (1 << 31) * time.Second
	for _, c := range []struct {
		control []string
		age     string
		want    time.Duration
		said    bool
	}{
		{nil, "", 0, false},
		{nil, "10", 0, false},
		{[]string{""}, "", 0, false},
		{[]string{"public, must-revalidate"}, "", 0, false},
		{[]string{"max-age=60"}, "", time.Minute, true},
		{[]string{"Max-Age=60"}, "", time.Minute, true},
		{[]string{"public , max-age = 60 ,"}, "", time.Minute, true},
		{[]string{`max-age="60"`}, "", time.Minute, true},
		{[]string{"public", "max-age=60"}, "", time.Minute, true},
		{[]string{"max-age=60, max-age=30"}, "", 30 * time.Second, true},
		{[]string{`a\,max-age=60`}, "", time.Minute, true}, // a backslash escapes inside quotes alone
		{[]string{`a="\",max-age=60"`}, "", 0, false},
		{[]string{"max-age=60"}, "20", 40 * time.Second, true},
		{[]string{"max-age=60"}, "60", 0, true},
		{[]string{"max-age=60"}, "99999999999999999999", 0, true},
		{[]string{"max-age=60"}, "-5", time.Minute, true},
		{[]string{"max-age=60"}, "x", time.Minute, true},
		{[]string{"max-age=0"}, "", 0, true},
		{[]string{"max-age=-1"}, "", 0, true},
		{[]string{"max-age=1.5"}, "", 0, true},
		{[]string{"max-age=+5"}, "", 0, true},
		{[]string{"max-age="}, "", 0, true},
		{[]string{"max-age"}, "", 0, true},
		{[]string{"max-age=x, max-age=60"}, "", 0, true},
		{[]string{"max-age=99999999999999999999"}, "", most, true},
		{[]string{"max-age=2147483648"}, "", most, true},
		{[]string{"s-maxage=60"}, "", 0, false},
		{[]string{"no-store"}, "", 0, true},
		{[]string{"max-age=60, No-Cache"}, "", 0, true},
		{[]string{"max-age=60", "no-store"}, "", 0, true},
		{[]string{`no-cache="set-cookie", max-age=60`}, "", 0, true},
		{[]string{`private="a, no-store, b", max-age=60`}, "", time.Minute, true},
		{[]string{`x="\", no-store, \"", max-age=60`}, "", time.Minute, true},
		{[]string{`x="max-age=5`}, "", 0, false},
	} {
		header := http.Header{"Content-Type": {"application/json"}, "Cache-Control": c.control}
		if c.age != "" {
			header.Set("Age", c.age)
		}
		r, err := newClient(t, inMemory(memory(200, header, keySet), "keys.test")).Get(t.Context(), "https://keys.test/")
		require.NoError(t, err)
		assert.Equal(t, c.want, r.MaxAge, "%q %q", c.control, c.age)
		assert.Equal(t, c.said, r.HasMaxAge, "%q %q", c.control, c.age)
	}
}

func TestATransportOfTheCallersIsHeldToTheSameBounds(t *testing.T) {
	for name, c := range map[string]struct {
		transport roundTrip
		kind      error
	}{
		"a redirect": {memory(302, http.Header{"Location": {"https://keys.test/"}}, ""), fetch.ErrAnswer},
		"too long":   {memory(200, jsonHeader, strings.Repeat(" ", 1<<20+1)), fetch.ErrAnswer},
		"an error":   {func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, fetch.ErrNetwork},
		"nothing":    {func(*http.Request) (*http.Response, error) { return nil, nil }, fetch.ErrNetwork},
		"no body":    {func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil }, fetch.ErrNetwork},
	} {
		client := newClient(t, inMemory(c.transport, "keys.test"))
		_, err := client.Get(t.Context(), "https://keys.test/")
		refused(t, err, c.kind, name)
		client.Close()
	}
}

// body fails the test when it is read, and remembers that it was closed.
type body struct {
	t      *testing.T
	closed bool
}

func (b *body) Read([]byte) (int, error) {
	b.t.Error("the body was read")
	return 0, io.EOF
}

func (b *body) Close() error {
	b.closed = true
	return nil
}

func TestABodyThatIsRefusedByItsHeaderIsClosedUnread(t *testing.T) {
	for name, r := range map[string]http.Response{
		"status":         {StatusCode: 503, Header: jsonHeader},
		"absence":        {StatusCode: 404, Header: jsonHeader},
		"media type":     {StatusCode: 200, Header: http.Header{"Content-Type": {"text/html"}}},
		"content coding": {StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}},
		"length":         {StatusCode: 200, Header: jsonHeader, ContentLength: 1<<20 + 1},
	} {
		unread := &body{t: t}
		r.Body = unread
		client := newClient(t, inMemory(roundTrip(func(*http.Request) (*http.Response, error) { return &r, nil }), "keys.test"))
		_, err := client.Get(t.Context(), "https://keys.test/")
		assert.Equal(t, name == "absence", err == nil, name)
		assert.True(t, unread.closed, name)
	}
}

func TestACompressedAnswerIsRefusedByATransportThatWouldUnpackIt(t *testing.T) {
	h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, bomb())
	}), nil)
	plain := h.server.Client().Transport.(*http.Transport).Clone()
	plain.TLSClientConfig.RootCAs = h.roots
	client := newClient(t, inMemory(plain, "127.0.0.1:"+h.port))
	_, err := client.Get(t.Context(), "https://127.0.0.1:"+h.port+"/")
	refused(t, err, fetch.ErrAnswer)
	plain.CloseIdleConnections()
}

func TestAGetEndsAtItsTimeoutOrWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, inMemory(roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}), "keys.test"))
		start := time.Now()
		_, err := client.Get(t.Context(), "https://keys.test/")
		refused(t, err, fetch.ErrNetwork)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 5*time.Second, time.Since(start))

		start = time.Now()
		_, err = newClient(t, inMemory(roundTrip(func(r *http.Request) (*http.Response, error) {
			unfinished := io.NopCloser(untilDone{r.Context()})
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: unfinished}, nil
		}), "keys.test")).Get(t.Context(), "https://keys.test/")
		refused(t, err, fetch.ErrNetwork)
		assert.ErrorIs(t, err, context.DeadlineExceeded, "in the body, too")
		assert.Equal(t, 5*time.Second, time.Since(start))

		start = time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = client.Get(ctx, "https://keys.test/")
		refused(t, err, fetch.ErrNetwork)
		assert.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, time.Second, time.Since(start))
	})
}

// untilDone is a body that does not come.
type untilDone struct{ ctx context.Context }

func (b untilDone) Read([]byte) (int, error) {
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

func TestAGetHasAnEndWhateverTheProcessCouldUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := inMemory(roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}), "keys.test")
		cfg.Longest = 2 * time.Second
		start := time.Now()
		_, err := newClient(t, cfg).Get(t.Context(), "https://keys.test/")
		refused(t, err, fetch.ErrNetwork)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 2*time.Second, time.Since(start))
	})
}

func TestAConfigurationThatIsNoneIsRefused(t *testing.T) {
	good := func() fetch.Config { return inMemory(nil, "keys.test") }
	_, err := fetch.New(good())
	require.NoError(t, err)
	for name, change := range map[string]func(*fetch.Config){
		"no source":      func(c *fetch.Config) { c.Sources = nil },
		"no host":        func(c *fetch.Config) { c.Sources[0].Hosts = nil },
		"no bytes":       func(c *fetch.Config) { c.MaxBytes = 0 },
		"too many bytes": func(c *fetch.Config) { c.MaxBytes = 64<<20 + 1 },
		"no time":        func(c *fetch.Config) { c.Timeout = 0 },
		"negative time":  func(c *fetch.Config) { c.Timeout = -1 },
		"a host twice":   func(c *fetch.Config) { c.Sources = append(c.Sources, fetch.Source{Hosts: []string{"KEYS.test:443"}}) },
		"a zero network": func(c *fetch.Config) { c.Sources[0].Networks = []netip.Prefix{{}} },
		"a mapped network": func(c *fetch.Config) {
			c.Sources[0].Networks = []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}
		},
		"nothing that is not public": func(c *fetch.Config) { c.NotPublic = []netip.Prefix{{}} },
		"a mapped one that is not public": func(c *fetch.Config) {
			c.NotPublic = []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}
		},
		"a transport and what is not public": func(c *fetch.Config) {
			c.Transport, c.NotPublic = http.DefaultTransport, []netip.Prefix{netip.MustParsePrefix("9.0.0.0/8")}
		},
		"an empty media type": func(c *fetch.Config) { c.Sources[0].MediaTypes = []string{""} },
		"half a media type":   func(c *fetch.Config) { c.Sources[0].MediaTypes = []string{"json"} },
		"a parameter":         func(c *fetch.Config) { c.Sources[0].MediaTypes = []string{"text/plain; a=b"} },
		"a transport and a resolver": func(c *fetch.Config) {
			c.Transport, c.Resolver = http.DefaultTransport, net.DefaultResolver
		},
		"a transport and roots": func(c *fetch.Config) {
			c.Transport, c.Sources[0].Roots = http.DefaultTransport, x509.NewCertPool()
		},
		"a transport and networks": func(c *fetch.Config) {
			c.Transport, c.Sources[0].Networks = http.DefaultTransport, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		},
	} {
		cfg := good()
		change(&cfg)
		_, err := fetch.New(cfg)
		refused(t, err, fetch.ErrConfig, name)
	}
	for _, h := range []string{
		"", ":443", "keys.test:", "keys.test:0", "keys.test:x", "keys.test:65536", "keys.test:0443", "https://keys.test",
		"keys.test/", "user@keys.test", "*.keys.test", "keys..test", "keys.test.", ".test", "-keys.test", "keys-.test",
		"keys test", "k\u00e9ys.test", "::1", "[::1", "[keys.test]", "[127.0.0.1]", "[::ffff:127.0.0.1]", "[fe80::1%eth0]",
		"0.0.0.0", "[::]", "224.0.0.1", "127.1", "2130706433", "0x7f000001", strings.Repeat("a", 64) + ".test",
		strings.Repeat("a.", 126) + "test",
	} {
		_, err := fetch.New(inMemory(nil, "keys.test", h))
		assert.Error(t, err, h)
		assert.Less(t, len(fmt.Sprint(err)), 250, h)
	}
}

func TestTheZeroClientRefusesEveryAddress(t *testing.T) {
	var client fetch.Client
	_, err := client.Get(t.Context(), "https://keys.test/")
	refused(t, err, fetch.ErrAddress)
	client.Close()
}

func TestTheConfigurationIsCopied(t *testing.T) {
	h := serve(t, http.NotFoundHandler(), nil)
	cfg := h.config()
	cfg.Sources[0].Roots = x509.NewCertPool()
	client := newClient(t, cfg)
	cfg.Sources[0].Roots.AddCert(h.server.Certificate())
	_, err := client.Get(t.Context(), h.url("/"))
	refused(t, err, fetch.ErrNetwork)
}
