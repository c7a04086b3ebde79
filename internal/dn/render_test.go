package dn_test

import (
	"encoding/asn1"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/dn"
)

// evSubject has one attribute of each type that EV and eIDAS subjects use, and
// values that need every kind of escape.
const evSubject = `OU=multi+CN=host.example,2.3.4=weird,emailAddress=a@b.example,DC=example,UID=u,dnQualifier=q,` +
	`generationQualifier=II,initials=J,pseudonym=p,title=Dr,givenName=Jo,surname=Doe,STREET=1 High \\ St,postalCode=EC1,` +
	`businessCategory=Private Organization,jurisdictionC=GB,serialNumber=42,organizationIdentifier=PSDGB-FCA-123456,` +
	`O=Acme\, Open / Bänking Ltd \+ \<x\>\;,C=GB`

// The texts are what OpenSSL 3.0 and Java 17 wrote for one certificate.
func TestRenderingsAreThoseOfTheTools(t *testing.T) {
	name, err := dn.Parse(evSubject)
	require.NoError(t, err)
	assert.Equal(t, evSubject, name.String())
	assert.Equal(t, `C = GB, O = "Acme, Open / B\C3\A4nking Ltd + <x>;", organizationIdentifier = PSDGB-FCA-123456, serialNumber = 42, `+
		`jurisdictionC = GB, businessCategory = Private Organization, postalCode = EC1, street = 1 High \\ St, SN = Doe, GN = Jo, `+
		`title = Dr, pseudonym = p, initials = J, generationQualifier = II, dnQualifier = q, UID = u, DC = example, `+
		`emailAddress = a@b.example, 2.3.4 = weird, OU = multi + CN = host.example`, name.OpenSSL())
	assert.Equal(t, `OU=multi + CN=host.example, OID.2.3.4=weird, EMAILADDRESS=a@b.example, DC=example, UID=u, DNQ=q, GENERATION=II, `+
		`INITIALS=J, OID.2.5.4.65=p, T=Dr, GIVENNAME=Jo, SURNAME=Doe, STREET="1 High \\ St", OID.2.5.4.17=EC1, `+
		`OID.2.5.4.15=Private Organization, OID.1.3.6.1.4.1.311.60.2.1.3=GB, SERIALNUMBER=42, OID.2.5.4.97=PSDGB-FCA-123456, `+
		`O="Acme, Open / Bänking Ltd + <x>;", C=GB`, name.Java())
	assert.Equal(t, `2.5.4.11=multi+2.5.4.3=host.example,2.3.4=weird,1.2.840.113549.1.9.1=a@b.example,0.9.2342.19200300.100.1.25=example,`+
		`0.9.2342.19200300.100.1.1=u,2.5.4.46=q,2.5.4.44=II,2.5.4.43=J,2.5.4.65=p,2.5.4.12=Dr,2.5.4.42=Jo,2.5.4.4=Doe,`+
		`2.5.4.9=1 High \\ St,2.5.4.17=EC1,2.5.4.15=Private Organization,1.3.6.1.4.1.311.60.2.1.3=GB,2.5.4.5=42,`+
		`2.5.4.97=PSDGB-FCA-123456,2.5.4.10=Acme\, Open / Bänking Ltd \+ \<x\>\;,2.5.4.6=GB`, name.OIDs())
	// OpenSSL leaves the backslash in the street as it is, so that it would read \x41 there as A.
	assert.Equal(t, `/C=GB/O=Acme, Open \/ B\xC3\xA4nking Ltd \+ <x>;/organizationIdentifier=PSDGB-FCA-123456/serialNumber=42/jurisdictionC=GB`+
		`/businessCategory=Private Organization/postalCode=EC1/street=1 High \x5C St/SN=Doe/GN=Jo/title=Dr/pseudonym=p/initials=J`+
		`/generationQualifier=II/dnQualifier=q/UID=u/DC=example/emailAddress=a@b.example/2.3.4=weird/OU=multi+CN=host.example`, name.Slash())
	for _, text := range []string{name.Java(), name.JavaRFC2253(), name.OIDs()} {
		again, err := dn.Parse(text)
		require.NoError(t, err, text)
		assert.True(t, dn.Equal(name, again), text)
	}
}

// Java writes the string type that the certificate has.
func TestJavaWritesTheValueAsItIsEncoded(t *testing.T) {
	const printable, utf8 = "CN=x,2.5.4.97=#130141,C=GB", "CN=x,2.5.4.97=#0c0141,C=GB"
	for tag, want := range map[int]string{asn1.TagPrintableString: printable, asn1.TagUTF8String: utf8} {
		cert, err := dn.FromDER(subject(t, attribute(oidC, "GB"),
			attribute(oidOrgID, asn1.RawValue{Tag: tag, Bytes: []byte("A")}), attribute(oidCN, "x")))
		require.NoError(t, err)
		assert.Equal(t, want, cert.JavaRFC2253())
		parsed, err := dn.Parse(want)
		require.NoError(t, err)
		assert.Equal(t, want, parsed.JavaRFC2253())
	}
	text, err := dn.Parse("CN=x,title=A,pseudonym=a*,1.2.3=#020105")
	require.NoError(t, err)
	assert.Equal(t, "CN=x,2.5.4.12=#130141,2.5.4.65=#0c02612a,1.2.3=#020105", text.JavaRFC2253())
	assert.Equal(t, "CN=x, T=A, OID.2.5.4.65=a*, OID.1.2.3=#020105", text.Java())
}

