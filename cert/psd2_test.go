package cert_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
)

var (
	qcExtension  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 3}
	qcCompliance = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 1}
	qcRetention  = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 3}
	qcType       = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6}
	qcTypeSeal   = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 2}
	qcTypeWeb    = asn1.ObjectIdentifier{0, 4, 0, 1862, 1, 6, 3}
	qcPSD2       = asn1.ObjectIdentifier{0, 4, 0, 19495, 2}
)

func roleOID(arc int) asn1.ObjectIdentifier { return asn1.ObjectIdentifier{0, 4, 0, 19495, 1, arc} }

type pspRole struct {
	ID   asn1.ObjectIdentifier
	Name string `asn1:"utf8"`
}

type pspStatement struct {
	Roles         []pspRole
	AuthorityName string `asn1:"utf8"`
	AuthorityID   string `asn1:"utf8"`
}

var (
	pspAS = pspRole{roleOID(1), "PSP_AS"}
	pspPI = pspRole{roleOID(2), "PSP_PI"}
	pspAI = pspRole{roleOID(3), "PSP_AI"}
	pspIC = pspRole{roleOID(4), "PSP_IC"}
)

func der(t testing.TB, v any) []byte {
	t.Helper()
	b, err := asn1.Marshal(v)
	require.NoError(t, err)
	return b
}

func sequenceOf(t testing.TB, elements ...[]byte) []byte {
	t.Helper()
	return der(t, asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: slices.Concat(elements...)})
}

// statement is one QCStatement, its information absent when nil.
func statement(t testing.TB, oid asn1.ObjectIdentifier, info []byte) []byte {
	t.Helper()
	return sequenceOf(t, der(t, oid), info)
}

func statements(t testing.TB, list ...[]byte) pkix.Extension {
	t.Helper()
	return pkix.Extension{Id: qcExtension, Value: sequenceOf(t, list...)}
}

func fca(roles ...pspRole) pspStatement {
	return pspStatement{roles, "Financial Conduct Authority", "GB-FCA"}
}

func psd2Statement(t testing.TB, s pspStatement) []byte {
	t.Helper()
	return statement(t, qcPSD2, der(t, s))
}

func withStatements(e ...pkix.Extension) *x509.Certificate { return &x509.Certificate{Extensions: e} }

func TestPSD2StatementsAreRead(t *testing.T) {
	foreign := pspRole{asn1.ObjectIdentifier{2, 5, 4, 3}, "PSP_XX"}
	for name, c := range map[string]struct {
		list [][]byte
		want []claims.Role
	}{
		"all roles":                    {[][]byte{psd2Statement(t, fca(pspAS, pspPI, pspAI, pspIC))}, []claims.Role{claims.ASPSP, claims.PISP, claims.AISP, claims.CBPII}},
		"in the certificate's order":   {[][]byte{psd2Statement(t, fca(pspAI, pspPI))}, []claims.Role{claims.AISP, claims.PISP}},
		"no role":                      {[][]byte{psd2Statement(t, fca())}, nil},
		"a role twice":                 {[][]byte{psd2Statement(t, fca(pspAI, pspAI))}, []claims.Role{claims.AISP}},
		"a role of another scheme":     {[][]byte{psd2Statement(t, fca(foreign, pspAI))}, []claims.Role{claims.AISP}},
		"a role that nobody knows yet": {[][]byte{psd2Statement(t, fca(pspRole{roleOID(5), "PSP_YY"}, pspAI))}, []claims.Role{claims.AISP}},
		"among other statements": {[][]byte{statement(t, qcCompliance, nil), statement(t, qcRetention, der(t, 10)),
			statement(t, qcType, der(t, []asn1.ObjectIdentifier{qcTypeWeb})), psd2Statement(t, fca(pspAI))}, []claims.Role{claims.AISP}},
		"beside an identifier of huge arcs": {[][]byte{
			sequenceOf(t, append([]byte{6, 11}, slices.Concat([]byte{0x69}, slices.Repeat([]byte{0xff}, 9), []byte{0x7f})...)), psd2Statement(t, fca(pspAI)),
		}, []claims.Role{claims.AISP}},
	} {
		t.Run(name, func(t *testing.T) {
			got, found, err := cert.PSD2Of(withStatements(pkix.Extension{Id: typeCN}, statements(t, c.list...)))
			require.NoError(t, err)
			assert.True(t, found)
			assert.Equal(t, cert.PSD2{Roles: c.want, AuthorityName: "Financial Conduct Authority", AuthorityID: "GB-FCA"}, got)
		})
	}
}

