package conform

import (
	"fmt"
	"strings"
)

// group has the results of one group of cases.
type group struct {
	Name    string
	Results []CaseResult
}

// groups are the groups in the order of the report.
func (r *Report) groups() []group {
	var all []group
	at := map[string]int{}
	for _, one := range r.Results {
		i, known := at[one.Group]
		if !known {
			i = len(all)
			at[one.Group] = i
			all = append(all, group{Name: one.Group})
		}
		all[i].Results = append(all[i].Results, one)
	}
	return all
}

// row is a line of the matrix: a clause, and how many of its cases have each verdict.
type row struct {
	Clause Clause
	Counts []int // in the order of Verdicts
	All    int
}

// matrix has a row for each clause, in the order of the report. A clause that is cited by two addresses is one.
func (r *Report) matrix() []row {
	var all []row
	at := map[string]int{}
	for _, one := range r.Results {
		i, known := at[one.Clause()]
		if !known {
			i = len(all)
			at[one.Clause()] = i
			all = append(all, row{Clause: one.Citation, Counts: make([]int, len(Verdicts()))})
		}
		for n, v := range Verdicts() {
			if v == one.Verdict {
				all[i].Counts[n]++
			}
		}
		all[i].All++
	}
	return all
}

// Clause gives spec and section of a result in one line.
func (c *CaseResult) Clause() string {
	return strings.TrimSuffix(c.Citation.Spec+", "+c.Citation.Section, ", ")
}

// String tells which client may be left, and why.
func (l Left) String() string {
	who := "a client with the client_id " + l.ClientID
	if l.ClientID == "" {
		who = fmt.Sprintf("perhaps %s of the software %s (%s)", counted(l.clients(), "client"), l.SoftwareID, l.request())
	}
	return fmt.Sprintf("%s, of the case %s: %s", who, l.Case, l.Reason)
}

// words are a verdict as people read it.
func (v Verdict) words() string { return strings.ReplaceAll(string(v), "_", " ") }

// tally tells how many cases have each verdict that there is.
func (r *Report) tally() string {
	var parts []string
	for _, v := range Verdicts() {
		if n := r.Counts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v.words()))
		}
	}
	if len(parts) == 0 {
		return "no case"
	}
	return strings.Join(parts, ", ")
}

// causeLines tell that the bank does not take the plain valid request, what it has answered, and what to look at; nil if it
// takes it.
func (r *Report) causeLines() []string {
	f := r.FirstCause
	if f == nil {
		return nil
	}
	lines := []string{"The bank does not take the plain valid request (" + plainCase + "): " + f.String(), "Look first at:"}
	for _, s := range f.Settings {
		lines = append(lines, "- "+s)
	}
	return append(lines, "Until the bank takes it, the other cases show little: a refusal may have the same cause.")
}
