package jose_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/alloctest"
	"github.com/obdcr/obdcr/internal/jose"
)

// entries is a key set of the same entry n times.
func entries(n int, entry string) string {
	return `{"keys":[` + strings.TrimSuffix(strings.Repeat(entry+",", n), ",") + `]}`
}

func TestAllocationOfAKeySetIsBoundedByItsLength(t *testing.T) {
	most := jose.MaxJWKSKeys
	text := func(members map[string]any) string { return string(must(json.Marshal(members))) }
	with := func(key jose.Key, name string, value any) string {
		m := members(t, key)
		m[name] = value
		return text(m)
	}
	ec := jose.Key{ID: "k", Public: ecKey().Public()}
	cert := base64.StdEncoding.EncodeToString(certificate(t, rsaKey()))
	ops := func(n int) string { return `["` + strings.Repeat(`","`, n-1) + `"]` }
	for name, doc := range map[string]string{
		"nothing":                   "",
		"no keys":                   `{"keys":[]}`,
		"900 ones":                  entries(900, "1"),
		"900 empty objects":         entries(900, "{}"),
		"900 unknown types":         entries(900, `{"kty":"x"}`),
		"ones":                      entries(most, "1"),
		"empty objects":             entries(most, "{}"),
		"unknown types":             entries(most, `{"kty":"x"}`),
		"escaped types":             entries(most, `{"kty":"\u0052SA"}`),
		"private":                   entries(most, `{"kty":"EC","d":1}`),
		"other curves":              entries(most, `{"kty":"EC","crv":"P"}`),
		"short coordinates":         entries(most, `{"kty":"EC","crv":"P-256","x":"AA"}`),
		"off the curve":             entries(most, with(ec, "y", members(t, ec)["x"])),
		"small RSA":                 entries(most, `{"kty":"RSA","n":"AQAB","e":"AQAB"}`),
		"20,000 operations":         entries(1, `{"kty":"EC","key_ops":`+ops(20000)+`}`),
		"17 operations each":        entries(most, `{"kty":"EC","key_ops":`+ops(17)+`}`),
		"16 operations each":        entries(most, `{"kty":"EC","key_ops":`+ops(16)+`}`),
		"16 escaped operations":     entries(most, `{"kty":"EC","key_ops":`+strings.ReplaceAll(ops(16), `""`, `"\u0061"`)+`}`),
		"escaped kid":               entries(most, `{"kid":"`+strings.Repeat(`\n`, 300)+`"}`),
		"large modulus":             entries(1, `{"kty":"RSA","n":"`+strings.Repeat("A", 60000)+`"}`),
		"large broken coordinate":   entries(1, `{"kty":"EC","crv":"P-256","x":"`+strings.Repeat("A", 60000)+`!"}`),
		"escaped names":             entries(most, `{"\u0061":1,"\u0062":1,"\u0063":1,"kty":"EC"}`),
		"long escaped name":         entries(1, `{"kty":"EC","`+strings.Repeat(`\n`, 30000)+`":1}`),
		"good RSA":                  entries(most, text(members(t, rsaJOSE()))),
		"good EC":                   entries(most, text(members(t, ec))),
		"good with certificates":    entries(most, with(rsaJOSE(), "x5c", []string{cert, cert, cert})),
		"too many certificates":     entries(1, with(rsaJOSE(), "x5c", strings.Split(strings.Repeat(cert+",", 200), ","))),
		"certificates of one byte":  entries(most, with(rsaJOSE(), "x5c", strings.Split(strings.Repeat("AA==,", 200), ","))),
		"certificate of many names": entries(1, with(rsaJOSE(), "x5c", []string{manyNames(t)})),
	} {
		t.Run(name, func(t *testing.T) {
			data := []byte(doc)
			bound := uint64(64<<10 + 10*len(doc))
			assert.LessOrEqual(t, alloctest.Bytes(bound, func() { _, _, _ = jose.ParseJWKS(data) }), bound)
		})
	}
}

// manyNames is a certificate whose extension costs x509 many times its length.
func manyNames(t *testing.T) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	for range 8000 {
		template.URIs = append(template.URIs, &url.URL{Scheme: "a"})
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, rsaKey().Public(), rsaKey()))
	return base64.StdEncoding.EncodeToString(der)
}

func TestKeySetBeyondTheLimitIsRefusedClearly(t *testing.T) {
	_, _, err := jose.ParseJWKS([]byte(entries(jose.MaxJWKSKeys+1, "1")))
	requireError(t, err, jose.ErrMalformed)
	assert.ErrorContains(t, err, strconv.Itoa(jose.MaxJWKSKeys), "the limit is named")
	_, skipped, err := jose.ParseJWKS([]byte(entries(jose.MaxJWKSKeys, "1")))
	require.NoError(t, err)
	assert.Len(t, skipped, jose.MaxJWKSKeys)
}

func TestOperationsAreLimited(t *testing.T) {
	for count, reason := range map[int]string{16: "", 17: "key_ops has more than 16 entries"} {
		entry := members(t, jose.Key{Public: ecKey().Public()})
		entry["key_ops"] = slices.Repeat([]string{"verify"}, count)
		keys, skipped, err := jose.ParseJWKS(setOf(entry))
		require.NoError(t, err)
		if reason == "" {
			assert.Len(t, keys, 1)
			assert.Empty(t, skipped)
			continue
		}
		assert.Empty(t, keys)
		assert.Equal(t, []jose.Skipped{{Reason: reason}}, skipped)
	}
}