func TestWhatIsNotPrintableIsEscaped(t *testing.T) {
	name, err := dn.Parse("CN=a\u202eb\u00a0\tc\\ ,O=#0c0122,C=\\23x")
	require.NoError(t, err)
	assert.Equal(t, `CN=a\E2\80\AEb\C2\A0\09c\ ,O=\",C=\#x`, name.String())
	assert.Equal(t, `CN="a\E2\80\AEb\C2\A0\09c ", O="\"", C="#x"`, name.Java())
	assert.Equal(t, `/C=\x23x/O="/CN=a\xE2\x80\xAEb\xC2\xA0\x09c `, name.Slash())
}

func TestReversedNames(t *testing.T) {
	name, err := dn.Parse("CN=a,OU=b,O=c")
	require.NoError(t, err)
	assert.Equal(t, "O=c,OU=b,CN=a", name.Reversed().String())
	assert.Equal(t, "CN=a,OU=b,O=c", name.String(), "the name itself is left alone")
	for text, want := range map[string]bool{"cn=A,ou=b,o=c": true, "O=c,OU=b,CN=a": true, "OU=b,O=c,CN=a": false, "CN=a,OU=b": false} {
		other, err := dn.Parse(text)
		require.NoError(t, err)
		assert.Equal(t, want, dn.EqualEither(name, other), text)
	}
}

func TestNamesWithSlashes(t *testing.T) {
	for text, want := range map[string]string{
		"/C=GB/O=OpenBanking/OU=o/CN=s":              "CN=s,OU=o,O=OpenBanking,C=GB",
		"/C=GB/O=A/S Bank/CN=x":                      "CN=x,O=A/S Bank,C=GB",          // older versions escape no slash
		"/C=GB/O=A\\/CN=x":                           "O=A/CN\\=x,C=GB",               // newer ones do
		"/O=a+b/CN=x+OU=y":                           "CN=x+OU=y,O=a\\+b",             // one RDN
		"/O=B\\xC3\\xA4nk\\x5C/CN=":                  "CN=,O=Bänk\\\\",                // bytes
		"/O=100\\% \\x4/CN=#x":                       "CN=\\#x,O=100\\\\% \\\\x4",     // no escapes
		"/organizationIdentifier=#0c0141/2.5.4.6=GB": "C=GB,organizationIdentifier=A", // DER
	} {
		name, err := dn.ParseSlash(text)
		require.NoError(t, err, text)
		parsed, err := dn.Parse(want)
		require.NoError(t, err, want)
		assert.True(t, dn.Equal(parsed, name), "%s: %s", text, name)
	}
	for _, text := range []string{"", "/", "CN=x", "//CN=x", "/CN", "/XX=1", "+CN=x", "/var/run", "/CN=\\xE9"} {
		name, err := dn.ParseSlash(text)
		require.ErrorIs(t, err, dn.ErrSyntax, text)
		assert.Nil(t, name)
	}
}

