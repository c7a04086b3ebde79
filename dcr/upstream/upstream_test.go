package upstream_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/upstream"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

func TestAClientLivesAtTheAuthorizationServer(t *testing.T) {
	f := newFake(t)
	e := f.endpoint(t, nil)
	made, err := e.Provision(t.Context(), newClient())
	require.NoError(t, err)
	require.Equal(t, "as-1", made.ClientID)
	require.Nil(t, made.Members)
	require.Equal(t, map[string]any{
		"redirect_uris": []any{"https://tpp.example/a", "https://tpp.example/b"}, "token_endpoint_auth_method": "private_key_jwt",
		"token_endpoint_auth_signing_alg": "PS256", "grant_types": []any{"client_credentials", "authorization_code"},
		"response_types": []any{"code id_token"}, "software_id": "software", "scope": "openid accounts", "application_type": "web",
		"id_token_signed_response_alg": "PS256", "request_object_signing_alg": "PS256",
		"client_name": "Test TPP", "jwks_uri": "https://keys.example/software.jwks", "tls_client_certificate_bound_access_tokens": true,
	}, f.received[0], "neither the statement nor a member that OBIE does not name")

	next := changed(newClient(), made)
	set(t, &next, "scope", "openid payments")
	again, err := e.Provision(t.Context(), next)
	require.NoError(t, err)
	require.Equal(t, "as-1", again.ClientID)
	require.Equal(t, "openid payments", f.clients["as-1"]["scope"])
	require.Equal(t, "as-1", f.received[1]["client_id"])
	require.False(t, again.State.Equal(made.State), "the token is a new one")

	require.NoError(t, e.Deprovision(t.Context(), dcr.Deprovisioning{ID: "record", ClientID: "as-1", State: again.State}))
	require.Empty(t, f.clients)
	require.Equal(t, []string{"POST /register", "PUT /register/as-1", "DELETE /register/as-1"}, f.calls)
	require.ErrorIs(t, e.Deprovision(t.Context(), dcr.Deprovisioning{ID: "record", ClientID: "as-1", State: again.State}), dcr.ErrLost,
		"the server does not tell whether the client or the token is gone")
}

func TestAnUpdateIsAnsweredByTheSameClient(t *testing.T) {
	f := newFake(t)
	e := f.endpoint(t, nil)
	made, err := e.Provision(t.Context(), newClient())
	require.NoError(t, err)
	f.alter = func(client map[string]any) { client["client_id"] = "another" }
	done, err := e.Provision(t.Context(), changed(newClient(), made))
	require.Error(t, err)
	require.NotErrorIs(t, err, dcr.ErrLost)
	require.True(t, done.State.IsZero(), "its token is the other client's")
}

func TestAnAnswerIsReadWholeOrNotAtAll(t *testing.T) {
	f := newFake(t)
	e := f.endpoint(t, nil)
	for blanks, good := range map[int]bool{1000: true, 1 << 20: false} {
		f.tail = strings.Repeat(" ", blanks)
		_, err := e.Provision(t.Context(), newClient())
		require.Equal(t, good, err == nil, "%d: %v", blanks, err)
	}
}

func TestAnAnswerWithoutANewTokenLeavesTheOldOne(t *testing.T) {
	f := newFake(t)
	e := f.endpoint(t, nil)
	made, err := e.Provision(t.Context(), newClient())
	require.NoError(t, err)
	kept := f.tokens["as-1"]
	f.alter = func(client map[string]any) {
		f.tokens["as-1"] = kept
		delete(client, "registration_access_token")
		delete(client, "registration_client_uri")
	}
	again, err := e.Provision(t.Context(), changed(newClient(), made))
	require.NoError(t, err)
	require.True(t, again.State.Equal(made.State))
}

// badAnswer is an answer to every request, and what must follow.
type badAnswer struct {
	status            int
	media, body       string
	post, put, delete func(*testing.T, error)
	orphan            bool // after the POST nobody knows whether there is a client
}

