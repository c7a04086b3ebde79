package conform

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/dcr/tpp"
)

const (
	maxAnswer  = 1 << 20          // bytes of an answer that are read
	maxShown   = 16 << 10         // bytes of a body that a report has
	maxWait    = 10 * time.Second // of one Retry-After that is waited for
	maxRetries = 3                // of a request that was answered 429
	maxPatient = 6                // of one that cleans up, also where it was answered 503
	maxBroken  = 2                // of one that cleans up and had no answer
	mostTired  = 3                // requests whose last try failed too, after which no request is tried so often
)

// call is one exchange in the making; it travels in the context of its HTTP request.
type call struct {
	play     *play
	verb     string
	message  *message // nil for a token request
	exchange *Exchange
	asked    string    // its number in the journal; "" if it is no registration
	at       time.Time // when a registration was sent first; zero where an old journal does not tell
	lost     bool      // no answer has told what became of the registration
}

// bare is a call without what its case has exchanged: the run keeps it until its end.
func (c *call) bare() *call {
	m := *c.message
	m.edits, m.raw = nil, nil // they are made
	return &call{play: &play{run: c.play.run, kase: c.play.kase}, verb: c.verb, message: &m, asked: c.asked, at: c.at}
}

// verbRegister is the verb of a registration.
const verbRegister = "register"

// registers reports whether a call is a registration, whatever its address: a bank may take one at another address too.
func (c *call) registers() bool {
	return c != nil && c.play != nil && c.message != nil && c.message.method == http.MethodPost && c.verb == verbRegister
}

type callKey struct{}

// recorder is a transport that records what passes, bounds it in time and size, and waits where a
// bank is busy.
type recorder struct {
	base        http.RoundTripper
	run         *run
	certificate tls.Certificate
}

// RoundTrip sends a request, again if the bank answers 429, and records the last answer.
func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	c, _ := q.Context().Value(callKey{}).(*call)
	var sent []byte
	if q.Body != nil {
		var err error
		if sent, err = io.ReadAll(q.Body); err != nil {
			return nil, err
		}
		_ = q.Body.Close()
	}
	if c.registers() {
		r.run.journal.asked(r.run, c, string(sent))
		defer func() {
			if !c.lost && c.message.again == "" { // the end of one that is sent once more is known where it is sought
				r.run.journal.answered(c)
			}
		}()
	}
	deleted := r.deletes(q)
	begun, waited, why, again, tries := time.Now(), time.Duration(0), "", false, 1
	for try := 1; ; try++ {
		answer, body, cut, err := r.once(q, sent, c.registers())
		if wait, busy := r.again(c, answer, err, try); wait > 0 && pause(q.Context(), wait) { // else the last answer counts
			why, waited = busy, waited+wait
			if err != nil || answer.StatusCode != http.StatusTooManyRequests {
				deleted.sent()
				again = true
				tries++
			}
			continue
		}
		deleted.answered(r.run, answer)
		x := r.record(c, q, sent, time.Since(begun))
		x.again, x.tries = again, tries
		if waited > 0 {
			x.Note = fmt.Sprintf("%s, and it was sent again after %s", why, waited)
		}
		if err != nil {
			lost := tpp.Lost(x.Verb, errors.As(err, new(*unanswered)), err)
			x.lost, x.Error = lost, lost.Reason
		} else {
			x.raw = &Received{Status: answer.StatusCode, Body: string(body), Cut: cut, header: answer.Header}
		}
		r.run.observe(c, x, string(sent))
		if err != nil {
			return nil, err
		}
		answer.Body = io.NopCloser(bytes.NewReader(body))
		return answer, nil
	}
}

// deletion is a DELETE of a client of the run; the zero value is any other request.
type deletion struct{ of *client }

// deletes notes in the journal that a DELETE is about to be sent.
func (r *recorder) deletes(q *http.Request) deletion {
	if q.Method != http.MethodDelete {
		return deletion{}
	}
	known := r.run.known(q.URL.String())
	if known != nil {
		r.run.journal.write(entry{Deleting: known.id})
	}
	return deletion{of: known}
}

// sent notes that a DELETE is sent once more: the bank may have carried out the first one.
func (d deletion) sent() {
	if d.of != nil {
		d.of.mutex.Lock()
		defer d.of.mutex.Unlock()
		d.of.deleting = true
	}
}

