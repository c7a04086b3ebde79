package cert_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
)

// proxied returns a certificate whose base64 has both a plus and a slash, so that
// no test passes by luck.
func proxied(t testing.TB, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(1700000000, 0), NotAfter: time.Unix(1800000000, 0),
		Subject: pkix.Name{CommonName: "client"},
	}
	if change != nil {
		change(template)
	}
	for {
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		require.NoError(t, err)
		if text := base64.StdEncoding.EncodeToString(der); strings.Contains(text, "+") && strings.Contains(text, "/") {
			leaf, err := x509.ParseCertificate(der)
			require.NoError(t, err)
			return leaf
		}
	}
}

// paddedCertificate is one whose base64 ends in an equals sign.
func paddedCertificate(t testing.TB) *x509.Certificate {
	t.Helper()
	for {
		if c := proxied(t, nil); strings.HasSuffix(base64Of(c), "=") {
			return c
		}
	}
}

func base64Of(c *x509.Certificate) string { return base64.StdEncoding.EncodeToString(c.Raw) }

func pemOf(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// escapeAll encodes as nginx and Envoy do, escapeAWS as AWS does: + = / stay.
func escapeAll(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func escapeAWS(s string) string {
	return strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=").Replace(escapeAll(s))
}

func hashOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// rendering writes a certificate as a proxy of each form does.
func rendering(form cert.Form, c *x509.Certificate) string {
	switch form {
	case cert.FormRFC9440:
		return ":" + base64Of(c) + ":"
	case cert.FormXFCC:
		return "Hash=" + hashOf(c) + `;Cert="` + escapeAll(pemOf(c)) + `";Subject="CN=client,O=\"A; B, C\"";URI=`
	case cert.FormEscapedPEM, cert.FormEscapedPEMChain:
		return escapeAWS(pemOf(c))
	case cert.FormDER, cert.FormDERChain:
		return base64Of(c)
	default:
		return strings.TrimSpace(strings.ReplaceAll(pemOf(c), "\n", " "))
	}
}

const proxyAddress = "192.0.2.7:40000"

func headerSource(t testing.TB, form cert.Form) cert.Source {
	t.Helper()
	source, err := cert.FromHeader(cert.HeaderConfig{
		Header: "x-client-cert", Form: form, Peers: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/64"), netip.MustParsePrefix("fe80::/64")},
	})
	require.NoError(t, err)
	return source
}

func requestWith(remote string, values ...string) *http.Request {
	return &http.Request{RemoteAddr: remote, Header: http.Header{"X-Client-Cert": values}}
}

func TestHeaderSourcesReadEveryRendering(t *testing.T) {
	leaf, other := proxied(t, nil), proxied(t, nil)
	padded := paddedCertificate(t)
	chain := pemOf(leaf) + pemOf(other)
	for name, c := range map[string]struct {
		form  cert.Form
		value string
	}{
		"RFC 9440":                             {cert.FormRFC9440, rendering(cert.FormRFC9440, leaf)},
		"Envoy with every key":                 {cert.FormXFCC, "By=spiffe://a.example/b;" + rendering(cert.FormXFCC, leaf) + ";DNS=a.example;DNS=b.example"},
		"Envoy with Cert alone":                {cert.FormXFCC, "Cert=" + escapeAll(pemOf(leaf))},
		"Envoy with keys in capitals":          {cert.FormXFCC, `HASH=` + strings.ToUpper(hashOf(leaf)) + `;CERT="` + escapeAll(pemOf(leaf)) + `"`},
		"Envoy with the chain":                 {cert.FormXFCC, `Cert="` + escapeAll(pemOf(leaf)) + `";Chain="` + escapeAll(chain) + `"`},
		"Envoy with a plus that stays":         {cert.FormXFCC, `Cert="` + escapeAWS(pemOf(leaf)) + `"`},
		"Envoy with a semicolon in a subject":  {cert.FormXFCC, `Subject="O=x;Cert=y,z=\"\\\"";Cert="` + escapeAll(pemOf(leaf)) + `"`},
		"Envoy with an equals sign in a URI":   {cert.FormXFCC, "URI=https://a.example/?b=c;Cert=" + escapeAWS(pemOf(leaf))},
		"nginx":                                {cert.FormEscapedPEM, escapeAll(pemOf(leaf))},
		"AWS leaf, where plus stays plus":      {cert.FormEscapedPEM, escapeAWS(pemOf(leaf))},
		"escaped with lower-case hexadecimals": {cert.FormEscapedPEM, strings.ReplaceAll(escapeAWS(pemOf(leaf)), "%0A", "%0d%0a")},
		"AWS chain":                            {cert.FormEscapedPEMChain, escapeAWS(chain)},
		"AWS chain of one":                     {cert.FormEscapedPEMChain, escapeAWS(pemOf(leaf))},
		"bare base64":                          {cert.FormDER, base64Of(leaf)},
		"base64 without padding":               {cert.FormDER, strings.TrimRight(base64Of(leaf), "=")},
		"Traefik with the leaf alone":          {cert.FormDERChain, base64Of(leaf)},
		"Traefik with the issuing CA":          {cert.FormDERChain, base64Of(leaf) + "," + base64Of(other)},
		"older Traefik":                        {cert.FormDERChain, escapeAll(base64Of(leaf))},
		"older Traefik with the issuing CA":    {cert.FormDERChain, escapeAll(base64Of(leaf)) + "," + escapeAll(base64Of(other))},
		"Traefik with an escaped comma":        {cert.FormDERChain, escapeAll(base64Of(leaf) + "," + base64Of(other))},
		"PEM with blanks":                      {cert.FormPEM, rendering(cert.FormPEM, leaf)},
		"PEM with tabs":                        {cert.FormPEM, strings.ReplaceAll(strings.TrimSpace(pemOf(leaf)), "\n", "\t")},
		"PEM without newlines":                 {cert.FormPEM, strings.ReplaceAll(pemOf(leaf), "\n", "")},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := headerSource(t, c.form)(requestWith(proxyAddress, c.value))
			require.NoError(t, err)
			assert.Equal(t, leaf.Raw, got.Raw)
		})
	}
	got, err := headerSource(t, cert.FormDER)(requestWith(proxyAddress, strings.TrimRight(base64Of(padded), "=")))
	require.NoError(t, err)
	assert.Equal(t, padded.Raw, got.Raw)
}

