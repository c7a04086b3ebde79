package conform

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/validate"
)

// play is one case while it runs. Its methods are safe for concurrent use.
type play struct {
	ctx  context.Context
	run  *run
	kase *Case
	// patient waits also for a bank that answers 503 or breaks off: it deletes what the run has made.
	patient bool

	mutex     sync.Mutex
	exchanges []*Exchange
	clients   []*client
}

// ended is what the methods of a play panic with to end its case.
type ended struct {
	verdict  Verdict
	reason   string
	expected string
}

// fail ends the case: the bank did something else than what was expected, a phrase such as
// "401 without a body".
func (p *play) fail(expected string, args ...any) {
	panic(ended{verdict: Failed, expected: fmt.Sprintf(expected, args...)})
}

// allowed ends the case: the bank did what member, of its policy or of the text, leaves open.
func (p *play) allowed(member, reason string, args ...any) {
	panic(ended{verdict: Allowed, reason: member + ": " + fmt.Sprintf(reason, args...)})
}

// notOffered ends the case: the bank does not have, or does not announce, what the case is about. Where the run, its policy
// or its profile is why a case says nothing, it is notRun.
func (p *play) notOffered(reason string, args ...any) {
	panic(ended{verdict: NotOffered, reason: fmt.Sprintf(reason, args...)})
}

// notRun ends the case: the run lacks what the case needs.
func (p *play) notRun(reason string, args ...any) {
	panic(ended{verdict: NotRun, reason: fmt.Sprintf(reason, args...)})
}

// broken ends the case: no usable answer came.
func (p *play) broken(reason string, args ...any) {
	panic(ended{verdict: Errored, reason: fmt.Sprintf(reason, args...)})
}

func (p *play) add(x *Exchange) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.exchanges = append(p.exchanges, x)
}

// software is the software in whose name the case registers, second the other one (NeedSecondTPP).
func (p *play) software() *Registrant { return &p.run.config.Software }
func (p *play) second() *Registrant   { return p.run.config.Second }

// policy is what the bank takes, or what is assumed of it.
func (p *play) policy() *validate.Policy { return &p.run.policy }

// profile, method and metadata are those of the run.
func (p *play) profile() validate.Profile { return p.run.config.Profile }
func (p *play) method() claims.AuthMethod { return p.run.config.Request.AuthMethod }
func (p *play) metadata() *tpp.Metadata   { return p.run.config.Metadata }

// register sends a registration request.
func (p *play) register(changes ...change) *Exchange {
	return p.request(verbRegister, http.MethodPost, nil, changes)
}

// registered registers a client that the case needs. It ends the case if the bank refuses.
func (p *play) registered(changes ...change) *client {
	x := p.register(changes...)
	p.expectStatus(x, p.createdStatus()...)
	if x.client == nil {
		p.fail("a JSON object with a client_id, as RFC 7591 section 3.2.1 has it")
	}
	return x.client
}

// createdStatus are the statuses of a registration that is made.
func (p *play) createdStatus() []int {
	if p.run.config.Policy != nil && p.run.policy.CreatedStatus != 0 {
		return []int{p.run.policy.CreatedStatus}
	}
	return []int{http.StatusCreated, http.StatusOK}
}

// get, update and delete manage a client, with a token of its own unless bearer says
// otherwise. An update sends a good request for the client, with the changes.
func (p *play) get(c *client, changes ...change) *Exchange {
	return p.request("get", http.MethodGet, c, changes)
}

func (p *play) update(c *client, changes ...change) *Exchange {
	return p.request("update", http.MethodPut, c, changes)
}

func (p *play) delete(c *client, changes ...change) *Exchange {
	return p.request("delete", http.MethodDelete, c, changes)
}

// expectAnswer ends the case where no usable answer came.
func (p *play) expectAnswer(x *Exchange) {
	switch {
	case !x.answered():
		p.broken("%s: no answer: %s", x.Verb, x.Error)
	case x.raw.Cut != "" && x.created():
		p.broken("%s: the answer is not whole: %s", x.Verb, x.raw.Cut)
	case x.status() >= 300 && x.status() < 400:
		p.broken("%s: the bank redirects to %.200s; redirects are not followed", x.Verb, x.responseHeader("Location"))
	case x.older != "":
		p.broken("%s: %s: play the cases by a software that has no client there, one at a time where a software has one client", x.Verb, x.older)
	case x.status() == http.StatusTooManyRequests:
		p.broken("%s: the bank is still busy (429), Retry-After %.40q", x.Verb, x.responseHeader("Retry-After"))
	case x.unavailable():
		p.broken("%s: the bank cannot answer now (503), Retry-After %.40q", x.Verb, x.responseHeader("Retry-After"))
	}
	p.expectTold(x)
}

// expectStatus ends the case as failed unless the answer has one of the statuses.
func (p *play) expectStatus(x *Exchange, statuses ...int) {
	if x.unavailable() && slices.Contains(statuses, x.status()) {
		return
	}
	p.expectAnswer(x)
	if x.status() == http.StatusAccepted && !slices.Contains(statuses, http.StatusAccepted) && x.member("status") == "pending" {
		p.allowed("pending_changes", "a person at the bank decides on it, and the case needs an answer at once")
	}
	if !slices.Contains(statuses, x.status()) {
		p.fail("status %s", either(statuses))
	}
}

// expectCode ends the case as failed unless the answer has the status and one of the error codes.
func (p *play) expectCode(x *Exchange, status int, codes ...string) {
	p.expectStatus(x, status)
	if !slices.Contains(codes, x.code()) {
		p.fail("status %d with the error %s", status, strings.Join(codes, " or "))
	}
}

// expectUnauthorised ends the case as failed unless the answer is 401.
func (p *play) expectUnauthorised(x *Exchange) { p.expectStatus(x, http.StatusUnauthorized) }

// either lists numbers.
func either(numbers []int) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = fmt.Sprint(n)
	}
	return strings.Join(words, " or ")
}

// together calls functions at the same time, and returns when all have ended. Where one ends the case the
// others are waited for.
func (p *play) together(functions ...func()) {
	var all sync.WaitGroup
	verdicts := make([]any, len(functions))
	for i, f := range functions {
		all.Go(func() {
			defer func() { verdicts[i] = recover() }()
			f()
		})
	}
	all.Wait()
	for _, v := range verdicts {
		if v != nil {
			panic(v)
		}
	}
}
