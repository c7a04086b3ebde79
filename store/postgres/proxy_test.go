package postgres_test

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// cut is where a proxy cuts a connection.
type cut int32

const (
	nowhere      cut = iota
	beforeCommit     // COMMIT does not reach the database
	afterCommit      // COMMIT does, and its answer goes no further
)

// proxy stands before a database and cuts connections.
type proxy struct {
	listener net.Listener
	target   string
	where    atomic.Int32 // the cut of the next COMMIT, and nowhere from then on
	cuts     atomic.Int32
	then     func() // what happens between a cut and what the store does about it; nil for nothing
	under    sync.WaitGroup
}

// newProxy returns a proxy before the database of a DSN, and the DSN through it.
func newProxy(t *testing.T, dsn string) (*proxy, string) {
	t.Helper()
	address, err := url.Parse(dsn)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, target: address.Host}
	p.under.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.under.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		p.under.Wait()
	})
	address.Host = listener.Addr().String()
	return p, address.String()
}

// serve copies both ways until either side ends, or until a COMMIT is to be cut.
func (p *proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var mute atomic.Bool
	answered := make(chan struct{})
	p.under.Go(func() {
		defer close(answered)
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if mute.Load() {
				return // the database has answered: the client never learns what
			}
			if err != nil {
				break
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				break
			}
		}
		if !mute.Load() {
			_ = client.Close()
		}
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if isCommit(buffer[:n]) {
			switch cut(p.where.Swap(int32(nowhere))) {
			case beforeCommit:
				mute.Store(true)
				_ = server.Close()
				p.cutNow()
				return
			case afterCommit:
				mute.Store(true)
				if _, err := server.Write(buffer[:n]); err == nil {
					<-answered
				}
				p.cutNow()
				return
			}
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) cutNow() {
	p.cuts.Add(1)
	if p.then != nil {
		p.then()
	}
}

// isCommit reports whether a packet is COMMIT as a simple query.
func isCommit(packet []byte) bool {
	return bytes.HasPrefix(packet, []byte("Q\x00\x00\x00\x0bcommit\x00"))
}
