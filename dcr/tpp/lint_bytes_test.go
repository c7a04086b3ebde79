package tpp_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/validate"
)

// known fills in all that a TPP can know of the bank and the directory of a world.
func (w *world) known(in tpp.LintInput) tpp.LintInput {
	anchor := w.directory.Anchor()
	in.Anchor, in.SoftwareKeys, in.Certificate = &anchor, w.directory.Resolver(), w.software.TransportCertificate.Leaf
	in.Authorities = w.authorities
	return in
}

// post sends bytes to the bank as they are.
func (w *world) post(t *testing.T, body string) (status int, code string) {
	t.Helper()
	answer, err := w.http.Post(w.address+"/register", "application/jwt", strings.NewReader(body))
	require.NoError(t, err)
	defer answer.Body.Close() //nolint:errcheck // it is only read
	var refusal struct {
		Error string `json:"error"`
	}
	if answer.StatusCode == http.StatusBadRequest {
		require.NoError(t, json.NewDecoder(answer.Body).Decode(&refusal))
	}
	return answer.StatusCode, refusal.Error
}

func utf16Of(s string, order binary.AppendByteOrder) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// Bytes that editors, echo and shells add around a token are a warning: the rest is judged
// as if it were clean, and wire is the bank's answer to the bytes as they are.
func TestBytesAroundATokenAreAWarningAndTheWireIsTheBanks(t *testing.T) {
	w := newWorld(t)
	good := w.request(t, func(*claims.Request) {})
	bad := w.request(t, func(c *claims.Request) { c.ApplicationType = claims.Some(claims.ApplicationType("desktop")) })
	for name, around := range map[string]func(string) string{
		"a line break":           func(s string) string { return s + "\n" },
		"a line break of DOS":    func(s string) string { return s + "\r\n" },
		"blanks":                 func(s string) string { return " " + s + "\t" },
		"a byte order mark":      func(s string) string { return "\uFEFF" + s },
		"PowerShell's UTF-16":    func(s string) string { return utf16Of("\uFEFF"+s+"\r\n", binary.LittleEndian) },
		"UTF-16, big-endian":     func(s string) string { return utf16Of("\uFEFF"+s, binary.BigEndian) },
		"UTF-16 without a mark":  func(s string) string { return utf16Of(s, binary.LittleEndian) },
		"a mark and line breaks": func(s string) string { return "\uFEFF" + s + "\n\n" },
	} {
		t.Run(name, func(t *testing.T) {
			result := w.lint(t, w.known(tpp.LintInput{Request: around(good)}))
			assert.True(t, result.Report.Valid(), errorIDs(result.Report))
			assert.Equal(t, validate.OutcomeFailed, result.Report.Outcome(validate.RuleInputEncoding))
			assert.True(t, result.Checks.Complete(), "%+v", result.Checks)
			wire := result.Report.Wire()
			require.NotNil(t, wire)
			status, code := w.post(t, around(good))
			assert.Equal(t, status, wire.Status)
			assert.Equal(t, code, string(wire.Error))

			result = w.lint(t, w.known(tpp.LintInput{Request: around(bad)}))
			assert.Equal(t, []string{"application_type.web_or_mobile"}, errorIDs(result.Report))
		})
	}
	result := w.lint(t, w.known(tpp.LintInput{Request: good}))
	assert.Nil(t, result.Report.Wire())
	assert.Equal(t, validate.OutcomePassed, result.Report.Outcome(validate.RuleInputEncoding))
}

// Claims alone are not sent as they are: their encoding is worth a warning, and a line
// break none.
func TestBytesAroundClaimsAloneHaveNoAnswer(t *testing.T) {
	w := newWorld(t)
	request := w.software.Request()
	bare, err := json.MarshalIndent(&request, "", "  ")
	require.NoError(t, err)
	for text, warned := range map[string]bool{
		string(bare) + "\r\n": false, "\n\n" + string(bare): false, "\uFEFF" + string(bare): true,
		utf16Of("\uFEFF"+string(bare), binary.LittleEndian): true,
	} {
		result := w.lint(t, tpp.LintInput{Request: text})
		require.True(t, result.Report.Valid(), errorIDs(result.Report))
		require.Nil(t, result.Report.Wire())
		require.Equal(t, warned, result.Report.Outcome(validate.RuleInputEncoding) == validate.OutcomeFailed, "%.10q", text)
		require.Equal(t, validate.CheckNotChecked, result.Checks.RequestSignature.State)
		require.NotEmpty(t, result.Checks.RequestSignature.Note)
	}
}

