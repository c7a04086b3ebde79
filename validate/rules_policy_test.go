package validate

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/dn"
)

// judged is a vector and exactly the errors it gives.
type judged struct {
	name   string
	vector vector
	errors []string
}

func checkJudged(t *testing.T, cases []judged) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			assert.ElementsMatch(t, tc.errors, found(tc.vector.judge(t), SeverityError))
		})
	}
}

func TestWhatAPolicyAdmits(t *testing.T) {
	rs256 := func(p *Policy) {
		p.SigningAlgorithms = append(p.SigningAlgorithms, claims.RS256)
		p.Widenings = []Widening{WidenRS256}
	}
	hint := func(p *Policy) { p.SoftwareIDFrom = SoftwareIDFromHint }
	kinds := func(k ...AudienceKind) func(*Policy) { return func(p *Policy) { p.AudienceKinds = k } }
	array := []string{"openid", "accounts"}
	checkJudged(t, []judged{
		{"RS256 where it is named", vector{header: members{"alg": "RS256"}, ssaHeader: members{"alg": "RS256"}, policy: rs256}, nil},
		{"HMAC never", vector{header: members{"alg": "HS256"}, policy: rs256}, []string{"header.alg"}},
		{"an org_id as issuer", req(members{"iss": testOrg}).with(func(p *Policy) { p.IssuerKinds = []IssuerKind{IssuerOrgID} }), nil},
		{"a URL as audience", req(members{"aud": "https://auth.bank.example/path"}).with(kinds(AudienceURL)), nil},
		{"an array as audience", req(members{"aud": []string{"abc"}}).with(kinds(AudienceID, AudienceList)), nil},
		{"an empty audience", req(members{"aud": []string{}}).with(kinds(AudienceID, AudienceList)), []string{"aud.required"}},
		{"scope as an array", req(members{"scope": array}).with(func(p *Policy) { p.ScopeAsArray = true }), nil},
		{"roles as a string", ssa(members{"software_roles": "AISP PISP"}).with(func(p *Policy) { p.RolesAsString = true }), nil},
		{"software_id as a hint", ssa(members{"software_id": nil, "software_client_id": nil}).with(hint), nil},
		{"a hint does not overrule the statement", req(members{"software_id": "aaaa"}).with(hint), []string{"software_id.matches_ssa"}},
		{"a changed value", req(members{"scope": "openid accounts fx"}).with(adjustScope), nil},
		{"an adjusted scope stays within the roles", req(members{"scope": "openid payments fx"}).with(adjustScope), []string{"scope.within_roles"}},
		{"a test stage's environment", ssa(members{"software_environment": "prdtst"}).from(claims.Sandbox), nil},
		{"no name of an environment", ssa(members{"software_environment": ""}).from(claims.Sandbox), nil},
		{"an empty org_status", ssa(members{"org_status": ""}), []string{"ssa.org_status.active"}},
		{"a test software in a sandbox", ssa(members{"software_mode": "Test"}).from(claims.Sandbox), nil},
		{"seeds: scope, application_type and their rules are optional", req(members{"scope": nil, "application_type": nil}).in(WSO2), nil},
		{"3.2 has no CIBA", ciba(nil).in(OBIE32), []string{"grant_types.ciba.version"}},
		{"3.4 has jwt-bearer", req(members{"grant_types": []string{"authorization_code", string(claims.JWTBearer)}}).in(OBIE34), nil},
		{"CD roles allow what theirs do", ssa(members{"software_roles": []string{"CD_AISP"}}), nil},
		{"an ASPSP may use no scope", ssa(members{"software_roles": []string{"ASPSP"}}), []string{"scope.within_roles"}},
	})
}

func adjustScope(p *Policy) { p.Adjustable = []string{"scope"} }

