package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// wire is the way to a bank. It shows that the command waits for an answer, or all that is
// sent and comes back.
type wire struct {
	next    http.RoundTripper
	spinner *spinner  // nil: there is none
	out     io.Writer // of verbose; nil: it is not asked for
	secrets *secrets
	clock   func() time.Time
}

// observed puts a wire before the transport of a client. Verbose output and a spinner would
// mix, so that there is one of them at most.
func (a *app) observed(client *http.Client, verbose bool) *http.Client {
	w := &wire{next: client.Transport, secrets: a.secrets(), clock: time.Now}
	switch {
	case verbose:
		w.out = a.err
	case a.progress:
		w.spinner = newSpinner(a.err)
	default:
		return client
	}
	seen := *client
	seen.Transport = w
	return &seen
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.out == nil {
		stop := w.spinner.start(r.URL.Host)
		response, err := w.next.RoundTrip(r)
		if err != nil {
			stop()
			return nil, err
		}
		response.Body = &stopping{response.Body, stop}
		return response, nil
	}
	w.showRequest(r)
	began := w.clock()
	response, err := w.next.RoundTrip(r)
	waited := w.clock().Sub(began).Round(time.Millisecond)
	if err != nil {
		w.say("*", fmt.Sprintf("no answer after %s: %v", waited, err))
		return nil, err
	}
	w.showResponse(response, waited)
	return response, nil
}

// stopping is a body whose end ends the spinner.
type stopping struct {
	io.ReadCloser
	stop func()
}

// Close ends the spinner and closes the body.
func (s *stopping) Close() error {
	s.stop()
	return s.ReadCloser.Close()
}

// maxShown is how much of a body is shown, in bytes.
const maxShown = 64 << 10

func (w *wire) showRequest(r *http.Request) {
	w.say(">", fmt.Sprintf("%s %s", r.Method, r.URL.Redacted()))
	if proxy, err := http.ProxyFromEnvironment(r); err == nil && proxy != nil {
		w.say("*", "by the proxy "+proxy.Host)
	}
	w.showHeaders(">", r.Header)
	if r.GetBody == nil {
		return
	}
	body, err := r.GetBody()
	if err != nil {
		return
	}
	sent, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil || len(sent) == 0 {
		return
	}
	w.say(">", "")
	w.showBody(">", r.Header.Get("Content-Type"), string(sent))
}

// showResponse reads the body, and puts what it has read in the place of it.
func (w *wire) showResponse(r *http.Response, waited time.Duration) {
	over := "without TLS"
	if r.TLS != nil {
		over = tls.VersionName(r.TLS.Version)
	}
	w.say("<", fmt.Sprintf("%s, %s, %s, after %s", r.Status, r.Proto, over, waited))
	w.showHeaders("<", r.Header)
	body, err := io.ReadAll(io.LimitReader(r.Body, maxShown))
	rest := io.Reader(r.Body)
	if err != nil {
		rest = failing{err}
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), r.Body}
	if len(body) > 0 {
		w.say("<", "")
		w.showBody("<", r.Header.Get("Content-Type"), string(body))
	}
	if len(body) == maxShown {
		w.say("<", fmt.Sprintf("... (only %d bytes are shown)", maxShown))
	}
	if err != nil {
		w.say("*", fmt.Sprintf("the answer broke off: %v", err))
	}
}

// failing is a reader that has failed.
type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) { return 0, f.err }