func TestBytesAroundAStatementAreAWarning(t *testing.T) {
	w := newWorld(t)
	result := w.lint(t, tpp.LintInput{Statement: w.statement(t, nil) + "\n"})
	require.True(t, result.Report.Valid(), errorIDs(result.Report))
	require.Equal(t, validate.InvalidSoftwareStatement, result.Report.Wire().Error)
}

// A request of more than 64 KiB has one finding, whatever else is wrong with it, and the
// bank's answer is a status without a code.
func TestARequestThatIsTooLongIsOneFinding(t *testing.T) {
	w := newWorld(t)
	var uris []string
	for i := range 2000 {
		uris = append(uris, fmt.Sprintf("https://merchant%04d.example/callback", i))
	}
	long := w.request(t, func(c *claims.Request) { c.RedirectURIs = claims.Some(uris) })
	require.Greater(t, len(long), 64<<10)
	short := w.request(t, func(c *claims.Request) { c.RedirectURIs = claims.Some(uris[:600]) })
	require.Less(t, len(short), 64<<10)
	request := w.software.Request()
	request.RedirectURIs = claims.Some(uris)
	bare, err := json.MarshalIndent(&request, "", "    ")
	require.NoError(t, err)
	for _, in := range []tpp.LintInput{{Request: long}, {Request: long + "\n"}, {Request: string(bare)}, {Statement: long}} {
		result := w.lint(t, w.known(in))
		require.Equal(t, []string{validate.RuleRequestSize}, errorIDs(result.Report))
		require.Len(t, result.Report.Violations, 1)
		require.Equal(t, http.StatusRequestEntityTooLarge, result.Report.Wire().Status)
		require.Empty(t, result.Report.Wire().Error)
		for _, c := range result.Checks.Named() {
			require.Equal(t, validate.CheckNotChecked, c.State)
		}
	}
	status, _ := w.post(t, long)
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
	result := w.lint(t, w.known(tpp.LintInput{Request: short}))
	require.NotContains(t, errorIDs(result.Report), validate.RuleRequestSize)

	twice := utf16Of(short, binary.LittleEndian)
	require.Greater(t, len(twice), 64<<10)
	result = w.lint(t, w.known(tpp.LintInput{Request: twice}))
	status, _ = w.post(t, twice)
	require.Equal(t, status, result.Report.Wire().Status)
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
}

// A form of JOSE that no bank takes is one finding: that it is this form.
func TestAFormThatIsNoCompactJWSIsOneFinding(t *testing.T) {
	w := newWorld(t)
	token := w.request(t, func(*claims.Request) {})
	parts := strings.Split(token, ".")
	for name, text := range map[string]string{
		"flattened":         fmt.Sprintf(`{"payload": %q, "protected": %q, "signature": %q}`, parts[1], parts[0], parts[2]),
		"enrolment's":       `{"payload": "eyJpc3MiOiI5YjV1c0RwYk50bXhEY1R6czdHektwIn0", "protected": "eyJhbGciOiJQUzI1NiIsImtpZCI6ImsxIn0", "signature": "AAAA"}`,
		"general":           fmt.Sprintf(`{"payload": %q, "signatures": [{"protected": %q, "signature": %q}]}`, parts[1], parts[0], parts[2]),
		"detached":          parts[0] + ".." + parts[2],
		"encrypted":         "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.YQ.Yg.Yw.ZA",
		"encrypted as JSON": `{"protected": "e30", "encrypted_key": "YQ", "iv": "Yg", "ciphertext": "Yw", "tag": "ZA"}`,
	} {
		t.Run(name, func(t *testing.T) {
			result := w.lint(t, w.known(tpp.LintInput{Request: text}))
			assert.Equal(t, []string{validate.RuleRequestJWS}, errorIDs(result.Report))
			assert.Len(t, result.Report.Violations, 1)
			status, code := w.post(t, text)
			assert.Equal(t, status, result.Report.Wire().Status)
			assert.Equal(t, code, string(result.Report.Wire().Error))
		})
	}
	statement := w.statement(t, nil)
	parts = strings.Split(statement, ".")
	result := w.lint(t, tpp.LintInput{Statement: fmt.Sprintf(`{"payload": %q, "protected": %q, "signature": %q}`, parts[1], parts[0], parts[2])})
	require.Equal(t, []string{validate.RuleSSAJWS}, errorIDs(result.Report))
	require.Len(t, result.Report.Violations, 1)
}

