package sandbox_test

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func (w *world) postCertificate(query, body string, headers ...string) reply {
	w.t.Helper()
	return send(w.t, w.client(), http.MethodPost, w.Ready.Directory+"/certificates"+query, body, headers...)
}

// bad asks for a certificate in the place of a good one, and returns it, with its key if the answer has one.
func (w *world) bad(kind string, good []byte) (*x509.Certificate, *rsa.PrivateKey) {
	w.t.Helper()
	r := w.postCertificate("?kind="+kind, string(good))
	require.Equal(w.t, http.StatusCreated, r.status, r.body)
	require.Equal(w.t, "no-store", r.header.Get("Cache-Control"))
	var made struct{ Certificate, Key string }
	require.NoError(w.t, json.Unmarshal([]byte(r.body), &made))
	block, rest := pem.Decode([]byte(made.Certificate))
	require.NotNil(w.t, block)
	require.Empty(w.t, rest)
	leaf, err := x509.ParseCertificate(block.Bytes)
	require.NoError(w.t, err)
	if made.Key == "" {
		return leaf, nil
	}
	key, err := obieconfig.ParseKey([]byte(made.Key))
	require.NoError(w.t, err)
	return leaf, key.(*rsa.PrivateKey)
}

// TestTheDirectoryIssuesCertificatesThatABankMustRefuse: each has the CA, the name and the key of the good one, and one
// fault; the bank lets nobody in by it. The times are those of the sandbox's clock.
func TestTheDirectoryIssuesCertificatesThatABankMustRefuse(t *testing.T) {
	for name, c := range map[string]sandbox.Config{
		"now":     {},
		"in 2044": {Dir: t.TempDir(), Seed: "s", StartAt: time.Date(2044, 5, 6, 7, 8, 9, 0, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, c)
			now := time.Now()
			if !c.StartAt.IsZero() {
				now = c.StartAt
			}
			file := w.file("tpp/transport.pem")
			good, ca, key := w.certificate("tpp/transport.pem"), w.certificate("ca.pem"), w.key("tpp/transport.key")
			serials := map[string]bool{good.SerialNumber.String(): true}
			for _, kind := range []string{"expired", "not-yet", "server-only", "unpublished"} {
				leaf, own := w.bad(kind, file)
				require.NoError(t, leaf.CheckSignatureFrom(ca), kind)
				require.Equal(t, good.RawSubject, leaf.RawSubject, kind)
				require.False(t, serials[leaf.SerialNumber.String()], "%s has a serial number of its own", kind)
				serials[leaf.SerialNumber.String()] = true
				valid := !now.Before(leaf.NotBefore) && now.Before(leaf.NotAfter)
				require.Equal(t, []bool{kind == "expired", kind == "not-yet", kind == "server-only", kind == "unpublished"},
					[]bool{now.After(leaf.NotAfter), now.Before(leaf.NotBefore), valid && len(leaf.ExtKeyUsage) == 1, valid && own != nil}, kind)
				require.Equal(t, kind == "unpublished", !leaf.PublicKey.(*rsa.PublicKey).Equal(&key.PublicKey), kind)
				require.Empty(t, leaf.DNSNames)
				if own == nil {
					own = key
				}
				require.True(t, own.PublicKey.Equal(leaf.PublicKey), kind)
				require.NotEqual(t, http.StatusCreated, w.registersBy(tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: own}), kind)
			}
			require.Equal(t, http.StatusCreated, w.registersBy(tls.Certificate{Certificate: [][]byte{good.Raw}, PrivateKey: key}), "the good one")
		})
	}
}

// registersBy sends tpp/request.jwt over a certificate, and returns the status; 0 for a refusal in the handshake.
func (w *world) registersBy(shown tls.Certificate) int {
	w.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(w.certificate("ca.pem"))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil }}}}
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.Ready.RegistrationEndpoint, strings.NewReader(string(w.file("tpp/request.jwt"))))
	require.NoError(w.t, err)
	request.Header.Set("Content-Type", "application/jwt")
	answer, err := client.Do(request)
	if err != nil {
		return 0
	}
	require.NoError(w.t, answer.Body.Close())
	return answer.StatusCode
}

// TestAnUnfitRequestForACertificateIsRefused: what is no certificate of a client of this sandbox, and no kind; and the
// directory's guards hold here too.
func TestAnUnfitRequestForACertificateIsRefused(t *testing.T) {
	t.Parallel()
	w := start(t, sandbox.Config{})
	before := len(contents(t, w.dir))
	good := string(w.file("tpp/transport.pem"))
	foreign, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(foreign.Close)
	for name, sent := range map[string]struct{ query, body string }{
		"no kind": {"", good}, "an empty kind": {"?kind=", good}, "an unknown kind": {"?kind=good", good}, "two kinds": {"?kind=expired&kind=not-yet", good},
		"more than a kind": {"?kind=expired&subject=CN%3Dx", good}, "a kind in another script": {"?kind=%ff", good},
		"nothing": {"?kind=expired", ""}, "no PEM": {"?kind=expired", "x"}, "JSON": {"?kind=expired", "{}"},
		"a key": {"?kind=expired", string(w.file("tpp/transport.key"))}, "two certificates": {"?kind=expired", good + good},
		"a damaged one": {"?kind=expired", strings.Replace(good, "M", "N", 3)}, "of another CA": {"?kind=expired", string(foreign.CAPEM())},
		"of a server": {"?kind=server-only", string(w.file("state/server.pem"))}, "the CA's own": {"?kind=expired", string(w.file("ca.pem"))},
		"for signatures": {"?kind=unpublished", string(w.file("tpp/signing.pem"))},
	} {
		r := w.postCertificate(sent.query, sent.body)
		assert.Equal(t, http.StatusBadRequest, r.status, "%s: %s", name, r.body)
		assert.LessOrEqual(t, len(r.body), 400, name)
	}
	require.Equal(t, http.StatusRequestEntityTooLarge, w.postCertificate("?kind=expired", strings.Repeat("x", 2<<20)).status)
	require.Equal(t, http.StatusForbidden, w.postCertificate("?kind=expired", good, "Origin", "https://elsewhere.example").status)
	require.Equal(t, http.StatusForbidden, w.postCertificate("?kind=expired", good, "Sec-Fetch-Site", "cross-site").status)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Ready.Directory+"/certificates", http.NoBody)
	require.NoError(t, err)
	request.Host = "elsewhere.example"
	answer, err := w.client().Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusMisdirectedRequest, answer.StatusCode)
	r := send(t, w.client(), http.MethodGet, w.Ready.Directory+"/certificates", "")
	require.Equal(t, http.StatusMethodNotAllowed, r.status)
	require.Equal(t, "POST", r.header.Get("Allow"))
	require.Len(t, contents(t, w.dir), before, "nothing was kept")
}
