package server_test

import (
	"crypto/tls"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// atOnce is how many broken requests are on their way at a time.
const atOnce = 40

// mutatedRequests sends forged requests that are broken at random places. Some hang until
// their deadline, so many are sent at once.
func mutatedRequests(t *testing.T, b *behind) {
	victim, err := b.directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	name := http.CanonicalHeaderKey(b.header)
	line := name + ": " + headerValue(b.form, certificateOf(t, victim.TransportCertificate)) + "\r\n"
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: a\r\n" + line + "\r\n"
	whole := []string{
		"GET /who HTTP/1.1\r\nHost: a\r\n" + line + "\r\n",
		"POST /who HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" + line + "\r\nhello" + smuggled,
		"POST /who HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n" + line + "\r\n" + smuggled,
	}
	parts := []string{"\r", "\n", "\r\n", "\r\r\n", "\n\r\n", " ", "\t", "\x00", "\x0b", "\x0c", "\x7f", "\x80", "\u00a0", ":", ",", ";", "_", "-", "%0d%0a",
		"0\r\n\r\n", "1\r\na\r\n", "chunked", "HTTP/1.1", "X: ", "Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n", "Connection: close\r\n",
		"Connection: " + name + "\r\n", "Expect: 100-continue\r\n", line, strings.Replace(line, name, strings.ToLower(name), 1),
		strings.Replace(line, name, strings.ReplaceAll(name, "-", "_"), 1)}
	random := rand.New(rand.NewPCG(1, 2))
	before := len(b.arrived(""))
	var open sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range fulltest.Rounds(60) {
		payload := whole[random.IntN(len(whole))]
		for range 1 + random.IntN(4) {
			payload = mutate(random, payload, parts[random.IntN(len(parts))])
		}
		pair := tls.Certificate{}
		if i%2 == 0 {
			pair = b.software.TransportCertificate
		}
		slots <- struct{}{}
		open.Go(func() {
			defer func() { <-slots }()
			assert.NotContains(t, b.raw(t, pair, payload), leafOf(victim.TransportCertificate), "%q", payload)
		})
	}
	open.Wait()
	arrived := b.arrived("")[before:]
	require.NotEmpty(t, arrived)
	for _, a := range arrived {
		assert.NotEqual(t, leafOf(victim.TransportCertificate), a.identity, "%v", a.header)
	}
}

// mutate puts a part into a request, or over what stands there, half of the time at the end
// of a line.
func mutate(random *rand.Rand, request, part string) string {
	at := random.IntN(len(request))
	if end := strings.Index(request[at:], "\n"); end >= 0 && random.IntN(2) == 0 {
		at += end + random.IntN(2)
	}
	over := min(at+random.IntN(2)*len(part), len(request))
	return request[:at] + part + request[over:]
}
