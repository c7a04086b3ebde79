package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/obdcr/obdcr/ssa"
)

// answer answers a registration request as some banks do.
type answer func(w http.ResponseWriter, r *http.Request, asked map[string]any)

// registers answers 201 with what was asked for and changes to it; nil removes a member.
func registers(w http.ResponseWriter, asked, changes map[string]any) {
	asked = changed(asked, changes)
	asked["client_id"] = "a-dialect-client"
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(asked)
}

// says answers with a status, a media type and a body.
func says(status int, media, body string) answer {
	return func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// dialects are what banks do other than this module's.
var dialects = map[string]answer{
	"jose": func(w http.ResponseWriter, r *http.Request, asked map[string]any) {
		if r.Header.Get("Content-Type") != "application/jose" {
			w.WriteHeader(http.StatusUnsupportedMediaType)
			return
		}
		registers(w, asked, nil)
	},
	"array": func(w http.ResponseWriter, r *http.Request, asked map[string]any) {
		if _, array := asked["scope"].([]any); !array {
			says(http.StatusBadRequest, "application/json", `{"error": "invalid_client_metadata"}`)(w, r, asked)
			return
		}
		registers(w, asked, map[string]any{"application_type": nil})
	},
	"neither": says(http.StatusUnsupportedMediaType, "text/plain", "no"),
	"changed": func(w http.ResponseWriter, _ *http.Request, asked map[string]any) {
		registers(w, asked, map[string]any{"scope": "openid accounts", "application_type": "mobile", "redirect_uris": []string{
			"https://tpp.example/callback", "https://tpp.example/a/very/long/address/that/nobody/has/asked/for/in/any/request"}})
	},
	"tokens": func(w http.ResponseWriter, _ *http.Request, asked map[string]any) {
		registers(w, asked, map[string]any{"registration_access_token": "r3gistration-token"})
	},
	"obie": says(http.StatusBadRequest, "application/json",
		`{"Code": "400 BadRequest", "Message": "Bad", "Errors": [{"ErrorCode": "UK.OBIE.Field.Invalid", "Message": "the aud is wrong", "Path": "aud"}]}`),
	"html":    says(http.StatusForbidden, "text/html", "<html><head><title>Access \x1b[31mdenied</title></head><body><h1>Access denied</h1></body></html>"),
	"gateway": says(http.StatusTooManyRequests, "application/json", `{"message": "API rate limit exceeded"}`),
	"long":    says(http.StatusBadRequest, "text/plain", strings.Repeat("very long ", 1000)),
	"broken":  says(http.StatusBadGateway, "text/plain", "upstream"),
	"early": func(w http.ResponseWriter, r *http.Request, asked map[string]any) {
		w.Header().Set("Date", time.Now().Add(-4*time.Minute).UTC().Format(http.TimeFormat))
		says(http.StatusBadRequest, "application/json", `{"error": "invalid_client_metadata", "error_description": "iat is in the future"}`)(w, r, asked)
	},
}

// serveDialects serves each dialect at /dialect/NAME, with a discovery document below.
func serveDialects(mux *http.ServeMux, address string) {
	answers := unusualAnswers()
	maps.Copy(answers, dialects)
	mux.HandleFunc("GET /dialect/{name}/discovery", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"issuer": "x", "registration_endpoint": "%[1]s/dialect/%[2]s", "token_endpoint": "%[1]s/token",
			"token_endpoint_auth_methods_supported": ["private_key_jwt"]}`, address, r.PathValue("name"))
	})
	serveUnusual(mux, address)
	mux.HandleFunc("PUT /unusable/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<html>`) })
	mux.HandleFunc("POST /dialect/{name}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		asked := map[string]any{}
		if signed, err := ssa.ParseSigned(string(body)); err == nil {
			_ = json.Unmarshal([]byte(signed.UnverifiedPayload()), &asked)
		}
		answers[r.PathValue("name")](w, r, asked)
	})
}
