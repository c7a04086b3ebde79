package server

import (
	"net/http"
	"time"
)

// tokenError is a refusal (RFC 6749 section 5.2).
type tokenError struct {
	status      int
	code        string
	description string
	retryAfter  time.Duration
}

// The codes of RFC 6749 section 5.2, and one for outages.
const (
	invalidRequest = "invalid_request"
	invalidClient  = "invalid_client"
	invalidScope   = "invalid_scope"
	unavailable    = "temporarily_unavailable"
)

// notTheClient makes the refusal of a client whose authentication failed.
func notTheClient(description string) *tokenError {
	return &tokenError{status: http.StatusUnauthorized, code: invalidClient, description: description}
}

func badRequest(code, description string) *tokenError {
	return &tokenError{status: http.StatusBadRequest, code: code, description: description}
}

func outage(description string, retryAfter time.Duration) *tokenError {
	return &tokenError{status: http.StatusServiceUnavailable, code: unavailable, description: description, retryAfter: max(retryAfter, time.Second)}
}

type wireError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// grantedToken is the answer with a token (RFC 6749 section 5.1).
type grantedToken struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	Scope       string `json:"scope"`
}