// Go writes an attribute that it does not know at the end, as hexadecimal DER,
// wherever the certificate has it.
func TestSubjectsThatGoRenders(t *testing.T) {
	attribute := func(value string, oid ...int) pkix.RelativeDistinguishedNameSET {
		return pkix.RelativeDistinguishedNameSET{{Type: oid, Value: value}}
	}
	subject := pkix.RDNSequence{
		attribute("GB", 2, 5, 4, 6), attribute("Acme Ltd", 2, 5, 4, 10),
		attribute("PSDGB-FCA-123456", 2, 5, 4, 97), attribute(testSoftware, 2, 5, 4, 3),
	}
	raw, err := asn1.Marshal(subject)
	require.NoError(t, err)
	cert := &Certificate{RawSubject: raw}
	var name pkix.Name
	name.FillFromRDNSequence(&subject)
	name.ExtraNames = nil
	rendered := name.String()
	require.NotEqual(t, subject.String(), rendered, "Go moves the attribute")
	match := func(m SubjectDNMatch) func(*Policy) { return func(p *Policy) { p.SubjectDNMatch = m } }
	const differs = memberDN + ".matches_certificate"
	checkJudged(t, []judged{
		{"moved", mtls(rendered).over(cert), []string{differs}},
		{"moved, in any order", mtls(rendered).over(cert).with(match(DNMatchAnyOrder)), nil},
		{"moved, either way round", mtls(rendered).over(cert).with(match(DNMatchReversed)), []string{differs}},
		{"moved, the immutable part", mtls(rendered).over(cert).with(match(DNMatchImmutable)), nil},
		{"dropped though it binds", mtls("CN=" + testSoftware + ",O=Acme Ltd,C=GB").over(cert).with(match(DNMatchImmutable)), []string{differs}},
		{"it alone", mtls("2.5.4.97=PSDGB-FCA-123456").over(cert).with(match(DNMatchImmutable)), nil},
		{"dropped, in any order", mtls("CN=" + testSoftware + ",O=Acme Ltd,C=GB").over(cert).with(match(DNMatchAnyOrder)), []string{differs}},
		{"too many, in any order", mtls(rendered + ",L=London").over(cert).with(match(DNMatchAnyOrder)), []string{differs}},
	})
}

// A name in OpenSSL's older form is shown as it should have been.
func TestASubjectWithSlashes(t *testing.T) {
	for text, want := range map[string]string{
		"/C=GB/O=OpenBanking/OU=" + testOrg + "/CN=" + testSoftware: goodDN,
		"/C=GB/O=Acme, Ltd/CN=x":                                    `CN=x,O=Acme\, Ltd,C=GB`,
		"/C=GB/O=" + strings.Repeat("a", 128):                       "O=" + strings.Repeat("a", MaxEcho-5) + "...",
		"/var/run":                                                  "CN=...,OU=...,O=...,C=GB",
	} {
		report := mtls(text).in(OBIE34).judge(t)
		require.Len(t, report.Violations, 1, text)
		assert.Equal(t, memberDN+".format", report.Violations[0].Rule)
		assert.Equal(t, want, report.Violations[0].Want)
	}
}

func TestDeniedStatementsAreUnapproved(t *testing.T) {
	hint := func(p *Policy) {
		p.SoftwareIDFrom, p.DeniedSoftware = SoftwareIDFromHint, []string{testSoftware}
	}
	without := ssa(members{"software_id": nil, "software_client_id": nil}).with(hint)
	checkJudged(t, []judged{{"by the hint that counts", without, []string{"ssa.denied.software"}}})
	wire := without.judge(t).Wire()
	require.NotNil(t, wire)
	assert.Equal(t, UnapprovedSoftwareStatement, wire.Error)
}

// Within the step that verifies a statement, unapproved goes before a bad shape.
func TestAnUnapprovedStatementOfBadShape(t *testing.T) {
	wire := ssa(members{"org_status": "Revoked", "jti": nil, "software_redirect_uris": nil}).judge(t).Wire()
	require.NotNil(t, wire)
	assert.Equal(t, UnapprovedSoftwareStatement, wire.Error)
	production := members{"software_environment": "production", "software_mode": "Test"}
	wire = ssa(production).from(claims.Production).judge(t).Wire()
	require.NotNil(t, wire)
	assert.Equal(t, UnapprovedSoftwareStatement, wire.Error)
}

