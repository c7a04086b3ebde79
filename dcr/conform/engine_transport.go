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
)

// call is one exchange in the making; it travels in the context of its HTTP request.
type call struct {
	play     *play
	verb     string
	message  *message // nil for a token request
	exchange *Exchange
	asked    string // its number in the journal; "" if it is no registration
	lost     bool   // no answer has told what became of the registration
}

// registers reports whether a call is a registration.
func (c *call) registers(r *run) bool {
	return c != nil && c.play != nil && c.message != nil && c.message.method == http.MethodPost && c.message.address == r.config.Metadata.RegistrationEndpoint
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
	if c.registers(r.run) {
		r.run.journal.asked(r.run, c, string(sent))
		defer func() {
			if !c.lost {
				r.run.journal.answered(c)
			}
		}()
	}
	if q.Method == http.MethodDelete {
		if known := r.run.known(q.URL.String()); known != nil {
			r.run.journal.write(entry{Deleting: known.id})
		}
	}
	begun, waited := time.Now(), time.Duration(0)
	for try := 1; ; try++ {
		answer, body, cut, err := r.once(q, sent, c.registers(r.run))
		if wait := busy(answer, r.run.config.Clock()); err == nil && wait > 0 && wait <= maxWait && try <= maxRetries {
			waited += wait
			if !pause(q.Context(), wait) {
				return nil, q.Context().Err()
			}
			continue
		}
		x := r.record(c, q, sent, time.Since(begun))
		if waited > 0 {
			x.Note = fmt.Sprintf("the bank was busy (429) and asked for %s, which were waited", waited)
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

// busy is how long a bank asks to wait by 429; 0 for any other answer.
func busy(answer *http.Response, now time.Time) time.Duration {
	if answer == nil || answer.StatusCode != http.StatusTooManyRequests {
		return 0
	}
	after := answer.Header.Get("Retry-After")
	if seconds, err := time.ParseDuration(strings.TrimSpace(after) + "s"); err == nil {
		return max(seconds, 100*time.Millisecond)
	}
	if at, err := http.ParseTime(after); err == nil {
		return max(at.Sub(now), 100*time.Millisecond)
	}
	return time.Second
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
