package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// headerValue writes a certificate as the proxy of a form does.
func headerValue(form cert.Form, c *x509.Certificate) string {
	armoured := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	switch form {
	case cert.FormEscapedPEM:
		return url.PathEscape(armoured)
	case cert.FormRFC9440:
		return ":" + base64.StdEncoding.EncodeToString(c.Raw) + ":"
	default:
		return strings.TrimSpace(strings.ReplaceAll(armoured, "\n", " "))
	}
}

// attacks are requests with a forged header. {H} stands for its name and {V} for its value, the
// certificate of another TPP. Lines end with CR and LF, unless they end with {LF}.
func attacks() map[string]string {
	const who = "GET /who HTTP/1.1\nHost: a\nConnection: close\n"
	const post = "POST /who HTTP/1.1\nHost: a\nConnection: close\n"
	const smuggled = "GET /smuggled HTTP/1.1\nHost: a\n{H}: {V}\n\n"
	all := map[string]string{
		"plain":                              who + "{H}: {V}\n\n",
		"in lower case":                      who + "{lower}: {V}\n\n",
		"in upper case":                      who + "{upper}: {V}\n\n",
		"twice":                              who + "{H}: {V}\n{H}: {V}\n\n",
		"twice in two cases":                 who + "{lower}: {V}\n{upper}: {V}\n\n",
		"with a comma":                       who + "{H}: {V}, {V}\n\n",
		"empty":                              who + "{H}:\n\n",
		"with underscores":                   who + "{underscored}: {V}\n\n",
		"with one underscore":                who + "{mixed}: {V}\n\n",
		"with an underscore, twice":          who + "{underscored}: {V}\n{mixed}: {V}\n{H}: {V}\n\n",
		"with an empty one before it":        who + "X-Client-Cert:\n{underscored}: {V}\n{H}: {V}\n\n",
		"with an empty one behind it":        who + "{underscored}: {V}\n{H}: {V}\nX-Client-Cert:\n\n",
		"with a blank behind the name":       who + "{H} : {V}\n\n",
		"with a tab behind the name":         who + "{H}\t: {V}\n\n",
		"behind a fold":                      who + "X: a\n {H}: {V}\n\n",
		"with a folded value":                who + "{H}:\n {V}\n\n",
		"with blanks around the value":       who + "{H}: \t {V} \t \n\n",
		"with a dot":                         who + "{dotted}: {V}\n\n",
		"with NUL in the name":               who + "\x00{H}: {V}\n\n",
		"with a vertical tab":                who + "\x0b{H}: {V}\n\n",
		"behind a bare CR":                   who + "X: a\r{H}: {V}\n\n",
		"behind a bare LF":                   who + "X: a{LF}{H}: {V}\n\n",
		"named in Connection":                "GET /who HTTP/1.1\nHost: a\nConnection: close, {H}\n{H}: {V}\n\n",
		"named in Connection, alone":         "GET /who HTTP/1.1\nHost: a\nConnection: {lower}\nConnection: close\n\n",
		"named in Connection, twice":         "GET /who HTTP/1.1\nHost: a\nConnection: {H}, {H}, close\n{lower}: {V}\n{H}: {V}\n\n",
		"named in Keep-Alive":                "GET /who HTTP/1.1\nHost: a\nConnection: close\nKeep-Alive: {H}\nProxy-Connection: {H}\nTE: trailers\n{H}: {V}\n\n",
		"in a trailer":                       post + "Transfer-Encoding: chunked\nTrailer: {H}\n\n1\na\n0\n{H}: {V}\n\n",
		"in a trailer that is not announced": post + "Transfer-Encoding: chunked\n\n1\na\n0\n{H}: {V}\n\n",
		"with HTTP/1.0":                      "GET /who HTTP/1.0\n{H}: {V}\n\n",
		"with HTTP/0.9":                      "GET /who\n{H}: {V}\n\n",
		"with HTTP/2 by an upgrade": "GET /who HTTP/1.1\nHost: a\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\n" +
			"HTTP2-Settings: AAMAAABkAAQAAP__\n{H}: {V}\n\n" + smuggled,
		"with a websocket":                    "GET /who HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket\n{H}: {V}\n\n" + smuggled,
		"with an absolute address":            "GET http://b/who HTTP/1.1\nHost: a\nConnection: close\n{H}: {V}\n\n",
		"with an asterisk":                    "OPTIONS * HTTP/1.1\nHost: a\nConnection: close\n{H}: {V}\n\n",
		"with no path":                        "GET who HTTP/1.1\nHost: a\nConnection: close\n{H}: {V}\n\n",
		"with CONNECT to a path":              "CONNECT /who HTTP/1.1\nHost: a\n{H}: {V}\n\n" + smuggled,
		"with CONNECT":                        "CONNECT a:80 HTTP/1.1\nHost: a\n{H}: {V}\n\n" + smuggled,
		"with TRACE":                          "TRACE /who HTTP/1.1\nHost: a\nConnection: close\n{H}: {V}\n\n",
		"in a second request":                 "GET /who HTTP/1.1\nHost: a\n\n" + who + "{H}: {V}\n\n",
		"with Expect":                         post + "Expect: 100-continue\nContent-Length: 1\n{H}: {V}\n\na",
		"smuggled by CL.TE":                   post + "Content-Length: 6\nTransfer-Encoding: chunked\n\n0\n\n" + smuggled,
		"smuggled by TE.CL":                   post + "Transfer-Encoding: chunked\nContent-Length: 4\n\n5c\n" + smuggled + "\n0\n\n",
		"smuggled by two lengths":             post + "Content-Length: 0\nContent-Length: 300\n\n" + smuggled,
		"smuggled by a list":                  post + "Content-Length: 0, 300\n\n" + smuggled,
		"smuggled by a plus":                  post + "Content-Length: +0\n\n" + smuggled,
		"smuggled by a hexadecimal":           post + "Content-Length: 0x12c\n\n" + smuggled,
		"smuggled by a negative":              post + "Content-Length: -1\n\n" + smuggled,
		"smuggled by xchunked":                post + "Transfer-Encoding: xchunked\nContent-Length: 5\n\n0\n\n" + smuggled,
		"smuggled by a blank":                 post + "Transfer-Encoding : chunked\nContent-Length: 5\n\n0\n\n" + smuggled,
		"smuggled by a vertical tab":          post + "Transfer-Encoding: \x0bchunked\nContent-Length: 5\n\n0\n\n" + smuggled,
		"smuggled by identity":                post + "Transfer-Encoding: chunked, identity\nContent-Length: 5\n\n0\n\n" + smuggled,
		"smuggled by two codings":             post + "Transfer-Encoding: chunked\nTransfer-Encoding: cow\n\n0\n\n" + smuggled,
		"smuggled by a fold":                  post + "Transfer-Encoding:\n chunked\nContent-Length: 5\n\n0\n\n" + smuggled,
		"smuggled by an underscore":           post + "Transfer_Encoding: chunked\nContent-Length: 5\n\n0\n\n" + smuggled,
		"smuggled by a chunk's length":        post + "Transfer-Encoding: chunked\n\nfffffffffffffff0\n\n" + smuggled,
		"smuggled by a chunk's extension":     post + "Transfer-Encoding: chunked\n\n1;a=\"{LF}b\n\na\n0\n\n" + smuggled,
		"smuggled by a chunk that ends early": post + "Transfer-Encoding: chunked\n\n1\nab\n0\n\n" + smuggled,
		"smuggled in a body of GET":           "GET /who HTTP/1.1\nHost: a\nContent-Length: 300\n\n" + smuggled,
		"smuggled in the address":             "GET /who%20HTTP/1.1%0d%0a{H}:%20{V}%0d%0a%0d%0a HTTP/1.1\nHost: a\nConnection: close\n\n",
		"smuggled in the host":                "GET /who HTTP/1.1\nHost: a%0d%0a{H}: {V}\nConnection: close\n\n",
	}
	for _, name := range []string{"Client-Cert", "Client-Cert-Chain", "X-SSL-Client-Cert", "SSL-Client-Cert", "X-Client-Cert",
		"X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert", "X-Amzn-Mtls-Clientcert", "X-Amzn-Mtls-Clientcert-Leaf"} {
		all["as "+name] = who + name + ": {V}\n\n"
	}
	return all
}