func TestHeaderSourcesRefuseAllElse(t *testing.T) {
	leaf, other := proxied(t, nil), proxied(t, nil)
	b64, escaped := base64Of(leaf), escapeAll(pemOf(leaf))
	two := pemOf(leaf) + pemOf(other)
	big := proxied(t, func(c *x509.Certificate) {
		c.DNSNames = slices.Repeat([]string{strings.Repeat("a", 60) + ".example"}, 250)
	})
	padded := base64Of(paddedCertificate(t))
	last := strings.IndexByte(padded, '=') - 1
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: leaf.RawSubjectPublicKeyInfo}))
	for name, c := range map[string]struct {
		form  cert.Form
		value string
	}{
		"nothing":                          {cert.FormRFC9440, ""},
		"nothing escaped":                  {cert.FormEscapedPEM, ""},
		"nothing of Envoy":                 {cert.FormXFCC, ""},
		"null of Apache":                   {cert.FormPEM, "(null)"},
		"no colons":                        {cert.FormRFC9440, b64},
		"one colon":                        {cert.FormRFC9440, ":"},
		"empty byte sequence":              {cert.FormRFC9440, "::"},
		"a list of byte sequences":         {cert.FormRFC9440, ":" + b64 + ":, :" + b64 + ":"},
		"a parameter":                      {cert.FormRFC9440, ":" + b64 + ":;a=1"},
		"base64url":                        {cert.FormRFC9440, ":" + strings.NewReplacer("+", "-", "/", "_").Replace(b64) + ":"},
		"blank in the base64":              {cert.FormDER, b64[:10] + " " + b64[10:]},
		"newline in the base64":            {cert.FormDER, b64[:10] + "\r\n\r\n" + b64[10:]},
		"DER with something behind it":     {cert.FormDER, base64.StdEncoding.EncodeToString(append(bytes.Clone(leaf.Raw), 0))},
		"bits behind the base64":           {cert.FormDER, padded[:last] + string(padded[last]+1) + padded[last+1:]},
		"DER cut off":                      {cert.FormDER, base64.StdEncoding.EncodeToString(leaf.Raw[:len(leaf.Raw)-3])},
		"two bare certificates":            {cert.FormDER, b64 + "," + b64},
		"too long":                         {cert.FormDER, base64Of(big)},
		"plus made a blank, then base64":   {cert.FormDER, strings.ReplaceAll(b64, "+", " ")},
		"percent-encoded under PEM":        {cert.FormPEM, escaped},
		"broken percent-encoding":          {cert.FormEscapedPEM, escaped[:len(escaped)-1]},
		"percent-encoded twice":            {cert.FormEscapedPEM, escapeAll(escaped)},
		"two certificates":                 {cert.FormEscapedPEM, escapeAll(two)},
		"two certificates under PEM":       {cert.FormPEM, strings.ReplaceAll(two, "\n", " ")},
		"text before the PEM":              {cert.FormPEM, "x " + rendering(cert.FormPEM, leaf)},
		"text behind the PEM":              {cert.FormPEM, rendering(cert.FormPEM, leaf) + " x"},
		"a public key":                     {cert.FormEscapedPEM, escapeAll(key)},
		"a PEM without its end":            {cert.FormPEM, strings.TrimSuffix(rendering(cert.FormPEM, leaf), "-----END CERTIFICATE-----")},
		"a PEM within a PEM":               {cert.FormPEM, "-----BEGIN CERTIFICATE----- " + rendering(cert.FormPEM, leaf)},
		"a chain with broken second":       {cert.FormEscapedPEMChain, escapeAll(pemOf(leaf) + strings.Replace(pemOf(other), "M", "-", 1))},
		"a chain of eleven":                {cert.FormEscapedPEMChain, escapeAWS(strings.Repeat(pemOf(leaf), 11))},
		"a chain of none":                  {cert.FormEscapedPEMChain, "%20"},
		"two elements":                     {cert.FormXFCC, "Cert=" + escaped + ",Cert=" + escapeAll(pemOf(other))},
		"two quoted elements":              {cert.FormXFCC, rendering(cert.FormXFCC, leaf) + "," + rendering(cert.FormXFCC, other)},
		"an element before without Cert":   {cert.FormXFCC, "By=a,Cert=" + escaped},
		"Cert twice":                       {cert.FormXFCC, "Cert=" + escaped + ";cert=" + escaped},
		"Hash twice":                       {cert.FormXFCC, "Hash=" + hashOf(leaf) + ";Hash=" + hashOf(leaf) + ";Cert=" + escaped},
		"Hash of another certificate":      {cert.FormXFCC, "Hash=" + hashOf(other) + ";Cert=" + escaped},
		"Hash cut off":                     {cert.FormXFCC, "Hash=" + hashOf(leaf)[:62] + ";Cert=" + escaped},
		"Hash empty":                       {cert.FormXFCC, "Hash=;Cert=" + escaped},
		"Cert empty":                       {cert.FormXFCC, `Cert="";Subject="CN=client"`},
		"no Cert":                          {cert.FormXFCC, "Hash=" + hashOf(leaf) + `;Subject="CN=client"`},
		"Cert only within a quoted value":  {cert.FormXFCC, `Subject="O=x;Cert=` + escaped + `"`},
		"Cert of two certificates":         {cert.FormXFCC, "Cert=" + escapeAll(two)},
		"a quote that is not closed":       {cert.FormXFCC, `Cert="` + escaped},
		"a quote that is closed too early": {cert.FormXFCC, `Cert="` + escaped + `"x`},
		"a quote within a plain value":     {cert.FormXFCC, `By=a"b;Cert=` + escaped},
		"a broken key":                     {cert.FormXFCC, `"By"=a;Cert=` + escaped},
		"a semicolon at the end":           {cert.FormXFCC, "Cert=" + escaped + ";"},
		"a part without an equals sign":    {cert.FormXFCC, "Cert=" + escaped + ";By"},
		"PEM where XFCC is due":            {cert.FormXFCC, escaped},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := headerSource(t, c.form)(requestWith(proxyAddress, c.value))
			require.ErrorIs(t, err, cert.ErrHeader)
			assert.Nil(t, got)
			assert.Less(t, len(err.Error()), 128, "no echo")
		})
	}
}

