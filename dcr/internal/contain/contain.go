// Package contain turns panics of a bank's own code into answers and log lines. A panic that
// net/http catches drops the connection instead, so that its sender does not know what
// happened.
package contain

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/obdcr/obdcr/internal/text"
)

// maxStack bounds the stack of a log line, in bytes.
const maxStack = 8 << 10

// Log writes a panic into the log, at ERROR and with its stack, and returns its text: ASCII,
// at most text.MaxDescription characters. The deferred function that recovered calls it.
func Log(log *slog.Logger, found any) string {
	stack := debug.Stack()
	said := text.ASCII(fmt.Sprint(found), text.MaxDescription)
	log.Error("code of the bank panicked", "panic", said, "stack", string(stack[:min(len(stack), maxStack)]))
	return said
}

// ErrPanic means that code of the bank panicked. What it was asked for may be done.
var ErrPanic = errors.New("panic of the bank's code")

// Call calls code of the bank. A panic is logged, and is an error that wraps ErrPanic.
func Call(log *slog.Logger, do func() error) (err error) {
	defer func() {
		if found := recover(); found != nil {
			err = fmt.Errorf("%w: %s", ErrPanic, Log(log, found))
		}
	}()
	return do()
}

// Handler answers 500 where next panics, and logs the panic. After an answer has begun it
// breaks the connection, so that nobody takes the answer for a whole one. The panic
// http.ErrAbortHandler goes on.
func Handler(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &begun{ResponseWriter: w}
		defer func() {
			found := recover()
			if found == nil {
				return
			}
			if found == http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http compares it
				panic(found)
			}
			Log(log, found)
			if answer.begun {
				panic(http.ErrAbortHandler)
			}
			text.NoStore(w.Header())
			http.Error(w, "the request could not be served, by a fault of the bank's", http.StatusInternalServerError)
		}()
		next.ServeHTTP(answer, r)
	})
}

// begun notes whether an answer has begun.
type begun struct {
	http.ResponseWriter
	begun bool
}

// Unwrap gives http.ResponseController what lies beneath.
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (b *begun) WriteHeader(status int) {
	b.begun = true
	b.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (b *begun) Write(data []byte) (int, error) {
	b.begun = true
	return b.ResponseWriter.Write(data)
}