func TestCitationsNameTheVersionOfTheProfile(t *testing.T) {
	for p, version := range map[Profile]string{OBIE32: "3.2", OBIE33: "3.3", OBIE34: "3.4", WSO2: "3.2"} {
		report := req(members{"iss": nil}).in(p).judge(t)
		require.NotEmpty(t, report.Violations, p)
		cited := report.Violations[0].Citation
		assert.Equal(t, "OBIE DCR "+version, cited.Spec, p)
		assert.Contains(t, cited.URL, "/v"+version+"/", p)
		assert.Equal(t, dictionary("iss").Section, cited.Section, p)
	}
}

func TestSubjectsOfCertificates(t *testing.T) {
	cert := certificateOf(t, testSoftware)
	reversed := func(p *Policy) { p.SubjectDNMatch = DNMatchReversed }
	immutable := func(p *Policy) { p.SubjectDNMatch = DNMatchImmutable }
	encoded := mtls("C=GB,O=OpenBanking,OU=" + testOrg + ",CN=" + testSoftware).over(cert)
	const differs = memberDN + ".matches_certificate"
	checkJudged(t, []judged{
		{"as OpenSSL writes it, in other cases and with blanks", mtls("cn=" + testSoftware + ", OU = " + testOrg + " , o=OPENBANKING, C=gb").over(cert), nil},
		{"encoded order is another name", encoded, []string{differs}},
		{"encoded order, admitted", encoded.with(reversed), nil},
		{"most specific first, where the other order is admitted too", mtls(goodDN).over(cert).with(reversed), nil},
		{"another order", mtls("C=GB,OU=" + testOrg + ",O=OpenBanking,CN=" + testSoftware).over(cert).with(reversed), []string{differs}},
		{"a dropped attribute", mtls("CN=" + testSoftware + ",O=OpenBanking,C=GB").over(cert), []string{differs}},
		{"a dropped attribute, forgiven", mtls("CN=" + testSoftware + ",OU=" + testOrg + ",C=GB").over(cert).with(immutable), nil},
		{"never without the organisation", mtls("CN=" + testSoftware + ",O=OpenBanking,C=GB").over(cert).with(immutable), []string{differs}},
		{"never without the software", mtls("OU=" + testOrg + ",O=OpenBanking,C=GB").over(cert).with(immutable), []string{differs}},
		{"never without both", mtls("C=GB").over(cert).with(immutable), []string{differs}},
		{"an attribute too many", mtls(goodDN + ",L=London").over(cert).with(immutable), []string{differs}},
		{"a broken certificate", mtls(goodDN).over(&Certificate{RawSubject: []byte{1}}), []string{differs}},
		{"no certificate to compare with", mtls(goodDN), nil},
	})
}

func TestASubjectIsComparedAsThePolicySays(t *testing.T) {
	subject := certificateOf(t, testSoftware).RawSubject // C=GB, O, OU and CN in this order
	const (
		reversed  = "C=GB,O=OpenBanking,OU=" + testOrg + ",CN=" + testSoftware
		unordered = "C=GB,CN=" + testSoftware + ",O=OpenBanking,OU=" + testOrg
		partial   = "CN=" + testSoftware + ",OU=" + testOrg
	)
	names := []string{goodDN, reversed, unordered, partial, "CN=" + testSoftware}
	for match, most := range map[SubjectDNMatch]int{ // how many of the names are taken
		DNMatchExact: 1, DNMatchReversed: 2, DNMatchAnyOrder: 3, DNMatchImmutable: 4,
	} {
		for i, name := range names {
			same, err := match.Same(name, subject)
			require.NoError(t, err)
			assert.Equal(t, i < most, same, "%s %s", match, name)
		}
		for _, name := range []string{"/C=GB", "CN"} {
			same, err := match.Same(name, subject)
			assert.ErrorIs(t, err, dn.ErrSyntax)
			assert.False(t, same)
		}
		same, err := match.Same(goodDN, []byte{1})
		assert.ErrorIs(t, err, dn.ErrSyntax)
		assert.False(t, same)
	}
}

