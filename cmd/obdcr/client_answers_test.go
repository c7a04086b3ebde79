package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The answers of banks that a client cannot use, and refusals that are no documents.
func unusualAnswers() map[string]answer {
	dialects := map[string]answer{}
	const named = `"client_id": "x1", "client_secret": "s3cret-value"`
	for name, body := range map[string]string{
		"nested": `{"data": {` + named + `}}`, "list": `[{` + named + `}]`, "cutoff": `{` + named + `,`, "page201": `<html>Welcome</html>`,
		"controls": `{"client_id": "a\u0007", "client_secret": "s3cret-value"}`,
		"number":   `{"client_id": 12345, "client_secret": "s3cret-value"}`, "blank": `{"client_id": "a b"}`, "marked": "\ufeff" + `{"client_id": "x1"}`,
	} {
		dialects[name] = says(http.StatusCreated, "application/json", body)
	}
	dialects["waits"] = says(http.StatusAccepted, "application/json", `{"client_id":"a-provisional-client","status":"pending"}`)
	dialects["namelesswait"] = says(http.StatusAccepted, "application/json", `{"status":"pending","reference":"A-17"}`)
	dialects["accepted"] = says(http.StatusAccepted, "application/json", `{"client_id":"x1"}`)
	dialects["busy"] = says(http.StatusServiceUnavailable, "text/plain", "")
	dialects["moved"] = func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
		w.Header().Set("Location", "https://elsewhere.example/register")
		w.WriteHeader(http.StatusPermanentRedirect)
	}
	dialects["challenge"] = func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="no such token"`)
		w.WriteHeader(http.StatusUnauthorized)
	}
	dialects["replay"] = says(http.StatusBadRequest, "application/json",
		`{"error": "invalid_client_metadata", "error_description": "jti replayed (request.jti.replayed)"}`)
	dialects["escapes"] = says(http.StatusBadRequest, "application/json", `{"error": "E1", "error_description": "E1: a\u001b[31mb\u009b\u202e"}`)
	dialects["word"] = says(http.StatusBadRequest, "text/plain", strings.Repeat("A", 300))
	dialects["unsecret"] = func(w http.ResponseWriter, _ *http.Request, asked map[string]any) {
		registers(w, asked, map[string]any{"software_statement": strings.Repeat("A", 2330)})
	}
	return dialects
}

// serveUnusual serves what is no document at addresses where one is due, and endings of a
// delete that tell little.
func serveUnusual(mux *http.ServeMux, address string) {
	body := func(path, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	body("GET /page", "<!DOCTYPE html><html><body>log in</body></html>")
	body("GET /directory/page/", "<!DOCTYPE html><html><body>log in</body></html>")
	body("GET /directory/request/", "eyJhbGciOiJQUzI1NiIsImtpZCI6ImEifQ.eyJzb2Z0d2FyZV9zdGF0ZW1lbnQiOiJhLmIuYyJ9.YQ")
	for _, path := range []string{"POST /directory/token", "POST /free-token"} {
		body(path, `{"access_token": "opaque-token", "token_type": "Bearer", "expires_in": -1}`)
	}
	for name, at := range map[string]string{"telltale-free": "lost", "gone": "nowhere", "leaving": "waiting"} {
		body("GET /"+name, strings.NewReplacer("ADDRESS", address, "AT", at).Replace(
			`{"issuer": "x", "registration_endpoint": "ADDRESS/AT", "token_endpoint": "ADDRESS/free-token"}`))
	}
	mux.HandleFunc("DELETE /lost/", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("DELETE /waiting/", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"client_id":"a-client","status":"pending"}`)
	})
	mux.HandleFunc("DELETE /nowhere/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
}

// newGate runs a proxy that lets nobody through.
func newGate(t *testing.T) string {
	t.Helper()
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
	t.Cleanup(gate.Close)
	return gate.URL
}
