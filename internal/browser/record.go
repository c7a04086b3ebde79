package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// Response is an answer that the browser got.
type Response struct {
	URL      string
	Status   int
	Header   http.Header // as it was sent, with Set-Cookie
	Document bool        // it is a page, not a part of one
}

// recorder keeps what the browser tells of a tab.
type recorder struct {
	sync.Mutex
	complaints []string
	order      []network.RequestID
	requests   map[network.RequestID]*request
	last       string // address of the last document that was asked for
}

// request is one request with those that it was redirected to.
type request struct {
	urls     []string
	document bool
	answers  []*network.EventResponseReceivedExtraInfo
}

func newRecorder() *recorder { return &recorder{requests: map[network.RequestID]*request{}} }

// take returns the complaints and forgets them.
func (r *recorder) take() []string {
	r.Lock()
	defer r.Unlock()
	complaints := r.complaints
	r.complaints = nil
	return complaints
}

// document returns the address of the last document that was asked for.
func (r *recorder) document() string {
	r.Lock()
	defer r.Unlock()
	return r.last
}

// Complaints returns what the browser has complained of so far, which then fails the test no
// more.
func (p *Page) Complaints() []string { return p.rec.take() }

// Responses returns the answers that the tab has got so far, redirects among them.
func (p *Page) Responses() []Response {
	p.rec.Lock()
	defer p.rec.Unlock()
	var all []Response
	for _, id := range p.rec.order {
		r := p.rec.requests[id]
		for n := range min(len(r.urls), len(r.answers)) {
			all = append(all, Response{URL: r.urls[n], Status: int(r.answers[n].StatusCode), Header: header(r.answers[n].Headers), Document: r.document})
		}
	}
	return all
}

// header turns the browser's headers, in which values of one name are lines, into Go's.
func header(raw network.Headers) http.Header {
	out := http.Header{}
	for name, value := range raw {
		for line := range strings.SplitSeq(fmt.Sprint(value), "\n") {
			out.Add(name, line)
		}
	}
	return out
}

// of returns what is known of a request. The lock is held.
func (r *recorder) of(id network.RequestID) *request {
	known := r.requests[id]
	if known == nil {
		known = &request{}
		r.requests[id], r.order = known, append(r.order, id)
	}
	return known
}

func (r *recorder) complain(format string, args ...any) {
	r.complaints = append(r.complaints, fmt.Sprintf(format, args...)+", at "+r.last)
}

// note keeps an event. The browser waits for it.
func (r *recorder) note(event any) {
	r.Lock()
	defer r.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		known := r.of(e.RequestID)
		known.urls, known.document = append(known.urls, e.Request.URL), e.Type == network.ResourceTypeDocument
		if known.document {
			r.last = e.Request.URL
		}
	case *network.EventResponseReceivedExtraInfo:
		known := r.of(e.RequestID)
		known.answers = append(known.answers, e)
		for _, cookie := range e.BlockedCookies {
			r.complain("a cookie was refused: %v: %s", cookie.BlockedReasons, cookieName(cookie.CookieLine))
		}
	case *network.EventLoadingFailed:
		if !e.Canceled {
			r.complain("%v is not loaded: %s %s", r.of(e.RequestID).urls, e.ErrorText, e.BlockedReason)
		}
	case *runtime.EventExceptionThrown:
		r.complain("a script failed: %s", e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			r.complain("console.%s: %s", e.Type, values(e.Args))
		}
	case *log.EventEntryAdded:
		r.noteEntry(e.Entry)
	case *audits.EventIssueAdded:
		r.complain("%s: %s", e.Issue.Code, details(e.Issue.Details))
	}
}

// noteEntry keeps an entry of the console that the browser itself wrote. It writes one for a
// page that is an error, which the test sees by its status.
func (r *recorder) noteEntry(entry *log.Entry) {
	document := entry.NetworkRequestID != "" && r.of(entry.NetworkRequestID).document
	if document && entry.Source == log.EntrySourceNetwork {
		return
	}
	if entry.Level == log.EntryLevelError || entry.Level == log.EntryLevelWarning {
		r.complain("%s: %s %s", entry.Source, entry.Text, entry.URL)
	}
}

// cookieName is what may be shown of a cookie.
func cookieName(line string) string {
	name, _, _ := strings.Cut(line, "=")
	return name
}

// values are the arguments of a call of the console.
func values(args []*runtime.RemoteObject) string {
	var texts []string
	for _, arg := range args {
		text := arg.Description
		if text == "" {
			text = string(arg.Value)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

// details are what is known of an issue.
func details(d *audits.InspectorIssueDetails) string {
	text, err := json.Marshal(d)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
