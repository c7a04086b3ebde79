package server

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/obdcr/obdcr/internal/text"
)

const (
	// connectionsAtOnce is how many messages of a kind are logged as they come in each
	// connectionInterval. Those that follow are counted, and told in one line at its end.
	connectionsAtOnce  = 5
	connectionInterval = time.Minute
)

// connectionKind is a kind of messages of net/http about connections. Each kind is counted by
// itself, so that a flood of one leaves the others in the log.
type connectionKind int

const (
	otherMessage connectionKind = iota
	outOfFiles
	acceptFailed
	panicked
	handshakeEnded
	handshakeLate
	handshakeNoTLS
	handshakeNothingShared
	handshakeCertificate
	handshakeOther
	connectionKinds // their number
)

// connectionNames are the kinds as the log names them.
var connectionNames = [connectionKinds]string{"other", "out of file descriptors", "connection not accepted", "panic", "handshake: the client hung up",
	"handshake: timed out", "handshake: no TLS", "handshake: no version or suite in common", "handshake: certificate", "handshake: other"}

// raiseLimit is what an operator can do when connections are not accepted.
const raiseLimit = "raise the limit of open files (ulimit -n, LimitNOFILE= of systemd), and bound connections in front of the bank"

// level of a kind: what keeps honest clients out, or is a fault of the program, is an error.
func (k connectionKind) level() slog.Level {
	switch k {
	case outOfFiles, acceptFailed, panicked:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// kindOf finds the kind of a message. What a client sent can stand at the end of a message
// alone, so the beginning decides; an end only chooses among failed handshakes.
func kindOf(message string) connectionKind {
	if cause, ok := strings.CutPrefix(message, "http: Accept error: "); ok {
		if strings.Contains(cause, "too many open files") {
			return outOfFiles
		}
		return acceptFailed
	}
	if strings.HasPrefix(message, "http: panic serving ") {
		return panicked
	}
	rest, ok := strings.CutPrefix(message, "http: TLS handshake error from ")
	if !ok {
		return otherMessage
	}
	_, cause, _ := strings.Cut(rest, ": ") // of the client's address, which has no blank
	switch {
	case cause == "EOF", strings.HasSuffix(cause, ": connection reset by peer"), strings.HasSuffix(cause, ": broken pipe"):
		return handshakeEnded
	case strings.HasSuffix(cause, ": i/o timeout"):
		return handshakeLate
	case strings.HasPrefix(cause, "tls: first record does not look like"), strings.HasPrefix(cause, "client sent an HTTP request to an HTTPS server"):
		return handshakeNoTLS
	case strings.HasPrefix(cause, "tls: no cipher suite"), strings.HasPrefix(cause, "tls: client offered only unsupported versions"),
		strings.Contains(cause, "protocol version"):
		return handshakeNothingShared
	case strings.Contains(cause, "certificate"):
		return handshakeCertificate
	}
	return handshakeOther
}

// connectionLog passes the messages of net/http, such as failed handshakes, to a logger,
// without the newline that ends each. It cleans and bounds them: a message may quote what a
// client sent. It logs the first of a kind as they come and the others in summary, so that
// ten thousand silent connections are a few lines. Its memory is one counter a kind.
type connectionLog struct {
	log *slog.Logger

	mu    sync.Mutex
	kinds [connectionKinds]connectionCount
}

// connectionCount has the messages of a kind in the interval that is running.
type connectionCount struct {
	logged, left int
	last         string // of those that were left out
	running      bool
	interval     int // which one
}

// Write implements io.Writer: one message a call.
func (c *connectionLog) Write(line []byte) (int, error) {
	message := strings.TrimRight(string(line), "\n")
	kind := kindOf(message)
	message = text.ASCII(message, text.MaxDescription)
	if c.admit(kind, message) {
		attrs := []slog.Attr{slog.String("error", message)}
		if kind == outOfFiles {
			attrs = append(attrs, slog.String("do", raiseLimit))
		}
		c.log.LogAttrs(context.Background(), kind.level(), "connection", attrs...)
	}
	return len(line), nil
}

// admit counts a message and reports whether it is one of the first.
func (c *connectionLog) admit(kind connectionKind, message string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := &c.kinds[kind]
	if !n.running {
		n.running = true
		interval := n.interval
		time.AfterFunc(connectionInterval, func() { c.summarize(kind, func(n connectionCount) bool { return n.interval == interval }) })
	}
	if n.logged < connectionsAtOnce {
		n.logged++
		return true
	}
	n.left, n.last = n.left+1, message
	return false
}

// summarize ends the interval of a kind if that is due.
func (c *connectionLog) summarize(kind connectionKind, due func(connectionCount) bool) {
	c.mu.Lock()
	n := c.kinds[kind]
	if due(n) {
		c.kinds[kind] = connectionCount{interval: n.interval + 1}
	}
	c.mu.Unlock()
	if n.left == 0 || !due(n) {
		return
	}
	attrs := []slog.Attr{slog.String("kind", connectionNames[kind]), slog.Int("left_out", n.left), slog.String("last", n.last)}
	if kind == outOfFiles {
		attrs = append(attrs, slog.String("do", raiseLimit))
	}
	c.log.LogAttrs(context.Background(), kind.level(), "connections: more messages of a kind", attrs...)
}

// flush tells what was left out until now.
func (c *connectionLog) flush() {
	for kind := range connectionKinds {
		c.summarize(kind, func(connectionCount) bool { return true })
	}
}