// byTPP marks the requests of a client that has a certificate.
const byTPP = "X-By-TPP"

// attackedProxy sends each attack with a certificate of one's own and without.
func attackedProxy(t *testing.T, b *behind) {
	victim, err := b.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	name := http.CanonicalHeaderKey(b.header)
	last := strings.LastIndex(name, "-")
	fields := strings.NewReplacer("{H}", name, "{lower}", strings.ToLower(name), "{upper}", strings.ToUpper(name),
		"{underscored}", strings.ReplaceAll(name, "-", "_"), "{mixed}", name[:last]+"_"+name[last+1:], "{dotted}", strings.ReplaceAll(name, "-", "."),
		"{V}", headerValue(b.form, certificateOf(t, victim.TransportCertificate)), "{LF}", "\n", "\n", "\r\n")
	before := len(b.arrived(""))
	t.Run("all", func(t *testing.T) {
		for attack, payload := range attacks() {
			for who, pair := range map[string]tls.Certificate{"by nobody": {}, "by a TPP": b.software.TransportCertificate} {
				t.Run(attack+" "+who, func(t *testing.T) {
					t.Parallel()
					request := fields.Replace(payload)
					if len(pair.Certificate) > 0 {
						request = strings.ReplaceAll(request, "Host: a\r\n", "Host: a\r\n"+byTPP+": 1\r\n")
					}
					answer := b.raw(t, pair, request)
					assert.NotContains(t, answer, leafOf(victim.TransportCertificate))
				})
			}
		}
	})
	_, answer := b.whoAmI(t, b.transport(t, b.software.TransportCertificate), nil)
	require.Equal(t, leafOf(b.software.TransportCertificate), answer)
	arrived := b.arrived("")[before:]
	require.NotEmpty(t, arrived)
	b.untainted(t, arrived)
	for _, a := range arrived {
		assert.NotEqual(t, leafOf(victim.TransportCertificate), a.identity, "%s", a.path)
		if a.header.Get(byTPP) != "" {
			assert.Equal(t, leafOf(b.software.TransportCertificate), a.identity, "it cannot lose its own certificate: %v", a.header)
		}
	}
}

