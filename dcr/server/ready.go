package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/obdcr/obdcr/dcr/internal/contain"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

const (
	readyTimeout = 2 * time.Second // how long the store may take to answer a readiness check
	readyFor     = 5 * time.Second // how long a good answer is given again
	unreadyFor   = time.Second     // and a bad one
)

// What a readiness check answers.
const (
	isReady   = "ok"
	noReads   = "the store cannot be read"
	noChanges = "the store cannot take changes"
)

// readiness asks the store whether it can be read and can take changes. Anybody may ask for
// readiness, and a store.Prober writes: so one check runs at a time, those who ask meanwhile
// wait for the same one, and its answer is given again for a while. Make it with
// newReadiness.
type readiness struct {
	store store.Store
	log   *slog.Logger

	mu   sync.Mutex
	last *check
	said string // what the log was told last, with its cause
}

// errNoAnswer is the cause where the store does not answer in time.
var errNoAnswer = errors.New("the store does not answer")

// check is one look at the store.
type check struct {
	done   chan struct{} // closed at its end
	began  time.Time
	until  time.Time // when its answer is too old; set at its end
	least  time.Time // until when it is given again though there is doubt; set at its end
	answer string    // set at its end
}

func newReadiness(s store.Store, log *slog.Logger) *readiness {
	return &readiness{store: s, log: log, said: isReady}
}

// ask returns the answer of the moment. Where a check does not end in time, the answer is
// that of a store that takes no changes, and no further check starts.
func (r *readiness) ask(ctx context.Context) string {
	c := r.current()
	left := time.NewTimer(readyTimeout - time.Since(c.began))
	defer left.Stop()
	select {
	case <-c.done:
		return c.answer
	default:
	}
	select {
	case <-c.done:
		return c.answer
	case <-ctx.Done():
	case <-left.C:
		r.tell(noChanges, errNoAnswer)
	}
	return noChanges
}

// current returns the check whose answer counts, and starts one if there is none.
func (r *readiness) current() *check {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.last; c != nil {
		select {
		case <-c.done:
			if time.Now().Before(c.until) {
				return c
			}
		default:
			return c
		}
	}
	r.last = &check{done: make(chan struct{}), began: time.Now()}
	go r.run(r.last)
	return r.last
}

func (r *readiness) run(c *check) {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	answer, err := r.look(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errNoAnswer // as those who wait have said
	}
	r.tell(answer, err)
	c.answer, c.least, c.until = answer, time.Now().Add(unreadyFor), time.Now().Add(readyFor)
	if answer != isReady {
		c.until = c.least
	}
	close(c.done)
}

// doubt has the store asked again soon, at most once in unreadyFor however often it is called.
func (r *readiness) doubt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.last; c != nil {
		select {
		case <-c.done:
			c.until = c.least
		default:
		}
	}
}

// watch doubts a good answer when a request is answered by 503: the store may be the reason.
func (r *readiness) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		next.ServeHTTP(&watched{ResponseWriter: w, doubt: r.doubt}, request)
	})
}

// watched looks at the status of an answer.
type watched struct {
	http.ResponseWriter
	doubt func()
}

// WriteHeader implements http.ResponseWriter.
func (w *watched) WriteHeader(status int) {
	if status == http.StatusServiceUnavailable {
		w.doubt()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// look reads a client that does not exist, and has the store write where it can show that.
func (r *readiness) look(ctx context.Context) (answer string, err error) {
	answer = noReads
	defer func() {
		if p := recover(); p != nil {
			cause := "the store panics: " + text.ASCII(fmt.Sprint(p), text.MaxDescription)
			if err = errors.New(cause); r.isNew(noChanges, err) && r.isNew(noReads, err) {
				contain.Log(r.log, p)
			}
		}
	}()
	if _, err := r.store.Get(ctx, "readiness"); err != nil && !errors.Is(err, store.ErrNotFound) {
		return noReads, err
	}
	if prober, ok := r.store.(store.Prober); ok {
		answer = noChanges
		if err := prober.Probe(ctx); err != nil {
			return noChanges, err
		}
	}
	return isReady, nil
}

// isNew reports whether the log has not been told an answer and its cause last.
func (r *readiness) isNew(answer string, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said != answer+err.Error()
}

// tell logs an answer that is another one than before, or has another cause.
func (r *readiness) tell(answer string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	said := answer
	if err != nil {
		said += err.Error()
	}
	if r.said == said {
		return
	}
	r.said = said
	if answer == isReady {
		r.log.Info("the store is ready again")
		return
	}
	r.log.Error(answer, "error", err)
}

// ready answers a readiness check.
func (b *Bank) ready(w http.ResponseWriter, r *http.Request) {
	if answer := b.readiness.ask(r.Context()); answer != isReady {
		writeJSON(w, http.StatusServiceUnavailable, health{answer})
		return
	}
	writeJSON(w, http.StatusOK, health{isReady})
}
