package conform

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/validate"
)

// run is one run of the cases.
type run struct {
	config Config
	policy validate.Policy
	// validator judges by the policy that the bank has given; nil where it has given none
	validator *validate.Validator
	secrets   secrets
	offers    offers
	plain     *FirstCause // how the bank has refused the plain valid request; nil: it has not
	hadOne    bool        // it has answered that request with a client of before

	mutex    sync.Mutex
	making   sync.Mutex // held from the look whether a client_id is new until it is kept
	clients  []*client
	gone     map[string]bool // client_ids that the bank has deleted
	others   []Left          // clients that the bank has named and that are none of the run
	unknown  []lostClient    // registrations of which no client_id is known
	by       map[string]*http.Client
	journal  *journal
	silent   int    // cases in a row without any answer
	gaveUp   string // why no further case is run
	staying  int    // clients that could not be deleted when their cases had ended
	stuck    string // why nothing is played any more that may make a client
	leftOut  string // why a case was not run, of both
	reported int    // cases that have ended

	deletes     atomic.Bool  // the bank has deleted a client
	lacksDelete atomic.Bool  // it has answered a DELETE as a bank does that offers none
	tired       atomic.Int32 // requests that were sent again in vain
}

// Run plays the cases of a configuration against its bank. The error is one of the configuration alone:
// what goes wrong at the bank is in the report. When the context ends, the running cases end as well, the others
// are not run, and the clients are deleted all the same, for at most Config.CleanUp.
func Run(ctx context.Context, c Config) (*Report, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	r := newRun(c)
	if err := r.setPolicy(); err != nil {
		return nil, err
	}
	cases, err := Select(c.Filter...)
	if err != nil {
		return nil, err
	}
	if err := r.journal.begin(&c); err != nil {
		return nil, err
	}
	begun := c.Clock()
	started := time.Now()
	limited, cancel := context.WithTimeoutCause(ctx, c.Limit, fmt.Errorf("the limit of the run, %s, has passed", c.Limit))
	defer cancel()
	results := r.playAll(limited, cases)
	outOfTime := limited.Err() != nil && ctx.Err() == nil
	if c.Progress != nil {
		c.Progress(Progress{Done: len(cases), Cases: len(cases)})
	}
	left := r.cleanUp(context.WithoutCancel(ctx))
	report := r.report(begun, results, left)
	report.Interrupted, report.OutOfTime = ctx.Err() != nil, outOfTime
	report.GaveUp = r.secrets.cleanClipped(r.leftOut)
	report.Millis = time.Since(started).Milliseconds()
	return report, nil
}

func newRun(c Config) *run {
	return &run{config: c, by: map[string]*http.Client{}, journal: &journal{to: c.Journal}}
}

// setPolicy finds what the bank takes.
func (r *run) setPolicy() error {
	if r.config.Policy != nil {
		r.policy = *r.config.Policy
		var err error
		r.validator, err = validate.New(validate.Config{Profile: r.config.Profile, Policy: r.policy})
		return err
	}
	policy, err := r.config.Metadata.Policy(r.config.Profile)
	if err != nil {
		return fmt.Errorf("conform: what the bank announces: %w", err)
	}
	r.policy = policy
	return nil
}

