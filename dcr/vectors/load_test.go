package vectors_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/vectors"
	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/validate"
)

const (
	smallBase = `{"version": 1, "clock": "2023-11-14T22:13:20Z",
		"header": {"alg": "PS256", "kid": "k"}, "request": {"iss": "a", "X#1": 1},
		"ssa_header": {"alg": "PS256"}, "ssa": {"org_id": "o"}}`
	smallRule = `{"version": 1, "about": "scope.openid", "vectors": [{"name": "n", "comment": "c.",
		"request": {"set": {"scope": null, "jti": [1]}, "remove": ["iss"]}, "without": ["ssa_header"],
		"clock": "2024-01-01T00:00:00Z", "environment": "sandbox", "certificate": {"subject": "CN=x", "der": "AQI="},
		"update": {"secret_differs": true}, "policy": {"created_status": 200}, "extra": ["ssa.signature"],
		"expect": [
			{"profiles": ["obie-3.3"], "outcome": "failed", "valid": false, "wire": "invalid_client_metadata", "violations": [
				{"rule": "scope.openid", "severity": "error", "code": "invalid_client_metadata", "document": "request", "pointer": "/scope"}]},
			{"profiles": ["wso2", "obie-3.2"], "outcome": "none", "valid": true, "violations": []}]}]}`
	smallTopic = `{"version": 1, "about": "t", "vectors": [{"name": "n", "comment": "c.",
		"expect": [{"profiles": ["wso2"], "valid": true, "violations": []}]}]}`
)

