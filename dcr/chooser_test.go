package dcr_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// chooser is an authorization server that chooses client_ids and gives a new management
// token with each answer (RFC 7592). The one before opens nothing any more.
type chooser struct {
	mu      sync.Mutex
	made    int
	clients map[string]*chosen // by client_id
	fail    func(verb string) error
	members string
	subject string
	// rename replaces the client_id that the server chose.
	rename func(id string) string
}

type chosen struct {
	metadata string
	token    string
}

func newChooser() *chooser {
	return &chooser{clients: map[string]*chosen{}, fail: func(string) error { return nil }, rename: func(id string) string { return id }}
}

func (a *chooser) Provision(_ context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.fail("provision"); err != nil {
		return dcr.Provisioned{}, err
	}
	id, token, _ := strings.Cut(p.State.Reveal(), "|")
	held := a.clients[id]
	switch {
	case p.State.IsZero() || p.Recreate && (held == nil || held.token != token):
		a.made++
		id = a.rename(fmt.Sprintf("as-%d", a.made))
		a.clients[id] = &chosen{}
	case held == nil || held.token != token:
		return dcr.Provisioned{}, fmt.Errorf("the registration access token opens nothing: %w", dcr.ErrLost)
	}
	held = a.clients[id]
	a.made++
	held.metadata, held.token = string(p.Client.Metadata), fmt.Sprintf("token-%d", a.made)
	return dcr.Provisioned{ClientID: id, Subject: a.subject, State: claims.NewSecret(id + "|" + held.token), Members: json.RawMessage(a.members)},
		a.fail("provisioned")
}

func (a *chooser) Deprovision(_ context.Context, d dcr.Deprovisioning) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.fail("deprovision"); err != nil {
		return err
	}
	id, token, _ := strings.Cut(d.State.Reveal(), "|")
	if held := a.clients[id]; held == nil || held.token != token {
		return fmt.Errorf("nothing manages the client: %w", dcr.ErrLost)
	}
	delete(a.clients, id)
	return nil
}

// holds returns what is registered by client_id.
func (a *chooser) holds() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	held := map[string]string{}
	for id, c := range a.clients {
		held[id] = c.metadata
	}
	return held
}

// choosing makes an office in front of a server that chooses. log has what the registrar
// logs.
func choosing(t *testing.T) (b *office, server *chooser, log *bytes.Buffer) {
	t.Helper()
	server, log = newChooser(), &bytes.Buffer{}
	b = newOffice(t, nil, func(c *dcr.Config) {
		c.Provisioner, c.SealingKey = server, claims.NewSecret(strings.Repeat("k", 32))
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
	})
	return b, server, log
}

func TestTheAuthorizationServerChoosesTheClientID(t *testing.T) {
	b, server, _ := choosing(t)
	ctx := context.Background()
	server.members, server.subject = `{"backchannel_logout_session_required":false,"application_type":"native"}`, "service-1"
	created := b.enrol(t, nil)
	id := created.Client.ClientID
	require.Equal(t, "as-1", id)
	require.NotEqual(t, id, created.Client.ID, "the record is keyed by an ID of our own")
	stored, err := b.records.Get(ctx, created.Client.ID)
	require.NoError(t, err)
	require.Equal(t, stored, created.Client)
	require.Equal(t, "service-1", stored.OwnSubject)
	require.NotContains(t, string(stored.UpstreamState), "token-", "what manages the client is sealed")

	got, err := b.Get(ctx, id, b.caller(t, id))
	require.NoError(t, err)
	var answer map[string]any
	require.NoError(t, json.Unmarshal([]byte(dcr.AnswerOf(got)), &answer))
	require.Equal(t, "as-1", answer["client_id"])
	require.Equal(t, false, answer["backchannel_logout_session_required"])
	require.Equal(t, "native", answer["application_type"], "what the server decided wins over what was registered")
	require.JSONEq(t, dcr.AnswerOf(created), dcr.AnswerOf(got))

	_, err = b.Get(ctx, created.Client.ID, b.caller(t, created.Client.ID))
	require.Equal(t, 401, refusalOf(t, err).Status, "the record's ID opens nothing")

	updated, err := b.Update(ctx, id, b.token(t, func(c *claims.Request) { c.ClientID = claims.Some(id); oneRedirect(c) }), b.caller(t, id))
	require.NoError(t, err)
	require.Equal(t, inForce(t, b.records), server.holds())
	require.Equal(t, id, updated.Client.ClientID)
	_, err = b.Update(ctx, id, b.token(t, nil), b.caller(t, id))
	require.NoError(t, err, "each answer has a new management token, and the last one is kept")
	require.NoError(t, b.Delete(ctx, id, b.caller(t, id)))
	require.Empty(t, server.holds())
	require.Equal(t, "null", everything(t, b.records))
}

