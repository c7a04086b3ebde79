// Package recheck keeps what a run of obdcr clients recheck finds, and writes the report of
// it: as text, JSON, CSV and HTML.
//
// [Open] opens the [Journal] of a run, which an interrupted run goes on from. [FromRechecked]
// makes the entry of one client.
package recheck

import (
	"maps"
	"slices"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/validate"
)

// Client is what a report says of one client. It has no contacts and no secrets.
type Client struct {
	ID           string        `json:"id"`
	ClientID     string        `json:"client_id"`
	SoftwareID   string        `json:"software_id"`
	SoftwareName string        `json:"software_name"`
	OrgID        string        `json:"org_id"`
	Environment  string        `json:"environment"`
	Registered   time.Time     `json:"registered"`
	Version      int64         `json:"version"`
	Admission    dcr.Admission `json:"admission"`
	Violations   []Violation   `json:"violations"` // errors and warnings
	More         int           `json:"more_violations,omitempty"`
	Unknown      []string      `json:"unknown,omitempty"`    // what could not be had
	NotJudged    []string      `json:"not_judged,omitempty"` // rules, beside those of the summary
	Differs      []string      `json:"differs,omitempty"`    // members that would be registered otherwise
	Ends         *time.Time    `json:"certificate_ends,omitempty"`
}

// Violation is a rule that a client breaks.
type Violation struct {
	Rule     string            `json:"rule"`
	Severity validate.Severity `json:"severity"`
	Document validate.Document `json:"document"`
	Pointer  string            `json:"pointer"`
	Message  string            `json:"message"`
	Got      string            `json:"got"`
	Want     string            `json:"want"`
	Citation Citation          `json:"citation"`
	Fix      string            `json:"fix"`
}

// Citation is where a rule is written.
type Citation struct {
	Spec    string `json:"spec"`
	Section string `json:"section"`
	URL     string `json:"url"`
}

// FromRechecked makes the entry of a client. Notices are left out: they are for who sends a
// request.
func FromRechecked(found dcr.Rechecked) Client {
	c := &found.Client
	entry := Client{ID: c.ID, ClientID: c.ClientID, SoftwareID: c.SoftwareID, SoftwareName: c.Application.Name, OrgID: c.OrgID,
		Environment: string(c.Environment), Registered: c.IssuedAt, Version: c.Version, Admission: found.Admission,
		Violations: []Violation{}, Unknown: found.Unknown, NotJudged: found.NotJudged, Differs: found.Differs}
	if !found.CertificateEnds.IsZero() {
		ends := found.CertificateEnds.UTC()
		entry.Ends = &ends
	}
	for _, v := range found.Report.Violations {
		if v.Severity != validate.SeverityNotice {
			entry.Violations = append(entry.Violations, Violation{Rule: v.Rule, Severity: v.Severity, Document: v.Document, Pointer: v.Pointer,
				Message: v.Message, Got: v.Got, Want: v.Want, Citation: Citation(v.Citation), Fix: v.Fix})
		}
	}
	entry.More = found.Report.More
	return entry
}

// Warned reports whether a client has a warning.
func (c *Client) Warned() bool {
	return slices.ContainsFunc(c.Violations, func(v Violation) bool { return v.Severity == validate.SeverityWarning })
}

// Quiet reports whether there is nothing to say of a client but that it is admitted.
func (c *Client) Quiet() bool {
	return c.Admission == dcr.Admitted && len(c.Violations)+len(c.Differs) == 0
}

// Rules are the rules that a client breaks, each once, in the order of its violations.
func (c *Client) Rules() []string {
	var rules []string
	for _, v := range c.Violations {
		if v.Severity == validate.SeverityError && !slices.Contains(rules, v.Rule) {
			rules = append(rules, v.Rule)
		}
	}
	return rules
}

// Summary counts what a run found.
type Summary struct {
	Began       time.Time `json:"began"`
	Ended       time.Time `json:"ended"`
	RuleSet     string    `json:"rule_set"` // profile, rules and policy that were judged by, as the audit trail has it
	Clients     int       `json:"clients"`
	Admitted    int       `json:"admitted"`
	NotAdmitted int       `json:"not_admitted"`
	CannotTell  int       `json:"cannot_tell"`
	Warned      int       `json:"with_warnings"`
	ByRule      []Count   `json:"by_rule"`    // how many clients break each rule, the most first
	NotJudged   []string  `json:"not_judged"` // rules that no client is judged by
	rules       map[string]int
}

// Count is how many clients break a rule.
type Count struct {
	Rule    string `json:"rule"`
	Clients int    `json:"clients"`
}

// add counts a client.
func (s *Summary) add(c *Client) {
	s.Clients++
	switch c.Admission {
	case dcr.Admitted:
		s.Admitted++
	case dcr.NotAdmitted:
		s.NotAdmitted++
	default:
		s.CannotTell++
	}
	if c.Warned() {
		s.Warned++
	}
	if s.rules == nil {
		s.rules = map[string]int{}
	}
	for _, id := range c.Rules() {
		s.rules[id]++
	}
}

// finish puts the rules in order.
func (s *Summary) finish() {
	s.ByRule = []Count{}
	for _, id := range slices.Sorted(maps.Keys(s.rules)) {
		s.ByRule = append(s.ByRule, Count{id, s.rules[id]})
	}
	slices.SortStableFunc(s.ByRule, func(a, b Count) int { return b.Clients - a.Clients })
}
