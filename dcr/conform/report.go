package conform

import (
	"cmp"
	"time"
)

// ReportVersion is the version of the form of a report in JSON.
const ReportVersion = 1

// Report is what a run has found. It holds no secret.
type Report struct {
	Version     int             `json:"version"`
	Tool        string          `json:"tool"`
	Bank        string          `json:"bank"`
	Endpoint    string          `json:"registration_endpoint"`
	Profile     string          `json:"profile"`
	Policy      string          `json:"policy,omitempty"`  // name of the policy that was given
	Dialect     string          `json:"dialect,omitempty"` // name of the bank's dialect that was given
	Method      string          `json:"token_endpoint_auth_method"`
	Stricter    bool            `json:"stricter,omitempty"`
	Filter      []string        `json:"filter,omitempty"`
	Started     time.Time       `json:"started"`
	Millis      int64           `json:"milliseconds"` // of the whole run, with its cleaning up
	Interrupted bool            `json:"interrupted,omitempty"`
	OutOfTime   bool            `json:"out_of_time,omitempty"` // Config.Limit has passed before all cases were played
	GaveUp      string          `json:"gave_up,omitempty"`     // why the run left the other cases out; "" if it did not
	FirstCause  *FirstCause     `json:"first_cause,omitempty"` // why little can be seen; nil: the bank takes the plain valid request
	Counts      map[Verdict]int `json:"counts"`                // of each verdict, also those of none
	Results     []CaseResult    `json:"results"`
	Left        []Left          `json:"left,omitempty"` // clients that may still be at the bank
}

// CaseResult is what became of one case.
type CaseResult struct {
	ID        string     `json:"id"`
	Group     string     `json:"group"`
	Title     string     `json:"title"`
	Citation  Clause     `json:"citation"`
	Rules     []string   `json:"rules,omitempty"`
	OBIE      []string   `json:"obie,omitempty"`
	Verdict   Verdict    `json:"verdict"`
	Reason    string     `json:"reason,omitempty"`   // why: of all verdicts but passed and failed
	Expected  string     `json:"expected,omitempty"` // of a case that failed
	Millis    int64      `json:"milliseconds"`
	Exchanges []Exchange `json:"exchanges,omitempty"`
}

// Clause is the text that demands what a case tries.
type Clause struct {
	Spec    string `json:"spec"`
	Section string `json:"section"`
	URL     string `json:"url"`
}

// mostExchanges is how many exchanges of one case a report has.
const mostExchanges = 40

// result makes the result of a case.
func (p *play) result(end ended, took time.Duration) CaseResult {
	c := p.kase
	return CaseResult{ID: c.ID, Group: c.Group, Title: c.Title, Citation: Clause(c.Citation), Rules: c.Rules, OBIE: c.OBIE,
		Verdict: end.verdict, Reason: end.reason, Expected: end.expected, Millis: took.Milliseconds(), Exchanges: p.shown()}
}

// report makes the report of a run, without secrets.
func (r *run) report(begun time.Time, results []CaseResult, left []Left) *Report {
	c := &r.config
	report := &Report{Version: ReportVersion, Tool: c.About.Tool, Bank: cmp.Or(c.Bank, c.Metadata.Issuer), Endpoint: c.Metadata.RegistrationEndpoint,
		Profile: string(c.Profile), Policy: c.About.Policy, Dialect: c.About.Dialect, Method: string(c.Request.AuthMethod), Stricter: c.Stricter,
		Filter: c.Filter, Started: begun.UTC().Truncate(time.Second), Counts: map[Verdict]int{}, Results: results, Left: left}
	for _, v := range Verdicts() {
		report.Counts[v] = 0
	}
	if f := r.plain; f != nil {
		report.FirstCause = &FirstCause{Status: f.Status, Code: r.secrets.cleanClipped(f.Code), Description: r.secrets.cleanClipped(f.Description),
			Settings: f.Settings}
	}
	for i := range results {
		r.secrets.cleanResult(&results[i])
		report.Counts[results[i].Verdict]++
	}
	return report
}

// Worst is the exit code of a run: 0 if nothing failed, 1 if a case failed or the bank refuses the plain valid request, 3
// if cases only ended in errors, or were left out: the time of the run has passed, or the bank gives no usable answers or deletes no client.
func (r *Report) Worst() int {
	switch {
	case r.Counts[Failed] > 0, r.FirstCause.refused():
		return 1
	case r.Counts[Errored] > 0, r.OutOfTime, r.FirstCause != nil, r.GaveUp != "":
		return 3
	}
	return 0
}

// unfinished tells why a run ended before it had played all cases; "" if it had.
func (r *Report) unfinished() string {
	switch {
	case r.Interrupted:
		return "the run was interrupted"
	case r.OutOfTime:
		return "the time of the run had passed before all cases were played"
	case r.GaveUp != "":
		return "the run gave up: " + r.GaveUp
	}
	return ""
}
