package cert_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/internal/dn"
)

var (
	typeC     = asn1.ObjectIdentifier{2, 5, 4, 6}
	typeO     = asn1.ObjectIdentifier{2, 5, 4, 10}
	typeOU    = asn1.ObjectIdentifier{2, 5, 4, 11}
	typeCN    = asn1.ObjectIdentifier{2, 5, 4, 3}
	typeOrgID = asn1.ObjectIdentifier{2, 5, 4, 97}

	docSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 10, 3, 12}
)

type rdn struct {
	oid   asn1.ObjectIdentifier
	value any
}

func rawSubject(t testing.TB, rdns ...rdn) []byte {
	t.Helper()
	var name pkix.RDNSequence
	for _, r := range rdns {
		name = append(name, pkix.RelativeDistinguishedNameSET{{Type: r.oid, Value: r.value}})
	}
	der, err := asn1.Marshal(name)
	require.NoError(t, err)
	return der
}

const (
	someOrg      = "0015800001041REAAY"
	someSoftware = "9b5usDpbNtmxDcTzs7GzKp"
	someOBID     = "PSDGB-OB-Unknown" + someOrg
)

func legacySubject(t testing.TB) []byte {
	return rawSubject(t, rdn{typeC, "GB"}, rdn{typeO, "OpenBanking"}, rdn{typeOU, someOrg}, rdn{typeCN, someSoftware})
}

func obSubject(t testing.TB) []byte {
	return rawSubject(t, rdn{typeC, "GB"}, rdn{typeO, "Acme, Ltd"}, rdn{typeOrgID, someOBID}, rdn{typeCN, someOrg})
}

func eidasSubject(t testing.TB, org, cn string) []byte {
	return rawSubject(t, rdn{typeC, "FR"}, rdn{typeO, "Acme SA"}, rdn{typeOrgID, org}, rdn{typeCN, cn})
}

// certificate is as x509.ParseCertificate would show one with that subject and use.
func certificate(subject []byte, ku x509.KeyUsage, eku []x509.ExtKeyUsage, unknown ...asn1.ObjectIdentifier) *x509.Certificate {
	return &x509.Certificate{RawSubject: subject, KeyUsage: ku, ExtKeyUsage: eku, UnknownExtKeyUsage: unknown}
}

var tlsUse = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}

const (
	transportUsage = x509.KeyUsageDigitalSignature
	signingUsage   = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
)

func transportCert(subject []byte, extensions ...pkix.Extension) *x509.Certificate {
	c := certificate(subject, transportUsage, tlsUse)
	c.Extensions = extensions
	return c
}

func signingCert(subject []byte, extensions ...pkix.Extension) *x509.Certificate {
	c := certificate(subject, signingUsage, nil, docSigning)
	c.Extensions = extensions
	return c
}

