package tpp_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// directoryConfig is of a software at the fake directory.
func (w *world) directoryConfig(http *http.Client, address string) tpp.DirectoryConfig {
	return tpp.DirectoryConfig{HTTP: http, API: address, TokenEndpoint: address + ssatest.TokenPath, SoftwareID: w.software.SoftwareID,
		Signer: w.software.SigningKey, KeyID: w.software.SigningKeyID, Clock: w.clock}
}

func TestAStatementIsFetchedFromTheDirectory(t *testing.T) {
	w := newWorld(t)
	c := w.directoryConfig(tpp.MutualTLS(w.software.TransportCertificate, w.roots()), w.directory.URL())
	d, err := tpp.NewDirectoryClient(c)
	require.NoError(t, err)
	statement, err := d.Statement(t.Context(), w.software.OrgID, w.software.SoftwareID)
	require.NoError(t, err)
	parsed, err := ssa.Parse(statement)
	require.NoError(t, err)
	assert.Equal(t, w.software.SoftwareID, parsed.UnverifiedClaims().SoftwareID.Or(""))

	_, err = d.Statement(t.Context(), w.software.OrgID, "another")
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, http.StatusNotFound, refused.Status)
	assert.Equal(t, "statement", refused.Verb)
	assert.Contains(t, refused.Error(), "the directory answered 404")
	assert.NotEmpty(t, refused.Next())

	c.KeyID = "another"
	d, err = tpp.NewDirectoryClient(c)
	require.NoError(t, err)
	_, err = d.Statement(t.Context(), w.software.OrgID, w.software.SoftwareID)
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "directory token", refused.Verb)
	assert.NotEmpty(t, refused.Next())
}

// standIn is a directory that gives a token, and a fixed answer for a statement.
type standIn struct {
	status int
	body   string
	scope  string // that was asked for
	path   string
	accept string
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == ssatest.TokenPath {
		s.scope = r.PostFormValue("scope")
		fmt.Fprint(w, `{"access_token": "opaque-token", "token_type": "Bearer", "expires_in": "3600"}`)
		return
	}
	s.path, s.accept = r.URL.EscapedPath(), r.Header.Get("Accept")
	w.WriteHeader(s.status)
	fmt.Fprint(w, s.body)
}

func TestTheDirectorysAnswersAreToldApart(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, nil)
	ask := func(s *standIn, scopes ...string) (string, error) {
		c := w.directoryConfig(handled(s), "https://directory.example/base/")
		c.TokenEndpoint, c.Scopes = "https://directory.example"+ssatest.TokenPath, scopes
		d, err := tpp.NewDirectoryClient(c)
		require.NoError(t, err)
		return d.Statement(t.Context(), "org/1", w.software.SoftwareID)
	}
	s := &standIn{status: 200, body: statement + "\r\n"}
	got, err := ask(s)
	require.NoError(t, err)
	assert.Equal(t, statement, got, "the line end is cut off")
	assert.Equal(t, "/base/v2.1/organisation/org%2F1/software-statement/"+w.software.SoftwareID+"/software-statement-assertion", s.path)
	assert.Equal(t, tpp.DirectoryScope, s.scope)
	assert.Contains(t, s.accept, "*/*", "406 helps nobody")
	_, err = ask(s, "ASPSPReadAccess")
	require.NoError(t, err)
	assert.Equal(t, "ASPSPReadAccess", s.scope)

	said := map[string]int{}
	for _, status := range []int{400, 401, 404, 406, 500, 502} {
		_, err := ask(&standIn{status: status, body: `{"message": "no"}`})
		var refused *tpp.ResponseError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, status, refused.Status)
		assert.Equal(t, "no", refused.Description)
		require.NotEmpty(t, refused.Next(), status)
		said[refused.Next()]++
		assert.False(t, tpp.MayHaveHappened(err))
	}
	assert.Len(t, said, 5, "500 and 502 are one")

	for name, body := range map[string]string{"nothing": "", "JSON": `{"ssa": "x"}`, "HTML": "<html>", "another software": w.statement(t, map[string]any{"software_id": "other"})} {
		_, err := ask(&standIn{status: 200, body: body})
		var lost *tpp.NoAnswerError
		require.ErrorAs(t, err, &lost, name)
		assert.Equal(t, "statement", lost.Verb)
		assert.NotContains(t, err.Error(), "html")
	}
}

func TestADirectoryClientNeedsItsCollaborators(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*tpp.DirectoryConfig){
		"HTTP":       func(c *tpp.DirectoryConfig) { c.HTTP = nil },
		"signer":     func(c *tpp.DirectoryConfig) { c.Signer = nil },
		"kid":        func(c *tpp.DirectoryConfig) { c.KeyID = "" },
		"software":   func(c *tpp.DirectoryConfig) { c.SoftwareID = "a b" },
		"no TLS":     func(c *tpp.DirectoryConfig) { c.API = "http://directory.example" },
		"no address": func(c *tpp.DirectoryConfig) { c.TokenEndpoint = "" },
		"algorithm":  func(c *tpp.DirectoryConfig) { c.Algorithm = "RS256" },
	} {
		c := w.directoryConfig(w.http, "https://directory.example")
		change(&c)
		_, err := tpp.NewDirectoryClient(c)
		require.Error(t, err, name)
	}
	d, err := tpp.NewDirectoryClient(w.directoryConfig(handled(&standIn{}), "https://directory.example"))
	require.NoError(t, err)
	for _, id := range []string{"", "..", "a b", strings.Repeat("x", 300)} {
		_, err = d.Statement(t.Context(), id, "x")
		require.Error(t, err, "%q", id)
		_, err = d.Statement(t.Context(), "x", id)
		require.Error(t, err, "%q", id)
	}
}
