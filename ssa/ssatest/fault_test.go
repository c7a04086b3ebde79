package ssatest_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// faulty is a directory with a software, and what it answers at an address.
func faulty(t *testing.T) (*ssatest.Directory, *ssatest.EnrolledSoftware, func(address string) (int, http.Header, string, error)) {
	t.Helper()
	d, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	s, err := d.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	client := d.Client()
	client.Timeout = 5 * time.Second
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(client.CloseIdleConnections)
	return d, s, func(address string) (int, http.Header, string, error) {
		answer, err := client.Get(address)
		if err != nil {
			return 0, nil, "", err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return answer.StatusCode, answer.Header, string(body), err
	}
}

func TestAKeySetFaultChangesTheAnswer(t *testing.T) {
	t.Parallel()
	d, s, get := faulty(t)
	set := string(s.JWKS())
	for name, c := range map[string]struct {
		fault  ssatest.KeySetFault
		status int
		body   string
		header [2]string
	}{
		"none":              {status: 200, body: set},
		"late":              {fault: ssatest.KeySetFault{Delay: time.Millisecond}, status: 200, body: set},
		"a status":          {fault: ssatest.KeySetFault{Status: 503}, status: 503, body: set},
		"a body":            {fault: ssatest.KeySetFault{Body: []byte("x")}, status: 200, body: "x"},
		"an empty body":     {fault: ssatest.KeySetFault{Body: []byte{}}, status: 200},
		"a repeated body":   {fault: ssatest.KeySetFault{Body: []byte("ab"), Repeat: 3}, status: 200, body: "ababab"},
		"a page":            {fault: ssatest.KeySetFault{Status: 404, ContentType: "text/html", Body: []byte("<p>")}, status: 404, body: "<p>", header: [2]string{"Content-Type", "text/html"}},
		"a redirect":        {fault: ssatest.KeySetFault{Redirect: "https://a.example/"}, status: 302, body: set, header: [2]string{"Location", "https://a.example/"}},
		"a redirect by 307": {fault: ssatest.KeySetFault{Redirect: "https://a.example/", Status: 307}, status: 307, body: set},
	} {
		d.Misbehave(s.JWKSURL(), c.fault)
		status, header, body, err := get(s.JWKSURL())
		require.NoError(t, err, name)
		require.Equal(t, c.status, status, name)
		require.Equal(t, c.body, body, name)
		if c.header[0] != "" {
			require.Equal(t, c.header[1], header.Get(c.header[0]), name)
		}
		status, _, body, err = get(d.URL() + "/keys.jwks")
		require.NoError(t, err)
		require.Equal(t, 200, status, "another path is as it was")
		require.Equal(t, string(d.JWKS()), body)
	}
	require.Equal(t, 9, d.Fetches(s.JWKSURL()))
	require.Equal(t, 9, d.Fetches("/keys.jwks"))
}

func TestAFaultOfEveryPathGivesWayToOneOfThePath(t *testing.T) {
	t.Parallel()
	d, s, get := faulty(t)
	d.Misbehave(ssatest.EveryPath, ssatest.KeySetFault{Status: 500})
	d.Misbehave("/keys.jwks", ssatest.KeySetFault{Status: 418, Times: 1})
	for _, wanted := range []int{418, 500} {
		status, _, _, err := get(d.URL() + "/keys.jwks")
		require.NoError(t, err)
		require.Equal(t, wanted, status)
	}
	status, _, _, err := get(d.URL() + "/nobody.jwks")
	require.NoError(t, err)
	require.Equal(t, 500, status, "also where nothing is published")
	d.Behave()
	status, _, _, err = get(d.URL() + "/nobody.jwks")
	require.NoError(t, err)
	require.Equal(t, 404, status)
	status, _, body, err := get(s.RevokedURL())
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.JSONEq(t, `{"keys":[]}`, body)
	s.Withdraw()
	_, _, body, err = get(s.RevokedURL())
	require.NoError(t, err)
	require.Equal(t, string(s.JWKS()), body)
}

// TestADirectoryThatHangsEndsAllTheSame: with Close.
func TestADirectoryThatHangsEndsAllTheSame(t *testing.T) {
	t.Parallel()
	d, s, get := faulty(t)
	d.Misbehave(s.JWKSURL(), ssatest.KeySetFault{Reset: true})
	_, _, _, err := get(s.JWKSURL())
	require.Error(t, err)
	require.Equal(t, 1, d.Fetches(s.JWKSURL()))
	ended := make(chan error, 2)
	for i, fault := range []ssatest.KeySetFault{{Hang: true}, {Delay: time.Hour}} {
		d.Misbehave(s.JWKSURL(), fault)
		go func() {
			_, _, _, err := get(s.JWKSURL())
			ended <- err
		}()
		require.Eventually(t, func() bool { return d.Fetches(s.JWKSURL()) > i+1 }, time.Minute, time.Millisecond)
	}
	d.Close()
	require.Error(t, <-ended)
	require.Error(t, <-ended)
}

func TestACertificateIsForged(t *testing.T) {
	t.Parallel()
	d, s, _ := faulty(t)
	roots := x509.NewCertPool()
	roots.AddCert(d.CA)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	verify := func(c *x509.Certificate) error {
		_, err := c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		return err
	}
	plain, err := s.CertificateWith(ssatest.CertificateForgery{})
	require.NoError(t, err)
	require.NoError(t, verify(plain.Leaf))
	require.Equal(t, s.TransportCertificate.Leaf.RawSubject, plain.Leaf.RawSubject)
	require.Equal(t, s.TransportCertificate.Leaf.PublicKey, plain.Leaf.PublicKey)

	for name, f := range map[string]ssatest.CertificateForgery{
		"expired": {NotAfter: now.Add(-time.Second)}, "not yet valid": {NotBefore: now.Add(time.Second)},
		"of a foreign CA": {ForeignCA: true}, "for servers alone": {Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
	} {
		forged, err := s.CertificateWith(f)
		require.NoError(t, err, name)
		require.Error(t, verify(forged.Leaf), name)
		require.Equal(t, d.CA.RawSubject, forged.Leaf.RawIssuer, name)
	}
	other, err := s.CertificateWith(ssatest.CertificateForgery{Subject: &pkix.Name{CommonName: "another"}, Key: d.ForgedKey()})
	require.NoError(t, err)
	require.NoError(t, verify(other.Leaf))
	require.Equal(t, "CN=another", other.Leaf.Subject.String())
	require.Equal(t, d.ForgedKey().Public(), other.Leaf.PublicKey)

	production, err := ssatest.New(ssatest.Options{Environment: claims.Production})
	require.NoError(t, err)
	t.Cleanup(production.Close)
	live, err := production.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	forged, err := live.CertificateWith(ssatest.CertificateForgery{ForeignCA: true})
	require.NoError(t, err)
	require.Error(t, forged.Leaf.CheckSignatureFrom(production.CA))
}
