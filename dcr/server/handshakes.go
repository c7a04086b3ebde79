package server

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"io"
	"runtime"
	"time"

	"github.com/obdcr/obdcr/dcr"
)

// gatedKey is the key of a server certificate. At most as many handshakes sign at once as
// there are processors. The others wait outside of the run queue of Go's scheduler, which
// takes its goroutines in turn: after a restart, when all clients connect at once, each step
// of the bank's own reading of key sets would else wait behind hundreds of signatures.
// A place is held while a signature is computed and never while the network is waited for, so
// a client that is slow or silent holds none. Nobody waits for a place for longer than a
// handshake may take: the client has gone by then.
type gatedKey struct {
	crypto.Signer
	places chan struct{}
}

// Sign implements crypto.Signer.
func (k gatedKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	late := time.NewTimer(dcr.HeaderTimeout)
	defer late.Stop()
	select {
	case k.places <- struct{}{}:
	case <-late.C:
		return nil, errors.New("server: too many handshakes at once")
	}
	defer func() { <-k.places }()
	return k.Signer.Sign(random, digest, opts)
}

// newPlaces makes the places of a bank.
func newPlaces() chan struct{} { return make(chan struct{}, runtime.GOMAXPROCS(0)) }

// gated returns copies of certificates whose keys share the places. A key elsewhere, such as in
// a hardware module, has its own way to bound calls: it is left as it is.
func gated(certificates []tls.Certificate, places chan struct{}) []tls.Certificate {
	copies := make([]tls.Certificate, len(certificates))
	for i, c := range certificates {
		switch key := c.PrivateKey.(type) {
		case *rsa.PrivateKey:
			c.PrivateKey = gatedKey{key, places}
		case *ecdsa.PrivateKey:
			c.PrivateKey = gatedKey{key, places}
		case ed25519.PrivateKey:
			c.PrivateKey = gatedKey{key, places}
		}
		copies[i] = c
	}
	return copies
}