// Traefik writes a chain without the lines around a PEM. Whatever is no chain of
// certificates with single commas between them is refused.
func TestAChainOfTraefikIsReadWholeOrRefused(t *testing.T) {
	leaf := proxied(t, nil)
	b64 := base64Of(leaf)
	for name, value := range map[string]string{
		"a chain of eleven":           strings.Repeat(b64+",", 10) + b64,
		"a chain with an empty leaf":  "," + b64,
		"a chain with an empty end":   b64 + ",",
		"a chain with broken CA":      b64 + "," + b64[:len(b64)-8],
		"a chain with a list":         b64 + ", " + b64,
		"a chain with semicolons":     b64 + ";" + b64,
		"a chain with armour":         strings.ReplaceAll(pemOf(leaf), "\n", "") + "," + b64,
		"a chain with newlines":       b64[:64] + "%0A" + b64[64:],
		"a chain escaped twice":       escapeAll(escapeAll(b64)),
		"a chain broken at %":         b64 + "%2",
		"Traefik's plus made a blank": strings.ReplaceAll(b64, "+", " "),
		"Traefik's information":       `Subject%3D%22CN%3Dclient%22`,
		"nothing of Traefik":          "",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := headerSource(t, cert.FormDERChain)(requestWith(proxyAddress, value))
			require.ErrorIs(t, err, cert.ErrHeader)
			assert.Nil(t, got)
			assert.Less(t, len(err.Error()), 128, "no echo")
		})
	}
}

