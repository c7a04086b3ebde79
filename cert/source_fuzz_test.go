package cert_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
)

// unescape undoes each whole percent-encoding, and leaves a broken one, which may
// stand in parts of x-forwarded-client-cert that nobody reads.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b.Write(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// FuzzHeaderSources: a certificate that comes out stands in the header, byte for
// byte and once its transport encoding is undone; it alone decides; and the same
// value sent twice, by a stranger, or with a second one behind it is refused.
func FuzzHeaderSources(f *testing.F) {
	leaf := proxied(f, nil)
	for i, form := range cert.Forms() {
		f.Add(uint8(i), rendering(form, leaf), uint16(0), byte(0))
		f.Add(uint8(i), rendering(form, leaf), uint16(100), byte('+'))
	}
	f.Add(uint8(5), escapeAWS(pemOf(leaf)+pemOf(leaf)), uint16(0), byte(0))
	f.Add(uint8(6), base64Of(leaf)+","+base64Of(leaf), uint16(0), byte(0))
	f.Add(uint8(6), escapeAll(base64Of(leaf))+","+escapeAll(base64Of(leaf)), uint16(40), byte(','))
	f.Add(uint8(1), `Hash=00;Cert="%2";By=a,`, uint16(0), byte(0))
	sources := map[cert.Form]cert.Source{}
	for _, form := range cert.Forms() {
		sources[form] = headerSource(f, form)
	}
	f.Fuzz(func(t *testing.T, n uint8, value string, at uint16, c byte) {
		form := cert.Forms()[int(n)%len(cert.Forms())]
		if c != 0 && int(at) < len(value) {
			value = value[:at] + string(c) + value[at+1:]
		}
		got, err := sources[form](requestWith(proxyAddress, value))
		_, twice := sources[form](requestWith(proxyAddress, value, value))
		require.ErrorIs(t, twice, cert.ErrHeader)
		_, stranger := sources[form](requestWith("198.51.100.1:1", value))
		require.ErrorIs(t, stranger, cert.ErrPeer)
		if err != nil {
			require.ErrorIs(t, err, cert.ErrHeader)
			require.Nil(t, got)
			return
		}
		decoded := value
		if form == cert.FormXFCC || form == cert.FormEscapedPEM || form == cert.FormEscapedPEMChain || form == cert.FormDERChain {
			decoded = unescape(value)
		}
		decoded = strings.Join(strings.Fields(decoded), "")
		require.Contains(t, decoded, strings.TrimRight(base64Of(got), "="), "the certificate is the header's")
		again, err := sources[form](requestWith(proxyAddress, rendering(form, got)))
		if len(rendering(form, got)) <= cert.MaxHeader {
			require.NoError(t, err)
			require.Equal(t, got.Raw, again.Raw)
		}
		if form == cert.FormDERChain { // who comes first decides
			if both, err := sources[form](requestWith(proxyAddress, value+","+base64Of(leaf))); err == nil {
				require.Equal(t, got.Raw, both.Raw)
			}
			_, err = sources[form](requestWith(proxyAddress, value+value))
			require.ErrorIs(t, err, cert.ErrHeader, "two certificates without a comma")
		} else if form != cert.FormEscapedPEMChain {
			_, err = sources[form](requestWith(proxyAddress, value+","+value))
			require.ErrorIs(t, err, cert.ErrHeader, "two values in one")
			_, err = sources[form](requestWith(proxyAddress, value+value))
			require.ErrorIs(t, err, cert.ErrHeader, "two values without a comma")
		}
	})
}