// client returns the HTTP client that shows a certificate; one without a chain is none.
func (r *run) client(certificate tls.Certificate) *http.Client {
	name := ""
	if len(certificate.Certificate) > 0 {
		name = string(certificate.Certificate[0])
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.by[name] == nil {
		h := tpp.MutualTLS(certificate, r.config.Roots)
		if r.config.Watch != nil {
			h = r.config.Watch(h)
		}
		h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		h.Transport = &recorder{base: h.Transport, run: r, certificate: certificate}
		r.by[name] = h
	}
	return r.by[name]
}

// playAll plays the plain valid request, then the other cases, Config.Parallel at a time, and those that are alone by themselves at the end.
func (r *run) playAll(ctx context.Context, cases []Case) []CaseResult {
	results := make([]CaseResult, len(cases))
	first := r.first(ctx, cases, results)
	var beside sync.WaitGroup
	places := make(chan struct{}, r.config.Parallel)
	for i := range cases {
		if cases[i].Alone || i == first {
			continue
		}
		places <- struct{}{}
		beside.Go(func() {
			results[i] = r.play(ctx, &cases[i], len(cases))
			<-places
		})
	}
	beside.Wait()
	for i := range cases {
		if cases[i].Alone && i != first {
			results[i] = r.play(ctx, &cases[i], len(cases))
		}
	}
	return results
}

// play plays one case, deletes what it has made, and tells that it has ended.
func (r *run) play(ctx context.Context, c *Case, all int) CaseResult {
	p := &play{ctx: ctx, run: r, kase: c}
	begun := time.Now()
	end := r.prevented(ctx, p)
	if end == nil {
		end = p.perform()
	}
	if c.ID == plainCase {
		r.learnPlain(ctx, p.exchanges, end)
	}
	result := p.result(*end, time.Since(begun))
	r.notice(p, &result)
	r.deleteAll(ctx, p.clients)
	r.mutex.Lock()
	r.reported++
	done := r.reported
	if r.config.Progress != nil {
		r.config.Progress(Progress{Done: done, Cases: all, Case: c.ID, Verdict: result.Verdict})
	}
	r.mutex.Unlock()
	return result
}

// perform runs the case and returns how it ended.
func (p *play) perform() (end *ended) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case ended:
			end = &v
		default:
			end = &ended{verdict: Errored, reason: fmt.Sprintf("the case itself broke: %.200v", v)}
		}
	}()
	p.kase.run(p)
	return &ended{verdict: Passed}
}

// mostSilent is after how many cases in a row without any answer the run gives up.
const mostSilent = 4

// prevented tells why a case is not run; nil if it is.
func (r *run) prevented(ctx context.Context, p *play) *ended {
	r.mutex.Lock()
	gaveUp := r.gaveUp
	if gaveUp == "" && !slices.Contains(withoutClients, p.kase.Group) {
		gaveUp = r.stuck
	}
	r.leftOut = cmp.Or(r.leftOut, gaveUp)
	r.mutex.Unlock()
	switch {
	case ctx.Err() != nil:
		return &ended{verdict: NotRun, reason: why(ctx)}
	case gaveUp != "":
		return &ended{verdict: NotRun, reason: gaveUp}
	}
	if reason := r.unshown(p.kase); reason != "" {
		return &ended{verdict: NotRun, reason: reason}
	}
	for _, need := range p.kase.Needs {
		if end := r.lacks(ctx, need); end != nil {
			return end
		}
	}
	return nil
}

// why tells why a context has ended.
func why(ctx context.Context) string {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.Canceled):
		return "the run was interrupted"
	case errors.Is(cause, context.DeadlineExceeded):
		return "the time for it has passed"
	default:
		return cause.Error()
	}
}

// notice counts the cases that got no usable answer at all, or waited for one as long as they may.
func (r *run) notice(p *play, result *CaseResult) {
	if len(p.exchanges) == 0 {
		return
	}
	silent := !slices.ContainsFunc(p.exchanges, (*Exchange).usable) ||
		result.Millis >= r.config.Timeout.Milliseconds()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if !silent || result.Verdict != Errored {
		r.silent = 0
		return
	}
	if r.silent++; r.silent >= mostSilent && r.gaveUp == "" {
		r.gaveUp = fmt.Sprintf("the bank has not answered, or not usably, in %d cases one after the other, the last time: %s", r.silent, result.Reason)
	}
}

// lacks tells why a need is not met; nil if it is.
func (r *run) lacks(ctx context.Context, need Need) *ended {
	switch need {
	case NeedMint:
		if r.config.Software.Mint == nil {
			return &ended{verdict: NotRun, reason: "it needs a statement with other claims, which only the directory can sign"}
		}
	case NeedSecondTPP:
		if r.config.Second == nil {
			return &ended{verdict: NotRun, reason: "it needs a second software with keys and a statement of its own"}
		}
	case NeedToken:
		if r.config.Metadata.TokenEndpoint == "" {
			return &ended{verdict: NotOffered, reason: "the bank announces no token endpoint"}
		}
	case NeedGet, NeedPut, NeedDelete:
		if reason := r.offers.without(ctx, r, need); reason != "" {
			return &ended{verdict: NotOffered, reason: reason}
		}
	}
	return nil
}