// The seeds' own sample breaks the seeds' own rules: each fault is reported.
func TestALookAlikeOfTheSeedsSample(t *testing.T) {
	sample := vector{
		profile: WSO2, header: members{"alg": "RS256"}, ssaHeader: members{"alg": "HS256"},
		request: members{"iss": "WSO2 TPP", "aud": "https://localbank.example", "exp": testNow + 6*365*86400, "scope": "accounts"},
		ssa:     members{"software_id": nil, "software_client_id": nil, "software_redirect_uris": nil, "jti": nil},
	}
	checkJudged(t, []judged{{"the sample", sample, []string{
		"header.alg", "ssa.header.alg", "iss.format", "aud.format", "exp.lifetime", "scope.openid",
		"ssa.software_id.required", "ssa.software_redirect_uris.required", "ssa.jti.required",
	}}})
}

func TestWireCodesOfRedirectURIs(t *testing.T) {
	for name, v := range map[string]vector{
		"a bad URI that the SSA lists":       uris("https://localhost/cb"),
		"an SSA without a list":              ssa(members{"software_redirect_uris": nil}),
		"redirect_uris of the wrong type":    req(members{"redirect_uris": 7}),
		"a duplicate":                        uris(testURI, testURI),
		"an empty array":                     req(members{"redirect_uris": []string{}}),
		"a URI outside the SSA":              req(members{"redirect_uris": []string{testURI + "3"}}),
		"left to an SSA that lists bad ones": {request: members{"redirect_uris": nil}, ssa: members{"software_redirect_uris": []string{"https://10.0.0.1"}}},
	} {
		wire := v.judge(t).Wire()
		if assert.NotNil(t, wire, name) {
			assert.Equal(t, InvalidRedirectURI, wire.Error, name)
		}
	}
	wire := ssa(members{"software_redirect_uris": []string{}}).judge(t).Wire()
	assert.Contains(t, wire.Description, "is missing or empty")
	wire = vector{request: members{"software_statement": nil}, noSSA: true}.judge(t).Wire()
	assert.Equal(t, InvalidSoftwareStatement, wire.Error)
	wire = ssa(members{"org_status": "Withdrawn"}).judge(t).Wire()
	assert.Equal(t, UnapprovedSoftwareStatement, wire.Error)
}

// A huge list neither takes long nor fills a report with pointers.
func TestHugeListsStayCheap(t *testing.T) {
	list := make([]string, 20_000)
	report := req(members{"redirect_uris": list, "grant_types": list, "response_types": list}).judge(t)
	assert.False(t, report.Valid())
	assert.LessOrEqual(t, len(report.Violations), MaxViolations)
	assert.Positive(t, report.More)
}

// A policy that is changed later must not change the judge.
func TestAClonedPolicySharesNothing(t *testing.T) {
	p := DefaultPolicy(OBIE33)
	from := reflect.ValueOf(&p).Elem()
	for i := range from.NumField() {
		if f := from.Field(i); f.Kind() == reflect.Slice && f.Len() == 0 {
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		}
	}
	p.AllowedValues = map[string][]string{"scope": {"openid"}}
	to := reflect.ValueOf(p.clone())
	for i := range from.NumField() {
		name := from.Type().Field(i).Name
		assert.Equal(t, from.Field(i).Interface(), to.Field(i).Interface(), name)
		if kind := from.Field(i).Kind(); kind == reflect.Slice || kind == reflect.Map {
			assert.NotEqual(t, from.Field(i).Pointer(), to.Field(i).Pointer(), name)
		}
	}
}