func TestCertificatesWithoutPSD2Statement(t *testing.T) {
	for name, c := range map[string]*x509.Certificate{
		"no extension":     {},
		"no statement":     withStatements(statements(t)),
		"other statements": withStatements(statements(t, statement(t, qcCompliance, nil))),
	} {
		t.Run(name, func(t *testing.T) {
			got, found, err := cert.PSD2Of(c)
			require.NoError(t, err)
			assert.False(t, found)
			assert.Zero(t, got)
		})
	}
}

func TestBrokenStatementsAreRefused(t *testing.T) {
	good := statements(t, psd2Statement(t, fca(pspAI))).Value
	info := func(parts ...[]byte) []byte {
		return sequenceOf(t, statement(t, qcPSD2, sequenceOf(t, parts...)))
	}
	roles, name, id := der(t, []pspRole{pspAI}), utf8DER(t, "Bank"), utf8DER(t, "GB-FCA")
	cases := map[string][]byte{
		"nothing":                       {},
		"no sequence":                   der(t, 1),
		"something behind":              append(slices.Clone(good), 0, 0),
		"indefinite length":             {0x30, 0x80, 0, 0},
		"a statement that is no pair":   sequenceOf(t, der(t, 1)),
		"an empty statement":            sequenceOf(t, sequenceOf(t)),
		"a statement of three":          sequenceOf(t, sequenceOf(t, der(t, qcCompliance), der(t, 1), der(t, 1))),
		"a number for an identifier":    sequenceOf(t, sequenceOf(t, der(t, 1))),
		"PSD2 twice":                    sequenceOf(t, psd2Statement(t, fca(pspAI)), psd2Statement(t, fca(pspPI))),
		"PSD2 without information":      sequenceOf(t, statement(t, qcPSD2, nil)),
		"PSD2 no sequence":              sequenceOf(t, statement(t, qcPSD2, der(t, 1))),
		"PSD2 of two parts":             info(roles, name),
		"PSD2 of four parts":            info(roles, name, id, id),
		"roles no sequence":             info(der(t, 1), name, id),
		"a role that is no pair":        info(sequenceOf(t, der(t, roleOID(3))), name, id),
		"a role without its name":       info(sequenceOf(t, sequenceOf(t, der(t, roleOID(3)))), name, id),
		"a role whose name is a number": info(sequenceOf(t, sequenceOf(t, der(t, roleOID(3)), der(t, 3))), name, id),
		"a role of another name":        info(der(t, []pspRole{{roleOID(3), "PSP_PI"}}), name, id),
		"a role of no known name":       info(der(t, []pspRole{{roleOID(3), "AISP"}}), name, id),
		"a known name elsewhere":        info(der(t, []pspRole{{roleOID(5), "PSP_PI"}}), name, id),
		"a known name without an arc":   info(der(t, []pspRole{{asn1.ObjectIdentifier{0, 4, 0, 19495, 1}, "PSP_PI"}}), name, id),
		"33 roles":                      info(der(t, slices.Repeat([]pspRole{pspAI}, 33)), name, id),
		"an empty authority":            info(roles, []byte{0x0c, 0}, id),
		"an authority of bytes":         info(roles, der(t, []byte("Bank")), id),
		"an authority of broken UTF-8":  info(roles, []byte{0x0c, 1, 0xff}, id),
		"a control character":           info(roles, name, utf8DER(t, "GB\n")),
		"a name of 257 characters":      info(roles, utf8DER(t, strings.Repeat("a", 257)), id),
		"QcType twice":                  sequenceOf(t, statement(t, qcType, sequenceOf(t)), statement(t, qcType, sequenceOf(t))),
		"QcType without information":    sequenceOf(t, statement(t, qcType, nil)),
		"QcType of numbers":             sequenceOf(t, statement(t, qcType, sequenceOf(t, der(t, 1)))),
		"too long":                      sequenceOf(t, statement(t, qcRetention, utf8DER(t, strings.Repeat("a", 4096)))),
	}
	for i := range good {
		cases["cut off at byte "+string(rune('0'+i/100))+string(rune('0'+i/10%10))+string(rune('0'+i%10))] = good[:i]
	}
	for name, value := range cases {
		t.Run(name, func(t *testing.T) {
			got, found, err := cert.PSD2Of(withStatements(pkix.Extension{Id: qcExtension, Value: value}))
			require.ErrorIs(t, err, cert.ErrQCStatements)
			assert.False(t, found)
			assert.Zero(t, got)
		})
	}
	_, _, err := cert.PSD2Of(nil)
	require.ErrorIs(t, err, cert.ErrNoCertificate)
}

