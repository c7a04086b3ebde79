package portal_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// TestWhatIsNoStatementIsCalledByItsName: what is provided in the place of a statement gets the
// form again with a fault that leads to the field, and nothing of a key is repeated.
func TestWhatIsNoStatementIsCalledByItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	s := w.software(t, ssatest.SoftwareOptions{})
	good := ssaOf(t, s, nil)
	certificate, key, err := ssatest.PEM(s.TransportCertificate)
	require.NoError(t, err)
	binary := make([]byte, 2000)
	_, _ = rand.Read(binary)
	parts := strings.Split(good, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)

	for name, c := range map[string]struct{ pasted, file, field, said string }{
		"nothing":                    {"", "", "statement", "Provide a software statement"},
		"blanks":                     {" \r\n\t ", "", "statement", "Provide a software statement"},
		"quotation marks alone":      {`""`, "", "statement", "three parts"},
		"too long":                   {strings.Repeat("e", 64<<10+1), "", "statement", "longer than 64 KiB"},
		"a file that is too long":    {"", strings.Repeat("e", 100<<10), "statement-file", "longer than 64 KiB"},
		"a binary file":              {"", string(binary), "statement-file", "binary file"},
		"one that begins as UTF-16":  {"", "\xff\xfe\x00\xd8AA", "statement-file", "binary file"},
		"a NUL":                      {good + "\x00", "", "statement", "binary file"},
		"claims without a signature": {string(payload), "", "statement", "not the directory's signature"},
		"a JWS as JSON":              {`{"payload":"e30","signatures":[]}`, "", "statement", "JWS in its JSON form"},
		"a request as JSON":          {`{"software_statement":"x"}`, "", "statement", "registration request"},
		"other JSON":                 {"[1]", "", "statement", "JSON, not a software statement"},
		"a private key":              {string(key), "", "statement", "Never send it to anybody"},
		"a file with a private key":  {"", string(certificate) + string(key), "statement-file", "Never send it to anybody"},
		"a certificate":              {string(certificate), "", "statement", "PEM"},
		"a page of the web":          {"<!doctype html><p>404</p>", "", "statement", "page of the web"},
		"an address":                 {"https://directory.example/ssa", "", "statement", "This is an address"},
		"an encrypted token":         {"a.b.c.d.e", "", "statement", "encrypted"},
		"half a statement":           {parts[0] + "." + parts[1], "", "statement", "this has 2 parts"},
		"an unsigned statement":      {parts[0] + "." + parts[1] + ".", "", "statement", "no signature"},
		"a word":                     {"hello", "", "statement", "this has 1 part."},
		"letters that no token has":  {"päy." + parts[1] + "." + parts[2], "", "statement", "characters that no statement has"},
		"pasted and another file":    {good, "other", "statement", "These two differ"},
		"markup":                     {"<script>alert(1)</script>", "", "statement", "page of the web"},
		"markup in a text":           {"a<script>alert(1)</script>", "", "statement", "three parts"},
	} {
		t.Run(name, func(t *testing.T) {
			ada.t = t
			var files map[string]string
			if c.file != "" {
				files = map[string]string{"statement-file": c.file}
			}
			before := w.history(t)
			a := ada.sent("/applications/add", url.Values{"statement": {c.pasted}}, files)
			assert.Equal(t, http.StatusBadRequest, a.status)
			noted := w.since(t, before)
			if assert.Equal(t, c.said != "Provide a software statement", len(noted) == 1); len(noted) == 1 {
				assert.Contains(t, noted[0].Reason, c.said)
				assert.Equal(t, []string{"contact", "create", "denied", ""}, []string{noted[0].Actor, noted[0].Operation, noted[0].Decision, noted[0].SoftwareID})
			}
			assert.Contains(t, a.text(), c.said)
			assert.Contains(t, a.body, `<a href="#`+c.field+`">`, "the summary leads to the field")
			assert.Contains(t, a.body, `aria-describedby="`+c.field+"-hint "+c.field+`-wrong" aria-invalid="true"`)
			assert.Contains(t, a.body, "<title>Error: ")
			assert.NotContains(t, a.body, "PRIVATE KEY-----")
			assert.NotContains(t, a.body, "<script")
			if c.field == "statement" && c.said == "this has 2 parts" {
				assert.Contains(t, a.body, c.pasted+"</textarea>", "what was typed is kept")
			}
		})
	}
	assert.Empty(t, w.clients(t))
}

