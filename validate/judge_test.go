package validate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/vectors"
	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/validate"
)

// vector returns the input of a test vector.
func vector(t testing.TB, name string) *validate.Input {
	t.Helper()
	all, err := vectors.Load()
	require.NoError(t, err)
	for _, v := range all {
		if v.Name == name {
			input, err := v.Input()
			require.NoError(t, err)
			return input
		}
	}
	require.Fail(t, "no vector "+name)
	return nil
}

// byProfile makes a validator of a profile's own rules and default policy.
func byProfile(t testing.TB, p validate.Profile) *validate.Validator {
	t.Helper()
	v, err := validate.New(validate.Config{Profile: p, Policy: validate.DefaultPolicy(p)})
	require.NoError(t, err)
	return v
}

// A name in OpenSSL's older form is shown as it should have been.
func TestASubjectWithSlashes(t *testing.T) {
	const org, software = "0015800001041RHAAY", "9b5usDpbNtmxDcTzs7GzKp"
	for text, want := range map[string]string{
		"/C=GB/O=OpenBanking/OU=" + org + "/CN=" + software: "CN=" + software + ",OU=" + org + ",O=OpenBanking,C=GB",
		"/C=GB/O=Acme, Ltd/CN=x":                            `CN=x,O=Acme\, Ltd,C=GB`,
		"/C=GB/O=" + strings.Repeat("a", 128):               "O=" + strings.Repeat("a", validate.MaxEcho-5) + "...",
		"/var/run":                                          "CN=...,OU=...,O=...,C=GB",
	} {
		in := vector(t, "tls_client_auth_subject_dn.required/present")
		in.Request.TLSClientAuthSubjectDN = claims.Some(text)
		report := byProfile(t, validate.OBIE34).Judge(in)
		require.Len(t, report.Violations, 1, text)
		assert.Equal(t, validate.RuleTLSClientAuthSubjectDNFormat, report.Violations[0].Rule)
		assert.Equal(t, want, report.Violations[0].Want)
	}
}

func TestASubjectIsComparedAsThePolicySays(t *testing.T) {
	const org, software = "0015800001041RHAAY", "9b5usDpbNtmxDcTzs7GzKp"
	in := vector(t, "tls_client_auth_subject_dn.matches_certificate/same")
	subject := in.Certificate.RawSubject // C=GB, O, OU and CN in this order
	names := []string{
		in.Request.TLSClientAuthSubjectDN.Or(""),
		"C=GB,O=OpenBanking,OU=" + org + ",CN=" + software,
		"C=GB,CN=" + software + ",O=OpenBanking,OU=" + org,
		"CN=" + software + ",OU=" + org,
		"CN=" + software,
	}
	for match, most := range map[validate.SubjectDNMatch]int{ // how many of the names are taken
		validate.DNMatchExact: 1, validate.DNMatchReversed: 2, validate.DNMatchAnyOrder: 3, validate.DNMatchImmutable: 4,
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
		same, err := match.Same(names[0], []byte{1})
		assert.ErrorIs(t, err, dn.ErrSyntax)
		assert.False(t, same)
	}
}

func TestCitationsNameTheVersionOfTheProfile(t *testing.T) {
	row, ok := validate.RuleByID(validate.RuleIssRequired)
	require.True(t, ok)
	for p, version := range map[validate.Profile]string{
		validate.OBIE32: "3.2", validate.OBIE33: "3.3", validate.OBIE34: "3.4", validate.WSO2: "3.2",
	} {
		report := byProfile(t, p).Judge(vector(t, "iss.required/absent"))
		require.NotEmpty(t, report.Violations, p)
		cited := report.Violations[0].Citation
		assert.Equal(t, "OBIE DCR "+version, cited.Spec, p)
		assert.Contains(t, cited.URL, "/v"+version+"/", p)
		assert.Equal(t, row.Citation.Section, cited.Section, p)
		assert.Equal(t, "data dictionary, iss", cited.Section, p)
	}
}

func TestAnEmptyListOfRedirectURIsIsSaidToBeOne(t *testing.T) {
	wire := byProfile(t, validate.OBIE33).Judge(vector(t, "ssa.software_redirect_uris.required/empty")).Wire()
	require.NotNil(t, wire)
	assert.Contains(t, wire.Description, "is missing or empty")
}

// A huge list neither takes long nor fills a report with pointers.
func TestHugeListsStayCheap(t *testing.T) {
	in := vector(t, "base/nothing-changed")
	in.Request.RedirectURIs = claims.Some(make([]string, 20_000))
	in.Request.GrantTypes = claims.Some(make([]claims.GrantType, 20_000))
	in.Request.ResponseTypes = claims.Some(make([]claims.ResponseType, 20_000))
	report := byProfile(t, validate.OBIE33).Judge(in)
	assert.False(t, report.Valid())
	assert.LessOrEqual(t, len(report.Violations), validate.MaxViolations)
	assert.Positive(t, report.More)
}

func TestPassingRulesAllocateNothingEach(t *testing.T) {
	judge, in := byProfile(t, validate.OBIE33), vector(t, "base/nothing-changed")
	require.Empty(t, judge.Judge(in).Violations)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { judge.Judge(in) }), 20.0, "of more than a hundred rules")
}

func BenchmarkJudge(b *testing.B) {
	judge, in := byProfile(b, validate.OBIE33), vector(b, "base/nothing-changed")
	b.ReportAllocs()
	for b.Loop() {
		judge.Judge(in)
	}
}