// What is refused by two checks is refused by the first, which says what is wrong.
func TestARefusalOfAHeaderNamesTheFault(t *testing.T) {
	for _, c := range []struct {
		form         cert.Form
		value, fault string
	}{
		{cert.FormEscapedPEM, "%2", "percent-encoding"},
		{cert.FormXFCC, "Hash=00", "without Cert"},
	} {
		_, err := headerSource(t, c.form)(requestWith(proxyAddress, c.value))
		require.Contains(t, refused(t, err, cert.ErrHeader).Detail, c.fault)
	}
}

func TestHeaderSourcesTakeOneHeaderFromListedPeers(t *testing.T) {
	leaf := proxied(t, nil)
	for _, form := range cert.Forms() {
		source, value := headerSource(t, form), rendering(form, leaf)

		none, err := source(requestWith(proxyAddress))
		require.NoError(t, err, "no header")
		assert.Nil(t, none)
		_, err = source(requestWith(proxyAddress, value, value))
		require.ErrorIs(t, err, cert.ErrHeader, "the header twice")
		_, err = source(requestWith(proxyAddress, value, ""))
		require.ErrorIs(t, err, cert.ErrHeader, "an empty twin")
	}
	source, value := headerSource(t, cert.FormDER), rendering(cert.FormDER, leaf)
	for _, remote := range []string{proxyAddress, "[::ffff:192.0.2.9]:1", "[2001:db8::1]:443", "[fe80::1%eth0]:443"} {
		got, err := source(requestWith(remote, value))
		require.NoError(t, err, remote)
		assert.Equal(t, leaf.Raw, got.Raw)
	}
	for _, remote := range []string{"192.0.3.1:1", "[2001:db8:1::1]:1", "[::ffff:192.0.3.1]:1", "192.0.2.7", "@", "", "proxy.example:1"} {
		for _, values := range [][]string{{value}, nil, {value, value}} {
			got, err := source(requestWith(remote, values...))
			require.ErrorIs(t, err, cert.ErrPeer, remote)
			assert.Nil(t, got)
		}
	}
}

func TestHeaderSourceConfigurations(t *testing.T) {
	peers := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for name, c := range map[string]cert.HeaderConfig{
		"no header":            {Form: cert.FormDER, Peers: peers},
		"header with a blank":  {Header: "X Cert", Form: cert.FormDER, Peers: peers},
		"no form":              {Header: "X-Cert", Peers: peers},
		"unknown form":         {Header: "X-Cert", Form: "PEM", Peers: peers},
		"no peers":             {Header: "X-Cert", Form: cert.FormDER},
		"peer without network": {Header: "X-Cert", Form: cert.FormDER, Peers: []netip.Prefix{{}}},
		"everybody":            {Header: "X-Cert", Form: cert.FormDER, Peers: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}},
		"mapped IPv4":          {Header: "X-Cert", Form: cert.FormDER, Peers: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}},
	} {
		t.Run(name, func(t *testing.T) {
			source, err := cert.FromHeader(c)
			misconfigured(t, err, name)
			assert.Nil(t, source)
		})
	}
}

