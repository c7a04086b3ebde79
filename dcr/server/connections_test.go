package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/server"
)

// logged are the lines of a log about connections.
type logged struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(line)
}

// text returns all lines as they are.
func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

// line is a line of the log.
type line struct {
	Level, Msg, Kind, Error, Last, Do string
	LeftOut                           int `json:"left_out"`
}

// lines returns those about connections since the last call.
func (l *logged) lines(t *testing.T) (all []line) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for text := range strings.Lines(l.out.String()) {
		var read line
		require.NoError(t, json.Unmarshal([]byte(text), &read))
		if strings.HasPrefix(read.Msg, "connection") {
			all = append(all, read)
		}
	}
	l.out.Reset()
	return all
}

// logsConnections makes a bank with a log that is read.
func logsConnections(t *testing.T) (*server.Bank, *logged) {
	t.Helper()
	out := &logged{}
	w := newWorld(t)
	w.config.Logger = slog.New(slog.NewJSONHandler(out, nil))
	return w.bank(t), out
}

const hungUp = "http: TLS handshake error from 192.0.2.%d:%d: EOF"

func TestAFloodOfConnectionsIsLoggedInSummary(t *testing.T) {
	b, out := logsConnections(t)
	synctest.Test(t, func(t *testing.T) {
		s := b.HTTPServer()
		for range 3 {
			for i := range 10_000 {
				s.ErrorLog.Printf(hungUp, i%250, 1024+i)
			}
			lines := out.lines(t)
			require.Len(t, lines, 5, "the first are told at once")
			require.Equal(t, "http: TLS handshake error from 192.0.2.0:1024: EOF", lines[0].Error)
			time.Sleep(time.Minute)
			synctest.Wait()
			lines = out.lines(t)
			require.Len(t, lines, 1)
			require.Equal(t, 9995, lines[0].LeftOut)
			require.Equal(t, "handshake: the client hung up", lines[0].Kind)
			require.Equal(t, "http: TLS handshake error from 192.0.2.249:11023: EOF", lines[0].Last)
		}
		time.Sleep(time.Hour)
		require.Empty(t, out.lines(t), "nothing was left out")
	})
}

func TestAFloodHidesNoOtherKindOfMessage(t *testing.T) {
	b, out := logsConnections(t)
	synctest.Test(t, func(t *testing.T) {
		s := b.HTTPServer()
		for i := range 10_000 {
			s.ErrorLog.Printf(hungUp, i%250, 1024+i)
		}
		out.lines(t)
		const from = "http: TLS handshake error from 192.0.2.1:4711: "
		for message, level := range map[string]string{
			"http: Accept error: accept tcp [::]:8443: accept4: too many open files; retrying in 5ms":      "ERROR",
			"http: Accept error: accept tcp [::]:8443: accept4: no buffer space available; retrying in 5s": "ERROR",
			"http: panic serving 192.0.2.1:4711: boom\ngoroutine 1 [running]:\nmain.main()":                "ERROR",
			from + "read tcp 192.0.2.2:8443->192.0.2.1:4711: i/o timeout":                                  "INFO",
			from + "tls: first record does not look like a TLS handshake":                                  "INFO",
			from + "tls: no cipher suite supported by both client and server":                              "INFO",
			from + `tls: failed to verify certificate: x509: "too many open files: EOF"`:                   "INFO",
			from + "tls: unexpected message":                                                               "INFO",
			"http: superfluous response.WriteHeader call":                                                  "INFO",
		} {
			s.ErrorLog.Print(message)
			lines := out.lines(t)
			require.Len(t, lines, 1, message)
			require.Equal(t, level, lines[0].Level, message)
			require.Equal(t, strings.Contains(message, "Accept error") && strings.Contains(message, "too many"), lines[0].Do != "", message)
		}
	})
}

func TestNoSummaryIsLostAtTheEnd(t *testing.T) {
	b, out := logsConnections(t)
	for i := range 100 {
		b.HTTPServer().ErrorLog.Printf(hungUp, i, 4711)
	}
	require.Len(t, out.lines(t), 5)
	b.Close()
	lines := out.lines(t)
	require.Len(t, lines, 1)
	require.Equal(t, 95, lines[0].LeftOut)
}

// TestServeTellsWhatItLeftOutWhenItEnds: with connections that say nothing.
func TestServeTellsWhatItLeftOutWhenItEnds(t *testing.T) {
	b, out := logsConnections(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, l) }()
	const silent = 50
	for range silent {
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		require.NoError(t, c.(*net.TCPConn).CloseWrite())
		_, _ = c.Read(make([]byte, 1)) // until the bank has ended it
		require.NoError(t, c.Close())
	}
	stop()
	require.NoError(t, <-ended)
	told := 0
	lines := out.lines(t)
	for _, l := range lines {
		told += max(l.LeftOut, 1)
	}
	require.Equal(t, silent, told)
	require.LessOrEqual(t, len(lines), 12)
}
