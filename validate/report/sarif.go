package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/validate"
)

const (
	sarifSchema   = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	sarifHomepage = "https://github.com/obdcr/obdcr"
)

// sarifForm writes one run for all files, with the metadata of each rule that has a result.
// It writes the results of a file at once, and keeps rules, artifacts and notifications for
// the end.
//
// A result in a file that is JSON has the region of its value. A token has one line, so that
// a result in it has the region of that line, and its logical location names document,
// pointer and the line of the payload, pretty-printed.
type sarifForm struct {
	w         io.Writer
	version   string
	base      string
	started   bool
	rules     []sarifRule
	index     map[string]int
	artifacts []sarifArtifact
	files     map[string]int // index of each artifact by its URI
	notes     []sarifNotification
	noted     map[string]int
	all       sarifFileBag // of all files, or of the only one
	// unfinished is whether there are files that nobody came to, or that could not be judged.
	unfinished bool
}

func newSARIF(w io.Writer, o *WriterOptions) *sarifForm {
	base, err := filepath.Abs(o.Base)
	if err != nil {
		base = "" // there is no working directory, and no name is made relative
	}
	return &sarifForm{w: w, version: o.Version, base: base, rules: []sarifRule{},
		index: map[string]int{}, noted: map[string]int{}, files: map[string]int{}}
}

func (f *sarifForm) add(of *Result) error {
	bag := fileBag(of)
	f.sum(&bag)
	known := len(f.artifacts)
	file := f.artifact(of.Name, bag)
	f.note(of, file, len(f.artifacts) > known)
	f.addRules(of.Report)
	var b bytes.Buffer
	s, seen := newSpots(of), map[string]int{}
	for i := range of.Report.Violations {
		switch {
		case !f.started:
			b.WriteString(sarifStart + "\n        ")
			f.started = true
		default:
			b.WriteString(",\n        ")
		}
		result := f.result(&of.Report.Violations[i], file, s, seen)
		if err := writeIndented(&b, result, "        "); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1)
	}
	_, err := f.w.Write(b.Bytes())
	return err
}

// sum adds a file to what is said of all.
func (f *sarifForm) sum(bag *sarifFileBag) {
	if len(f.artifacts) == 0 && f.all.Verdict == "" {
		f.all = *bag
		return
	}
	f.all.Valid, f.all.Wire = f.all.Valid && bag.Valid, nil
	f.all.Verdict = "several files"
	f.all.More, f.all.Passed, f.all.NotApplicable = f.all.More+bag.More, f.all.Passed+bag.Passed, f.all.NotApplicable+bag.NotApplicable
}

// unjudged keeps a notification. It says what the report lacks, so it is no result, which would be a finding of a rule.
func (f *sarifForm) unjudged(name, why string) error {
	bag := sarifFileBag{Verdict: "not judged"}
	f.sum(&bag)
	f.unfinished = true
	note := sarifNotification{Level: "error", Message: sarifText{Text: "not judged: " + why}}
	if name != "" {
		file := f.artifact(name, bag)
		note.Locations = []sarifNotedInFile{{PhysicalLocation: *file}}
	}
	f.notes = append(f.notes, note)
	return nil
}

const sarifStart = `{
  "$schema": "` + sarifSchema + `",
  "version": "2.1.0",
  "runs": [
    {
      "columnKind": "unicodeCodePoints",
      "results": [`