func TestAClientIDThatIsNoneIsTakenBack(t *testing.T) {
	for name, id := range map[string]string{
		"too long": strings.Repeat("a", 37), "a blank": "a b", "a slash": "../other", "beyond ASCII": "\u00e9", "a newline": "a\n",
	} {
		t.Run(name, func(t *testing.T) {
			b, server, log := choosing(t)
			server.rename = func(string) string { return id }
			_, refusal := b.register(t, b.Registrar, b.token(t, nil))
			require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
			require.Empty(t, server.holds(), "the client is removed again")
			require.Equal(t, "null", everything(t, b.records))
			require.Contains(t, log.String(), "1 to 36")
		})
	}
}

// TestTwoClientsCannotHaveOneClientID: the client of the first record stays.
func TestTwoClientsCannotHaveOneClientID(t *testing.T) {
	b, server, log := choosing(t)
	first := b.enrol(t, nil)
	server.rename = func(string) string { return first.Client.ClientID }
	_, refusal := b.register(t, b.Registrar, b.token(t, nil))
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	stored, err := b.records.Get(context.Background(), first.Client.ID)
	require.NoError(t, err)
	require.Equal(t, first.Client, stored)
	require.Contains(t, server.holds(), first.Client.ClientID, "the client of the first record is not removed")
	require.Contains(t, log.String(), "a second time")
}

// TestAClientIDIsAskedForAgainBeforeTheClientIsRemoved: the store was out when the server
// gave the client_id of another record.
func TestAClientIDIsAskedForAgainBeforeTheClientIsRemoved(t *testing.T) {
	b, server, log := choosing(t)
	first := b.enrol(t, nil)
	server.rename = func(string) string { return first.Client.ClientID }
	down := &blindOnce{brokenOnce: brokenOnce{records: b.records}}
	c := openOffice(t, b.world, down, func(c *dcr.Config) {
		c.Provisioner, c.SealingKey = server, claims.NewSecret(strings.Repeat("k", 32))
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
	})
	down.blind = true
	_, refusal := b.register(t, c.Registrar, b.token(t, nil))
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.False(t, down.blind)
	require.Contains(t, server.holds(), first.Client.ClientID, "the client of the first record is not removed")
	requireLogged(t, log, slog.LevelError, "may hold a client that nobody knows", first.Client.ClientID)
	for line := range strings.Lines(log.String()) {
		named := strings.Contains(line, "client_id="+first.Client.ClientID)
		require.False(t, named && strings.Contains(line, "nobody knows"), "nobody is told to remove that client: %s", line)
	}
}

func TestMembersThatTheServerMustNotAddAreRefused(t *testing.T) {
	for _, members := range []string{
		`{"client_id":"other"}`, `{"client_secret":"s"}`, `{"registration_access_token":"s"}`, `{"registration_client_uri":"https://as.example/1"}`,
		`{"client\u005fid":"other"}`, `{"client_id_issued_at":1}`, `{"client_secret_expires_at":1}`,
		`[]`, `{"a":1,"a":2}`, `{`, `"text"`,
	} {
		t.Run(members, func(t *testing.T) {
			b, server, _ := choosing(t)
			server.members = members
			_, refusal := b.register(t, b.Registrar, b.token(t, nil))
			require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
			require.Empty(t, server.holds())
			require.Equal(t, "null", everything(t, b.records))
		})
	}
}

func TestAStateWithoutASealingKeyIsNotKept(t *testing.T) {
	server, log := newChooser(), &bytes.Buffer{}
	b := newOffice(t, nil, func(c *dcr.Config) {
		c.Provisioner, c.Logger, c.SealingKey = server, slog.New(slog.NewTextHandler(log, nil)), claims.Secret{}
	})
	_, refusal := b.register(t, b.Registrar, b.token(t, nil))
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Equal(t, "null", everything(t, b.records))
	require.Contains(t, log.String(), "SealingKey")
	require.Contains(t, log.String(), "may hold a client that nobody knows")
}