func TestIdentifyTellsProfilesApart(t *testing.T) {
	qualifiedWeb := statements(t, statement(t, qcCompliance, nil), statement(t, qcType, der(t, []asn1.ObjectIdentifier{qcTypeWeb})))
	qualifiedSeal := statements(t, statement(t, qcCompliance, nil), statement(t, qcType, der(t, []asn1.ObjectIdentifier{qcTypeSeal})))
	web := statements(t, statement(t, qcType, der(t, []asn1.ObjectIdentifier{qcTypeWeb})))
	both := statements(t, statement(t, qcType, der(t, []asn1.ObjectIdentifier{qcTypeWeb, qcTypeSeal})))
	const number = "PSDFR-ACPR-12345"
	legacy := cert.Identity{Profile: cert.ProfileOBTransport, SoftwareID: someSoftware, OrgID: someOrg}
	sign := cert.Identity{Profile: cert.ProfileOBSigning, SoftwareID: someSoftware, OrgID: someOrg}
	unknown := cert.Identity{Profile: cert.ProfileUnknown}
	for name, c := range map[string]struct {
		cert *x509.Certificate
		want cert.Identity
	}{
		"OB Transport":                     {transportCert(legacySubject(t)), legacy},
		"OB Signing":                       {signingCert(legacySubject(t)), sign},
		"signing by key usage alone":       {certificate(legacySubject(t), signingUsage, nil), sign},
		"signing by extended key usage":    {certificate(legacySubject(t), transportUsage, nil, docSigning), sign},
		"OBWAC":                            {transportCert(obSubject(t)), cert.Identity{Profile: cert.ProfileOBWAC, OrgID: someOrg, OrganizationIdentifier: someOBID}},
		"OBWAC of QcType":                  {transportCert(obSubject(t), web), cert.Identity{Profile: cert.ProfileOBWAC, OrgID: someOrg, OrganizationIdentifier: someOBID}},
		"OBSeal":                           {signingCert(obSubject(t)), cert.Identity{Profile: cert.ProfileOBSeal, OrgID: someOrg, OrganizationIdentifier: someOBID}},
		"OBWAC, production":                {transportCert(eidasSubject(t, "PSDGB-FCA-123456", someOrg)), cert.Identity{Profile: cert.ProfileOBWAC, OrgID: someOrg, OrganizationIdentifier: "PSDGB-FCA-123456"}},
		"QWAC":                             {transportCert(eidasSubject(t, number, "tpp.example"), qualifiedWeb), cert.Identity{Profile: cert.ProfileQWAC, OrganizationIdentifier: number}},
		"QWAC without statements":          {transportCert(eidasSubject(t, number, "tpp.example")), cert.Identity{Profile: cert.ProfileQWAC, OrganizationIdentifier: number}},
		"QWAC with the CN of an OBWAC":     {transportCert(eidasSubject(t, number, someOrg), qualifiedWeb), cert.Identity{Profile: cert.ProfileQWAC, OrganizationIdentifier: number}},
		"QWAC with a long name for a CN":   {transportCert(eidasSubject(t, number, "RevolvingPayments1x")), cert.Identity{Profile: cert.ProfileQWAC, OrganizationIdentifier: number}},
		"QWAC with a legal name for a CN":  {transportCert(eidasSubject(t, number, "AcmePaymentsFrance")), cert.Identity{Profile: cert.ProfileQWAC, OrganizationIdentifier: number}},
		"QWAC of the trade register":       {transportCert(eidasSubject(t, "NTRFR-123456789", someOrg)), cert.Identity{Profile: cert.ProfileQWAC, OrganizationIdentifier: "NTRFR-123456789"}},
		"QWAC without CN":                  {transportCert(rawSubject(t, rdn{typeC, "FR"}, rdn{typeO, "Acme SA"}, rdn{typeOrgID, number}), qualifiedWeb), cert.Identity{Profile: cert.ProfileQWAC, OrganizationIdentifier: number}},
		"QWAC without C and O":             {transportCert(rawSubject(t, rdn{typeOrgID, number}), qualifiedWeb), unknown},
		"OB Transport without C":           {transportCert(rawSubject(t, rdn{typeO, "OpenBanking"}, rdn{typeOU, someOrg}, rdn{typeCN, someSoftware})), legacy},
		"OB Signing without C":             {signingCert(rawSubject(t, rdn{typeO, "OpenBanking"}, rdn{typeOU, someOrg}, rdn{typeCN, someSoftware})), sign},
		"legacy names and one more":        {transportCert(rawSubject(t, rdn{typeO, "OpenBanking"}, rdn{typeOU, someOrg}, rdn{typeCN, someSoftware}, rdn{asn1.ObjectIdentifier{2, 5, 4, 7}, "London"})), unknown},
		"OBWAC with the CN of another":     {transportCert(rawSubject(t, rdn{typeC, "GB"}, rdn{typeO, "Acme, Ltd"}, rdn{typeOrgID, someOBID}, rdn{typeCN, "0015800001HQQrZAAX"})), cert.Identity{Profile: cert.ProfileQWAC, OrganizationIdentifier: someOBID}},
		"QSeal":                            {signingCert(eidasSubject(t, number, "Acme SA"), qualifiedSeal), cert.Identity{Profile: cert.ProfileQSeal, OrganizationIdentifier: number}},
		"QSeal that TLS clients may use":   {withTLS(signingCert(eidasSubject(t, number, "Acme SA"), qualifiedSeal)), cert.Identity{Profile: cert.ProfileQSeal, OrganizationIdentifier: number}},
		"QWAC with nonRepudiation":         {withTLS(signingCert(eidasSubject(t, number, "Acme SA"), qualifiedWeb)), cert.Identity{Profile: cert.ProfileQWAC, OrganizationIdentifier: number}},
		"of both uses, without QcType":     {withTLS(signingCert(legacySubject(t))), unknown},
		"of both QcTypes":                  {transportCert(obSubject(t), both), unknown},
		"website by QcType, not for TLS":   {signingCert(obSubject(t), web), unknown},
		"of no use":                        {certificate(legacySubject(t), 0, nil), unknown},
		"for TLS without a signature":      {certificate(legacySubject(t), x509.KeyUsageKeyEncipherment, tlsUse), unknown},
		"for e-mail":                       {certificate(legacySubject(t), transportUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}), unknown},
		"a CA":                             {&x509.Certificate{RawSubject: legacySubject(t), IsCA: true, KeyUsage: transportUsage, ExtKeyUsage: tlsUse}, unknown},
		"signs certificates":               {certificate(legacySubject(t), transportUsage|x509.KeyUsageCertSign, tlsUse), unknown},
		"legacy names, but qualified":      {transportCert(legacySubject(t), qualifiedWeb), unknown},
		"legacy names of another O":        {transportCert(rawSubject(t, rdn{typeC, "GB"}, rdn{typeO, "Acme"}, rdn{typeOU, someOrg}, rdn{typeCN, someSoftware})), unknown},
		"no OU":                            {transportCert(rawSubject(t, rdn{typeO, "OpenBanking"}, rdn{typeCN, someSoftware})), unknown},
		"no CN":                            {transportCert(rawSubject(t, rdn{typeO, "OpenBanking"}, rdn{typeOU, someOrg})), unknown},
		"CN twice":                         {transportCert(rawSubject(t, rdn{typeO, "OpenBanking"}, rdn{typeOU, someOrg}, rdn{typeCN, "a"}, rdn{typeCN, "b"})), unknown},
		"CN twice, once no text":           {transportCert(rawSubject(t, rdn{typeO, "OpenBanking"}, rdn{typeOU, someOrg}, rdn{typeCN, 7}, rdn{typeCN, "b"})), unknown},
		"OU twice":                         {transportCert(rawSubject(t, rdn{typeO, "OpenBanking"}, rdn{typeOU, someOrg}, rdn{typeOU, "x"}, rdn{typeCN, "b"})), unknown},
		"organizationIdentifier twice":     {transportCert(rawSubject(t, rdn{typeOrgID, number}, rdn{typeOrgID, someOBID}, rdn{typeCN, someOrg})), unknown},
		"organizationIdentifier is broken": {transportCert(eidasSubject(t, "PSDFR", someOrg)), unknown},
		"organizationIdentifier no text":   {transportCert(rawSubject(t, rdn{typeO, "OpenBanking"}, rdn{typeOU, someOrg}, rdn{typeCN, someSoftware}, rdn{typeOrgID, 7})), unknown},
		"empty subject":                    {transportCert(rawSubject(t)), unknown},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cert.Identify(c.cert)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

// What the subject tells is told once: the form that internal/dn finds, by which a
// request's subject is matched, is the form of the profile here.
func TestTheFormOfASubjectIsThatOfItsProfile(t *testing.T) {
	forms := map[dn.Profile][]cert.SubjectProfile{
		dn.ProfileOB:      {cert.ProfileOBTransport, cert.ProfileOBSigning},
		dn.ProfileOBPSD2:  {cert.ProfileOBWAC, cert.ProfileOBSeal},
		dn.ProfileEIDAS:   {cert.ProfileQWAC, cert.ProfileQSeal},
		dn.ProfileUnknown: {cert.ProfileUnknown, cert.ProfileUnknown},
	}
	found := map[dn.Profile]bool{}
	for _, c := range []string{"", ",C=GB", ",C=GB,C=GB"} {
		for _, cn := range []string{"", "CN=" + someOrg + ",", "CN=" + someSoftware + ",", "CN=api.acme.example,", "CN=a,CN=b,"} {
			for _, middle := range []string{"", "OU=" + someOrg + ",", "2.5.4.97=PSDGB-FCA-123456,", "2.5.4.97=" + someOBID + ",", "2.5.4.97=PSDGB-123456,", "2.5.4.97=NTRGB-1,serialNumber=1,"} {
				for _, o := range []string{"O=OpenBanking", "O=openbanking ", "O=Acme"} {
					name, err := dn.Parse(cn + middle + o + c)
					require.NoError(t, err)
					want := forms[dn.ProfileOf(name)]
					found[dn.ProfileOf(name)] = true
					subject := rawName(t, name)
					for i, leaf := range []*x509.Certificate{transportCert(subject), signingCert(subject)} {
						got, err := cert.Identify(leaf)
						require.NoError(t, err)
						assert.Equal(t, want[i], got.Profile, name)
					}
				}
			}
		}
	}
	assert.Len(t, found, len(forms))
}

func rawName(t *testing.T, name dn.Name) []byte {
	t.Helper()
	var all []rdn
	for _, r := range name.Reversed() {
		var oid asn1.ObjectIdentifier
		for _, arc := range strings.Split(r[0].OID, ".") {
			n, err := strconv.Atoi(arc)
			require.NoError(t, err)
			oid = append(oid, n)
		}
		all = append(all, rdn{oid, r[0].Value})
	}
	return rawSubject(t, all...)
}

func withTLS(c *x509.Certificate) *x509.Certificate {
	c.ExtKeyUsage = tlsUse
	return c
}

func TestIdentifyRefusesWhatItCannotRead(t *testing.T) {
	for name, c := range map[string]struct {
		cert *x509.Certificate
		kind error
	}{
		"no certificate":    {nil, cert.ErrNoCertificate},
		"no subject":        {transportCert(nil), cert.ErrSubject},
		"broken subject":    {transportCert([]byte{0x30, 1}), cert.ErrSubject},
		"broken statements": {transportCert(obSubject(t), pkix.Extension{Id: qcExtension, Value: []byte{0x30, 1}}), cert.ErrQCStatements},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cert.Identify(c.cert)
			require.ErrorIs(t, err, c.kind)
			var e *cert.Error
			require.ErrorAs(t, err, &e)
			assert.Zero(t, got)
		})
	}
}