// small is a file system of three files; change replaces text in one of them.
func small(name, from, to string) fs.FS {
	files := fstest.MapFS{}
	for path, text := range map[string]string{"base.json": smallBase, "rules/scope.openid.json": smallRule, "topics/t.json": smallTopic} {
		if path == name {
			text = strings.Replace(text, from, to, 1)
		}
		files[path] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func TestReadResolvesEachVector(t *testing.T) {
	got, err := vectors.Read(small("", "", ""))
	require.NoError(t, err)
	assert.Equal(t, []vectors.Vector{
		{
			Name: "scope.openid/n", Comment: "c.", Rule: "scope.openid",
			Header: []byte(`{"alg":"PS256","kid":"k"}`), Request: []byte(`{"X#1":1,"jti":[1],"scope":null}`), SSA: []byte(`{"org_id":"o"}`),
			Clock: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Environment: claims.Sandbox,
			Certificate: &vectors.CertificateSubject{Subject: "CN=x", DER: []byte{1, 2}}, Update: &validate.Update{SecretDiffers: true},
			Policy: []byte(`{"created_status": 200}`), Extra: []string{"ssa.signature"},
			Expect: []vectors.Expectation{
				{
					Profiles: []validate.Profile{validate.OBIE33}, Outcome: validate.OutcomeFailed, Wire: validate.InvalidClientMetadata,
					Violations: []vectors.Finding{{
						Rule: "scope.openid", Severity: validate.SeverityError, Code: validate.InvalidClientMetadata,
						Document: validate.DocRequest, Pointer: "/scope",
					}},
				},
				{Profiles: []validate.Profile{validate.WSO2, validate.OBIE32}, Valid: true, Violations: []vectors.Finding{}},
			},
		},
		{
			Name: "t/n", Comment: "c.", Header: []byte(`{"alg":"PS256","kid":"k"}`), Request: []byte(`{"X#1":1,"iss":"a"}`),
			SSAHeader: []byte(`{"alg":"PS256"}`), SSA: []byte(`{"org_id":"o"}`), Clock: time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC),
			Expect: []vectors.Expectation{{Profiles: []validate.Profile{validate.WSO2}, Valid: true, Violations: []vectors.Finding{}}},
		},
	}, got)
	e, ok := got[0].ExpectedIn(validate.OBIE32)
	assert.True(t, ok && e.Valid)
	_, ok = got[0].ExpectedIn(validate.OBIE34)
	assert.False(t, ok)

	policy, err := got[0].PolicyFor(validate.OBIE33)
	require.NoError(t, err)
	assert.Equal(t, 200, policy.CreatedStatus)
	input, err := got[0].Input()
	require.NoError(t, err)
	assert.Nil(t, input.SSAHeader)
	assert.Equal(t, "k", input.Header.KeyID.Or(""))
	assert.Equal(t, "o", input.SSA.OrgID.Or(""))
	assert.Len(t, input.RequestFaults, 2)
	assert.Equal(t, []byte{1, 2}, input.Certificate.RawSubject)
	assert.Equal(t, []validate.Violation{{Rule: "ssa.signature"}}, input.Extra)
	assert.Equal(t, got[0].Clock, input.Now)
	assert.Equal(t, &validate.Update{SecretDiffers: true}, input.Update)
	assert.NotSame(t, got[0].Update, input.Update, "an input is its owner's alone")
}

func TestReadRefuses(t *testing.T) {
	const base, rule, topic = "base.json", "rules/scope.openid.json", "topics/t.json"
	for name, c := range map[string]struct{ file, from, to string }{
		"a base of another version":              {base, `"version": 1`, `"version": 2`},
		"a base without a document":              {base, `"ssa": {"org_id": "o"}`, `"ssa": {}`},
		"a base without a clock":                 {base, `"clock": "2023-11-14T22:13:20Z",`, ``},
		"an unknown member of the base":          {base, `"version": 1`, `"version": 1, "extra": []`},
		"a file of another version":              {rule, `"version": 1`, `"version": 2`},
		"a file about something else":            {rule, `"scope.openid"`, `"scope.openld"`},
		"a file without vectors":                 {topic, `"vectors": [`, `"vectors": [], "vector": [`},
		"broken JSON":                            {rule, `{`, `{{`},
		"something behind the object":            {topic, `"about"`, `"about": "t"} {"about"`},
		"an unknown member":                      {rule, `"comment"`, `"colour": 1, "comment"`},
		"a member that stands twice":             {rule, `"comment"`, `"comment": "d.", "comment"`},
		"a member in another case":               {rule, `"comment"`, `"Comment"`},
		"no name":                                {rule, `"name": "n"`, `"name": ""`},
		"no comment":                             {rule, `"c."`, `""`},
		"an unknown document":                    {rule, `"without": ["ssa_header"]`, `"without": ["ssaheader"]`},
		"the removal of a member that is absent": {rule, `"remove": ["iss"]`, `"remove": ["aud"]`},
		"a change without set and remove":        {rule, `"set": {"scope": null, "jti": [1]}`, `"jti": 1`},
		"an unknown outcome":                     {rule, `"none"`, `"absent"`},
		"no outcome":                             {rule, `"outcome": "none", `, ``},
		"failed without a violation":             {rule, `"none"`, `"failed"`},
		"passed with a violation":                {rule, `"failed"`, `"passed"`},
		"valid with an error":                    {rule, `"valid": false, "wire": "invalid_client_metadata"`, `"valid": true`},
		"invalid without a code":                 {rule, `"wire": "invalid_client_metadata", `, ``},
		"valid with a code":                      {topic, `"valid": true`, `"valid": true, "wire": "invalid_client_metadata"`},
		"no word on validity":                    {topic, `"valid": true, `, ``},
		"no violations":                          {topic, `, "violations": []`, ``},
		"no profile":                             {topic, `["wso2"]`, `[]`},
		"an unknown profile":                     {topic, `["wso2"]`, `["obie-9"]`},
		"a profile twice in one expectation":     {topic, `["wso2"]`, `["wso2", "wso2"]`},
		"a profile in two expectations":          {rule, `["wso2", "obie-3.2"]`, `["obie-3.3"]`},
		"no expectation":                         {topic, `{"profiles": ["wso2"], "valid": true, "violations": []}`, ``},
		"an outcome in a topic":                  {topic, `"valid"`, `"outcome": "none", "valid"`},
		"an empty clock":                         {rule, `"2024-01-01T00:00:00Z"`, `""`},
		"an unknown severity":                    {rule, `"error"`, `"loud"`},
		"an unknown code":                        {rule, `"code": "invalid_client_metadata"`, `"code": "zzz"`},
		"a violation without a code":             {rule, `"code": "invalid_client_metadata", `, ``},
		"an unknown wire code":                   {rule, `"wire": "invalid_client_metadata"`, `"wire": "zzz"`},
		"an unknown document of a violation":     {rule, `"document": "request"`, `"document": "zz"`},
		"a pointer without a slash":              {rule, `"/scope"`, `"zz"`},
		"a pointer with half an escape":          {rule, `"/scope"`, `"/scope~2"`},
		"an unknown rule of a violation":         {rule, `{"rule": "scope.openid"`, `{"rule": "scope.openld"`},
		"an unknown environment":                 {rule, `"sandbox"`, `"moon"`},
		"an unknown rule in extra":               {rule, `"ssa.signature"`, `"ssa.signatures"`},
		"in extra what the documents show":       {rule, `"ssa.signature"`, `"scope.openid"`},
		"null as a violation":                    {topic, `"violations": []`, `"violations": [null]`},
		"null as a policy":                       {rule, `{"created_status": 200}`, `null`},
		"null as a change":                       {rule, `{"scope": null, "jti": [1]}`, `null`},
		"null as a certificate":                  {rule, `{"subject": "CN=x", "der": "AQI="}`, `null`},
		"an update with an unknown member":       {rule, `"secret_differs"`, `"secret"`},
		"a certificate without a subject":        {rule, `{"subject": "CN=x", "der": "AQI="}`, `{}`},
		"a certificate without its text":         {rule, `"subject": "CN=x", `, ``},
		"a violation without a pointer":          {rule, `, "pointer": "/scope"`, ``},
		"an empty environment":                   {rule, `"sandbox"`, `""`},
		"an empty outcome":                       {topic, `"valid"`, `"outcome": "", "valid"`},
		"an empty wire code":                     {topic, `"valid"`, `"wire": "", "valid"`},
		"a rule twice in extra":                  {rule, `["ssa.signature"]`, `["ssa.signature", "ssa.signature"]`},
		"a document twice in without":            {rule, `["ssa_header"]`, `["ssa_header", "ssa_header"]`},
		"a change of an absent document":         {rule, `["ssa_header"]`, `["request"]`},
		"a member both set and removed":          {rule, `"jti": [1]`, `"iss": "b"`},
		"a policy that a bank cannot have":       {rule, `"created_status": 200`, `"created_status": 404`},
		"a policy of another profile":            {rule, `"created_status": 200`, `"grant_types": ["client_credentials", "urn:openid:params:grant-type:ciba"]`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := vectors.Read(small(c.file, c.from, c.to))
			require.ErrorIs(t, err, vectors.ErrFile)
			require.ErrorContains(t, err, c.file)
			assert.Nil(t, got)
		})
	}
	files := fstest.MapFS{"base.json": {Data: []byte(smallBase)}, "rules/no.rule.json": {Data: []byte(strings.ReplaceAll(smallRule, "scope.openid", "no.rule"))}}
	_, err := vectors.Read(files)
	require.ErrorIs(t, err, vectors.ErrFile, "a file about a rule that there is not")
	require.ErrorContains(t, err, "about")
	_, err = vectors.Read(fstest.MapFS{})
	require.ErrorIs(t, err, vectors.ErrFile)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestAnErrorNamesFileVectorAndMember: a file has up to a hundred vectors.
func TestAnErrorNamesFileVectorAndMember(t *testing.T) {
	const rule = "rules/scope.openid.json"
	for member, c := range map[string]struct{ from, to string }{
		"expect/0: violations/0: severity": {`"error"`, `"loud"`},
		"/expect/0/violations/0/pointer":   {`"/scope"`, `null`},
		"expect/0: violations/0: rule":     {`{"rule": "scope.openid"`, `{"rule": "scope.openld"`},
		"expect/0: violations/0: code":     {`"code": "invalid_client_metadata"`, `"code": "zzz"`},
		"expect/0: violations/0: document": {`"document": "request"`, `"document": "zz"`},
		"expect/0: violations/0: pointer":  {`"/scope"`, `"zz"`},
		"expect/0: wire":                   {`"wire": "invalid_client_metadata"`, `"wire": "zzz"`},
		"/certificate/Subject":             {`"subject"`, `"Subject"`},
		"colour":                           {`"without"`, `"colour": 1, "without"`},
		"clock":                            {`"2024-01-01T00:00:00Z"`, `"noon"`},
		"extra":                            {`"ssa.signature"`, `"x"`},
		"certificate: der":                 {`"AQI="`, `"AQI"`},
		"environment":                      {`"sandbox"`, `"moon"`},
		"policy: profile obie-3.3":         {`"created_status": 200`, `"created_status": 404`},
		"policy: profile wso2":             {`"created_status": 200`, `"grant_types": ["urn:openid:params:grant-type:ciba", "client_credentials"]`},
		"expect/1: unknown outcome":        {`"none"`, `"absent"`},
	} {
		text := strings.Replace(strings.Replace(smallRule, `"n"`, `"which-one"`, 1), c.from, c.to, 1)
		_, err := vectors.Read(fstest.MapFS{"base.json": {Data: []byte(smallBase)}, rule: {Data: []byte(text)}})
		require.ErrorIs(t, err, vectors.ErrFile, member)
		for _, part := range []string{rule, "which-one", member} {
			require.ErrorContains(t, err, part)
		}
	}
}

func TestAVectorThatCannotBeDecodedSaysWhich(t *testing.T) {
	v := vectors.Vector{Name: "some/name", Request: []byte("[]"), Policy: []byte(`{"colour": 1}`)}
	_, err := v.Input()
	require.ErrorContains(t, err, "some/name: request")
	_, err = v.PolicyFor(validate.OBIE33)
	require.ErrorContains(t, err, "some/name")
	var policyError *validate.PolicyError
	require.ErrorAs(t, err, &policyError)
}

func TestLoadGivesFreshValues(t *testing.T) {
	first, err := vectors.Load()
	require.NoError(t, err)
	first[0].Expect[0].Violations[0].Rule = "changed"
	first[0].Header[0] = 'x'
	second, err := vectors.Load()
	require.NoError(t, err)
	assert.NotEqual(t, first[0], second[0])
}

func TestNamesAreUniqueAndPlain(t *testing.T) {
	plain := regexp.MustCompile(`^[a-z0-9_.]+/[a-z0-9]+(-[a-z0-9.]+)*$`)
	seen := map[string]bool{}
	for _, v := range load(t) {
		assert.Regexp(t, plain, v.Name)
		assert.False(t, seen[v.Name], v.Name)
		seen[v.Name] = true
		assert.True(t, strings.HasSuffix(v.Comment, "."), "%s: the comment is a sentence", v.Name)
		assert.NotContains(t, v.Comment, "\n", v.Name)
	}
	assert.Greater(t, len(seen), 700)
}

// People read the text of a subject, programs its DER.
func TestSubjectsOfCertificatesAreWhatTheirTextSays(t *testing.T) {
	for _, v := range load(t) {
		if v.Certificate == nil {
			continue
		}
		name, err := dn.FromDER(v.Certificate.DER)
		if v.Certificate.Subject == "" {
			assert.Error(t, err, v.Name)
			continue
		}
		require.NoError(t, err, v.Name)
		text, err := dn.Parse(v.Certificate.Subject)
		require.NoError(t, err, v.Name)
		assert.True(t, dn.Equal(name, text), v.Name)
	}
}

// Go writes an attribute that it does not know at the end, as hexadecimal DER,
// wherever the certificate has it. The vectors named moved show what comes of that.
func TestTheMovedAttributeIsWhereGoWritesIt(t *testing.T) {
	moved := 0
	for _, v := range load(t) {
		if !strings.HasPrefix(v.Name, "certificate_subject/moved") {
			continue
		}
		moved++
		var subject pkix.RDNSequence
		_, err := asn1.Unmarshal(v.Certificate.DER, &subject)
		require.NoError(t, err)
		var name pkix.Name
		name.FillFromRDNSequence(&subject)
		name.ExtraNames = nil
		require.NotEqual(t, subject.String(), name.String(), "Go moves the attribute")
		input, err := v.Input()
		require.NoError(t, err)
		assert.Equal(t, name.String(), input.Request.TLSClientAuthSubjectDN.Or(""), v.Name)
	}
	assert.NotZero(t, moved)
}

// base.json says of itself that it breaks no rule of any profile.
func TestTheBaseBreaksNoRule(t *testing.T) {
	for _, v := range load(t) {
		if v.Name != "base/nothing-changed" {
			continue
		}
		for _, p := range validate.Profiles() {
			e, ok := v.ExpectedIn(p)
			require.True(t, ok, p)
			assert.Empty(t, e.Violations, p)
		}
		var request map[string]any
		require.NoError(t, json.Unmarshal(v.Request, &request))
		assert.Equal(t, "e30.e30.e30", request["software_statement"], "the placeholder")
		return
	}
	t.Error("there is no vector base/nothing-changed")
}
