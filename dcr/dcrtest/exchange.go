package dcrtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/obdcr/obdcr/dcr"
)

// header carries the number of an exchange to the bank, which takes it out before anybody else
// sees the request.
const header = "Dcrtest-Exchange"

var lastNumber atomic.Int64

// Exchange is a request of a TPP and what the bank answered. Its String shows both, decoded and
// without secrets.
type Exchange struct {
	verb      string
	mutations string      // in the words of the test
	shown     atomic.Bool // a failure has shown it

	mu          sync.Mutex
	request     *http.Request // as sent, without its body
	body        []byte
	certificate *x509.Certificate // of the client; nil for none
	status      int               // 0: no answer
	header      http.Header
	answer      []byte
	refused     *dcr.Error // as the bank has it; nil if it told of no refusal
	failure     error      // in the place of an answer
}

type exchangeKey struct{}

// Sent is the request as it was sent, with its secrets; nil for none.
func (e *Exchange) Sent() *http.Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.request == nil {
		return nil
	}
	q := e.request.Clone(context.Background())
	setBody(q, e.body)
	return q
}

// Answer is the answer as it came, with its secrets; nil for none.
func (e *Exchange) Answer() *http.Response {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.status == 0 {
		return nil
	}
	return e.response(nil)
}

// response makes the answer anew, with a body that can be read.
func (e *Exchange) response(q *http.Request) *http.Response {
	return &http.Response{StatusCode: e.status, Status: fmt.Sprint(e.status, " ", http.StatusText(e.status)), Proto: "HTTP/1.1", ProtoMajor: 1,
		ProtoMinor: 1, Header: e.header.Clone(), Body: io.NopCloser(bytes.NewReader(e.answer)), ContentLength: int64(len(e.answer)), Request: q}
}

// noted finds the exchange of a request, for listen.
func (b *Bank) noted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if number := r.Header.Get(header); number != "" {
			r.Header.Del(header)
			if e, ok := b.exchanges.Load(number); ok {
				r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, e))
			}
		}
		next.ServeHTTP(w, r)
	})
}

// listen notes each refusal at its exchange, and passes it on.
func (b *Bank) listen(own func(context.Context, *dcr.Error)) func(context.Context, *dcr.Error) {
	return func(ctx context.Context, refused *dcr.Error) {
		if e, ok := ctx.Value(exchangeKey{}).(*Exchange); ok {
			e.mu.Lock()
			e.refused = refused
			e.mu.Unlock()
		}
		if own != nil {
			own(ctx, refused)
		}
	}
}

// recorder sends the one request of an exchange, changed by the mutations of HTTP, and notes it
// with its answer.
type recorder struct {
	tpp  *TPP
	base http.RoundTripper
	d    *draft
	e    *Exchange
}

// RoundTrip sends the first request. Any further one gets the same answer: a tpp.Client
// repeats a request whose content type was refused, and a test sends what it says.
func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	r.e.mu.Lock()
	sent := r.e.request != nil
	r.e.mu.Unlock()
	if !sent {
		if err := r.send(q); err != nil {
			return nil, err
		}
	}
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	return r.e.response(q), nil
}

// send changes, notes and sends a request, and reads the answer.
func (r *recorder) send(q *http.Request) error {
	q = q.Clone(q.Context())
	body, err := readBody(q)
	if err == nil {
		body, err = r.d.authenticate(q, body)
	}
	if err != nil {
		return r.tpp.misused(err)
	}
	setBody(q, body)
	for _, change := range r.d.http {
		change(q)
	}
	if body, err = readBody(q); err != nil {
		return fmt.Errorf("dcrtest: the body of a mutation of HTTP: %w", err)
	}
	setBody(q, body)
	r.e.mu.Lock()
	r.e.request, r.e.body = q.Clone(context.Background()), body
	r.e.mu.Unlock()
	number := strconv.FormatInt(lastNumber.Add(1), 10)
	r.tpp.bank.exchanges.Store(number, r.e)
	defer r.tpp.bank.exchanges.Delete(number)
	q.Header.Set(header, number)
	response, err := r.base.RoundTrip(q)
	if err != nil {
		r.e.mu.Lock()
		r.e.failure = err
		r.e.mu.Unlock()
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	r.e.status, r.e.header, r.e.answer, r.e.failure = response.StatusCode, response.Header, answer, err
	return err
}

// maxAnswer is how much of an answer is read: more than a tpp.Client takes.
const maxAnswer = 1 << 20

func readBody(q *http.Request) ([]byte, error) {
	if q.Body == nil {
		return nil, nil
	}
	defer q.Body.Close()
	return io.ReadAll(q.Body)
}

func setBody(q *http.Request, body []byte) {
	q.Body, q.ContentLength = http.NoBody, int64(len(body))
	if len(body) > 0 {
		q.Body = io.NopCloser(bytes.NewReader(body))
	}
	q.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
}

// leafOf is the first certificate of a pair; nil for none.
func leafOf(c tls.Certificate) *x509.Certificate {
	if c.Leaf != nil || len(c.Certificate) == 0 {
		return c.Leaf
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return nil
	}
	return leaf
}