// answered notes in the journal that a DELETE was refused.
func (d deletion) answered(r *run, answer *http.Response) {
	if answer == nil {
		d.sent()
	}
	if d.of == nil || answer == nil || answer.StatusCode < 300 || answer.StatusCode >= 500 {
		return
	}
	d.of.mutex.Lock()
	defer d.of.mutex.Unlock()
	if d.of.deleting && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusNotFound) {
		return // an earlier DELETE may have been carried out
	}
	d.of.deleting = false
	r.journal.write(entry{Still: d.of.id})
}

// grace is how long the answer to a registration is waited for after the run was interrupted: it alone has the client_id.
const grace = 3 * time.Second

// once makes one exchange and reads its body. cut says why the body is not whole.
func (r *recorder) once(q *http.Request, sent []byte, registers bool) (answer *http.Response, body []byte, cut string, err error) {
	parent := q.Context()
	if registers && parent.Err() == nil {
		parent = context.WithoutCancel(parent)
	}
	ctx, cancel := context.WithTimeout(parent, r.run.config.Timeout)
	defer cancel()
	defer context.AfterFunc(q.Context(), func() { time.AfterFunc(grace, cancel) })()
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	q = q.Clone(ctx)
	if sent != nil {
		q.Body = io.NopCloser(bytes.NewReader(sent))
	}
	answer, err = r.base.RoundTrip(q)
	if err != nil {
		if wrote.Load() {
			err = &unanswered{err}
		}
		return nil, nil, "", err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		cut = tpp.Lost("", true, err).Reason
	case len(body) > maxAnswer:
		body, cut = body[:maxAnswer], fmt.Sprintf("it is longer than %d bytes", maxAnswer)
	}
	return answer, body, cut, nil
}

// unanswered is why no answer came to a request that was sent.
type unanswered struct{ err error }

func (u *unanswered) Error() string { return u.err.Error() }
func (u *unanswered) Unwrap() error { return u.err }

// again is how long to wait before a request is sent again, and why; 0 if it is not. A play that is patient waits also for
// any 503 and for a connection that broke off, as long as that helps.
func (r *recorder) again(c *call, answer *http.Response, err error, try int) (time.Duration, string) {
	busy := err == nil && answer.StatusCode == http.StatusServiceUnavailable
	patient := c != nil && c.play != nil && c.play.patient && r.run.tired.Load() < mostTired
	pauses := 250 * time.Millisecond << min(try-1, 4)
	wait, most, why := time.Duration(0), maxRetries, ""
	switch {
	case err == nil && answer.StatusCode == http.StatusTooManyRequests:
		wait, why = asked(answer, time.Second, r.run.config.Clock()), "the bank was busy (429)"
		if patient {
			most = maxPatient
		}
	case busy && patient:
		wait, most, why = asked(answer, pauses, r.run.config.Clock()), maxPatient, "the bank was busy (503)"
	case busy && answer.Header.Get("Retry-After") != "":
		wait, why = asked(answer, pauses, r.run.config.Clock()), "the bank was busy (503)"
	case err != nil && patient && !isTimeout(err):
		wait, most, why = pauses, maxBroken, "no answer came"
	}
	if patient {
		wait = min(wait, maxWait)
	}
	if wait > maxWait || try > most {
		if patient && wait > 0 {
			r.run.tired.Add(1)
		}
		return 0, ""
	}
	return wait, why
}

// isTimeout reports whether a request was waited for as long as it may be: it is not sent again.
func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// asked is how long an answer asks to wait by Retry-After; otherwise where it does not say.
func asked(answer *http.Response, otherwise time.Duration, now time.Time) time.Duration {
	after := answer.Header.Get("Retry-After")
	if seconds, err := time.ParseDuration(strings.TrimSpace(after) + "s"); err == nil {
		return max(seconds, 100*time.Millisecond)
	}
	if at, err := http.ParseTime(after); err == nil {
		return max(at.Sub(now), 100*time.Millisecond)
	}
	return otherwise
}

// pause waits; false if the context ended before.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// record adds an exchange to the case that it belongs to.
func (r *recorder) record(c *call, q *http.Request, sent []byte, took time.Duration) *Exchange {
	x := &Exchange{Millis: took.Milliseconds(), Sent: Sent{Method: q.Method, URL: q.URL.String(), Body: string(sent), Headers: headers(q.Header)}}
	if r.certificate.Leaf != nil {
		x.Sent.Certificate = r.certificate.Leaf.Subject.String()
	}
	if c != nil {
		x.Verb, c.exchange = c.verb, x
		if c.message != nil {
			x.Differs = c.message.differs
		}
		if c.play != nil {
			c.play.add(x)
		}
	}
	return x
}
