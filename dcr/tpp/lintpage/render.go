package lintpage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static/lint.css
var styleSheet []byte

//go:embed static/lint.js
var pageScript []byte

// Style returns the stylesheet of the page, and Script the script that lets a file be dropped
// on it, for a page of files.
func Style() []byte { return bytes.Clone(styleSheet) }

// Script returns the script of the page, which needs none.
func Script() []byte { return bytes.Clone(pageScript) }

// asset is a file of the page, whose address changes with its content.
type asset struct {
	content []byte
	kind    string
	version string
}

func newAsset(content []byte, kind string) asset {
	sum := sha256.Sum256(content)
	return asset{content, kind, hex.EncodeToString(sum[:6])}
}

// readTemplates reads the templates and the files beside them.
func (p *Page) readTemplates() error {
	p.style, p.script = newAsset(styleSheet, "text/css; charset=utf-8"), newAsset(pageScript, "text/javascript; charset=utf-8")
	functions := template.FuncMap{
		"rule": p.ruleAddress, "shown": text.Visible,
		"field": newField, "choice": newChoice, "how": howToCheck,
	}
	var err error
	if p.layout, err = template.New("layout.html").Funcs(functions).ParseFS(templateFiles, "templates/*.html"); err != nil {
		return fmt.Errorf("lintpage: %w", err)
	}
	return nil
}

// ruleAddress returns the address of the entry of a rule.
func (p *Page) ruleAddress(id string) string {
	if p.config.Static {
		return "rules.html#" + id
	}
	return p.config.Base + "/rules#" + id
}

// content is what the page shows.
type content struct {
	Title   string
	Static  bool
	Home    string
	Style   string
	Scripts []string
	Rules   string // address of the page of rules
	Policy  string // address of the page about policies; "" for none

	Submission Submission
	Faults     faults
	View       *report.View
	Hint       string // what the document seems to be
	Listings   []listing
	Apart      []finding // findings that belong to no line
	Banks      []Preset
	Own        int // how many of Banks are no dialects
	Profiles   []validate.Profile
	Known      []ssa.KnownDirectory
	RuleTable  []ruleEntry
	Document   template.HTML // of a page that shows one
	Message    string        // of an error page
}

// ruleEntry is the entry of a rule, which may have another row for each profile.
type ruleEntry struct {
	ID   string
	Rows []validate.Rule
}

// ruleTable returns the entries of all rules.
func ruleTable() (table []ruleEntry) {
	for _, row := range validate.Rules() {
		i := slices.IndexFunc(table, func(e ruleEntry) bool { return e.ID == row.ID })
		if i < 0 {
			i, table = len(table), append(table, ruleEntry{ID: row.ID})
		}
		table[i].Rows = append(table[i].Rows, row)
	}
	return table
}

// listing is a document as the page shows it.
type listing struct {
	Name  string // for addresses
	Title string
	Hint  string
	Lines []line
}

// line is a line with what was found about it.
type line struct {
	report.ListedLine
	Findings []finding
}

// finding is a finding with its number on the page.
type finding struct {
	report.Placed
	Number int
}

func (p *Page) newContent(title string, s Submission) *content {
	c := &content{Title: title, Static: p.config.Static, Submission: s, Banks: p.banks, Own: len(p.config.Presets), Profiles: validate.Profiles(),
		Known: ssa.KnownDirectories(), Home: p.home(), Rules: p.config.Base + "/rules",
		Style: p.config.Base + "/lint.css?v=" + p.style.version, Scripts: []string{p.config.Base + "/lint.js?v=" + p.script.version}}
	if p.config.Static {
		c.Home, c.Style, c.Scripts, c.Rules, c.Policy = "index.html", "lint.css", []string{"lint.js", "wasm_exec.js", "site.js"}, "rules.html", "policy.html"
	}
	return c
}

// home is the address of the form.
func (p *Page) home() string {
	if p.config.Base == "" {
		return "/"
	}
	return p.config.Base
}

// Answer is what the page shows about a submission.
type Answer struct {
	Title  string // of the document
	Main   []byte // HTML: what the main element of the page holds
	Status int    // of HTTP
}

// Answer judges a submission and writes what the page shows: the verdict, or what is wrong
// with the form. The error is one of the templates, or that of a context that has ended.
func (p *Page) Answer(ctx context.Context, s Submission) (*Answer, error) {
	c, status, err := p.judgedContent(ctx, s)
	if err != nil {
		return nil, err
	}
	var main bytes.Buffer
	if err := p.layout.ExecuteTemplate(&main, "main", c); err != nil {
		return nil, fmt.Errorf("lintpage: %w", err)
	}
	return &Answer{c.Title, main.Bytes(), status}, nil
}

