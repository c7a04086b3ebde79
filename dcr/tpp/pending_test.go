package tpp_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/ssa/ssatest"
	"github.com/obdcr/obdcr/validate"
)

// TestAChangeThatWaitsIsNoSuccessAndNoLoss: the answers are those of a bank here, and those
// that another bank may send.
func TestAChangeThatWaitsIsNoSuccessAndNoLoss(t *testing.T) {
	for name, c := range map[string]struct{ body, id string }{
		"a bank's":              {`{"client_id":"id","status":"pending"}`, "id"},
		"another spelling":      {"\ufeff" + `{"status":"PENDING","client_id":"id","more":[1]}`, "id"},
		"no client_id":          {`{"status":"pending"}`, ""},
		"a client_id of no use": {`{"status":"pending","client_id":".."}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusAccepted)
				fmt.Fprint(w, c.body)
			})
			for _, verb := range []string{"register", "delete"} {
				err := each(t.Context(), s.client)[verb]()
				var pending *tpp.PendingError
				require.ErrorAs(t, err, &pending, verb)
				assert.Equal(t, verb, pending.Verb)
				assert.Equal(t, c.id, pending.ClientID)
				assert.Contains(t, "\ufeff"+pending.Document.Reveal(), c.body[len(c.body)-10:])
				assert.Equal(t, tpp.RetryLook, pending.Retry())
				assert.NotEmpty(t, pending.Next())
				assert.True(t, tpp.MayHaveHappened(err))
				assert.NotContains(t, fmt.Sprintf("%v %+v", err, *pending), "more")
			}
			for _, verb := range []string{"get", "update", "token"} {
				var lost *tpp.NoAnswerError
				require.ErrorAs(t, each(t.Context(), s.client)[verb](), &lost, "%s cannot wait", verb)
			}
		})
	}
}

func TestA202ThatDoesNotSayPendingIsAnAnswerOfNoUse(t *testing.T) {
	for name, body := range map[string]string{
		"nothing": "", "no JSON": "pending", "no status": `{"client_id":"id"}`, "another status": `{"client_id":"id","status":"done"}`,
		"a status of no text": `{"client_id":"id","status":["pending"]}`, "a list": `["pending"]`,
	} {
		s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, body)
		})
		for _, verb := range []string{"register", "delete"} {
			var lost *tpp.NoAnswerError
			require.ErrorAs(t, each(t.Context(), s.client)[verb](), &lost, "%s: %s", name, verb)
			assert.Equal(t, body, lost.Document.Reveal())
		}
	}
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"client_id":"another","status":"pending"}`)
	})
	var lost *tpp.NoAnswerError
	require.ErrorAs(t, s.client.Delete(t.Context(), "id", goodToken), &lost)
	assert.Equal(t, http.StatusAccepted, lost.Status)
	assert.Contains(t, lost.Document.Reveal(), "another")
}

// TestATPPWaitsForABankHere goes through the life of a client at a bank whose changes wait.
func TestATPPWaitsForABankHere(t *testing.T) {
	w := openWorld(t, worldOptions{
		pending: []validate.PendingChange{validate.PendingCreate, validate.PendingDelete}})
	client := w.client(t)
	request, err := client.Build(w.statement(t, nil), tpp.RequestOptions{Audience: ssatest.DefaultAudience})
	require.NoError(t, err)
	_, err = client.Register(t.Context(), request)
	var pending *tpp.PendingError
	require.ErrorAs(t, err, &pending)
	by := tpp.Credentials{ClientID: pending.ClientID, Method: claims.PrivateKeyJWT}
	_, err = client.AccessToken(t.Context(), by)
	var refused *tpp.ResponseError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "invalid_client", refused.Code)

	_, err = client.Register(t.Context(), request)
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, tpp.RetryLook, refused.Retry(), "nobody is told to register anew")

	registrar := w.bank.Registrar()
	_, err = registrar.ApprovePending(t.Context(), pending.ClientID)
	require.NoError(t, err)
	token, err := client.AccessToken(t.Context(), by)
	require.NoError(t, err)
	require.ErrorAs(t, client.Delete(t.Context(), by.ClientID, token), &pending)
	assert.Equal(t, "delete", pending.Verb)
	_, err = client.Get(t.Context(), by.ClientID, token)
	require.NoError(t, err)
	_, err = registrar.ApprovePending(t.Context(), by.ClientID)
	require.NoError(t, err)
	_, err = client.Get(t.Context(), by.ClientID, token)
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, http.StatusUnauthorized, refused.Status)
}
