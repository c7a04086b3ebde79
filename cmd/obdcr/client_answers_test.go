package main

import (
	"net/http"
	"strings"
)

// The answers of banks that a client cannot use, and refusals that are no documents.
func unusualAnswers() map[string]dialect {
	dialects := map[string]dialect{}
	const named = `"client_id": "x1", "client_secret": "s3cret-value"`
	for name, body := range map[string]string{
		"nested": `{"data": {` + named + `}}`, "list": `[{` + named + `}]`, "cutoff": `{` + named + `,`, "page201": `<html>Welcome</html>`,
		"controls": `{"client_id": "a\u0007", "client_secret": "s3cret-value"}`,
		"number":   `{"client_id": 12345, "client_secret": "s3cret-value"}`, "blank": `{"client_id": "a b"}`, "marked": "\ufeff" + `{"client_id": "x1"}`,
	} {
		dialects[name] = says(http.StatusCreated, "application/json", body)
	}
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
	dialects["escapes"] = says(http.StatusBadRequest, "application/json", `{"error": "E1", "error_description": "E1: a\u001b[31mb"}`)
	dialects["word"] = says(http.StatusBadRequest, "text/plain", strings.Repeat("A", 300))
	return dialects
}
