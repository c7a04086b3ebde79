package server_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/internal/hangtest"
	"github.com/obdcr/obdcr/store"
)

// pipes is a listener in memory: time in a bubble of synctest passes while it waits.
type pipes struct {
	offers chan net.Conn
	closed chan struct{}
	once   sync.Once
	err    error // of Accept, once closed
}

func newPipes() *pipes {
	return &pipes{offers: make(chan net.Conn), closed: make(chan struct{}), err: net.ErrClosed}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.offers:
		return c, nil
	case <-p.closed:
		return nil, p.err
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// dial connects, or says that nobody listens any more.
func (p *pipes) dial() (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.offers <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// ask sends a request by a connection of its own.
func (p *pipes) ask() (int, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return p.dial() }}}
	response, err := client.Get("http://bank.example/slow")
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// deaf is a store whose reconcile pass goes on for a time, whatever its context says.
type deaf struct {
	*store.Memory
	busy time.Duration
}

func (d deaf) ListUnfinished(context.Context, time.Time, int) ([]store.Client, error) {
	time.Sleep(d.busy)
	return nil, nil
}

// served runs a bank behind a proxy, in a bubble, until the end of Serve.
func (w *world) served(t *testing.T, ctx context.Context, l net.Listener) <-chan error {
	t.Helper()
	w.presentsItself(t)
	w.config.Clients.Server, w.config.Clients.Trust.Authorities = nil, nil // no certificate is valid in the bubble's year
	b := w.bank(t)
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, l) }()
	synctest.Wait()
	return ended
}

func TestServeEndsWithinItsTime(t *testing.T) {
	for name, c := range map[string]struct {
		pass, request time.Duration
		unfinished    []string
	}{
		"at once":                       {},
		"after its pass":                {pass: server.DrainTimeout - time.Second},
		"after its request":             {request: server.DrainTimeout - time.Second},
		"with a pass that goes on":      {pass: time.Hour, unfinished: []string{"reconcile pass"}},
		"with a request that goes on":   {request: time.Hour, unfinished: []string{"being answered"}},
		"with a request and a pass too": {request: time.Hour, pass: time.Hour, unfinished: []string{"being answered", "reconcile pass"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			synctest.Test(t, func(t *testing.T) {
				w.config.Store = deaf{store.NewMemory(nil), c.pass}
				w.config.Rest = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { time.Sleep(c.request) })
				ctx, stop := context.WithCancel(t.Context())
				l := newPipes()
				ended := w.served(t, ctx, l)
				answered := make(chan error, 1)
				go func() {
					_, err := l.ask()
					answered <- err
				}()
				synctest.Wait()
				began := time.Now()
				stop()
				synctest.Wait()
				_, err := l.dial()
				require.ErrorIs(t, err, net.ErrClosed, "it accepts nobody while it waits")
				err = <-ended
				require.Equal(t, len(c.unfinished) > 0, err != nil, "%v", err)
				for _, what := range c.unfinished {
					require.ErrorContains(t, err, what)
				}
				require.LessOrEqual(t, time.Since(began), server.DrainTimeout)
				require.Equal(t, c.request == time.Hour, <-answered != nil, "an open request is answered, or its connection is closed")
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

func TestAListenerThatFailsEndsTheOpenConnections(t *testing.T) {
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		w.config.Store = store.NewMemory(nil)
		w.config.Rest = http.HandlerFunc(hangtest.Hang)
		l := newPipes()
		l.err = errors.New("no more descriptors")
		ended := w.served(t, t.Context(), l)
		answered := make(chan error, 1)
		go func() {
			_, err := l.ask()
			answered <- err
		}()
		synctest.Wait()
		began := time.Now()
		require.NoError(t, l.Close())
		require.ErrorIs(t, <-ended, l.err)
		require.Error(t, <-answered)
		require.Zero(t, time.Since(began))
	})
}