func badAnswers() map[string]badAnswer {
	refused := func(code validate.Code) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			t.Helper()
			var refusal *dcr.Refusal
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, code, refusal.Code)
			require.LessOrEqual(t, len(refusal.Reason), 500)
		}
	}
	outage := func(t *testing.T, err error) {
		t.Helper()
		var refusal *dcr.Refusal
		require.Error(t, err)
		require.NotErrorAs(t, err, &refusal)
		require.NotErrorIs(t, err, dcr.ErrLost)
		require.Less(t, len(err.Error()), 1000)
	}
	gone := func(t *testing.T, err error) { t.Helper(); require.ErrorIs(t, err, dcr.ErrLost) }
	done := func(t *testing.T, err error) { t.Helper(); require.NoError(t, err) }
	const js = "application/json"
	return map[string]badAnswer{
		"redirect URI":        {400, js, `{"error":"invalid_redirect_uri","error_description":"no"}`, refused(validate.InvalidRedirectURI), refused(validate.InvalidRedirectURI), outage, false},
		"metadata":            {400, js, `{"error":"invalid_client_metadata"}`, refused(validate.InvalidClientMetadata), refused(validate.InvalidClientMetadata), outage, false},
		"long description":    {400, js, `{"error":"invalid_client_metadata","error_description":"` + strings.Repeat("é", 9000) + `"}`, refused(validate.InvalidClientMetadata), refused(validate.InvalidClientMetadata), outage, false},
		"another code":        {400, js, `{"error":"invalid_request"}`, outage, outage, outage, false},
		"400 as HTML":         {400, "text/html", `<html>`, outage, outage, outage, false},
		"401":                 {401, js, `{"error":"invalid_token"}`, outage, gone, gone, false},
		"401 without a body":  {401, "", ``, outage, gone, gone, false},
		"401 of a proxy":      {401, "text/html", `<html>`, outage, outage, outage, false},
		"403":                 {403, js, `{"error":"insufficient_scope"}`, outage, outage, outage, false},
		"404":                 {404, js, `{}`, outage, gone, gone, false},
		"404 without a body":  {404, "", ``, outage, gone, gone, false},
		"404 with a reason":   {404, js, `{"error":"not_found"}`, outage, gone, done, false},
		"404 of a proxy":      {404, "text/html", `<html>`, outage, outage, outage, false},
		"410":                 {410, js, `{}`, outage, gone, gone, false},
		"410 of a proxy":      {410, "text/html", `<html>`, outage, outage, outage, false},
		"405":                 {405, js, `{}`, outage, outage, outage, false},
		"429":                 {429, js, `{}`, outage, outage, outage, false},
		"500":                 {500, js, `{}`, outage, outage, outage, true},
		"503":                 {503, "text/html", `<html>`, outage, outage, outage, false},
		"504":                 {504, "text/html", `<html>`, outage, outage, outage, true},
		"a redirect":          {307, "", ``, outage, outage, outage, false},
		"a page":              {200, "text/html", `<html>`, outage, outage, outage, true},
		"200 without a body":  {200, "", ``, outage, outage, done, true},
		"200 with a reason":   {200, js, `{"error":"server_error"}`, outage, outage, outage, true},
		"10 MB":               {200, js, `{"x":"` + strings.Repeat("x", 10<<20) + `"}`, outage, outage, outage, true},
		"no JSON":             {200, js, `{"client_id":`, outage, outage, outage, true},
		"a member twice":      {200, js, `{"client_id":"a","client_id":"as-1"}`, outage, outage, outage, true},
		"another 200":         {200, js, `{"deleted":true}`, outage, outage, done, true},
		"an array":            {201, js, `[]`, outage, outage, outage, true},
		"no client_id at all": {201, js, `{}`, outage, outage, outage, true},
	}
}

func TestTheServersAnswerDecides(t *testing.T) {
	for name, c := range badAnswers() {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			e := f.endpoint(t, nil)
			made, err := e.Provision(t.Context(), newClient())
			require.NoError(t, err)
			f.answer = func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Type", c.media)
				w.Header().Set("Location", "https://elsewhere.example/")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
				return true
			}
			calls := len(f.calls)
			done, err := e.Provision(t.Context(), newClient())
			c.post(t, err)
			require.Equal(t, !c.orphan, done.Unchanged)
			_, err = e.Provision(t.Context(), changed(newClient(), made))
			c.put(t, err)
			c.delete(t, e.Deprovision(t.Context(), dcr.Deprovisioning{ID: "record", ClientID: "as-1", State: made.State}))
			switch {
			case c.status == http.StatusInternalServerError,
				strings.HasPrefix(name, "404") && !strings.Contains(c.body, "<") && !strings.Contains(c.body, "error"), name == "410":
				calls++ // it was asked whether it has the client
			}
			require.Len(t, f.calls, calls+3, "nothing is sent twice")
		})
	}
}

