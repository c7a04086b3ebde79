package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/ssa"
)

func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	s, err := ssa.Parse(token)
	require.NoError(t, err)
	all := map[string]any{}
	require.NoError(t, json.Unmarshal([]byte(s.Signed().UnverifiedPayload()), &all))
	return all
}

func TestStatementsAreMintedWithChanges(t *testing.T) {
	w := start(t, sandbox.Config{})
	plain := payload(t, w.ssa(""))
	require.NotContains(t, plain, "exp")
	again := payload(t, w.ssa("{}"))
	require.NotEqual(t, plain["jti"], again["jti"])
	require.Regexp(t, "^[0-9a-f]{16}$", plain["jti"])
	require.Contains(t, plain, "software_on_behalf_of_org")

	changed := payload(t, w.ssa(`{"org_id": "theOrg", "software_id": "theSoftware", "org_status": null, "extra": [1, {"a": "<b>"}], "software_version": "2"}`))
	for name, want := range map[string]any{
		"software_client_id":             "theSoftware",
		"software_jwks_endpoint":         w.Ready.Directory + "/theOrg/theSoftware.jwks",
		"software_jwks_revoked_endpoint": w.Ready.Directory + "/theOrg/revoked/theSoftware.jwks",
		"org_jwks_endpoint":              w.Ready.Directory + "/theOrg/theOrg.jwks",
		"org_jwks_revoked_endpoint":      w.Ready.Directory + "/theOrg/revoked/theOrg.jwks",
		"extra":                          []any{1.0, map[string]any{"a": "<b>"}}, "software_version": "2",
	} {
		require.Equal(t, want, changed[name], name)
	}
	require.NotContains(t, changed, "org_status")

	own := payload(t, w.ssa(`{"software_id": "theSoftware", "software_client_id": "x", "software_jwks_endpoint": "https://elsewhere.example/", "org_jwks_endpoint": null}`))
	require.Equal(t, "x", own["software_client_id"])
	require.Equal(t, "https://elsewhere.example/", own["software_jwks_endpoint"])
	require.NotContains(t, own, "org_jwks_endpoint")
	odd := payload(t, w.ssa(`{"org_id": 7, "software_id": null, "iat": "yesterday"}`))
	require.Equal(t, 7.0, odd["org_id"])
	require.NotContains(t, odd, "software_id")

	for _, body := range []string{"[]", "null", "7", `{"a": 1} {}`, "{"} {
		r := send(t, w.client(), http.MethodPost, w.Ready.Directory+"/ssa", body)
		require.Equal(t, 400, r.status, body)
	}
	r := send(t, w.client(), http.MethodGet, w.Ready.Directory+"/ssa", "")
	require.Equal(t, 405, r.status)
	require.Equal(t, "POST", r.header.Get("Allow"))
}

func TestKeySetsArePublishedVerbatim(t *testing.T) {
	t.Parallel()
	w := start(t, sandbox.Config{})
	for _, path := range []string{"/org/software.jwks", "/org/org.jwks", "/org/revoked/software.jwks", softwarePath(w)} {
		for _, body := range []string{`{"keys":[]}`, "\x00no JSON\xff\n", "", strings.Repeat("x", 4<<20)} {
			r := w.put(path, body)
			require.Equal(t, 204, r.status)
			require.Empty(t, r.body)
			r = w.get(path)
			require.Equal(t, 200, r.status)
			require.True(t, body == r.body, "verbatim")
			require.Equal(t, "max-age=5", r.header.Get("Cache-Control"))
		}
	}
	require.Equal(t, 413, w.put("/org/software.jwks", strings.Repeat("x", 4<<20+1)).status)
	for _, path := range []string{"/keys.jwks", "/software.jwks", "/org/software", "/org/other/software.jwks", "/a/revoked/b/c.jwks", "/"} {
		require.Equal(t, 405, w.put(path, "{}").status, path)
	}
	require.Equal(t, `{"keys":[]}`, w.get("/nobody/revoked/nothing.jwks").body)
	require.Equal(t, 404, w.get("/nobody/nothing.jwks").status)
	require.Equal(t, 404, w.get("/").status)
}

func TestFetchesAreCounted(t *testing.T) {
	w := start(t, sandbox.Config{})
	require.JSONEq(t, "{}", w.get("/fetches").body)
	w.get("/keys.jwks")
	w.get("/keys.jwks")
	w.put("/org/software.jwks", "{}")
	w.get("/org/software.jwks")
	w.ssa("")
	require.JSONEq(t, `{"/keys.jwks": 2, "/org/software.jwks": 1}`, w.get("/fetches").body, "the test verbs are not counted")
}