// raw sends bytes over TLS and returns what comes back.
func (b *behind) raw(t *testing.T, pair tls.Certificate, payload string) string {
	t.Helper()
	config := &tls.Config{RootCAs: b.roots()}
	if len(pair.Certificate) > 0 {
		config.Certificates = []tls.Certificate{pair}
	}
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", b.address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }() // cut off, or closed by the proxy
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Second)))
	_, _ = io.WriteString(conn, payload) // the proxy may hang up meanwhile
	answer, _ := io.ReadAll(conn)        // or wait for more
	return string(answer)
}

// untainted checks that of all headers that can hold a certificate only the proxy's own has
// reached the bank, at most once a request.
func (b *behind) untainted(t *testing.T, arrivals []arrival) {
	t.Helper()
	own := http.CanonicalHeaderKey(b.header)
	for _, a := range arrivals {
		if a.header.Get(aroundTheProxy) != "" {
			continue
		}
		assert.NotEqual(t, http.MethodConnect, a.method)
		assert.Empty(t, a.header["Upgrade"])
		assert.NotContains(t, strings.ToLower(strings.Join(a.header["Connection"], " ")), "cert")
		for name, values := range a.header {
			if name == own {
				assert.Len(t, values, 1, "%s", a.path)
			} else if strings.Contains(strings.ToLower(name), "cert") {
				assert.Empty(t, strings.Join(values, ""), "%s of %s", name, a.path)
			}
		}
		assert.Regexp(t, `^([0-9a-f]{64}|nobody|cert: unusable certificate header: it is too long)$`, a.identity, fmt.Sprint(a.path))
	}
}