func (f *sarifForm) end() error {
	var b bytes.Buffer
	if f.started {
		b.WriteString("\n      ]")
	} else {
		b.WriteString(sarifStart + "]")
	}
	for _, part := range []struct {
		name  string
		value any
		left  bool
	}{
		{"tool", sarifTool{sarifDriver{Name: "obdcr", Version: f.version, InformationURI: sarifHomepage, Rules: f.rules}}, false},
		{"artifacts", f.artifacts, len(f.artifacts) == 0},
		{"invocations", []sarifInvocation{{ExecutionSuccessful: !f.unfinished, Notifications: f.notes}}, false},
		{"properties", f.all, false},
	} {
		if part.left {
			continue
		}
		b.WriteString(",\n      " + strconv.Quote(part.name) + ": ")
		if err := writeIndented(&b, part.value, "      "); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteString("\n    }\n  ]\n}\n")
	_, err := f.w.Write(b.Bytes())
	return err
}

func fileBag(of *Result) sarifFileBag {
	r := of.Report
	return sarifFileBag{
		Profile: r.Profile, Valid: r.Valid(), Verdict: verdict(of), Wire: wireOf(r), More: r.More,
		Passed: len(r.Passed()), NotApplicable: len(r.NotApplicable()), Checks: checksOf(&of.Checks),
	}
}

// artifact keeps a file. It returns its place, nil for a file without a name.
func (f *sarifForm) artifact(name string, bag sarifFileBag) *sarifPhysical {
	if name == "" {
		return nil
	}
	uri := f.uri(name)
	at, twice := f.files[uri]
	if !twice {
		at = len(f.artifacts)
		f.files[uri] = at
		f.artifacts = append(f.artifacts, sarifArtifact{Location: sarifArtifactName{uri}, Properties: bag})
	}
	return &sarifPhysical{ArtifactLocation: sarifArtifactLocation{URI: uri, Index: at}}
}

// uri makes a file name a URI reference: relative to the base for a file below it, else
// absolute.
func (f *sarifForm) uri(name string) string {
	if name == "-" {
		return "stdin"
	}
	path, err := filepath.Abs(name)
	if err != nil || f.base == "" {
		return (&url.URL{Path: filepath.ToSlash(name)}).String()
	}
	if relative, err := filepath.Rel(f.base, path); err == nil && filepath.IsLocal(relative) {
		return (&url.URL{Path: filepath.ToSlash(relative)}).String()
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // a drive of Windows
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// note keeps a notification for each check that is not good, or of which a part was not
// made. One names all its files, and a
// file that was named before is not fresh.
func (f *sarifForm) note(of *Result, file *sarifPhysical, fresh bool) {
	for _, c := range of.Checks.Named() {
		if c.State == validate.CheckGood && c.Note == "" {
			continue
		}
		text := c.Name + " " + stateOf(c.Check)
		at, ok := f.noted[text]
		if !ok {
			at = len(f.notes)
			f.noted[text] = at
			f.notes = append(f.notes, sarifNotification{Level: "note", Message: sarifText{Text: text}})
		}
		if one := (sarifNotedInFile{}); file != nil {
			one.PhysicalLocation = *file
			if fresh || !slices.Contains(f.notes[at].Locations, one) {
				f.notes[at].Locations = append(f.notes[at].Locations, one)
			}
		}
	}
}

// addRules keeps the rules that have results, in the order of their first one.
func (f *sarifForm) addRules(r *validate.Report) {
	var rows []validate.Rule
	for i := range r.Violations {
		v := &r.Violations[i]
		if _, there := f.index[v.Rule]; there {
			continue
		}
		if rows == nil {
			rows = r.Rules()
		}
		f.index[v.Rule] = len(f.rules)
		f.rules = append(f.rules, sarifRuleOf(v, rows))
	}
}

// sarifRuleOf returns the metadata of the rule of a violation.
func sarifRuleOf(v *validate.Violation, rows []validate.Rule) sarifRule {
	row := validate.Rule{ID: v.Rule, Severity: v.Severity, Document: v.Document, Basis: v.Basis, Code: v.Code, Citation: v.Citation, Fix: v.Fix}
	for i := range rows {
		if rows[i].ID == v.Rule {
			row = rows[i]
		}
	}
	return sarifRule{
		ID: row.ID, ShortDescription: sarifTextOf(row.Summary), FullDescription: sarifTextOf(row.Reason),
		HelpURI: row.Citation.URL, Help: sarifHelp(&row),
		DefaultConfiguration: sarifConfig{Level: sarifLevel(row.Severity)},
		Properties:           sarifRuleBag{Document: row.Document, Basis: row.Basis, Code: row.Code, Citation: row.Citation.String()},
	}
}

// sarifHelp tells what a rule is for and how to keep it.
func sarifHelp(row *validate.Rule) *sarifText {
	var text, marked []string
	add := func(title, plain, markdown string) {
		if plain != "" {
			text = append(text, title+": "+plain)
			marked = append(marked, "**"+title+":** "+markdown)
		}
	}
	add("Rule", row.Summary, row.Summary)
	add("Why", row.Reason, row.Reason)
	add("Stricter", row.Stricter, row.Stricter)
	add("Fix", row.Fix, row.Fix)
	add("Wrong", string(row.Bad), code(row.Bad))
	add("Right", string(row.Good), code(row.Good))
	cited := row.Citation.String()
	add("Written in", cited, "["+cited+"]("+row.Citation.URL+")")
	if len(text) == 0 {
		return nil
	}
	return &sarifText{Text: strings.Join(text, "\n"), Markdown: strings.Join(marked, "\n\n")}
}

// code marks an example as code, unless it is in words.
func code(e validate.Example) string {
	if _, _, ok := e.Fragment(); ok {
		return "`" + string(e) + "`"
	}
	return string(e)
}

func sarifTextOf(s string) *sarifText {
	if s == "" {
		return nil
	}
	return &sarifText{Text: s}
}

// result writes a violation. seen counts the fingerprints of the file.
func (f *sarifForm) result(v *validate.Violation, file *sarifPhysical, s *spots, seen map[string]int) sarifResult {
	text := v.Message
	if v.Want != "" && !strings.Contains(text, v.Want) {
		text += "; want: " + v.Want
	}
	if v.Fix != "" {
		text += " (fix: " + strings.TrimSuffix(v.Fix+": "+v.Command, ": ") + ")"
	}
	logical := sarifLogical{FullyQualifiedName: subject(v, ""), Kind: "member"}
	bag := sarifResultBag{Document: v.Document, Pointer: v.Pointer, Code: v.Code, Citation: v.Citation.String(),
		Got: v.Got, Want: v.Want, Fix: v.Fix, Command: v.Command}
	location := sarifLocation{}
	region := sarifRegion{StartLine: 1}
	if at, exact, ok := s.near(v); ok {
		bag.Line, bag.LineOf = at.line, s.kindOf(v.Document)
		if s.inFile(v.Document) {
			region = sarifRegion{StartLine: at.line, StartColumn: at.column, EndLine: at.endLine, EndColumn: at.endColumn}
		} else if exact && v.Pointer != "" {
			logical.DecoratedName = s.named(v.Document, at)
			location.Message = &sarifText{Text: logical.DecoratedName}
		}
	}
	if file != nil {
		location.PhysicalLocation = &sarifPhysical{ArtifactLocation: file.ArtifactLocation, Region: &region}
	}
	location.LogicalLocations = []sarifLogical{logical}
	print := fingerprint(v)
	seen[print]++
	print += ":" + strconv.Itoa(seen[print])
	return sarifResult{
		RuleID: v.Rule, RuleIndex: f.index[v.Rule], Level: sarifLevel(v.Severity),
		Message: sarifText{Text: subject(v, " ") + ": " + text}, Locations: []sarifLocation{location},
		PartialFingerprints: map[string]string{"obdcrFinding/v1": print, "primaryLocationLineHash": print},
		Properties:          bag,
	}
}

// subject says what a result is about, with a separator between document and pointer: or the
// file, or the certificate.
func subject(v *validate.Violation, separator string) string {
	if ofFile(v) || ofCertificate(v) || v.Pointer == "" {
		return address(v)
	}
	return string(v.Document) + separator + v.Pointer
}

// fingerprint tells one finding of a file from another at another day, and where lines were
// added: by rule, document, member and value, without the index in an array and without
// times, which are new in each request.
func fingerprint(v *validate.Violation) string {
	pointer, value := v.Pointer, ""
	slash := strings.LastIndexByte(pointer, '/') + 1
	if _, err := strconv.Atoi(pointer[slash:]); err == nil {
		pointer, value = pointer[:slash], v.Got
	}
	if pointer == "/scope" {
		value = v.Got
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{v.Rule, string(v.Document), pointer, value}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

func sarifLevel(s validate.Severity) string {
	switch s {
	case validate.SeverityWarning:
		return "warning"
	case validate.SeverityNotice:
		return "note"
	}
	return "error"
}
