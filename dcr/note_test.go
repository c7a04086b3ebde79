package dcr_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// notesOf returns the entries that belong to no change of a record, without ID and time.
func notesOf(t *testing.T, s store.Auditor) []store.AuditEntry {
	t.Helper()
	all, err := s.ListAudit(context.Background(), "", 1000)
	require.NoError(t, err)
	var notes []store.AuditEntry
	for _, e := range all {
		if e.Version == 0 {
			require.NotEmpty(t, e.ID)
			require.False(t, e.At.IsZero())
			e.ID, e.At = "", e.At.UTC().Truncate(1e18)
			notes = append(notes, e)
		}
	}
	return notes
}

func TestTheTrailNotesWhatAContactWasDenied(t *testing.T) {
	b := newCounter(t, nil, nil)
	client := b.walkIn(t, b.manual(t, nil)).Client
	require.Empty(t, notesOf(t, b.store), "what was done is no note")
	ctx := contact("jo@tpp.example")
	beyond := b.manual(t, nil)
	beyond.Reach = dcr.Reach{}
	unfit := b.manual(t, nil)
	unfit.RedirectURIs = []string{"https://elsewhere.example/cb"}
	untrusted := b.manual(t, map[string]any{"iss": "Elsewhere"})
	for _, m := range []dcr.Manual{beyond, unfit, untrusted} {
		b.now = b.now.Add(time.Millisecond) // the trail is in the order of time
		_, err := b.RegisterManual(ctx, m)
		require.Error(t, err)
	}
	b.now = b.now.Add(time.Millisecond)
	_, err := b.UpdateManual(ctx, client.ID, unfit)
	require.Error(t, err)
	_, err = b.PreviewManual(ctx, client.ID, unfit)
	require.NoError(t, err)

	notes := notesOf(t, b.store)
	require.Len(t, notes, 4)
	sum := sha256.Sum256([]byte("jo@tpp.example"))
	for i, want := range []struct {
		operation dcr.Operation
		reason    string
		client    string
		known     bool // whose statement it was
	}{
		{dcr.OpCreate, "you may not act for it", "", true},
		{dcr.OpCreate, "redirect_uris.subset_of_ssa", "", true},
		{dcr.OpCreate, "ssa.issuer.trusted", "", false},
		{dcr.OpUpdate, "redirect_uris.subset_of_ssa", client.ID, true},
	} {
		e := notes[i]
		require.Equal(t, []string{string(want.operation), "denied", "contact", hex.EncodeToString(sum[:]), want.client, b.config.Validator.RuleSet()},
			[]string{e.Operation, e.Decision, e.Actor, e.ActorName, e.Client, e.RuleSet}, i)
		require.Contains(t, e.Reason, want.reason, i)
		require.Equal(t, want.known, e.SSAJTI != "" && e.SoftwareID == b.software.SoftwareID && e.OrgID == b.software.OrgID && e.Issuer == directoryIssuer, i)
		require.Contains(t, dcr.AuditDecisions(), dcr.AuditDecision(e.Decision))
	}
	require.Len(t, b.story(t, client.ID), 1, "the history of a record has its changes alone")
}

func TestAnOutageIsNoDenial(t *testing.T) {
	server := newAuthorizationServer()
	b := newCounter(t, nil, func(c *dcr.Config) { c.Provisioner = server })
	server.fail = down("provision")
	_, err := b.RegisterManual(context.Background(), b.manual(t, nil))
	require.Equal(t, 503, refusalOf(t, err).Status)
	require.ErrorIs(t, b.DeleteManual(context.Background(), "nobody", b.own()), store.ErrNotFound)
	require.Empty(t, notesOf(t, b.store))
}

func TestANoteIsBoundedAndVisible(t *testing.T) {
	b := newCounter(t, nil, nil)
	long := strings.Repeat("x\n\u202e", 1000)
	b.Note(contact("jo"), dcr.Note{Operation: long, Decision: dcr.AuditDecision(long), Reason: long,
		Client: &store.Client{ID: long, ClientID: long, SoftwareID: long, OrgID: long, Issuer: long, Environment: claims.Sandbox}})
	b.now = b.now.Add(time.Millisecond)
	b.Note(operator("bob"), dcr.Note{Operation: "sign_in", Decision: dcr.DecisionDone})
	notes := notesOf(t, b.store)
	require.Len(t, notes, 2)
	e := notes[0]
	for _, s := range []string{e.Operation, e.Decision, e.Reason, e.Client, e.ClientID, e.SoftwareID, e.OrgID, e.Issuer} {
		require.NotEmpty(t, s)
		require.LessOrEqual(t, len(s), 500)
		require.NotContains(t, s, "\n")
		require.NotContains(t, s, "\u202e")
	}
	require.Equal(t, []string{"sign_in", "done", "operator", "bob", ""}, []string{notes[1].Operation, notes[1].Decision, notes[1].Actor, notes[1].ActorName, notes[1].Client})
}

// noteless is a store without a trail of notes; a note to a failing one fails.
type noteless struct{ store.Store }

type failingNotes struct{ *store.Memory }

func (failingNotes) Note(context.Context, store.AuditEntry) error { return errors.New("disk full") }

func TestANoteThatTheStoreDoesNotTakeIsLogged(t *testing.T) {
	w, _ := newWorld(t, nil)
	for name, c := range map[string]struct {
		store store.Store
		level slog.Level
		says  string
	}{
		"no notes":  {noteless{w.store}, slog.LevelInfo, "noted"},
		"a failure": {failingNotes{w.store}, slog.LevelError, "cannot be written"},
	} {
		log := &syncedBuffer{}
		b := openCounter(t, w, w.store, func(config *dcr.Config) {
			config.Store, config.Logger = c.store, slog.New(slog.NewTextHandler(log, nil))
		})
		b.Note(contact("jo"), dcr.Note{Operation: "sign_in", Decision: dcr.DecisionDenied, Reason: "not associated"})
		requireLogged(t, log, c.level, c.says, "sign_in", "denied", "not associated")
		require.NotContains(t, log.String(), `"jo"`, name)
	}
}

// TestTheLogKnowsAContactByTheHashOfTheTrail alone: a log goes further than a register does.
func TestTheLogKnowsAContactByTheHashOfTheTrail(t *testing.T) {
	var log syncedBuffer
	b := newCounter(t, nil, func(c *dcr.Config) {
		c.MaySubscribe, c.Logger = byRole, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	const name = "jo@tpp.example"
	ctx := contact(name)
	registration, err := b.RegisterManual(ctx, b.manual(t, nil))
	require.NoError(t, err)
	id := registration.Client.ID
	require.NoError(t, b.Subscribe(ctx, id, "payments", b.own()))
	require.Error(t, b.Subscribe(ctx, id, "none", b.own()))
	_, err = b.UpdateManual(ctx, id, b.manual(t, nil))
	require.NoError(t, err)
	require.NoError(t, b.DeleteManual(ctx, id, b.own()))
	sum := sha256.Sum256([]byte(name))
	requireLogged(t, &log, slog.LevelInfo, "operation=delete", "actor=contact", "actor_name="+hex.EncodeToString(sum[:]))
	require.NotContains(t, log.String(), name)
}