// judgedContent judges a submission and returns what the page shows about it.
func (p *Page) judgedContent(ctx context.Context, s Submission) (*content, int, error) {
	select {
	case p.judging <- struct{}{}:
		defer func() { <-p.judging }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	result, err := p.Judge(ctx, s)
	hint := resembles(s.judged())
	wrong := (*FormError)(nil)
	switch {
	case errors.As(err, &wrong):
		s.keep()
		c := p.newContent("Error: Lint a registration request", s)
		c.Faults = wrong.faults
		return c, http.StatusUnprocessableEntity, nil
	case err != nil:
		return nil, 0, err
	}
	s.keep()
	view := report.NewView(result)
	title := view.Verdict
	if view.Counts != "" {
		title += ", " + view.Counts
	}
	c := p.newContent(strings.ToUpper(title[:1])+title[1:], s)
	c.View, c.Hint = view, hint
	c.arrange()
	return c, http.StatusOK, nil
}

// titles of the documents, and what they are.
var titles = map[validate.Document][2]string{
	validate.DocHeader:    {"Header of the request", "decoded and pretty-printed"},
	validate.DocRequest:   {"Claims of the request", "decoded and pretty-printed"},
	validate.DocSSAHeader: {"Header of the software statement", "decoded and pretty-printed"},
	validate.DocSSA:       {"Claims of the software statement", "decoded and pretty-printed"},
}

// arrange puts each finding beside its line, or apart where it has none.
func (c *content) arrange() {
	placed := map[int]bool{}
	for _, l := range c.View.Listings {
		shown := listing{Name: string(l.Document), Title: titles[l.Document][0], Hint: titles[l.Document][1]}
		if l.File {
			shown.Hint = "as it was given"
		}
		for _, one := range l.Lines {
			row := line{ListedLine: one}
			for _, i := range one.Findings {
				placed[i] = true
				row.Findings = append(row.Findings, c.finding(i))
			}
			shown.Lines = append(shown.Lines, row)
		}
		c.Listings = append(c.Listings, shown)
	}
	for i := range c.View.Findings {
		if !placed[i] {
			c.Apart = append(c.Apart, c.finding(i))
		}
	}
}

// Current is the name of the page in the navigation.
func (c *content) Current() string {
	switch {
	case c.RuleTable != nil, c.Document != "" && c.Title == "Rules":
		return "rules"
	case c.Document != "":
		return "policy"
	}
	return "lint"
}

// Findings returns all findings for the summary.
func (c *content) Findings() []finding {
	all := make([]finding, len(c.View.Findings))
	for i := range all {
		all[i] = c.finding(i)
	}
	return all
}

func (c *content) finding(i int) finding { return finding{Placed: c.View.Findings[i], Number: i + 1} }

// Good reports whether nothing is wrong and everything was checked.
func (c *content) Good() bool { return c.View != nil && c.View.Verdict == "valid" }

// Bad reports whether the bank would refuse what was judged.
func (c *content) Bad() bool { return c.View != nil && c.View.Answer != "" }

// howToCheck returns the fields of the form that a check needs.
func howToCheck(check string) []field {
	switch check {
	case "request signature":
		return []field{{Name: fieldSoftwareJW, Label: "key set of the software"}}
	case "statement signature":
		return []field{{Name: fieldDirectoryJW, Label: "key set of the directory"}}
	case "audience":
		return []field{{Name: fieldAudience, Label: "identifier of the bank"}}
	case "certificate":
		return []field{{Name: fieldCertificate, Label: "transport certificate"}}
	}
	return nil
}

// field is a control of the form.
type field struct {
	Name, Label, Hint, Value, Wrong string
	Rows                            int // of a text area; 0: one line
}

func newField(c *content, name, label, hint string, rows int) field {
	return field{name, label, hint, *c.Submission.fields()[name], c.Faults.Of(name), rows}
}

// choice is a list of which one is chosen.
type choice struct {
	field
	Options []option
}

// option is one of a choice.
type option struct {
	Value, Text string
	Chosen      bool
}

// newChoice makes the choice of a field.
func newChoice(c *content, name, label, hint string) choice {
	made := choice{field: newField(c, name, label, hint, 0)}
	add := func(value, text string) {
		made.Options = append(made.Options, option{value, text, value == made.Value})
	}
	switch name {
	case fieldKind:
		add(KindAny, "whatever it is")
		add(KindRequest, "a registration request (POST)")
		add(KindUpdate, "an update of a registered client (PUT)")
		add(KindStatement, "a software statement alone")
	case fieldBank:
		if made.Value == "" && c.Own == 0 {
			made.Value = noBank
		} else if made.Value == "" {
			made.Value = c.Banks[0].Name
		}
		for _, p := range c.Banks[:c.Own] {
			add(p.Name, p.Title)
		}
		add(noBank, "no bank in particular")
		for _, p := range c.Banks[c.Own:] {
			add(p.Name, p.Title)
		}
	case fieldProfile:
		add("", "that of the bank, or obie-3.3")
		for _, p := range c.Profiles {
			add(string(p), string(p))
		}
	case fieldDirectory:
		own := "not known"
		if c.Own > 0 {
			own = "that of the bank, if it has one"
		}
		add("", own)
		for _, d := range c.Known {
			add(d.Short, d.Name)
		}
	}
	return made
}