func TestAServerRefusesForGood(t *testing.T) {
	for name, code := range map[string]validate.Code{"": validate.InvalidClientMetadata, "redirect": validate.InvalidRedirectURI} {
		t.Run(name, func(t *testing.T) {
			b, server, _ := choosing(t)
			ctx := context.Background()
			created := b.enrol(t, nil)
			id := created.Client.ClientID
			held, shown := server.holds(), inForce(t, b.records)
			refuse := func(verb string) error {
				if verb != "provision" {
					return nil
				}
				server.fail = func(string) error { return nil } // the compensation is taken
				r := &dcr.Refusal{Reason: "no such scope \u00e9"}
				if name != "" {
					r.Code = code
				}
				return fmt.Errorf("answered 400: %w", r)
			}
			server.fail = refuse
			token := b.token(t, nil)
			_, refusal := b.register(t, b.Registrar, token)
			require.Equal(t, http.StatusBadRequest, refusal.Status)
			require.Equal(t, code, refusal.Code)
			require.Equal(t, "no such scope ?", refusal.Description)
			require.Equal(t, dcr.OutcomeRefused, b.lastEvent().Outcome)

			server.fail = refuse
			_, err := b.Update(ctx, id, b.token(t, oneRedirect), b.caller(t, id))
			require.Equal(t, http.StatusBadRequest, refusalOf(t, err).Status)
			require.Equal(t, held, server.holds())
			require.Equal(t, shown, inForce(t, b.records))
			_, refusal = b.register(t, b.Registrar, token)
			require.Nil(t, refusal, "nothing was registered, so the jti is free")
		})
	}
}

func TestARefusalThatCannotBeTakenBackIsNoRefusalYet(t *testing.T) {
	b, server, _ := choosing(t)
	server.fail = func(verb string) error {
		if verb == "provision" {
			return &dcr.Refusal{Reason: "no"}
		}
		return errOut
	}
	token := b.token(t, nil)
	_, refusal := b.register(t, b.Registrar, token)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	_, refusal = b.register(t, b.Registrar, token)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	server.fail = func(verb string) error {
		if verb == "provision" {
			return &dcr.Refusal{Reason: "no"}
		}
		return nil
	}
	_, err := b.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	_, refusal = b.register(t, b.Registrar, token)
	require.Equal(t, http.StatusBadRequest, refusal.Status)
}

// TestARequestThatIsNotDoneWithIsToBeSentAgain: 503 while its change has not ended, and
// after that 201 or 400, whatever the bytes of the request.
func TestARequestThatIsNotDoneWithIsToBeSentAgain(t *testing.T) {
	b, server, _ := choosing(t)
	ctx := context.Background()
	created := b.enrol(t, nil)
	id := created.Client.ClientID
	server.fail = func(string) error { return errOut }
	jti := func(c *claims.Request) { c.JWTID = claims.Some("6e0c9b52-6d4a-4b55-9f0a-6f0f5ac0f2c1") }
	first, sameJTI := b.token(t, jti), b.token(t, func(c *claims.Request) { jti(c); oneRedirect(c) })
	require.NotEqual(t, first, sameJTI)
	for _, token := range []string{first, first, sameJTI} {
		_, refusal := b.register(t, b.Registrar, token)
		require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
		require.Positive(t, refusal.RetryAfter)
	}
	update := b.token(t, func(c *claims.Request) {
		c.JWTID = claims.Some("9b3e6a50-7b64-4d1b-9c39-5b1b2f2b7a10")
		oneRedirect(c)
	})
	for range 2 {
		_, err := b.Update(ctx, id, update, b.caller(t, id))
		require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	}
	server.fail = func(string) error { return nil }
	_, err := b.Reconcile(ctx, 0)
	require.NoError(t, err)
	_, refusal := b.register(t, b.Registrar, sameJTI)
	require.Nil(t, refusal, "the change was undone: its jti is free")
	_, refusal = b.register(t, b.Registrar, first)
	require.Equal(t, http.StatusBadRequest, refusal.Status)
	require.Equal(t, []string{validate.RuleRequestJTIReplayed}, ruleIDs(refusal.Report))
	_, err = b.Update(ctx, id, update, b.caller(t, id))
	require.NoError(t, err)
	require.Equal(t, inForce(t, b.records), server.holds())
}