func TestAFormThatIsMuchTooLargeGetsAPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	a := w.as(t, "ada").sent("/applications/add", nil, map[string]string{"statement-file": strings.Repeat("x", 600<<10)})
	assert.Equal(t, http.StatusRequestEntityTooLarge, a.status)
	assert.Contains(t, a.text(), "A software statement has at most 64 KiB")

	// A browser sends all of a form before it reads the answer: one whose connection was reset
	// meanwhile shows a page of its own.
	to := strings.TrimPrefix(w.server.URL, "https://")
	connection, err := tls.Dial("tcp", to, w.server.Client().Transport.(*http.Transport).TLSClientConfig)
	require.NoError(t, err)
	defer func() { _ = connection.Close() }()
	const size = 6 << 20
	_, err = fmt.Fprintf(connection, "POST /portal/applications/add HTTP/1.1\r\nHost: %s\r\nSec-Fetch-Site: same-origin\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n", to, size)
	require.NoError(t, err)
	for sent := 0; sent < size; sent += 64 << 10 {
		_, err = connection.Write(bytes.Repeat([]byte("x"), 64<<10))
		require.NoError(t, err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	assert.Equal(t, http.StatusRequestEntityTooLarge, answer.StatusCode)
}

// TestAFormThatCannotBeReadDoesNothing: no form counts as an empty one.
func TestAFormThatCannotBeReadDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	for content, body := range map[string]string{
		"application/x-www-form-urlencoded":      "statement=%zz",
		"multipart/form-data; boundary=b":        "--b\r\nContent-Disposition: form-data; name=\"statement\"\r\n\r\nhalf",
		"multipart/form-data":                    "--b--",
		"application/x-www-form-urlencoded; a=;": "statement=" + strings.Repeat("x", 600<<10),
	} {
		r, err := http.NewRequest(http.MethodPost, w.address+"/applications/add", strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", content)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		a := ada.do(r)
		assert.Contains(t, []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, a.status, content)
		assert.Contains(t, a.text(), "Nothing was changed", content)
	}
}

// TestAStatementIsTidied: blanks within, quotation marks around it and the encoding of an editor
// are no fault, and the page says what was done.
func TestAStatementIsTidied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	good := ssaOf(t, w.software(t, ssatest.SoftwareOptions{}), nil)
	var broken strings.Builder
	for i, c := range good {
		if broken.WriteRune(c); i%76 == 75 {
			broken.WriteString("\r\n ")
		}
	}
	utf16le := "\xFF\xFE"
	for _, u := range utf16.Encode([]rune(good + "\r\n")) {
		utf16le += string([]byte{byte(u), byte(u >> 8)})
	}
	for name, c := range map[string]struct{ pasted, file, said string }{
		"lines":                   {broken.String(), "", "Line breaks and spaces inside of the statement were taken out."},
		"lines in a file":         {"", broken.String(), "Line breaks and spaces inside of the statement were taken out."},
		"quotation marks":         {` "` + good + `"` + "\n", "", "The quotation marks around the statement were taken off."},
		"UTF-16":                  {"", utf16le, "The file was in UTF-16"},
		"a byte order mark":       {"", "\uFEFF" + good, "The file was in UTF-8 with a byte order mark"},
		"a line end":              {good + "\n", "", ""},
		"both, and both the same": {good, good + "\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := ada.sent("/applications/add", url.Values{"statement": {c.pasted}}, map[string]string{"statement-file": c.file})
			require.Equal(t, http.StatusOK, a.status, a.text())
			assert.Contains(t, a.text(), c.said)
			assert.Contains(t, a.text(), "Verified The directory signed this.")
			assert.Equal(t, good, a.form().Get("statement"))
		})
	}
}

func TestAWholeRequestIsToldFromAStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	s := w.software(t, ssatest.SoftwareOptions{})
	request := s.Request()
	token, err := s.Sign(&request)
	require.NoError(t, err)
	a := ada.sent("/applications/add", url.Values{"statement": {token}}, nil)
	assert.Equal(t, http.StatusBadRequest, a.status)
	assert.Contains(t, a.text(), "This is a whole registration request")
	assert.Contains(t, a.body, request.SoftwareStatement.Or("-")+"</textarea>", "the statement was taken out of it")
}

// TestAStatementThatTheBankWouldRefuse: the page says why, with the clause and what to do, offers
// nothing to press that cannot work, and sending the form all the same registers nothing.
func TestAStatementThatTheBankWouldRefuse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", orgOne)
	ada := w.as(t, "ada")
	foreign, err := ssatest.New(ssatest.Options{Issuer: "Another Directory"})
	require.NoError(t, err)
	t.Cleanup(foreign.Close)
	production, err := ssatest.New(ssatest.Options{Environment: claims.Production})
	require.NoError(t, err)
	t.Cleanup(production.Close)
	s := w.software(t, ssatest.SoftwareOptions{})
	of := func(d *ssatest.Directory) string {
		enrolled, err := d.NewSoftware(ssatest.SoftwareOptions{OrgID: orgOne})
		require.NoError(t, err)
		return ssaOf(t, enrolled, nil)
	}
	forged, err := s.SSAWith(nil, ssatest.Forgery{Key: w.directory.ForgedKey()})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		statement string
		said      []string
		verified  bool
	}{
		"foreign":              {of(foreign), []string{"Another Directory", "ssa.issuer.trusted"}, false},
		"production":           {of(production), []string{"ssa.key.found"}, false},
		"forged":               {forged, []string{"ssa.signature"}, false},
		"old":                  {ssaOf(t, s, map[string]any{"iat": time.Now().Add(-91 * 24 * time.Hour).Unix()}), []string{"ssa.age", "91 days ago"}, false},
		"another's":            {ssaOf(t, w.software(t, ssatest.SoftwareOptions{OrgID: orgTwo}), nil), []string{"you may not act for it", orgTwo}, true},
		"no claims":            {"e30.e30.AAAA", []string{"Not verified"}, false},
		"no JSON in it":        {"e30.eHh4.AAAA", []string{"Nothing of the statement can be read"}, false},
		"without a name":       {ssaOf(t, s, map[string]any{"software_client_name": nil}), []string{"ssa.software_client_name.required", "An application without a name"}, true},
		"a revoked TPP":        {ssaOf(t, s, map[string]any{"org_status": "Revoked"}), []string{"ssa.org_status.active", "What to do:", "by Open Banking Directory API"}, true},
		"without a fit URI":    {ssaOf(t, s, map[string]any{"software_redirect_uris": []string{"http://tpp.example/"}}), []string{"The bank does not take it."}, true},
		"a list as its claims": {"e30.W10.AAAA", []string{"Nothing of the statement can be read"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := w.history(t)
			a := ada.reviewed(c.statement)
			entries := w.since(t, before)
			require.Len(t, entries, 1, "the trail tells of the first look, behind which there is no button")
			assert.Equal(t, []string{"contact", "create", "denied"}, []string{entries[0].Actor, entries[0].Operation, entries[0].Decision})
			assert.Equal(t, c.verified, entries[0].SoftwareID != "")
			for _, said := range append(c.said, "The bank would refuse this statement as it is", "The bank would refuse it:") {
				assert.Contains(t, a.text(), said)
			}
			assert.Equal(t, c.verified, strings.Contains(a.text(), "The directory signed this"), a.text())
			assert.NotContains(t, a.body, `value="add"`)

			form := url.Values{"statement": {c.statement}, "do": {"add"}}
			a = ada.sent("/applications/add", form, nil)
			assert.GreaterOrEqual(t, a.status, 400)
			assert.Less(t, a.status, 500)
			assert.Contains(t, a.text(), "The bank refused this. Nothing was changed")
			assert.NotContains(t, a.body, `value="add"`)
			entries = w.since(t, before)
			require.Len(t, entries, 2, "of what was sent to be done there is one entry alone")
			assert.Equal(t, entries[0].Reason, entries[1].Reason)
		})
	}
	assert.Empty(t, w.clients(t))
}