func TestProfilesOfSubjects(t *testing.T) {
	for text, want := range map[string]dn.Profile{
		"CN=9b5usDpbNtmxDcTzs7GzKp,OU=0015800001HQQrZAAX,O=OpenBanking,C=GB":                                 dn.ProfileOB,
		"CN=9b5usDpbNtmxDcTzs7GzKp,OU=0015800001HQQrZAAX,O=OpenBanking":                                      dn.ProfileOB,
		"CN=9b5usDpbNtmxDcTzs7GzKp,OU=0015800001HQQrZAAX,O=OpenBanking,L=London":                             dn.ProfileUnknown,
		"CN=9b5usDpbNtmxDcTzs7GzKp,OU=0015800001HQQrZAAX,O=OpenBanking,C=GB,C=GB":                            dn.ProfileUnknown,
		"CN=9b5usDpbNtmxDcTzs7GzKp,OU=0015800001HQQrZAAX,O=OpenBanking,2.5.4.97=VATGB-1":                     dn.ProfileUnknown,
		"CN=0015800001HQQrZAAX,CN=x,2.5.4.97=PSDGB-FCA-123456,O=Acme,C=GB":                                   dn.ProfileUnknown,
		"CN=X,2.5.4.97=PSDGB-OB-Unknown0015800001HQQrZAAX,O=Acme,C=GB":                                       dn.ProfileEIDAS,
		"CN=0015800001HQQrZAAX,2.5.4.97=NTRGB-123456,O=Acme,C=GB":                                            dn.ProfileEIDAS,
		"CN=0015800001HQQrZAAX,2.5.4.97=PSDGB-123456,O=Acme,C=GB":                                            dn.ProfileUnknown,
		"CN=9b5usDpbNtmxDcTzs7GzKp,OU=0015800001HQQrZAAX,O=Somebody,C=GB":                                    dn.ProfileUnknown,
		"CN=9b5usDpbNtmxDcTzs7GzKp,CN=x,OU=0015800001HQQrZAAX,O=OpenBanking,C=GB":                            dn.ProfileUnknown,
		"CN=Open Banking Test Issuing CA,OU=Test PKI,O=OpenBanking,C=GB":                                     dn.ProfileUnknown,
		"CN=OpenBanking Root CA,O=OpenBanking,C=GB":                                                          dn.ProfileUnknown,
		"CN=0015800001HQQrZAAX,2.5.4.97=PSDGB-OB-Unknown0015800001HQQrZAAX,O=Acme,C=GB":                      dn.ProfileOBPSD2,
		"CN=0015800001HQQrZAAX,2.5.4.97=PSDGB-FCA-123456,O=Acme,C=GB":                                        dn.ProfileOBPSD2,
		"CN=0015800001HQQrZAAX,2.5.4.97=PSDGB-OB-Unknown0015800001041REAAY,O=Acme,C=GB":                      dn.ProfileEIDAS,
		"CN=AcmePaymentsLimite,2.5.4.97=PSDGB-FCA-123456,O=Acme,C=GB":                                        dn.ProfileEIDAS,
		"CN=0015800001HQQrZAAX,serialNumber=1,2.5.4.97=PSDGB-FCA-123456,O=Acme,C=GB":                         dn.ProfileEIDAS,
		"CN=api.acme.example,2.5.4.97=PSDGB-FCA-123456,serialNumber=1,jurisdictionC=GB,L=London,O=Acme,C=GB": dn.ProfileEIDAS,
		"2.5.4.97=NTRUS\\+CA-1,O=Acme,C=US":                                                                  dn.ProfileEIDAS,
		"2.5.4.97=GB:GB-1,O=Acme,C=GB":                                                                       dn.ProfileEIDAS,
		"2.5.4.97=VATGB-,O=Acme,C=GB":                                                                        dn.ProfileUnknown,
		"2.5.4.97=VATGB-1,O=Acme,C=GB":                                                                       dn.ProfileEIDAS,
		"CN=x,2.5.4.97=PSDGB-FCA-1,2.5.4.97=VATGB-1,O=Acme,C=GB":                                             dn.ProfileUnknown,
		"CN=x,2.5.4.97=#020105,O=Acme,C=GB":                                                                  dn.ProfileUnknown,
		"CN=x,2.5.4.97=123456,O=Acme,C=GB":                                                                   dn.ProfileUnknown,
		"CN=x,2.5.4.97=PSDGB-FCA-1,O=Acme":                                                                   dn.ProfileUnknown,
	} {
		name, err := dn.Parse(text)
		require.NoError(t, err)
		assert.Equal(t, want, dn.ProfileOf(name), text)
	}
	assert.Nil(t, dn.ProfileUnknown.Binding())
	_, ok := dn.Name(nil).Only("no such type")
	assert.False(t, ok)
}

func TestTheImmutablePart(t *testing.T) {
	const (
		ob    = "CN=9b5usDpbNtmxDcTzs7GzKp,OU=0015800001HQQrZAAX,O=OpenBanking,C=GB"
		obwac = "CN=0015800001HQQrZAAX,2.5.4.97=PSDGB-FCA-123456,O=Acme,C=GB"
		qwac  = "CN=api.acme.example,2.5.4.97=PSDGB-FCA-123456,serialNumber=1,O=Acme,C=GB"
		other = "CN=Somebody,O=Acme,C=GB"
	)
	for _, c := range []struct {
		subject, sent string
		want          bool
	}{
		{ob, ob, true},
		{ob, "OU=0015800001HQQrZAAX,CN=9b5usDpbNtmxDcTzs7GzKp", true},
		{ob, "CN=9b5usDpbNtmxDcTzs7GzKp,O=OpenBanking,C=GB", false},
		{ob, "OU=0015800001HQQrZAAX,O=OpenBanking,C=GB", false},
		{ob, ob + ",L=London", false},
		{ob, "CN=9b5usDpbNtmxDcTzs7GzKp+OU=0015800001HQQrZAAX", false},
		{obwac, "CN=0015800001HQQrZAAX,O=Acme,C=GB", true},
		{obwac, "2.5.4.97=PSDGB-FCA-123456,O=Acme,C=GB", false},
		{qwac, "2.5.4.97=PSDGB-FCA-123456", true},
		{qwac, "CN=api.acme.example,serialNumber=1,O=Acme,C=GB", false},
		{qwac, "2.5.4.97=PSDGB-FCA-123457", false},
		{qwac, "CN=other.example,2.5.4.97=PSDGB-FCA-123456", false},
		{other, "C=GB,O=Acme,CN=Somebody", true},
		{other, "CN=Somebody", false},
	} {
		subject, err := dn.Parse(c.subject)
		require.NoError(t, err)
		sent, err := dn.Parse(c.sent)
		require.NoError(t, err)
		assert.Equal(t, c.want, dn.EqualImmutable(sent, subject), "%s of %s", c.sent, c.subject)
	}
}
