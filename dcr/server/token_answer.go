package server

import (
	"net/http"
	"time"

	"github.com/obdcr/obdcr/cert"
)

// The codes of RFC 6749 section 5.2, and one for outages.
const (
	invalidRequest = "invalid_request"
	invalidClient  = "invalid_client"
	invalidScope   = "invalid_scope"
	unavailable    = "temporarily_unavailable"
)

// notTheClient makes the refusal of a client whose authentication failed.
func notTheClient(description string) *cert.Denial {
	return &cert.Denial{Status: http.StatusUnauthorized, Code: invalidClient, Description: description}
}

func badRequest(code, description string) *cert.Denial {
	return &cert.Denial{Status: http.StatusBadRequest, Code: code, Description: description}
}

// outage makes the refusal of a request that cannot be judged now. err says why, for the
// log.
func outage(description string, retryAfter time.Duration, err error) *cert.Denial {
	return &cert.Denial{Status: http.StatusServiceUnavailable, Code: unavailable, Description: description,
		RetryAfter: max(retryAfter, time.Second), Err: err}
}

// grantedToken is the answer with a token (RFC 6749 section 5.1).
type grantedToken struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	Scope       string `json:"scope"`
}