func TestTransportProfiles(t *testing.T) {
	for _, p := range []cert.SubjectProfile{cert.ProfileOBTransport, cert.ProfileOBWAC, cert.ProfileQWAC} {
		assert.True(t, p.Transport(), p)
	}
	for _, p := range []cert.SubjectProfile{cert.ProfileOBSigning, cert.ProfileOBSeal, cert.ProfileQSeal, cert.ProfileUnknown, ""} {
		assert.False(t, p.Transport(), p)
	}
}

func TestParseOrganizationIdentifier(t *testing.T) {
	for text, want := range map[string]cert.OrganizationID{
		someOBID:                   {Scheme: "PSD", Country: "GB", Authority: "OB", ID: "Unknown" + someOrg},
		"PSDGB-FCA-123456":         {Scheme: "PSD", Country: "GB", Authority: "FCA", ID: "123456"},
		"PSDES-BDE-3DFD21":         {Scheme: "PSD", Country: "ES", Authority: "BDE", ID: "3DFD21"},
		"PSDDE-BAFIN-12-34":        {Scheme: "PSD", Country: "DE", Authority: "BAFIN", ID: "12-34"},
		"VATBE-0876866142":         {Scheme: "VAT", Country: "BE", ID: "0876866142"},
		"NTRGB-12345678":           {Scheme: "NTR", Country: "GB", ID: "12345678"},
		"NTRUS+CA-12345678":        {Scheme: "NTR", Country: "US+CA", ID: "12345678"},
		"LEIXG-AEYE00EKXESVZUUEBP": {Scheme: "LEI", Country: "XG", ID: "AEYE00EKXESVZUUEBP"},
		"EI:SE-5567971433":         {Scheme: "EI:", Country: "SE", ID: "5567971433"},
		"NTRUS+AZ9-12345678":       {Scheme: "NTR", Country: "US+AZ9", ID: "12345678"},
		"NTRDE-HRB 12345":          {Scheme: "NTR", Country: "DE", ID: "HRB 12345"},
	} {
		got, err := cert.ParseOrganizationIdentifier(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got)
		assert.Equal(t, text, got.String())
	}
	for name, text := range map[string]string{
		"nothing": "", "no hyphen": "PSDGB", "no country": "PSD-FCA-1", "no scheme": "GB-FCA-1", "no identifier": "PSDGB-FCA-",
		"no authority": "PSDGB-123456", "authority of one letter": "PSDGB-F-1", "authority of nine": "PSDGB-ABCDEFGHI-1",
		"authority in small letters": "PSDGB-fca-1", "empty authority": "PSDGB--1", "scheme in small letters": "psdGB-FCA-1",
		"country in small letters": "PSDgb-FCA-1", "country of three letters": "PSDGBR-FCA-1", "digits for a scheme": "P5DGB-FCA-1",
		"colon for a scheme": "::AGB-1", "empty subdivision": "NTRUS+-1", "long subdivision": "NTRUS+CALI-1", "small subdivision": "NTRUS+ca-1",
		"no VAT number": "VATBE-", "control character": "VATBE-1\x00", "broken UTF-8": "VATBE-\xff", "long": "VATBE-" + strings.Repeat("1", 256),
		"line separator": "VATBE-1\u2028",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cert.ParseOrganizationIdentifier(text)
			require.ErrorIs(t, err, cert.ErrOrganizationIdentifier)
			assert.Zero(t, got)
			assert.Less(t, len(err.Error()), 160)
		})
	}
}

