package dcr_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/validate"
)

// waitingRoom is a bank whose registrations and deletions wait for a person, and what its
// hooks were told.
type waitingRoom struct {
	*office
	server *authorizationServer

	mu            sync.Mutex
	pending, done []dcr.Change
}

// bothPending is the policy of such a bank. Secrets are admitted, and one registration for
// each software.
func bothPending(p *validate.Policy) {
	p.PendingChanges = []validate.PendingChange{validate.PendingCreate, validate.PendingDelete}
	p.PendingDays = 7
	p.Registrations = validate.RegistrationsOnePerSoftware
	p.AuthMethods = append(p.AuthMethods, claims.ClientSecretBasic, claims.ClientSecretJWT)
	p.Widenings = []validate.Widening{validate.WidenClientSecretBasic, validate.WidenClientSecretJWT}
}

func newWaitingRoom(t *testing.T, change func(*dcr.Config)) *waitingRoom {
	t.Helper()
	b := &waitingRoom{server: newAuthorizationServer()}
	b.office = newOffice(t, bothPending, func(c *dcr.Config) {
		c.Provisioner = b.server
		c.Hooks.Pending = b.hook(&b.pending)
		c.Hooks.Done = b.hook(&b.done)
		if change != nil {
			change(c)
		}
	})
	return b
}

// hook keeps the changes that it is told of, and then writes to what it was given.
func (b *waitingRoom) hook(list *[]dcr.Change) func(context.Context, dcr.Change) {
	return func(_ context.Context, change dcr.Change) {
		b.mu.Lock()
		defer b.mu.Unlock()
		kept := change
		for _, side := range []**store.Client{&kept.Before, &kept.After} {
			if *side == nil {
				continue
			}
			given := *side
			c := given.Clone()
			*side = &c
			given.State, given.Metadata[0], given.SoftwareID = store.Deleting, '[', "changed by a hook"
		}
		if change.Access != nil {
			access := *change.Access
			kept.Access, change.Access.ClientID = &access, "changed by a hook"
		}
		*list = append(*list, kept)
	}
}

// answerTo passes a request to the bank's handler and returns the whole answer.
func (b *office) answerTo(t *testing.T, method, path, body, access string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: b.Registrar, Path: "/register", Certificate: presents(b.certificate(t, b.software))})
	require.NoError(t, err)
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/jwt")
	if access != "" {
		r.Header.Set("Authorization", "Bearer "+access)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer
}

// requireAccepted requires that an answer is the 202 of a change that waits, and returns
// its client_id.
func requireAccepted(t *testing.T, answer *httptest.ResponseRecorder) string {
	t.Helper()
	require.Equal(t, http.StatusAccepted, answer.Code, answer.Body.String())
	require.Equal(t, "application/json", answer.Header().Get("Content-Type"))
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	require.Equal(t, "no-cache", answer.Header().Get("Pragma"))
	require.Equal(t, "nosniff", answer.Header().Get("X-Content-Type-Options"))
	var body map[string]any
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
	require.Len(t, body, 2)
	require.Equal(t, "pending", body["status"])
	return body["client_id"].(string)
}

// apply sends a registration that waits, and returns its record.
func (b *office) apply(t *testing.T, change func(*claims.Request)) store.Client {
	t.Helper()
	registration, refusal := b.register(t, b.Registrar, b.token(t, change))
	require.Nil(t, refusal)
	require.True(t, registration.Pending)
	return b.stored(t, registration.Client.ID)
}

// admitted is a client whose registration was approved.
func (b *office) admitted(t *testing.T, change func(*claims.Request)) store.Client {
	t.Helper()
	registration, err := b.ApprovePending(context.Background(), b.apply(t, change).ID)
	require.NoError(t, err)
	return registration.Client
}

// leaving is a client whose deletion waits, and the TPP that asked for it.
func (b *office) leaving(t *testing.T) (store.Client, dcr.Caller) {
	t.Helper()
	id := b.admitted(t, nil).ID
	by := b.caller(t, id)
	require.ErrorIs(t, b.Delete(context.Background(), id, by), dcr.ErrPending)
	return b.stored(t, id), by
}

func (b *office) stored(t *testing.T, id string) store.Client {
	t.Helper()
	record, err := b.records.Get(context.Background(), id)
	require.NoError(t, err)
	return record
}

// waitingIDs are the records that the operator sees.
func (b *office) waitingIDs(t *testing.T) []string {
	t.Helper()
	found, err := b.ListPending(context.Background(), "", 100)
	require.NoError(t, err)
	var ids []string
	for _, c := range found {
		ids = append(ids, c.ID)
	}
	return ids
}

// eventsOf returns the events since the last call, and forgets them.
func (b *office) newEvents() []dcr.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := slices.Clone(b.events)
	b.events = nil
	return events
}

// operator is a context that names a person of the bank.
func operator(name string) context.Context {
	return dcr.WithActor(context.Background(), dcr.Actor{Kind: dcr.ActorOperator, Name: name})
}

func event(op dcr.Operation, outcome dcr.EventOutcome, by dcr.ActorKind) dcr.Event {
	return dcr.Event{Operation: op, Outcome: outcome, Environment: claims.Sandbox, Actor: by}
}