// A list of networks that is everybody is refused however it is cut.
func TestAHeaderSourceDoesNotBelieveEverybody(t *testing.T) {
	for list, good := range map[string]bool{
		"0.0.0.0/0": false, "::/0": false, "0.0.0.0/1 128.0.0.0/1": false, "128.0.0.0/1": false, "0.0.0.0/1": false, "2000::/3": false,
		"2000::/4 3000::/4": false, "2000::/4": false, "::/1": false, "10.0.0.0/8 ::/0": false, "0.0.0.0/2 64.0.0.0/3 96.0.0.0/3": false,
		"0.0.0.0/3 32.0.0.0/3 64.0.0.0/3 96.0.0.0/4 112.0.0.0/5 120.0.0.0/5": false,
		"0.0.0.0/2 0.0.0.0/2 64.0.0.0/3":                                     true, "64.0.0.0/3 0.0.0.0/2 0.0.0.0/2 1.0.0.0/8 0.0.0.0/3": true,
		"10.0.0.0/8 172.16.0.0/12 192.168.0.0/16": true, "25.0.0.0/8": true, "fd00::/8 fe80::/10": true, "2600::/8": true, "8000::/1": true,
		"10.0.0.7/32 ::1/128": true, "0.0.0.0/2": true, "2000::/5 2000::/5 2800::/6": true,
	} {
		var peers []netip.Prefix
		for _, p := range strings.Fields(list) {
			peers = append(peers, netip.MustParsePrefix(p))
		}
		_, err := cert.FromHeader(cert.HeaderConfig{Header: "X-Cert", Form: cert.FormDER, Peers: peers})
		if good {
			require.NoError(t, err, list)
			continue
		}
		misconfigured(t, err, list)
		require.Contains(t, err.Error(), "IPv", list)
	}
}

func TestHeaderSourceKeepsItsOwnPeers(t *testing.T) {
	peers := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	source, err := cert.FromHeader(cert.HeaderConfig{Header: "X-Client-Cert", Form: cert.FormDER, Peers: peers})
	require.NoError(t, err)
	peers[0] = netip.MustParsePrefix("198.51.100.0/24")
	_, err = source(requestWith("198.51.100.1:1"))
	require.ErrorIs(t, err, cert.ErrPeer)
}

// TestHeaderSourceOverAConnection shows that the net/http server hands on what a
// proxy writes, white space around it aside.
func TestHeaderSourceOverAConnection(t *testing.T) {
	leaf := proxied(t, nil)
	source, err := cert.FromHeader(cert.HeaderConfig{
		Header: "Client-Cert", Form: cert.FormRFC9440, Peers: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	})
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := source(r)
		if err != nil || c == nil {
			http.Error(w, fmt.Sprint(err), http.StatusUnauthorized)
			return
		}
		_, _ = w.Write(c.Raw)
	}))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("client-cert", " "+rendering(cert.FormRFC9440, leaf)+" ")
	resp, err := server.Client().Do(r)
	require.NoError(t, err)
	defer func() { assert.NoError(t, resp.Body.Close()) }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, leaf.Raw, body)
}

func TestFromTLSTakesVerifiedCertificatesOnly(t *testing.T) {
	leaf := proxied(t, nil)
	for name, c := range map[string]struct {
		state *tls.ConnectionState
		want  *x509.Certificate
	}{
		"no TLS":         {nil, nil},
		"no certificate": {&tls.ConnectionState{}, nil},
		"not verified":   {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}, nil},
		"verified": {&tls.ConnectionState{
			PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}},
		}, leaf},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cert.FromTLS(&http.Request{TLS: c.state})
			require.NoError(t, err)
			assert.Same(t, c.want, got)
		})
	}
}