func TestWhatTheServerRegisteredOtherwiseIsNoSuccess(t *testing.T) {
	var refusal *dcr.Refusal
	for name, c := range map[string]struct {
		alter func(map[string]any)
		named string // the member in the refusal; "" for a fault of the bank's setup
		fine  bool
	}{
		"another order of a set":       {alter: func(c map[string]any) { c["redirect_uris"] = []any{"https://tpp.example/b", "https://tpp.example/a"} }, fine: true},
		"another order of the scopes":  {alter: func(c map[string]any) { c["scope"] = "accounts openid" }, fine: true},
		"another order of a response":  {alter: func(c map[string]any) { c["response_types"] = []any{"id_token code"} }, fine: true},
		"a member that was not sent":   {alter: func(c map[string]any) { c["subject_type"] = "pairwise" }, fine: true},
		"fewer scopes":                 {alter: func(c map[string]any) { c["scope"] = "openid" }, named: "scope"},
		"more scopes":                  {alter: func(c map[string]any) { c["scope"] = "openid accounts payments" }, named: "scope"},
		"a redirect URI more":          {alter: func(c map[string]any) { c["redirect_uris"] = append(c["redirect_uris"].([]any), "https://x.example/") }, named: "redirect_uris"},
		"another authentication":       {alter: func(c map[string]any) { c["token_endpoint_auth_method"] = "none" }, named: "token_endpoint_auth_method"},
		"a member that is not shown":   {alter: func(c map[string]any) { delete(c, "request_object_signing_alg") }, named: "request_object_signing_alg"},
		"a member of another type":     {alter: func(c map[string]any) { c["grant_types"] = "client_credentials" }, named: "grant_types"},
		"tokens that are not bound":    {alter: func(c map[string]any) { c["tls_client_certificate_bound_access_tokens"] = false }},
		"keys from another address":    {alter: func(c map[string]any) { c["jwks_uri"] = "https://keys.example/other.jwks" }},
		"a client_id that is too long": {alter: func(c map[string]any) { c["client_id"] = strings.Repeat("a", 37) }},
		"a client_id that is no id":    {alter: func(c map[string]any) { c["client_id"] = "a/../b" }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			e := f.endpoint(t, nil)
			f.alter = c.alter
			made, err := e.Provision(t.Context(), newClient())
			switch {
			case c.fine:
				require.NoError(t, err)
				return
			case c.named != "":
				require.ErrorAs(t, err, &refusal)
				require.Equal(t, validate.InvalidClientMetadata, refusal.Code)
				require.Contains(t, refusal.Reason, c.named)
				require.NotEqual(t, refusal.Error(), err.Error(), "the bank's log has the server's value")
			default:
				require.Error(t, err)
				require.NotErrorAs(t, err, &refusal)
			}
			require.False(t, made.State.IsZero(), "the Registrar can take the client back")
			require.NoError(t, e.Deprovision(t.Context(), dcr.Deprovisioning{ID: "record", ClientID: "record", State: made.State}))
			require.Empty(t, f.clients)
		})
	}
}

func TestATokenIsNeverSentToAnotherHost(t *testing.T) {
	for name, address := range map[string]any{
		"another host": "https://elsewhere.example/register/as-1", "another port": "https://127.0.0.1:1/register/as-1",
		"no https": "http://127.0.0.1/register/as-1", "userinfo": "https://a@127.0.0.1/", "no text": 1, "nothing": nil,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			e := f.endpoint(t, nil)
			f.alter = func(client map[string]any) {
				client["registration_client_uri"] = address
				if address == nil {
					delete(client, "registration_client_uri")
				}
			}
			_, err := e.Provision(t.Context(), newClient())
			require.Error(t, err)
			require.ErrorIs(t, e.Deprovision(t.Context(), dcr.Deprovisioning{ID: "record", ClientID: "record"}), dcr.ErrLost)
			require.Len(t, f.calls, 1)
		})
	}
}

