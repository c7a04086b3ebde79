package dcr

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"time"
)

// Limiter limits how many requests a client may send. A token bucket per key is
// enough, in memory or shared between replicas. It must be safe for concurrent use.
// It must bound its memory, because every certificate of the CA has a key.
type Limiter interface {
	// Allow counts one request of the client with this key, the SHA-256 of its
	// certificate in hexadecimal. If ok is false, the Handler answers 429, and
	// Retry-After is retryAfter in whole seconds, rounded up, at least one.
	Allow(key string) (retryAfter time.Duration, ok bool)
}

// LimitKey returns the key of a client certificate for a Limiter: its SHA-256 in
// hexadecimal.
func LimitKey(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return hex.EncodeToString(sum[:])
}
