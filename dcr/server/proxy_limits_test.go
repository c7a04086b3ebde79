package server_test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr"
)

// tokensThroughProxy sends bearer tokens of many lengths, alone and with the greatest request.
func tokensThroughProxy(t *testing.T, b *behind) {
	client := b.transport(t, b.software.TransportCertificate)
	for length, wanted := range map[int]int{9_000: http.StatusOK, 15_500: http.StatusOK, 17_000: http.StatusBadRequest, 40_000: http.StatusBadRequest} {
		for _, body := range []int{0, dcr.MaxRequestBody} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+b.address+"/who", strings.NewReader(strings.Repeat("x", body)))
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+strings.Repeat("a", length))
			answer, err := client.Do(r)
			if err != nil && wanted != http.StatusOK && body > 0 { // the proxy hangs up and reads no body
				continue
			}
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, wanted, answer.StatusCode, "a token of %d bytes and a body of %d", length, body)
		}
	}
}

// whereFromThroughProxy pretends to come from elsewhere, by each header that says so.
func whereFromThroughProxy(t *testing.T, b *behind) {
	claimed := []string{"X-Forwarded-For", "x-forwarded-for", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Server", "X-Real-IP", "Forwarded"}
	b.whoAmI(t, b.transport(t, b.software.TransportCertificate), func(r *http.Request) {
		r.Host = "tpps.example:8443"
		for _, name := range claimed {
			r.Header[name] = []string{"192.0.2.1", "for=192.0.2.1"}
		}
	})
	arrived := b.arrived("/who")
	last := arrived[len(arrived)-1]
	if b.tool == "apache2" && b.config.Clients.Server != nil { // TLS to the bank
		require.Equal(t, strings.Replace(b.inside, "127.0.0.1", "localhost", 1), last.host)
	} else {
		require.Equal(t, "tpps.example:8443", last.host)
	}
	require.Equal(t, []string{"127.0.0.1"}, last.header["X-Forwarded-For"])
	for _, name := range claimed[2:] {
		require.Empty(t, last.header.Values(name), name)
	}
}

// frame is a frame of HTTP/2 (RFC 9113 section 4.1).
func frame(kind, flags byte, stream uint32, payload string) string {
	header := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	header = binary.BigEndian.AppendUint32(append(header, flags), stream)
	return string(header) + payload
}

// fields are header fields as literals with new names (RFC 7541 section 6.2.2), each of at
// most 126 bytes.
func fields(pairs ...string) string {
	var block strings.Builder
	for i, text := range pairs {
		if i%2 == 0 {
			block.WriteByte(0)
		}
		block.WriteByte(byte(len(text)))
		block.WriteString(text)
	}
	return block.String()
}

// prefaceThroughProxy speaks HTTP/2 without an agreement by ALPN (RFC 9113 section 3.4), which
// would bring the tunnel of an extended CONNECT (RFC 8441).
func prefaceThroughProxy(t *testing.T, b *behind) {
	const preface, settings, headers, endHeaders, endStream = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 4, 1, 4, 1
	for name, request := range map[string]string{
		"GET": frame(headers, endHeaders|endStream, 1, fields(":method", "GET", ":scheme", "https", ":path", "/preface", ":authority", "a", "client-cert", ":AA==:")),
		"an extended CONNECT": frame(headers, endHeaders, 1,
			fields(":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/preface", ":authority", "a")),
		"CONNECT": frame(headers, endHeaders, 1, fields(":method", "CONNECT", ":authority", "a:80")),
	} {
		for who, pair := range map[string]tls.Certificate{"nobody": {}, "a TPP": b.software.TransportCertificate} {
			before := len(b.arrived(""))
			answer := b.raw(t, pair, preface+frame(settings, 0, 0, "")+request)
			if answer != "" {
				assert.Regexp(t, `^"HTTP/1\.[01] 4\d\d `, strconv.Quote(answer), "%s by %s", name, who)
			}
			assert.Len(t, b.arrived(""), before, "%s by %s", name, who)
		}
	}
}

// get asks for a path.
func (b *behind) get(t *testing.T, client *http.Client, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+b.address+path, http.NoBody)
	require.NoError(t, err)
	answer, err := client.Do(r)
	require.NoError(t, err)
	return answer
}

// toldPlainly checks what a proxy itself says of a bank that is out.
func toldPlainly(t *testing.T, answer *http.Response) {
	t.Helper()
	require.Equal(t, []string{"10"}, answer.Header.Values("Retry-After"))
	require.Regexp(t, `^text/plain\b`, answer.Header.Get("Content-Type"))
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, "The bank does not answer. Try again later.\n", string(body))
}

func outageThroughProxy(t *testing.T, b *behind) {
	answer := b.get(t, b.transport(t, tls.Certificate{}), "/busy")
	defer answer.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	require.Equal(t, []string{"77"}, answer.Header.Values("Retry-After"))
	require.Equal(t, "application/json", answer.Header.Get("Content-Type"))
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.JSONEq(t, `{"busy":true}`, string(body))
}

// The times of the files are what ends a request that the bank does not answer: here with one
// second in their place.
func TestARealProxyGivesASlowBankUp(t *testing.T) {
	t.Parallel()
	times := strings.NewReplacer("proxy_read_timeout 75s", "proxy_read_timeout 1s", "timeout server 75s", "timeout server 1s", "ProxyTimeout 75", "ProxyTimeout 1")
	eachRealProxy(t, func(t *testing.T, p realProxy) {
		b := behindProxy(t, p, surroundings{edit: times.Replace})
		began := time.Now()
		answer := b.get(t, b.transport(t, tls.Certificate{}), "/slow")
		defer answer.Body.Close()
		require.GreaterOrEqual(t, time.Since(began), time.Second)
		wanted := http.StatusServiceUnavailable
		if p.tool == "apache2" {
			wanted = http.StatusBadGateway
		}
		require.Equal(t, wanted, answer.StatusCode)
		toldPlainly(t, answer)
		require.Len(t, b.arrived("/slow"), 1, "it is asked once")
	})
}