func TestTheDirectoryRotatesItsKey(t *testing.T) {
	c := &clock{}
	w := start(t, sandbox.Config{Clock: c.now})
	before, old := w.key("directory.key"), w.ssa("")
	rotate := func(query string) reply {
		return send(t, w.client(), http.MethodPost, w.Ready.Directory+"/rotate"+query, "")
	}
	require.Equal(t, 201, w.register(w.mutual(), w.sign(w.request(old))).status)

	require.Equal(t, 200, rotate("").status)
	after := w.key("directory.key")
	require.False(t, before.Equal(after))
	keys, err := ssa.ParseJWKS(w.file("directory.jwks"))
	require.NoError(t, err)
	require.Len(t, keys.Keys, 2)
	require.True(t, after.PublicKey.Equal(keys.Keys[0].Public), "the one that signs stands first")
	require.True(t, before.PublicKey.Equal(keys.Keys[1].Public))
	require.Equal(t, compact(t, w.file("directory.jwks")), w.get("/keys.jwks").body)
	fresh := w.ssa("")
	checkSigned(t, fresh, ssa.KeySet{Keys: keys.Keys[:1]})
	require.Equal(t, 201, w.register(w.mutual(), w.sign(w.request(fresh))).status, "a new kid shows at once")
	require.Equal(t, 201, w.register(w.mutual(), w.sign(w.request(old))).status, "the old one is still published")

	require.Equal(t, 200, rotate("?drop=old").status)
	require.True(t, after.Equal(w.key("directory.key")), "nothing else is rotated")
	keys, err = ssa.ParseJWKS([]byte(w.get("/keys.jwks").body))
	require.NoError(t, err)
	require.Len(t, keys.Keys, 1)
	c.putForward(61 * time.Second)
	r := w.register(w.mutual(), w.sign(w.request(old)))
	require.Equal(t, 400, r.status, "gone after a minute at most")
	require.Equal(t, "invalid_software_statement", r.error(t))
	require.Equal(t, 201, w.register(w.mutual(), w.sign(w.request(fresh))).status)
	for _, query := range []string{"?drop=new", "?x=1", "?drop=old&x=1"} {
		require.Equal(t, 400, rotate(query).status)
	}
}

func TestWithdrawnKeysAreRefusedWithinAMinute(t *testing.T) {
	c := &clock{}
	w := start(t, sandbox.Config{Clock: c.now})
	statement := string(w.file("tpp/ssa.jwt"))
	require.Equal(t, 201, w.register(w.mutual(), w.sign(w.request(statement))).status)
	jwks, err := jose.MarshalJWKS([]jose.Key{{ID: string(w.file("tpp/signing.kid")), Use: "sig", Public: &w.key("tpp/signing.key").PublicKey}})
	require.NoError(t, err)
	org, name, _ := strings.Cut(strings.TrimPrefix(softwarePath(w), "/"), "/")
	require.Equal(t, 204, w.put("/"+org+"/revoked/"+name, string(jwks)).status)
	c.putForward(61 * time.Second)
	r := w.register(w.mutual(), w.sign(w.request(statement)))
	require.Equal(t, 400, r.status)
	require.Contains(t, r.body, "withdrawn")
}

func TestOnlyTheDirectoryIsAskedForKeys(t *testing.T) {
	w := start(t, sandbox.Config{})
	for _, address := range []string{w.Ready.Bank + "/keys.jwks", "https://127.0.0.1:1/a/b.jwks", "https://example.com/a.jwks"} {
		r := w.register(w.mutual(), w.sign(w.request(w.ssa(fmt.Sprintf(`{"software_jwks_endpoint": %q}`, address)))))
		require.Equal(t, 400, r.status, address)
		require.Equal(t, "invalid_software_statement", r.error(t), address)
	}
}

