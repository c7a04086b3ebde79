package fetch_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// places is how many connections there are to one host at most.
const places = 64

// hung is a listener whose connections are never spoken to until it is well.
type hung struct {
	net.Listener
	well     atomic.Bool
	accepted chan net.Conn
}

func (l *hung) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || l.well.Load() {
			return conn, err
		}
		l.accepted <- conn
	}
}

// A host that hangs in the handshake, and then is well, is read at once: a dial does not
// outlive the request that it was for, and gives back its place among the connections.
func TestADialEndsWithItsRequest(t *testing.T) {
	h := serve(t, http.NotFoundHandler(), nil)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	sick := &hung{Listener: l, accepted: make(chan net.Conn, 2*places)}
	server := &http.Server{Handler: h.server.Config.Handler, TLSConfig: h.server.TLS, ErrorLog: h.server.Config.ErrorLog}
	defer func() { _ = server.Close() }()
	go func() { _ = server.Serve(tls.NewListener(sick, h.server.TLS)) }()

	cfg := h.config()
	at := "keys.test:" + port(t, l)
	cfg.Sources[0].Hosts = []string{at}
	client := newClient(t, cfg)
	impatient, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range places + 6 {
		all.Go(func() {
			_, err := client.Get(impatient, "https://"+at+"/")
			assert.ErrorIs(t, err, context.Canceled)
		})
	}
	var held []net.Conn // a connection that nothing refers to is closed by the garbage collector
	for range places {
		held = append(held, <-sick.accepted)
	}
	cancel()
	all.Wait()
	sick.well.Store(true)
	r, err := client.Get(t.Context(), "https://"+at+"/")
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, r.Status)
	for _, conn := range held {
		_ = conn.Close()
	}
}

func TestAHostHasSixtyFourConnectionsAtMost(t *testing.T) {
	var atOnce, most atomic.Int64
	full, goOn := make(chan struct{}), make(chan struct{})
	h := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := atOnce.Add(1)
		if n == places {
			select {
			case <-full:
			default:
				close(full)
			}
		}
		if n > places {
			most.Store(n)
		}
		<-goOn
		atOnce.Add(-1)
		w.WriteHeader(http.StatusNotFound)
	}), nil)
	client := newClient(t, h.config())
	done := make(chan error)
	for range 2 * places {
		go func() {
			_, err := client.Get(t.Context(), h.url("/"))
			done <- err
		}()
	}
	<-full
	for range 2 * places {
		goOn <- struct{}{}
		require.NoError(t, <-done)
	}
	require.Zero(t, most.Load(), "requests at once")
}
