package server_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
)

// halted gives randomness once it is released, and counts who waits for that.
type halted struct {
	entered *atomic.Int32
	release chan struct{}
}

func (h halted) Read(b []byte) (int, error) {
	h.entered.Add(1)
	<-h.release
	return rand.Read(b)
}

// signsAtOnce has a bank's key sign in the bubble, five times more than it has places, and
// returns how many did, and how many were refused.
func signsAtOnce(t *testing.T, w *world, h halted) (signed, refused *atomic.Int32) {
	t.Helper()
	key, ok := w.bank(t).HTTPServer().TLSConfig.Certificates[0].PrivateKey.(crypto.Signer)
	require.True(t, ok)
	signed, refused = &atomic.Int32{}, &atomic.Int32{}
	for range runtime.GOMAXPROCS(0) + 5 {
		go func() {
			if _, err := key.Sign(h, make([]byte, 32), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}); err != nil {
				refused.Add(1)
				return
			}
			signed.Add(1)
		}()
	}
	synctest.Wait()
	require.EqualValues(t, runtime.GOMAXPROCS(0), h.entered.Load())
	return signed, refused
}

func TestAsManyHandshakesSignAtOnceAsThereAreProcessors(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.config.Clock = func() time.Time { return now } // no certificate is valid in the bubble's year
	synctest.Test(t, func(t *testing.T) {
		h := halted{&atomic.Int32{}, make(chan struct{})}
		signed, _ := signsAtOnce(t, w, h)
		close(h.release)
		synctest.Wait()
		require.EqualValues(t, runtime.GOMAXPROCS(0)+5, signed.Load())
	})
}

// TestNoHandshakeWaitsLongerThanItMayTake: its client has gone by then.
func TestNoHandshakeWaitsLongerThanItMayTake(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.config.Clock = func() time.Time { return now }
	synctest.Test(t, func(t *testing.T) {
		h := halted{&atomic.Int32{}, make(chan struct{})}
		signed, refused := signsAtOnce(t, w, h)
		time.Sleep(dcr.HeaderTimeout)
		synctest.Wait()
		require.EqualValues(t, 5, refused.Load())
		close(h.release)
		synctest.Wait()
		require.EqualValues(t, runtime.GOMAXPROCS(0), signed.Load())
	})
}

// deafConn is a client's connection from which nothing is read.
type deafConn struct {
	net.Conn
	closed chan struct{}
}

func (c deafConn) Read([]byte) (int, error) {
	<-c.closed
	return 0, net.ErrClosed
}

// TestHandshakesThatHangHoldNoPlace: the clients have sent their first message and go silent.
func TestHandshakesThatHangHoldNoPlace(t *testing.T) {
	w := newWorld(t)
	c, _, address := w.serve(t, w.bank(t))
	closed := make(chan struct{})
	for i := range 10 * runtime.GOMAXPROCS(0) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(address, "https://"))
		require.NoError(t, err)
		config := &tls.Config{RootCAs: w.roots(), ServerName: "127.0.0.1", MaxVersion: tls.VersionTLS12 + uint16(i%2)}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = tls.Client(deafConn{conn, closed}, config).Handshake()
		}()
		defer func() { <-ended }()
		defer func() { _ = conn.Close() }()
	}
	defer close(closed)
	w.register(t, c, claims.PrivateKeyJWT)
}
