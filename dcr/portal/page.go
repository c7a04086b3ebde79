package portal

import (
	"bytes"
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static/portal.css
var stylesheet string

// pageNames are the pages, each a file in templates.
var pageNames = []string{"start", "error", "expired", "signing-out", "signed-out", "applications", "add", "review", "added",
	"application", "delete", "deleted",
	"approvals", "approval", "approval-confirm", "decided", "remove", "removed"}

// pages writes the pages.
type pages struct {
	portal    *Portal
	templates map[string]*template.Template
	style     []byte
	version   string // of the style
}

// fault is a fault of a form, which the page lists at its top with a link to the field.
type fault struct {
	Field string // id of the field; "" for none
	Text  string
}

// wrong returns what is wrong with a field; "" where nothing is.
func wrong(faults []fault, field string) string {
	for _, f := range faults {
		if f.Field == field {
			return f.Text
		}
	}
	return ""
}

// frame is what the layout of a page shows.
type frame struct {
	Title   string
	Page    string // its name
	Look    *Look
	Base    string
	Style   string // address of the stylesheet
	Logo    string // address of the logo; "" for none
	Person  *signedIn
	SignOut bool
	Faults  []fault
	Data    any
}

// newPages reads the templates.
func newPages(p *Portal) (*pages, error) {
	g := &pages{portal: p, templates: map[string]*template.Template{}}
	g.style = []byte(p.config.Look.variables() + stylesheet)
	g.version = hashed(string(g.style))[:12]
	layout, err := template.New("layout.html").Funcs(g.functions()).ParseFS(templateFiles, "templates/layout.html", "templates/parts*.html")
	if err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	for _, name := range pageNames {
		page, err := layout.Clone()
		if err == nil {
			page, err = page.ParseFS(templateFiles, "templates/"+name+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("portal: %w", err)
		}
		g.templates[name] = page
	}
	return g, nil
}

// functions are those of templates.
func (g *pages) functions() template.FuncMap {
	return template.FuncMap{
		"path":    g.portal.path,
		"shown":   text.Visible, // a character that steers the direction of text, or is not seen, is written as its number
		"text":    g.portal.config.Look.text,
		"date":    dateText,
		"rfc3339": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"status":  statusOf,
		"join":    strings.Join,
		"wrong":   wrong,

		"reasonField": newReasonField,
		"nameParts":   func(name string) []string { return strings.SplitAfter(name, ",") }, // of a certificate, to break lines at
	}
}

// dateText writes a time for people.
func dateText(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }

// changedPages are the pages after a change. The pages of before are not true any more.
var changedPages = []string{"added", "deleted", "decided", "removed"}

// cookieShown changes with every change. Chromium keeps pages in memory for the button Back, in
// spite of no-store, until a cookie of theirs changes.
const cookieShown = "__Host-obdcr-shown"

// forgetShown has the browser load the pages of before again, if the person goes back to them.
func (v *visit) forgetShown() {
	http.SetCookie(v.w, &http.Cookie{Name: cookieShown, Value: rand.Text(), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// show writes a page. The faults are those of its form.
func (v *visit) show(status int, name, title string, data any, faults ...fault) {
	f := frame{Title: title, Page: name, Look: &v.config.Look, Base: v.base, Style: v.base + pathStyle + "?v=" + v.pages.version,
		Person: v.person, Faults: faults, Data: data}
	if len(v.config.Look.Logo) > 0 {
		f.Logo = v.base + pathLogo
	}
	var page bytes.Buffer
	if err := v.pages.templates[name].Execute(&page, f); err != nil {
		v.config.Logger.Error("a page of the portal cannot be written", "page", name, "error", text.Bounded{Err: err})
		http.Error(v.w, "this page cannot be shown", http.StatusInternalServerError)
		return
	}
	if slices.Contains(changedPages, name) {
		v.forgetShown()
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(page.Bytes()) // an error means that the browser has gone
}

// serveStyle answers with the stylesheet, whose address changes with its content.
func (g *pages) serveStyle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	if r.URL.Query().Get("v") == g.version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Del("Pragma")
	}
	_, _ = w.Write(g.style)
}

// icon is the picture of the portal's tabs. A browser would ask the bank's own host for one else.
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="%s"/>` +
	`<path d="M9 16.5l5 5 9.5-11" fill="none" stroke="%s" stroke-width="3.5" stroke-linecap="round" stroke-linejoin="round"/></svg>`

// serveIcon answers with the icon, in the bank's accent.
func (g *pages) serveIcon(w http.ResponseWriter, _ *http.Request) {
	accent := g.portal.config.Look.Accent
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Header().Del("Pragma")
	_, _ = fmt.Fprintf(w, icon, accent, on(accent))
}

// serveLogo answers with the bank's logo.
func (g *pages) serveLogo(w http.ResponseWriter, r *http.Request) {
	if len(g.portal.config.Look.Logo) == 0 {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", http.DetectContentType(g.portal.config.Look.Logo))
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Header().Del("Pragma")
	_, _ = w.Write(g.portal.config.Look.Logo)
}

// status is how a page names the state of a record.
type status struct{ Text, Class string }

func statusOf(s store.State) status {
	switch s {
	case store.Active:
		return status{"Active", "good"}
	case store.Creating:
		return status{"Being set up", "wait"}
	case store.Updating:
		return status{"Being changed", "wait"}
	case store.Deleting:
		return status{"Being deleted", "wait"}
	case store.PendingCreate:
		return status{"Waits for the bank", "wait"}
	case store.PendingDelete:
		return status{"Deletion waits for the bank", "wait"}
	}
	return status{text.Visible(string(s)), "wait"}
}
