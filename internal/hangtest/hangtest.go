// Package hangtest is a server that never answers, for tests of what a caller does then.
package hangtest

import (
	"io"
	"net/http"
)

// Hang reads the body of a request, waits until the caller hangs up, and sends nothing more. The body comes first,
// because a server of net/http does not see before its end that the caller hangs up. Hang never returns: it breaks the
// connection off. A return would be an answer, 200 where there is none yet, and net/http takes one that arrives while
// the caller gives up.
func Hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}
