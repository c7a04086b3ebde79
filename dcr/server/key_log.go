package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

const (
	// keyInterval is how long a line about a key set stands for all of its kind that follow.
	keyInterval = time.Hour
	// keyLines is how many lines about key sets there are in keyInterval at most. The next line
	// says how many more there would have been.
	keyLines = 1000
	// keyAddress is how many characters of an address a line has at most.
	keyAddress = 256
)

// keyMessages are what the log says of events of key sets. Other events are for metrics: a
// read that failed is told with the request that it refuses.
var keyMessages = map[ssa.KeyEventKind]string{
	ssa.KeysMissing:      "the key set of a software is not found; it is read again in 5 s, and without it the software has no keys",
	ssa.KeysWithdrawn:    "a software publishes no key; those that were kept are not used any more",
	ssa.KeysServedStale:  "a key set cannot be read; the keys that were read before are used",
	ssa.KeysExpiredStale: "a key set cannot be read for too long; the keys that were read before are not used any more",
}

// KeyLog makes a function that logs, at WARN, what a bank should know of the key sets that
// it reads: those that are missing, empty or read too long ago, with their address and the
// cause. It logs one line in an hour for an address and a kind of event, which has how many
// the line before stood for, and 1,000 lines in all. Keys that are withdrawn are told each
// time. A bank with a Keys.Resolver of its own sets it as ssa.RemoteConfig.Observer; any
// other has it already.
func KeyLog(log *slog.Logger) func(ssa.KeyEvent) {
	return (&keyLog{log: log, told: map[keyMessage]*keyCount{}}).observe
}

type keyMessage struct {
	kind      ssa.KeyEventKind
	address   string
	withdrawn bool
}

// keyCount has the messages of a kind and an address since the last line about them.
type keyCount struct {
	line time.Time
	more int
}

type keyLog struct {
	log *slog.Logger

	mu      sync.Mutex
	told    map[keyMessage]*keyCount // keyLines at most
	leftOut int                      // messages that found no room there
}

func (l *keyLog) observe(e ssa.KeyEvent) {
	message, known := keyMessages[e.Kind]
	if !known {
		return
	}
	before, leftOut, ok := l.admit(keyMessage{e.Kind, e.Address, e.Withdrawn}, e.Kind == ssa.KeysWithdrawn && e.Keys > 0)
	if !ok {
		return
	}
	attrs := []slog.Attr{slog.String("address", text.ASCII(e.Address, keyAddress)), slog.Int("keys", e.Keys)}
	if e.Withdrawn {
		attrs = append(attrs, slog.Bool("of_withdrawn_keys", true))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("cause", text.Bounded{Err: e.Err}.Error()))
	}
	if before > 0 {
		attrs = append(attrs, slog.Int("since_the_last_line", before))
	}
	if leftOut > 0 {
		attrs = append(attrs, slog.Int("left_out", leftOut))
	}
	l.log.LogAttrs(context.Background(), slog.LevelWarn, message, attrs...)
}

// admit counts a message. It reports whether it is to be logged, with how many of the same
// were not since the last one, and how many others.
func (l *keyLog) admit(m keyMessage, always bool) (before, leftOut int, ok bool) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.told[m]
	switch {
	case of != nil && !always && now.Sub(of.line) < keyInterval:
		of.more++
		return 0, 0, false
	case of == nil && !l.room(now):
		l.leftOut++
		return 0, 0, false
	case of == nil:
		of = &keyCount{}
		l.told[m] = of
	}
	before, leftOut = of.more, l.leftOut
	*of, l.leftOut = keyCount{line: now}, 0
	return before, leftOut, true
}

// room reports whether another address may be logged. It forgets those whose time is over.
func (l *keyLog) room(now time.Time) bool {
	if len(l.told) < keyLines {
		return true
	}
	for m, of := range l.told {
		if now.Sub(of.line) >= keyInterval {
			delete(l.told, m)
		}
	}
	return len(l.told) < keyLines
}