// unreached is a server that certainly did nothing. It fails the test if it is called again.
type unreached struct{ err error }

func (s unreached) Provision(context.Context, dcr.Provisioning) (dcr.Provisioned, error) {
	return dcr.Provisioned{Unchanged: true}, s.err
}

func (unreached) Deprovision(context.Context, dcr.Deprovisioning) error {
	panic("there is nothing to remove")
}

// TestAServerThatWasNotReachedBurnsNothing: the same request is served as soon as the
// server is back, without Reconcile.
func TestAServerThatWasNotReachedBurnsNothing(t *testing.T) {
	b, server, log := choosing(t)
	ctx := context.Background()
	id := b.enrol(t, nil).Client.ClientID
	before := everything(t, b.records)
	out := openOffice(t, b.world, b.records, func(c *dcr.Config) {
		c.Provisioner, c.SealingKey = unreached{errOut}, claims.NewSecret(strings.Repeat("k", 32))
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
	})
	create, update := b.token(t, nil), b.token(t, oneRedirect)
	_, refusal := b.register(t, out.Registrar, create)
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Equal(t, before, everything(t, b.records))
	_, err := out.Update(ctx, id, update, out.caller(t, id))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	left, err := b.records.ListUnfinished(ctx, b.now.Add(time.Hour), 10)
	require.NoError(t, err)
	require.Empty(t, left)
	require.NotContains(t, log.String(), "nobody knows")

	_, refusal = b.register(t, b.Registrar, create)
	require.Nil(t, refusal)
	_, err = b.Update(ctx, id, update, b.caller(t, id))
	require.NoError(t, err)
	require.Equal(t, inForce(t, b.records), server.holds())
}

// TestWhatTheServerGaveOutlivesAFault: an answer that came before the fault is not lost
// where it can be kept.
func TestWhatTheServerGaveOutlivesAFault(t *testing.T) {
	b, server, log := choosing(t)
	ctx := context.Background()
	id := b.enrol(t, nil).Client.ClientID

	// The server makes the change and gives a new token, and the store then fails.
	down := &brokenOnce{records: b.records}
	c := openOffice(t, b.world, down, func(c *dcr.Config) {
		c.Provisioner, c.SealingKey = server, claims.NewSecret(strings.Repeat("k", 32))
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
	})
	down.armed = true
	_, err := c.Update(ctx, id, b.token(t, oneRedirect), c.caller(t, id))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	require.Equal(t, inForce(t, b.records), server.holds(), "the update was taken back with the new token")
	_, err = c.Update(ctx, id, b.token(t, oneRedirect), c.caller(t, id))
	require.NoError(t, err)

	down.armed = true
	_, refusal := b.register(t, c.Registrar, b.token(t, nil))
	require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
	require.Equal(t, inForce(t, b.records), server.holds(), "the client was removed again")
	require.NotContains(t, log.String(), "nobody knows")
	require.NoError(t, c.Delete(ctx, id, c.caller(t, id)))
	require.Empty(t, server.holds())
}

// brokenOnce is a store that cannot make a record Active once it is armed, once.
type brokenOnce struct {
	records
	armed bool
}

func (s *brokenOnce) Update(ctx context.Context, c store.Client, with store.Change) error {
	if s.armed && c.State == store.Active {
		s.armed = false
		return errors.New("the disk is full")
	}
	return s.records.Update(ctx, c, with)
}

// GetByClientID is not among the methods of records.
func (s *brokenOnce) GetByClientID(ctx context.Context, id string) (store.Client, error) {
	return s.records.(store.ClientIDs).GetByClientID(ctx, id)
}

// blindOnce is a store that cannot look a client_id up once it is blind, once.
type blindOnce struct {
	brokenOnce
	blind bool
}

func (s *blindOnce) GetByClientID(ctx context.Context, id string) (store.Client, error) {
	if s.blind {
		s.blind = false
		return store.Client{}, errors.New("the store is out")
	}
	return s.brokenOnce.GetByClientID(ctx, id)
}
