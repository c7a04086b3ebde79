package dcr

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"time"
)

// Limiter says how many requests a client may send. A token bucket per key is
// enough, in memory or shared between replicas. It must be safe for concurrent use,
// and bound what it keeps: any certificate of the CA has a key.
type Limiter interface {
	// Allow counts one request of the client with this key, the SHA-256 of its
	// certificate in hexadecimal. Where ok is false the request is answered with 429,
	// and retryAfter, rounded up to a second or more, is when to try again.
	Allow(key string) (retryAfter time.Duration, ok bool)
}

// LimitKey is the key of a client certificate for a Limiter: its SHA-256 in
// hexadecimal.
func LimitKey(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return hex.EncodeToString(sum[:])
}