func TestAnEmptyStatementIsInvalid(t *testing.T) {
	w := newWorld(t)
	token := w.request(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some("") })
	request := w.software.Request()
	request.SoftwareStatement = claims.Some("")
	bare, err := json.Marshal(&request)
	require.NoError(t, err)
	for _, text := range []string{token, string(bare)} {
		result := w.lint(t, tpp.LintInput{Request: text})
		require.Equal(t, []string{validate.RuleSSAJWS}, errorIDs(result.Report))
		require.Equal(t, validate.InvalidSoftwareStatement, result.Report.Wire().Error)
	}
	_, code := w.post(t, token)
	require.Equal(t, "invalid_software_statement", code)
}

// A statement that is given apart stands in for one that the request does not hold. A
// signed request is judged with the one that it holds, since the bank gets that one.
func TestAStatementThatIsGivenApart(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, nil)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(statement, ".")[1])
	require.NoError(t, err)
	request := w.software.Request()
	request.SoftwareStatement = claims.Optional[string]{}
	bare, err := json.Marshal(&request)
	require.NoError(t, err)
	for _, apart := range []string{statement, statement + "\n", string(payload)} {
		result := w.lint(t, tpp.LintInput{Request: string(bare), Statement: apart})
		require.Empty(t, errorIDs(result.Report))
		require.NotContains(t, string(result.Documents[validate.DocRequest]), "software_statement", "the document is the file's")
	}
	old := w.request(t, func(c *claims.Request) { c.SoftwareStatement = claims.Some(w.statement(t, map[string]any{"iat": 1})) })
	result := w.lint(t, tpp.LintInput{Request: old, Statement: statement})
	require.Equal(t, []string{validate.RuleSSAAge}, errorIDs(result.Report))
	without := w.request(t, func(c *claims.Request) { c.SoftwareStatement = claims.Optional[string]{} })
	result = w.lint(t, tpp.LintInput{Request: without, Statement: statement})
	require.Equal(t, []string{validate.RuleSoftwareStatementRequired}, errorIDs(result.Report))
}

// A fault of JSON in a header is told by line, column and name, and the fix is about the
// header.
func TestBrokenJSONInAHeaderIsToldWithItsPlace(t *testing.T) {
	w := newWorld(t)
	encode := base64.RawURLEncoding.EncodeToString
	broken := encode([]byte("{\"alg\": \"PS256\",\n \"kid\": \"a\", \"kid\": \"b\"}")) + "." + encode([]byte(`{"iss": "a"}`)) + ".AAAA"
	for _, in := range []tpp.LintInput{{Request: broken}, {Statement: broken}} {
		report := w.lint(t, in).Report
		i := slices.IndexFunc(report.Violations, func(v validate.Violation) bool { return strings.HasSuffix(v.Rule, ".jws") })
		require.GreaterOrEqual(t, i, 0)
		found := report.Violations[i]
		assert.Contains(t, found.Message, "line 2, column 14")
		assert.Contains(t, found.Message, `"kid"`)
		for _, row := range validate.Rules() {
			if row.ID == found.Rule {
				assert.NotEqual(t, row.Fix, found.Fix, "it is about base64url")
			}
		}
	}
}