func utf8DER(t testing.TB, s string) []byte {
	t.Helper()
	return der(t, asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(s)})
}

func TestPrintableStringsAreTaken(t *testing.T) {
	printable := func(s string) []byte { return der(t, asn1.RawValue{Tag: asn1.TagPrintableString, Bytes: []byte(s)}) }
	value := sequenceOf(t, statement(t, qcPSD2, sequenceOf(t,
		sequenceOf(t, sequenceOf(t, der(t, roleOID(4)), printable("PSP_IC"))), printable("Bank"), utf8DER(t, "GB-FCA"))))
	got, found, err := cert.PSD2Of(withStatements(pkix.Extension{Id: qcExtension, Value: value}))
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, cert.PSD2{Roles: []claims.Role{claims.CBPII}, AuthorityName: "Bank", AuthorityID: "GB-FCA"}, got)
}

func TestRolesAreComparedWithTheStatement(t *testing.T) {
	p := cert.PSD2{Roles: []claims.Role{claims.AISP, claims.PISP}}
	for name, c := range map[string]struct{ roles, lacks, beyond []claims.Role }{
		"the same":            {[]claims.Role{claims.PISP, claims.AISP}, nil, nil},
		"fewer":               {[]claims.Role{claims.AISP}, nil, []claims.Role{claims.PISP}},
		"more":                {[]claims.Role{claims.CBPII, claims.AISP, claims.PISP, claims.ASPSP}, []claims.Role{claims.CBPII, claims.ASPSP}, nil},
		"none":                {nil, nil, []claims.Role{claims.AISP, claims.PISP}},
		"Crown Dependencies":  {[]claims.Role{"CD_AISP", "CD_CBPII"}, []claims.Role{"CD_CBPII"}, []claims.Role{claims.PISP}},
		"unknown to PSD2":     {[]claims.Role{"DATA", "CD_", "CD_CD_AISP"}, []claims.Role{"DATA", "CD_", "CD_CD_AISP"}, []claims.Role{claims.AISP, claims.PISP}},
		"prefix in lowercase": {[]claims.Role{"cd_AISP"}, []claims.Role{"cd_AISP"}, []claims.Role{claims.AISP, claims.PISP}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.lacks, p.Lacks(c.roles))
			assert.Equal(t, c.beyond, p.Beyond(c.roles))
		})
	}
	assert.Equal(t, []claims.Role{claims.AISP}, cert.PSD2{}.Lacks([]claims.Role{claims.AISP}))
}

// FuzzPSD2Of: what is read, written anew by encoding/asn1, is read as the same;
// each role that comes out stands in the bytes by its object identifier; and
// Identify agrees on whether the statements can be read.
func FuzzPSD2Of(f *testing.F) {
	f.Add(statements(f, psd2Statement(f, fca(pspAS, pspPI, pspAI, pspIC))).Value)
	f.Add(statements(f, statement(f, qcCompliance, nil), statement(f, qcType, der(f, []asn1.ObjectIdentifier{qcTypeSeal})), psd2Statement(f, fca(pspAI))).Value)
	f.Add(statements(f).Value)
	byRole := map[claims.Role]pspRole{claims.ASPSP: pspAS, claims.PISP: pspPI, claims.AISP: pspAI, claims.CBPII: pspIC}
	subject := obSubject(f)
	f.Fuzz(func(t *testing.T, value []byte) {
		c := transportCert(subject, pkix.Extension{Id: qcExtension, Value: value})
		got, found, err := cert.PSD2Of(c)
		_, other := cert.Identify(c)
		require.Equal(t, err == nil, other == nil)
		if err != nil || !found {
			require.Zero(t, got)
			require.False(t, found)
			return
		}
		again := pspStatement{AuthorityName: got.AuthorityName, AuthorityID: got.AuthorityID}
		for _, r := range got.Roles {
			role, known := byRole[r]
			require.True(t, known)
			require.Contains(t, string(value), string(der(t, role.ID)))
			again.Roles = append(again.Roles, role)
		}
		same, found, err := cert.PSD2Of(withStatements(statements(t, psd2Statement(t, again))))
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, got, same)
		require.Empty(t, got.Lacks(got.Roles))
		require.Empty(t, got.Beyond(got.Roles))
	})
}
