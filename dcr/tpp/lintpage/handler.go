package lintpage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/text"
)

// patience is how long a submission may be judged: as long as a key set takes to be read.
const patience = 20 * time.Second

// policyOfServed is the Content-Security-Policy of every answer. All that a page loads is the
// page's own, and a form goes nowhere else.
const policyOfServed = "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// ServeHTTP serves the page below Config.Base, and answers 404 for other paths.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// handle makes the handler.
func (p *Page) handle() {
	base := p.config.Base
	mux := http.NewServeMux()
	pages := []string{base + "/{$}"}
	if base != "" {
		pages = append(pages, base)
	}
	for _, path := range pages {
		mux.HandleFunc("GET "+path, p.show)
		mux.HandleFunc("POST "+path, p.judge)
	}
	mux.HandleFunc("GET "+base+"/rules", p.showRules)
	mux.HandleFunc("GET "+base+"/lint.css", p.style.serve)
	mux.HandleFunc("GET "+base+"/lint.js", p.script.serve)
	safe := http.NewCrossOriginProtection()
	safe.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.fail(w, http.StatusForbidden, "A page of another origin sent this. Open this page itself, and send the form from here.")
	}))
	p.handler = p.framed(safe.Handler(mux))
}

// framed sets what each answer has, and refuses a request for another host.
func (p *Page) framed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		text.NoStore(h)
		for name, value := range map[string]string{
			"Content-Security-Policy": policyOfServed, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy":            "same-origin", // with no-referrer a form would be sent without its origin
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
		} {
			h.Set(name, value)
		}
		host, err := fetch.CanonicalHost(r.Host)
		if err != nil || !slices.Contains(p.hosts, nameOf(host)) {
			p.fail(w, http.StatusMisdirectedRequest, "This page answers under the names of this machine alone: "+strings.Join(p.hosts, ", ")+".")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// nameOf takes the port off a host as fetch.CanonicalHost writes it, and the brackets off an
// address.
func nameOf(host string) string {
	name := host[:max(strings.LastIndexByte(host, ':'), 0)]
	return strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
}

func (p *Page) show(w http.ResponseWriter, _ *http.Request) {
	p.write(w, http.StatusOK, p.newContent("Lint a registration request", Submission{}))
}

func (p *Page) showRules(w http.ResponseWriter, _ *http.Request) {
	c := p.newContent("Rules", Submission{})
	c.RuleTable = ruleTable()
	p.write(w, http.StatusOK, c)
}

// judge answers a form.
func (p *Page) judge(w http.ResponseWriter, r *http.Request) {
	body := r.Body
	r.Body = http.MaxBytesReader(w, body, maxBody)
	s, err := readForm(r)
	tooLong := (*http.MaxBytesError)(nil)
	switch {
	case errors.As(err, &tooLong), errors.Is(err, errTooLong):
		_, _ = io.CopyN(io.Discard, body, maxDiscarded) // a browser that cannot send everything shows no answer
		p.fail(w, http.StatusRequestEntityTooLarge, "The form is too long: a document may have 1 MiB, and another field 256 KiB. A token has a few KiB.")
		return
	case errors.Is(err, errMediaType):
		p.fail(w, http.StatusUnsupportedMediaType, "Send the form as a browser does: multipart/form-data, or application/x-www-form-urlencoded.")
		return
	case err != nil:
		p.fail(w, http.StatusBadRequest, "The form cannot be read. Send it again from the page.")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	c, status, err := p.judgedContent(ctx, s)
	if err != nil {
		p.fail(w, http.StatusServiceUnavailable, "The page is busy. Send the form again.")
		return
	}
	p.write(w, status, c)
}

// maxDiscarded is how much of a form that is too long is read and thrown away, in bytes.
const maxDiscarded = 16 << 20

// Why a form cannot be read.
var (
	errMediaType = errors.New("lintpage: no form")
	errTooLong   = errors.New("lintpage: a field is too long")
)

// readForm reads a form. It stays in memory: no part is written to a file.
func readForm(r *http.Request) (s Submission, err error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "application/x-www-form-urlencoded":
		if err := r.ParseForm(); err != nil {
			return s, fmt.Errorf("lintpage: %w", err)
		}
		for name, values := range r.PostForm {
			if name != fieldFile {
				s.Set(name, values[0])
			}
		}
		return s, nil
	case err == nil && kind == "multipart/form-data":
		parts, err := r.MultipartReader()
		if err != nil {
			return s, fmt.Errorf("lintpage: %w", err)
		}
		return readParts(parts)
	}
	return s, errMediaType
}

// readParts reads the parts of a form, one field each.
func readParts(parts *multipart.Reader) (s Submission, err error) {
	for range len(order) + 1 {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, fmt.Errorf("lintpage: %w", err)
		}
		data, err := io.ReadAll(io.LimitReader(part, 2*MaxFile+1))
		switch {
		case err != nil:
			return s, fmt.Errorf("lintpage: %w", err)
		case len(data) > 2*MaxFile:
			return s, errTooLong
		case (part.FormName() == fieldFile) != (part.FileName() != "") && len(data) > 0:
			return s, errMediaType
		}
		s.Set(part.FormName(), string(data))
	}
	return s, errTooLong
}

// fail answers with a page that says what is wrong.
func (p *Page) fail(w http.ResponseWriter, status int, message string) {
	c := p.newContent("Error: "+http.StatusText(status), Submission{})
	c.Message = message
	p.write(w, status, c)
}

// write writes a page.
func (p *Page) write(w http.ResponseWriter, status int, c *content) {
	var page bytes.Buffer
	if err := p.execute(&page, c); err != nil {
		http.Error(w, "this page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // an error means that the browser has gone
}

// WriteForm writes the whole page without a submission, for a page of files.
func (p *Page) WriteForm(w io.Writer) error {
	return p.execute(w, p.newContent("Lint a registration request", Submission{}))
}

// WriteDocument writes a page that shows a document, which is HTML that the caller trusts.
func (p *Page) WriteDocument(w io.Writer, title, document string) error {
	c := p.newContent(title, Submission{})
	c.Document = template.HTML(document) //nolint:gosec // G203: the caller's own document
	return p.execute(w, c)
}

func (p *Page) execute(w io.Writer, c *content) error {
	if err := p.layout.ExecuteTemplate(w, "layout.html", c); err != nil {
		return fmt.Errorf("lintpage: %w", err)
	}
	return nil
}

// serve answers with the file, which may be kept as long as its address is the same.
func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.kind)
	if r.URL.Query().Get("v") == a.version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Del("Pragma")
	}
	_, _ = w.Write(a.content)
}
