package server_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"log/slog"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// briefly serves a bank with short timeouts on a listener, and returns its address, and a
// channel that gets each connection that has ended.
func briefly(t *testing.T, b *server.Bank, timeout time.Duration, plain bool) (address string, ended <-chan struct{}) {
	t.Helper()
	s := b.HTTPServer()
	for _, limit := range []*time.Duration{&s.ReadHeaderTimeout, &s.ReadTimeout, &s.WriteTimeout, &s.IdleTimeout} {
		require.Greater(t, *limit, timeout)
		*limit = timeout
	}
	closed := make(chan struct{}, 100_000)
	s.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() {
		if plain {
			served <- s.Serve(l)
			return
		}
		served <- s.ServeTLS(l, "", "")
	}()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return l.Addr().String(), closed
}

// nothingRead is a flood without TLS, as behind a proxy: crypto/tls would try to say goodbye to
// the client for another five seconds.
const nothingRead = "nothing read"

// floods are connections that take what a server has and give nothing. Each function ends
// when the server has ended the connection.
var floods = map[string]func(c net.Conn, secure func() net.Conn){
	"silent":               func(c net.Conn, _ func() net.Conn) { _, _ = c.Read(make([]byte, 1)) },
	"silent after TLS":     func(_ net.Conn, secure func() net.Conn) { _, _ = io.Copy(io.Discard, secure()) },
	"a header in trickles": func(_ net.Conn, secure func() net.Conn) { trickle(secure(), "GET /openapi.yaml HTTP/1.1\r\nX: ") },
	"a body in trickles": func(_ net.Conn, secure func() net.Conn) {
		trickle(secure(), "POST /token HTTP/1.1\r\nHost: bank\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n")
	},
	nothingRead: func(s net.Conn, _ func() net.Conn) {
		_ = s.(*net.TCPConn).SetReadBuffer(4096)
		_, _ = io.WriteString(s, strings.Repeat("GET /openapi.yaml HTTP/1.1\r\nHost: bank\r\n\r\n", 200))
		for { // until the server has reset the connection: a write then fails
			if _, err := io.WriteString(s, "\r\n"); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond) // paces a client; nothing depends on it
		}
	},
}

// trickle sends a byte now and then until the server has had enough.
func trickle(c net.Conn, begin string) {
	_, err := io.WriteString(c, begin)
	for err == nil {
		_, err = c.Write([]byte("x"))
		time.Sleep(10 * time.Millisecond) // paces a client; nothing depends on it
	}
}

// TestAFloodOfConnectionsEndsAtTheTimeouts: meanwhile an honest client registers, and then
// all that the flood took is given back.
func TestAFloodOfConnectionsEndsAtTheTimeouts(t *testing.T) {
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			out := &logged{}
			w := newWorld(t)
			w.config.Logger = slog.New(slog.NewJSONHandler(out, nil))
			address, ended := briefly(t, w.bank(t), time.Second/2, name == nothingRead)
			before := runtime.NumGoroutine()
			connections := fulltest.Rounds(40)
			var clients sync.WaitGroup
			for range connections {
				clients.Go(func() {
					c, err := net.Dial("tcp", address)
					if err != nil {
						t.Error(err)
						return
					}
					defer func() { _ = c.Close() }()
					flood(c, func() net.Conn { return tls.Client(c, &tls.Config{RootCAs: w.roots(), ServerName: "127.0.0.1"}) })
				})
			}
			if name == nothingRead {
				answeredInTheEnd(t, http.DefaultClient, "http://"+address)
			} else {
				w.registersInTheEnd(t, address)
			}
			clients.Wait()
			for range connections {
				<-ended
			}
			for runtime.NumGoroutine() > before+10 { // the package's own timeout is the limit
				runtime.Gosched()
			}
			require.LessOrEqual(t, len(out.lines(t)), 30)
		})
	}
}

// registersInTheEnd registers with a new request for each connection that fails.
func (w *world) registersInTheEnd(t *testing.T, address string) {
	t.Helper()
	statement, err := w.software.SSA(nil)
	require.NoError(t, err)
	for {
		transport := w.transport(t, w.software.TransportCertificate)
		c := w.client(t, transport, "https://"+address)
		request, err := c.Build(statement, tpp.RequestOptions{Audience: ssatest.DefaultAudience, AuthMethod: claims.PrivateKeyJWT, Lifetime: 5 * time.Minute})
		require.NoError(t, err)
		_, err = c.Register(context.Background(), request)
		transport.CloseIdleConnections()
		var lost *tpp.NoAnswerError
		if err == nil {
			return
		}
		require.ErrorAs(t, err, &lost)
	}
}

// answeredInTheEnd asks for a page until it is answered.
func answeredInTheEnd(t *testing.T, client *http.Client, address string) {
	t.Helper()
	defer client.CloseIdleConnections()
	for {
		response, err := client.Get(address + "/openapi.yaml")
		if err != nil {
			continue
		}
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
		return
	}
}
