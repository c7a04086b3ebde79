package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

func TestWhoHasSignedInIsListedAndForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clients.db")
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	require.NoError(t, err)
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for _, u := range []store.User{
		{Email: "ada@tpp.example", Name: "Ada\u202e", Issuer: "https://directory.example", Subject: "1", Organisations: []string{"org-one", "org-two"}, SeenAt: at},
		{Email: "olga@bank.example", Operator: true, SeenAt: at},
	} {
		_, _, err := s.SignIn(t.Context(), u)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())

	code, out, said := call("people", "list", "--store", path)
	require.Zero(t, code, said)
	require.Contains(t, out, "ada@tpp.example\n  Ada\\u202e, of org-one org-two, first 2026-05-04T03:02:01Z, last 2026-05-04T03:02:01Z\n")
	require.Contains(t, out, "olga@bank.example\n  an operator, ")
	code, out, said = call("people", "list", "--store", path, "-o", "json")
	require.Zero(t, code, said)
	require.Contains(t, out, `"first_sign_in": "2026-05-04T03:02:01Z"`)

	code, _, said = call("people", "forget", "ada@tpp.example", "--store", path)
	require.Zero(t, code, said)
	code, _, said = call("people", "forget", "ada@tpp.example", "--store", path)
	require.Equal(t, exitViolated, code)
	require.Contains(t, said, "nobody has signed in as")
	_, out, _ = call("people", "list", "--store", path)
	require.NotContains(t, out, "ada@")
	for _, wrong := range [][]string{{"people"}, {"people", "forget", "--store", path}, {"people", "list"}, {"people", "list", "--store", path, "-o", "csv"}} {
		code, _, _ = call(wrong...)
		require.Equal(t, exitUsage, code, wrong)
	}
}
