package text

import (
	"strconv"
	"strings"
	"time"
)

// Header has the method of http.Header that this package calls. With it the package does
// not import net/http.
type Header interface {
	// Set replaces the values of a header field by one.
	Set(name, value string)
}

// NoStore sets the headers that forbid caches to store an answer (RFC 6749 section 5.1)
// and browsers to guess its type.
func NoStore(h Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
}

// RetryAfter sets Retry-After to whole seconds, rounded up, and at least one (RFC
// 9110 section 10.2.3).
func RetryAfter(h Header, wait time.Duration) {
	seconds := int64(wait / time.Second)
	if wait%time.Second > 0 {
		seconds++
	}
	h.Set("Retry-After", strconv.FormatInt(max(seconds, 1), 10))
}

// IsBearer reports whether a text can be an access token: the b64token of RFC 6750
// section 2.1, of at most limit bytes.
func IsBearer(token string, limit int) bool {
	body := strings.TrimRight(token, "=")
	for i := range len(body) {
		switch b := body[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case b == '-', b == '.', b == '_', b == '~', b == '+', b == '/':
		default:
			return false
		}
	}
	return body != "" && len(token) <= limit
}
