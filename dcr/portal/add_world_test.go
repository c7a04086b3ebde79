package portal_test

import (
	"bytes"
	"context"
	"html"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// The organisations of the tests: of 18 characters, as the directory has them.
const (
	orgOne = "0015800001041REAAY"
	orgTwo = "0015800001041RHAAY"
)

// withSecrets is a bank at which applications can have secrets.
func withSecrets(p *validate.Policy) {
	p.AuthMethods = []claims.AuthMethod{claims.PrivateKeyJWT, claims.TLSClientAuth, claims.ClientSecretBasic}
	p.Widenings = []validate.Widening{validate.WidenClientSecretBasic}
}

// software enrols a software of an organisation at the directory.
func (w *world) software(t testing.TB, o ssatest.SoftwareOptions) *ssatest.EnrolledSoftware {
	t.Helper()
	if o.OrgID == "" {
		o.OrgID = orgOne
	}
	s, err := w.directory.NewSoftware(o)
	require.NoError(t, err)
	return s
}

// ssaOf mints a statement.
func ssaOf(t testing.TB, s *ssatest.EnrolledSoftware, changes map[string]any) string {
	t.Helper()
	statement, err := s.SSA(changes)
	require.NoError(t, err)
	return statement
}

// sent sends a form with files, as a browser sends that of a page with a file field.
func (b *browser) sent(path string, form url.Values, files map[string]string) answer {
	b.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range form {
		for _, value := range values {
			require.NoError(b.t, w.WriteField(name, value))
		}
	}
	for name, content := range files {
		part, err := w.CreateFormFile(name, "file.txt")
		require.NoError(b.t, err)
		_, err = part.Write([]byte(content))
		require.NoError(b.t, err)
	}
	require.NoError(b.t, w.Close())
	r, err := http.NewRequest(http.MethodPost, b.w.address+path, &body)
	require.NoError(b.t, err)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

var (
	inputs     = regexp.MustCompile(`<input ([^>]*)>`)
	attributes = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
)

// form reads the fields of a page's form as a browser would send them, without buttons.
func (a answer) form() url.Values {
	fields := url.Values{}
	for _, found := range inputs.FindAllStringSubmatch(a.body, -1) {
		has := map[string]string{}
		for _, pair := range attributes.FindAllStringSubmatch(found[1], -1) {
			has[pair[1]] = html.UnescapeString(pair[2])
		}
		bare := attributes.ReplaceAllString(found[1], "")
		choice := has["type"] == "checkbox" || has["type"] == "radio"
		switch {
		case has["name"] == "" || has["type"] == "file" || strings.Contains(bare, "disabled") || choice && !strings.Contains(bare, "checked"):
		default:
			fields.Add(has["name"], has["value"])
		}
	}
	return fields
}

// press sends the form of a page by one of its buttons.
func (b *browser) press(a answer, do string, change func(url.Values)) answer {
	b.t.Helper()
	fields := a.form()
	fields.Set("do", do)
	if change != nil {
		change(fields)
	}
	return b.sent(strings.TrimPrefix(a.url.Path, "/portal"), fields, nil)
}

// reviewed is the page that reviews a statement for Add application.
func (b *browser) reviewed(statement string) answer {
	b.t.Helper()
	a := b.sent("/applications/add", url.Values{"statement": {statement}}, nil)
	require.Equal(b.t, http.StatusOK, a.status, a.text())
	return a
}

// add adds an application by its statement, and returns its record and the page that said so.
func (b *browser) add(statement string, change func(url.Values)) (store.Client, answer) {
	b.t.Helper()
	known := map[string]bool{}
	for _, c := range b.w.clients(b.t) {
		known[c.ID] = true
	}
	a := b.press(b.reviewed(statement), "add", change)
	require.Equal(b.t, http.StatusOK, a.status, a.text())
	for _, c := range b.w.clients(b.t) {
		if !known[c.ID] {
			return c, a
		}
	}
	require.Fail(b.t, "nothing was added", a.text())
	return store.Client{}, a
}

// clients are all records of the bank.
func (w *world) clients(t testing.TB) []store.Client {
	t.Helper()
	found, err := w.store.(store.Lister).List(context.Background(), "", 1000)
	require.NoError(t, err)
	return found
}

// history are the entries of the audit trail, the newest last.
func (w *world) history(t testing.TB) []store.AuditEntry {
	t.Helper()
	found, err := w.store.(store.Auditor).ListAudit(context.Background(), "", 1000)
	require.NoError(t, err)
	return found
}

// since are the entries that were not in the trail before.
func (w *world) since(t testing.TB, before []store.AuditEntry) []store.AuditEntry {
	t.Helper()
	return slices.DeleteFunc(w.history(t), func(e store.AuditEntry) bool {
		return slices.ContainsFunc(before, func(known store.AuditEntry) bool { return known.ID == e.ID })
	})
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	blanks = regexp.MustCompile(`\s+`)
)

// text is what a page says, without its marks.
func (a answer) text() string {
	_, body, _ := strings.Cut(a.body, "<main")
	return html.UnescapeString(blanks.ReplaceAllString(tags.ReplaceAllString(body, ""), " "))
}
