package report

import (
	"io"
	"net/url"
	"path/filepath"

	"github.com/obdcr/obdcr/validate"
)

// The parts of SARIF 2.1.0 (OASIS, 2020) that a report needs.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
		Properties sarifRunBag   `json:"properties"`
	}
	sarifRunBag struct {
		Profile       validate.Profile    `json:"profile"`
		Valid         bool                `json:"valid"`
		Wire          *validate.WireError `json:"wire"`
		More          int                 `json:"more"`
		Passed        int                 `json:"passed"`
		NotApplicable int                 `json:"notApplicable"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifRule struct {
		ID                   string      `json:"id"`
		ShortDescription     *sarifText  `json:"shortDescription,omitempty"`
		FullDescription      *sarifText  `json:"fullDescription,omitempty"`
		HelpURI              string      `json:"helpUri,omitempty"`
		Help                 *sarifText  `json:"help,omitempty"`
		DefaultConfiguration sarifConfig `json:"defaultConfiguration"`
		Properties           sarifBag    `json:"properties"`
	}
	sarifConfig struct {
		Level string `json:"level"`
	}
	sarifBag struct {
		Document validate.Document `json:"document"`
		Code     validate.Code     `json:"code"`
		Citation string            `json:"citation,omitempty"`
		Pointer  string            `json:"pointer,omitempty"`
		Got      string            `json:"got,omitempty"`
		Want     string            `json:"want,omitempty"`
	}
	sarifResult struct {
		RuleID     string          `json:"ruleId"`
		RuleIndex  *int            `json:"ruleIndex,omitempty"`
		Level      string          `json:"level"`
		Message    sarifText       `json:"message"`
		Locations  []sarifLocation `json:"locations"`
		Properties sarifBag        `json:"properties"`
	}
	sarifLocation struct {
		PhysicalLocation *sarifPhysical `json:"physicalLocation,omitempty"`
		LogicalLocations []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
)

const (
	sarifSchema   = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	sarifHomepage = "https://github.com/obdcr/obdcr"
)

// writeSARIF writes the report as SARIF 2.1.0, with the metadata of each rule that has
// a result. The numbers passed and notApplicable tell of the other rules. A result
// points at line 1 of the file name, since a compact JWT has one line, and names
// document and pointer as its logical location. An empty name is left out, and "-"
// becomes "stdin". The error is that of w.
func writeSARIF(w io.Writer, r *validate.Report, name string) error {
	rules, index := sarifRules(r)
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name: "obdcr", InformationURI: sarifHomepage, Rules: rules,
		}},
		ColumnKind: "unicodeCodePoints",
		Results:    make([]sarifResult, 0, len(r.Violations)),
		Properties: sarifRunBag{
			Profile: r.Profile, Valid: r.Valid(), Wire: r.Wire(), More: r.More,
			Passed: len(r.Passed()), NotApplicable: len(r.NotApplicable()),
		},
	}
	file := artifact(name)
	for i := range r.Violations {
		run.Results = append(run.Results, sarifResultOf(&r.Violations[i], file, index))
	}
	return writeIndented(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

// artifact makes a file name a URI reference.
func artifact(name string) *sarifPhysical {
	switch name {
	case "":
		return nil
	case "-":
		name = "stdin"
	}
	uri := url.URL{Path: filepath.ToSlash(name)}
	return &sarifPhysical{ArtifactLocation: sarifArtifact{URI: uri.String()}, Region: sarifRegion{StartLine: 1}}
}

// sarifRules returns the rules that have results, in the order of these, and the
// index of each by its ID.
func sarifRules(r *validate.Report) (rules []sarifRule, index map[string]int) {
	table := map[string]validate.Rule{}
	for _, row := range r.Rules() {
		table[row.ID] = row
	}
	rules, index = []sarifRule{}, map[string]int{}
	for i := range r.Violations {
		id := r.Violations[i].Rule
		row, known := table[id]
		if _, twice := index[id]; twice || !known {
			continue
		}
		index[id] = len(rules)
		rules = append(rules, sarifRule{
			ID: row.ID, ShortDescription: sarifTextOf(row.Summary), FullDescription: sarifTextOf(row.Reason),
			HelpURI: row.Citation.URL, Help: sarifTextOf(row.Fix),
			DefaultConfiguration: sarifConfig{Level: sarifLevel(row.Severity)},
			Properties:           sarifBag{Document: row.Document, Code: row.Code, Citation: row.Citation.String()},
		})
	}
	return rules, index
}

func sarifTextOf(s string) *sarifText {
	if s == "" {
		return nil
	}
	return &sarifText{Text: s}
}

func sarifResultOf(v *validate.Violation, file *sarifPhysical, index map[string]int) sarifResult {
	text := v.Message
	if v.Fix != "" {
		text += " (fix: " + v.Fix + ")"
	}
	result := sarifResult{
		RuleID: v.Rule, Level: sarifLevel(v.Severity), Message: sarifText{Text: string(v.Document) + " " + v.Pointer + ": " + text},
		Locations: []sarifLocation{{
			PhysicalLocation: file,
			LogicalLocations: []sarifLogical{{FullyQualifiedName: string(v.Document) + v.Pointer, Kind: "member"}},
		}},
		Properties: sarifBag{Document: v.Document, Code: v.Code, Citation: v.Citation.String(), Pointer: v.Pointer, Got: v.Got, Want: v.Want},
	}
	if i, ok := index[v.Rule]; ok {
		result.RuleIndex = &i
	}
	return result
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
