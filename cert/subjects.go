package cert

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
)

// maxIdentities bounds the subjects that a checker remembers.
const maxIdentities = 512

// identities remembers whom a certificate names. A client sends many requests by one
// connection, and its subject need be read once.
type identities struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]Identity // by thumbprint
}

// of is Identify, with ProfileUnknown for a certificate that cannot be read.
func (i *identities) of(leaf *x509.Certificate, thumbprint [sha256.Size]byte) Identity {
	i.mu.Lock()
	identity, found := i.known[thumbprint]
	i.mu.Unlock()
	if found {
		return identity
	}
	identity, err := Identify(leaf)
	if err != nil {
		identity = Identity{Profile: ProfileUnknown}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.known) >= maxIdentities {
		clear(i.known)
	}
	i.known[thumbprint] = identity
	return identity
}