func TestATokenThatChangedIsKeptThoughTheAnswerIsNoGood(t *testing.T) {
	for name, alter := range map[string]func(map[string]any){
		"another value":   func(c map[string]any) { c["scope"] = "openid" },
		"another address": func(c map[string]any) { c["registration_client_uri"] = "https://elsewhere.example/" },
		"no client_id":    func(c map[string]any) { delete(c, "client_id") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			e := f.endpoint(t, nil)
			made, err := e.Provision(t.Context(), newClient())
			require.NoError(t, err)
			f.alter = alter
			bad, err := e.Provision(t.Context(), changed(newClient(), made))
			require.Error(t, err)
			f.alter = nil
			_, err = e.Provision(t.Context(), changed(newClient(), made))
			require.ErrorIs(t, err, dcr.ErrLost, "the old token is dead")
			_, err = e.Provision(t.Context(), changed(newClient(), bad))
			require.NoError(t, err)
		})
	}
}

// TestAServerThatFailsAtAClientThatItDoesNotHaveIsAskedForIt: Keycloak 26 does so.
func TestAServerThatFailsAtAClientThatItDoesNotHaveIsAskedForIt(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		lost   bool
	}{
		"it does not know the token":  {401, `{"error":"invalid_token"}`, true},
		"it does not know the client": {404, `{}`, true},
		"it is out for that, too":     {500, `{}`, false},
		"it has the client":           {200, `{"registration_access_token":"token-of-the-look"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			e := f.endpoint(t, nil)
			made, err := e.Provision(t.Context(), newClient())
			require.NoError(t, err)
			f.answer = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodGet {
					answerJSON(w, c.status, c.body)
				} else {
					answerJSON(w, http.StatusInternalServerError, `{"error":"unknown_error"}`)
				}
				return true
			}
			after, err := e.Provision(t.Context(), changed(newClient(), made))
			require.Error(t, err)
			require.Equal(t, c.lost, errors.Is(err, dcr.ErrLost))
			require.Equal(t, c.status == http.StatusOK, strings.Contains(after.State.Reveal(), "token-of-the-look"))
			require.NotContains(t, err.Error(), "token-of-the-look")
		})
	}
}

func TestALostClientIsMadeAnewIfAskedFor(t *testing.T) {
	f := newFake(t)
	var log bytes.Buffer
	e := f.endpoint(t, logTo(&log))
	made, err := e.Provision(t.Context(), newClient())
	require.NoError(t, err)
	p := changed(newClient(), made)
	p.Client.State, p.Recreate = store.Active, true
	same, err := e.Provision(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, "as-1", same.ClientID, "it was there")
	p.State = same.State
	clear(f.clients)
	p.Recreate = false
	_, err = e.Provision(t.Context(), p)
	require.ErrorIs(t, err, dcr.ErrLost)
	require.Empty(t, log.String())
	p.Recreate = true
	other, err := e.Provision(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, "as-2", other.ClientID)
	require.Contains(t, log.String(), "as-1")
	require.NotContains(t, log.String(), "token-")
}

func TestARecordWithoutATokenIsNotRegisteredASecondTime(t *testing.T) {
	f := newFake(t)
	e := f.endpoint(t, nil)
	p := newClient()
	p.Client.State = store.Updating
	_, err := e.Provision(t.Context(), p)
	require.ErrorIs(t, err, dcr.ErrLost)
	require.Empty(t, f.calls)
	p.Recreate = true
	made, err := e.Provision(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, "as-1", made.ClientID)
}

func TestAServerThatCannotBeReachedHasNoClient(t *testing.T) {
	f := newFake(t)
	e := f.endpoint(t, nil)
	f.Close()
	done, err := e.Provision(t.Context(), newClient())
	require.Error(t, err)
	require.True(t, done.Unchanged)
	require.ErrorIs(t, e.Deprovision(t.Context(), dcr.Deprovisioning{ID: "record", ClientID: "record"}), dcr.ErrLost, "another process knows nothing")
}

// TestASlowServerMayHaveTheClient: the request has reached the server before the time is over. The clock of the test stands
// until it has.
func TestASlowServerMayHaveTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer func() { _ = theirs.Close() }()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		transport := &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return ours, nil }}
		e, err := upstream.New(upstream.Config{RegistrationEndpoint: "https://as.example/register", HTTPClient: &http.Client{Transport: transport},
			Timeout: time.Second})
		require.NoError(t, err)
		began := time.Now()
		done, err := e.Provision(t.Context(), newClient())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
		require.False(t, done.Unchanged)
		require.ErrorIs(t, e.Deprovision(t.Context(), dcr.Deprovisioning{ID: "record"}), dcr.ErrLost)
	})
}

func TestTheInitialTokenAndTheSubjectAreAskedFor(t *testing.T) {
	f := newFake(t)
	down := errors.New("down")
	e := f.endpoint(t, func(c *upstream.Config) {
		c.InitialAccessToken = func(context.Context) (claims.Secret, error) { return claims.Secret{}, down }
	})
	done, err := e.Provision(t.Context(), newClient())
	require.ErrorIs(t, err, down)
	require.True(t, done.Unchanged)
	require.Empty(t, f.calls)

	e = f.endpoint(t, func(c *upstream.Config) {
		c.Subject = func(_ context.Context, id string) (string, error) { return "subject of " + id, nil }
	})
	made, err := e.Provision(t.Context(), newClient())
	require.NoError(t, err)
	require.Equal(t, "subject of as-1", made.Subject)

	e = f.endpoint(t, func(c *upstream.Config) {
		c.Subject = func(context.Context, string) (string, error) { return "", down }
	})
	made, err = e.Provision(t.Context(), newClient())
	require.ErrorIs(t, err, down)
	require.False(t, made.State.IsZero())
}

func TestAStateOfAnotherHostIsNotUsed(t *testing.T) {
	f, other := newFake(t), newFake(t)
	made, err := other.endpoint(t, nil).Provision(t.Context(), newClient())
	require.NoError(t, err)
	e := f.endpoint(t, nil)
	for _, state := range []claims.Secret{made.State, claims.NewSecret("{"), claims.NewSecret("[]")} {
		p := changed(newClient(), made)
		p.State = state
		_, err = e.Provision(t.Context(), p)
		require.Error(t, err)
		require.NotErrorIs(t, err, dcr.ErrLost)
		err = e.Deprovision(t.Context(), dcr.Deprovisioning{ID: "record", State: state})
		require.Error(t, err)
		require.NotErrorIs(t, err, dcr.ErrLost, "the client may well be there: the bank's address of the server is wrong")
	}
	p := changed(newClient(), made)
	p.Recreate = true
	_, err = e.Provision(t.Context(), p)
	require.Error(t, err, "nor does Reprovision make every client anew")
	require.Empty(t, f.calls)

	var log bytes.Buffer
	moved := f.endpoint(t, func(c *upstream.Config) {
		c.LeftHosts = []string{strings.TrimPrefix(other.URL, "https://")}
		logTo(&log)(c)
	})
	again, err := moved.Provision(t.Context(), p)
	require.NoError(t, err, "unless the bank has left the other server")
	require.Equal(t, "as-1", again.ClientID)
	require.NotEmpty(t, log.String())
	p.State = claims.NewSecret("{")
	_, err = e.Provision(t.Context(), p)
	require.NoError(t, err, "a state that nobody can read is not kept for ever")
}

func TestNoErrorShowsAToken(t *testing.T) {
	f := newFake(t)
	e := f.endpoint(t, nil)
	made, err := e.Provision(t.Context(), newClient())
	require.NoError(t, err)
	held, _ := json.Marshal(made)
	require.NotContains(t, string(held), f.tokens["as-1"])
	access := f.tokens["as-1"]
	f.Close()
	_, err = e.Provision(t.Context(), changed(newClient(), made))
	require.Error(t, err)
	require.NotContains(t, err.Error(), access)
}