// TestTheCanonicalSubjectIsThatOfTheRFC: section 2.4 wants hexadecimal DER behind a dotted
// decimal, and Java compares that.
func TestTheCanonicalSubjectIsThatOfTheRFC(t *testing.T) {
	utf8 := func(text string) asn1.RawValue { return asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(text)} }
	for want, raw := range map[string][]byte{
		"CN=" + someSoftware + ",OU=" + someOrg + ",O=OpenBanking,C=GB": legacySubject(t),
		"": {0x30},
		"CN=x,2.5.4.97=#0c1050534447422d4643412d313233343536": rawSubject(t, rdn{typeOrgID, utf8("PSDGB-FCA-123456")}, rdn{typeCN, "x"}),
		"CN=x,2.5.4.97=#131050534447422d4643412d313233343536": rawSubject(t, rdn{typeOrgID, "PSDGB-FCA-123456"}, rdn{typeCN, "x"}),
	} {
		assert.Equal(t, want, cert.SubjectDN(raw))
	}
}

// FuzzParseOrganizationIdentifier: what is read is written back as it was, so that
// no two texts are one identifier.
func FuzzParseOrganizationIdentifier(f *testing.F) {
	for _, s := range []string{someOBID, "PSDGB-FCA-1", "VATBE-0876866142", "EI:SE-1", "NTRUS+CA-1", "PSDGB--1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := cert.ParseOrganizationIdentifier(s)
		if err != nil {
			require.ErrorIs(t, err, cert.ErrOrganizationIdentifier)
			require.Zero(t, o)
			return
		}
		require.Equal(t, s, o.String())
		require.NotEmpty(t, o.ID)
		require.Equal(t, o.Scheme == "PSD", o.Authority != "")
	})
}