func TestTheDirectoryMisbehavesOnDemand(t *testing.T) {
	w := start(t, sandbox.Config{})
	good := w.get("/keys.jwks").body
	fault := func(body string) { t.Helper(); require.Equal(t, 204, w.put("/faults", body).status) }
	client := w.newClient()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	get := func(path string) reply { return send(t, client, http.MethodGet, w.Ready.Directory+path, "") }

	fault(`{"path": "/keys.jwks", "status": 500}`)
	require.Equal(t, 500, get("/keys.jwks").status)
	require.NotEqual(t, good, get("/keys.jwks").body)
	require.Equal(t, 404, get("/org/software.jwks").status, "others are right")
	fault(`{"path": "/keys.jwks", "body": "<html>"}`)
	r := get("/keys.jwks")
	require.Equal(t, reply{200, r.header, "<html>"}, r, "a second one replaces the first")
	fault(`{"path": "/keys.jwks", "body": {"keys": []}, "status": 201, "headers": {"Content-Type": "text/html", "Cache-Control": "max-age=99"}}`)
	r = get("/keys.jwks")
	require.Equal(t, 201, r.status)
	require.JSONEq(t, `{"keys":[]}`, r.body)
	require.Equal(t, "text/html", r.header.Get("Content-Type"))
	require.Equal(t, "max-age=99", r.header.Get("Cache-Control"))
	fault(`{"path": "/keys.jwks", "headers": {"Cache-Control": "no-store"}}`)
	r = get("/keys.jwks")
	require.Equal(t, good, r.body, "the right answer with another header")
	require.Equal(t, "no-store", r.header.Get("Cache-Control"))
	fault(`{"path": "/keys.jwks", "redirect": "https://elsewhere.example/"}`)
	r = get("/keys.jwks")
	require.Equal(t, 302, r.status)
	require.Equal(t, "https://elsewhere.example/", r.header.Get("Location"))
	fault(`{"path": "/keys.jwks", "redirect": "/a", "status": 308}`)
	require.Equal(t, 308, get("/keys.jwks").status)
	fault(`{"path": "/keys.jwks", "delay_ms": 150}`)
	began := time.Now()
	require.Equal(t, good, get("/keys.jwks").body)
	require.GreaterOrEqual(t, time.Since(began), 150*time.Millisecond)

	fault(`{"path": "*", "status": 502}`)
	fault(`{"path": "/keys.jwks", "status": 503, "times": 2}`)
	require.Equal(t, 502, get("/org/software.jwks").status)
	require.Equal(t, []int{503, 503, 502}, []int{get("/keys.jwks").status, get("/keys.jwks").status, get("/keys.jwks").status},
		"a concrete path first, as often as it says")
	w.ssa("") // the test verbs go on
	require.Equal(t, 204, w.put("/org/software.jwks", "{}").status)
	require.Equal(t, 204, send(t, client, http.MethodDelete, w.Ready.Directory+"/faults", "").status)
	require.Equal(t, good, get("/keys.jwks").body)
	require.Equal(t, 200, get("/org/software.jwks").status)

	for _, body := range []string{``, `[]`, `{}`, `{"path": "keys"}`, `{"path": "*", "status": 99}`, `{"path": "*", "delay_ms": -1}`,
		`{"path": "*", "times": -1}`, `{"path": "*", "Status": "x"}`, `{"path": "*", "code": 500}`, `{"path": "*"} {}`} {
		require.Equal(t, 400, w.put("/faults", body).status, body)
	}
	for body, member := range map[string]string{ // no header can have them, and half an answer would be sent
		`{"path": "*", "headers": {"A\r\nB": "x"}}`: "headers", `{"path": "*", "headers": {"": "x"}}`: "headers", `{"path": "*", "headers": {"A B": "x"}}`: "headers",
		`{"path": "*", "headers": {"é": "x"}}`: "headers", `{"path": "*", "headers": {"A": "x\r\nB: y"}}`: "headers: A", `{"path": "*", "redirect": "/a\nB: y"}`: "redirect",
	} {
		refused := w.put("/faults", body)
		require.Equal(t, 400, refused.status, body)
		require.Contains(t, refused.body, member, body)
	}
	require.Equal(t, 204, w.put("/faults", `{"path": "/other", "headers": {"X-A_b.1": "é\tx"}}`).status)
	require.Equal(t, 204, send(t, client, http.MethodDelete, w.Ready.Directory+"/faults", "").status)
}

func TestAnOutageOfTheDirectoryIsNobodysFault(t *testing.T) {
	c := &clock{}
	w := start(t, sandbox.Config{Clock: c.now})
	token := string(w.file("tpp/request.jwt"))
	for _, path := range []string{"/keys.jwks", "*"} {
		require.Equal(t, 204, w.put("/faults", fmt.Sprintf(`{"path": %q, "status": 500}`, path)).status)
		r := w.register(w.mutual(), token)
		require.Equal(t, 503, r.status, r.body)
		require.NotEmpty(t, r.header.Get("Retry-After"))
		require.Equal(t, 204, send(t, w.client(), http.MethodDelete, w.Ready.Directory+"/faults", "").status)
		c.putForward(11 * time.Second)
	}
	r := w.register(w.mutual(), token)
	require.Equal(t, 201, r.status, "the jti was not burnt: %s", r.body)

	// Cached keys are used during an outage.
	require.Equal(t, 204, w.put("/faults", `{"path": "*", "body": "<html>"}`).status)
	c.putForward(10 * time.Minute)
	r = w.register(w.mutual(), w.sign(w.request(string(w.file("tpp/ssa.jwt")))))
	require.Equal(t, 201, r.status, r.body)
}
