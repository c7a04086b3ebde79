package conform

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Change of a case between two reports.
type CaseChange string

// What may have become of a case.
const (
	Broken  CaseChange = "newly failing" // it fails or is an error, and was not
	Missing CaseChange = "missing"       // the old report alone has it
	Mended  CaseChange = "mended"        // it failed or was an error, and passes, or is allowed
	Added   CaseChange = "new"           // the new report alone has it
	Other   CaseChange = "changed"       // another verdict otherwise
)

// Changes returns all changes, the worst first.
func Changes() []CaseChange { return []CaseChange{Broken, Missing, Other, Mended, Added} }

// CaseDifference is a case whose verdict is not the same in two reports.
type CaseDifference struct {
	ID     string     `json:"id"`
	Title  string     `json:"title"`
	Change CaseChange `json:"change"`
	Worse  bool       `json:"worse"`
	Was    Verdict    `json:"was,omitempty"` // "" if the case is new
	Is     Verdict    `json:"is,omitempty"`  // "" if the case is missing
	Why    string     `json:"why,omitempty"` // of the new verdict
}

// Comparison is what has changed from one report to another.
type Comparison struct {
	Version     int              `json:"version"`
	Old         ReportName       `json:"old"`
	New         ReportName       `json:"new"`
	Worse       bool             `json:"worse"` // something got worse
	Same        int              `json:"same"`  // cases with the same verdict
	Differences []CaseDifference `json:"differences"`
	Notes       []string         `json:"notes,omitempty"` // in what the two runs differ, which may be the cause
}

// ReportName tells which report it was.
type ReportName struct {
	Bank    string `json:"bank"`
	Started string `json:"started"`
	Tool    string `json:"tool"`
	Profile string `json:"profile"`
	Method  string `json:"token_endpoint_auth_method"`
	Policy  string `json:"policy,omitempty"`
	Dialect string `json:"dialect,omitempty"`
}

func (r *Report) name() ReportName {
	return ReportName{Bank: r.Bank, Started: r.Started.Format("2006-01-02T15:04:05Z07:00"), Tool: r.Tool, Profile: r.Profile, Method: r.Method,
		Policy: r.Policy, Dialect: r.Dialect}
}

// Compare tells what has changed from the old report to the new one, the worst first.
func Compare(old, now *Report) *Comparison {
	c := &Comparison{Version: ReportVersion, Old: old.name(), New: now.name(), Differences: []CaseDifference{}, Notes: differing(old, now)}
	was := map[string]*CaseResult{}
	for i := range old.Results {
		was[old.Results[i].ID] = &old.Results[i]
	}
	for i := range now.Results {
		one := &now.Results[i]
		before := was[one.ID]
		delete(was, one.ID)
		c.add(before, one)
	}
	for i := range old.Results {
		if gone := was[old.Results[i].ID]; gone != nil {
			c.add(gone, nil)
		}
	}
	slices.SortStableFunc(c.Differences, func(a, b CaseDifference) int {
		return slices.Index(Changes(), a.Change) - slices.Index(Changes(), b.Change)
	})
	c.Worse = slices.ContainsFunc(c.Differences, func(d CaseDifference) bool { return d.Worse })
	return c
}

// add compares one case; nil where a report does not have it.
func (c *Comparison) add(was, is *CaseResult) {
	d := CaseDifference{}
	switch {
	case was == nil:
		d = CaseDifference{ID: is.ID, Title: is.Title, Change: Added, Is: is.Verdict, Worse: is.Verdict.bad(), Why: is.why()}
	case is == nil:
		d = CaseDifference{ID: was.ID, Title: was.Title, Change: Missing, Was: was.Verdict, Worse: !was.Verdict.bad()}
	case was.Verdict == is.Verdict:
		c.Same++
		return
	default:
		d = CaseDifference{ID: is.ID, Title: is.Title, Change: Other, Was: was.Verdict, Is: is.Verdict, Why: is.why()}
		switch {
		case is.Verdict.bad() && !was.Verdict.bad():
			d.Change, d.Worse = Broken, true
		case was.Verdict.bad() && (is.Verdict == Passed || is.Verdict == Allowed):
			d.Change = Mended
		case was.Verdict == Passed: // it was shown, and is shown no longer
			d.Worse = true
		}
	}
	c.Differences = append(c.Differences, d)
}

// bad reports whether a verdict is one that a bank has to mend.
func (v Verdict) bad() bool { return v == Failed || v == Errored }

// why tells the reason of a verdict, or what was expected.
func (c *CaseResult) why() string {
	if c.Expected != "" {
		return "expected: " + c.Expected
	}
	return c.Reason
}

// differing names what the two runs have not in common.
func differing(old, now *Report) []string {
	var notes []string
	for _, one := range []struct{ what, was, is string }{
		{"bank", old.Bank, now.Bank}, {"registration endpoint", old.Endpoint, now.Endpoint}, {"profile", old.Profile, now.Profile},
		{"method", old.Method, now.Method}, {"policy", old.Policy, now.Policy}, {"dialect", old.Dialect, now.Dialect},
		{"stricter", fmt.Sprint(old.Stricter), fmt.Sprint(now.Stricter)}, {"filter", fmt.Sprint(old.Filter), fmt.Sprint(now.Filter)},
		{"tool", old.Tool, now.Tool}, {"interrupted", fmt.Sprint(old.Interrupted), fmt.Sprint(now.Interrupted)},
		{"out of time", fmt.Sprint(old.OutOfTime), fmt.Sprint(now.OutOfTime)},
		{"plain valid request", old.plain(), now.plain()},
	} {
		if one.was != one.is {
			notes = append(notes, fmt.Sprintf("%s: %q before, %q now", one.what, one.was, one.is))
		}
	}
	return notes
}

// WriteText writes the comparison for people.
func (c *Comparison) WriteText(w io.Writer, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	t := &page{o: o}
	t.line(0, "Old: "+c.Old.Bank+", "+c.Old.Started)
	t.line(0, "New: "+c.New.Bank+", "+c.New.Started)
	for _, note := range c.Notes {
		t.line(0, note)
	}
	for _, change := range Changes() {
		first := true
		for _, d := range c.Differences {
			if d.Change != change {
				continue
			}
			if first {
				t.line(0, "")
				t.line(0, string(change))
			}
			first = false
			t.line(2, d.line())
			if d.Why != "" {
				t.line(4, d.Why)
			}
		}
	}
	t.line(0, "")
	verdict := "nothing got worse"
	if c.Worse {
		verdict = "something got worse"
	}
	t.line(0, fmt.Sprintf("%d cases as before, %d differ: %s", c.Same, len(c.Differences), verdict))
	_, err := w.Write(t.b.Bytes())
	return err
}

func (d *CaseDifference) line() string {
	switch {
	case d.Was == "":
		return d.ID + ": " + d.Is.words()
	case d.Is == "":
		return d.ID + ": was " + d.Was.words()
	}
	return d.ID + ": was " + d.Was.words() + ", is " + d.Is.words()
}

// WriteJSON writes the comparison as JSON.
func (c *Comparison) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(c)
}
