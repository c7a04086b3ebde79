package dcr_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// TestAClientThatItsTPPTriedToChangeMeanwhileIsRepaired: the page of records that
// Reprovision read is old by then.
func TestAClientThatItsTPPTriedToChangeMeanwhileIsRepaired(t *testing.T) {
	b, server, _ := choosing(t)
	ctx := context.Background()
	for range 3 {
		b.enrol(t, nil)
	}
	all, err := b.records.List(ctx, "", 10)
	require.NoError(t, err)
	clear(server.clients)
	victim := all[2]
	asked := &asking{chooser: server, first: func() {
		_, err := b.Update(ctx, victim.ClientID, b.token(t, oneRedirect), b.caller(t, victim.ClientID))
		require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
		require.Greater(t, b.stored(t, victim.ID).Version, victim.Version)
	}}
	o, _ := b.beside(t, asked, nil)
	report, err := o.Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Equal(t, 3, report.Done)
	require.Zero(t, report.Skipped)
	require.Len(t, report.Moved, 3)
	require.Equal(t, inForce(t, b.records), server.holds())
}

// moving is a store that checks what was logged before it keeps another client_id.
type moving struct {
	*store.Memory
	check func(c store.Client)
}

func (m *moving) Update(ctx context.Context, c store.Client, with store.Change) error {
	m.check(c)
	return m.Memory.Update(ctx, c, with)
}

func TestAMoveOfAClientIDIsToldBeforeAndAfterItIsStored(t *testing.T) {
	b, server, _ := choosing(t)
	ctx := operator("jo")
	c := b.enrol(t, nil).Client
	delete(server.clients, c.ClientID)
	var told []dcr.Change
	writes := 0
	wrapped := &moving{Memory: b.store}
	o, log := b.beside(t, server, func(config *dcr.Config) {
		config.Store = wrapped
		config.Hooks.Done = func(_ context.Context, change dcr.Change) { told = append(told, change) }
	})
	wrapped.check = func(w store.Client) {
		if w.ClientID != c.ClientID {
			writes++
			requireLogged(t, log, slog.LevelError, "tell its TPP", c.ID, c.ClientID, w.ClientID)
		}
	}
	report, err := o.Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Positive(t, writes)
	after := b.stored(t, c.ID)
	require.NotEqual(t, c.ClientID, after.ClientID)
	require.Equal(t, dcr.ReprovisionReport{Done: 1, Complete: true,
		Moved: []dcr.MovedClient{{ID: c.ID, Before: c.ClientID, After: after.ClientID}}}, report)
	require.Len(t, told, 1)
	require.Equal(t, dcr.Change{Operation: dcr.OpReprovision, Before: &c, After: &after,
		Actor: dcr.Actor{Kind: dcr.ActorOperator, Name: "jo"}}, told[0])

	_, err = o.Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Len(t, told, 1, "a client that keeps its client_id is nobody's news")
}

// TestAMoveIsToldThoughTheRepairWasUndone: the last write failed, and the server has the
// new client_id all the same.
func TestAMoveIsToldThoughTheRepairWasUndone(t *testing.T) {
	b, server, _ := choosing(t)
	ctx := context.Background()
	c := b.enrol(t, nil).Client
	delete(server.clients, c.ClientID)
	down := &brokenOnce{records: b.records, armed: true}
	var told []dcr.Change
	o, log := b.beside(t, server, func(config *dcr.Config) {
		config.Store = down
		config.Hooks.Done = func(_ context.Context, change dcr.Change) { told = append(told, change) }
	})
	report, err := o.Reprovision(ctx, dcr.ReprovisionOptions{})
	require.ErrorContains(t, err, c.ID)
	after := b.stored(t, c.ID)
	require.Equal(t, store.Active, after.State)
	require.NotEqual(t, c.ClientID, after.ClientID)
	require.Equal(t, []dcr.MovedClient{{ID: c.ID, Before: c.ClientID, After: after.ClientID}}, report.Moved)
	require.False(t, report.Complete)
	require.Len(t, told, 1)
	require.Equal(t, dcr.OpReprovision, told[0].Operation)
	require.Equal(t, c, *told[0].Before)
	require.Equal(t, after, *told[0].After)
	requireLogged(t, log, slog.LevelError, "tell its TPP", c.ClientID, after.ClientID)
	require.Equal(t, inForce(t, b.records), server.holds())

	report, err = o.Reprovision(ctx, dcr.ReprovisionOptions{After: report.Next})
	require.NoError(t, err)
	require.Equal(t, dcr.ReprovisionReport{Done: 1, Complete: true}, report)
}

func TestAClientWhoseDeletionWaitsIsRepairedAndWaitsOn(t *testing.T) {
	for name, fail := range map[string]func(string) error{
		"repaired": func(string) error { return nil }, "refused": refusesAll, "an outage": failOnce("provision"), "an answer that is lost": failOnce("provisioned"),
	} {
		t.Run(name, func(t *testing.T) {
			b := newWaitingRoom(t, nil)
			ctx := context.Background()
			before, by := b.leaving(t)
			clear(b.server.clients)
			b.now = b.now.Add(time.Minute)
			b.done, b.server.fail = nil, fail
			report, err := b.Reprovision(ctx, dcr.ReprovisionOptions{})
			switch name {
			case "repaired":
				require.NoError(t, err)
				require.Equal(t, dcr.ReprovisionReport{Done: 1, Complete: true}, report)
			case "refused":
				require.NoError(t, err)
				require.Equal(t, dcr.ReprovisionReport{Failed: 1, Complete: true}, report)
			default:
				require.ErrorIs(t, err, errOut)
				require.ErrorContains(t, err, before.ID)
				require.Equal(t, dcr.ReprovisionReport{}, report)
			}
			after := b.stored(t, before.ID)
			require.Equal(t, before.Version+2, after.Version)
			after.Version = before.Version
			require.Equal(t, before, after, "Since too: the days of the policy go on")
			require.Empty(t, b.done)
			require.Equal(t, []string{before.ID}, b.waitingIDs(t))
			if name != "refused" {
				require.Equal(t, inForce(t, b.records), b.server.holds())
			}
			_, err = b.Get(ctx, before.ID, by)
			require.NoError(t, err)
			_, err = b.ApprovePending(ctx, before.ID)
			require.NoError(t, err)
			require.Equal(t, "null", everything(t, b.records))
		})
	}
}

func TestAClientWhoseStateDoesNotOpenHoldsUpNoOthers(t *testing.T) {
	b, server, _ := choosing(t)
	ctx := context.Background()
	for range 3 {
		b.enrol(t, nil)
	}
	all, err := b.records.List(ctx, "", 10)
	require.NoError(t, err)
	bad := all[1]
	bad.UpstreamState[20] ^= 1
	require.NoError(t, b.records.Update(ctx, bad, store.Change{}))
	bad = b.stored(t, bad.ID)
	clear(server.clients)
	o, log := b.beside(t, server, nil)
	report, err := o.Reprovision(ctx, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Equal(t, [3]int{2, 0, 1}, [3]int{report.Done, report.Skipped, report.Failed})
	require.True(t, report.Complete)
	require.Equal(t, bad, b.stored(t, bad.ID), "nothing was begun")
	requireLogged(t, log, slog.LevelError, "cannot be repaired", bad.ID, dcr.ErrSealed.Error())

	require.ErrorIs(t, o.Remove(ctx, bad.ID, reason), dcr.ErrUnfinished)
	require.NoError(t, o.Forget(ctx, bad.ID, reason))
	require.Equal(t, inForce(t, b.records), server.holds())
}

// renaming is a server that gives another client_id with each of the next answers.
type renaming struct {
	*chooser
	made, left int
}

func (r *renaming) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	decided, err := r.chooser.Provision(ctx, p)
	if r.left > 0 {
		r.left--
		r.made++
		decided.ClientID = fmt.Sprintf("renamed-%d", r.made)
	}
	return decided, err
}

// TestAServerThatChangesTheClientIDInAnUpdateMovesNothing: the TPP has the old one.
func TestAServerThatChangesTheClientIDInAnUpdateMovesNothing(t *testing.T) {
	for name, answers := range map[string]int{"once": 1, "in the compensation too": 2, "always": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			b, server, _ := choosing(t)
			ctx := context.Background()
			before := b.enrol(t, nil).Client
			renames := &renaming{chooser: server, left: answers}
			o, log := b.beside(t, renames, nil)
			_, err := o.Update(ctx, before.ClientID, b.token(t, oneRedirect), o.caller(t, before.ClientID))
			require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
			report, err := o.Reconcile(ctx, 0)
			require.NoError(t, err)
			require.Zero(t, report, "it was taken back at once")
			after := b.stored(t, before.ID)
			require.Equal(t, store.Active, after.State)
			require.Equal(t, before.ClientID, after.ClientID)
			require.Equal(t, string(before.Metadata), string(after.Metadata))
			require.Equal(t, inForce(t, b.records), server.holds())
			require.NotContains(t, log.String(), "tell its TPP")
			if name == "once" {
				return
			}
			requireLogged(t, log, slog.LevelError, "cannot be taken", before.ID, before.ClientID, "renamed-2")
			renames.left = 1
			repaired, err := o.Reprovision(ctx, dcr.ReprovisionOptions{})
			require.NoError(t, err)
			require.Equal(t, []dcr.MovedClient{{ID: before.ID, Before: before.ClientID, After: b.stored(t, before.ID).ClientID}}, repaired.Moved,
				"an operator may move it")
		})
	}
}

// unfit is a server that did as it was told, and answers with more than a record keeps.
type unfit struct {
	*chooser
	answer dcr.Provisioned
}

func (u *unfit) Provision(ctx context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	decided, err := u.chooser.Provision(ctx, p)
	if u.answer.Members != nil {
		decided.Members = u.answer.Members
	}
	if !u.answer.State.IsZero() {
		decided.State = u.answer.State
	}
	return decided, err
}

func TestAnAnswerThatCannotBeTakenLeavesNoChangeUnderWay(t *testing.T) {
	long := func(n int) dcr.Provisioned {
		const frame = `{"x":""}`
		return dcr.Provisioned{Members: json.RawMessage(`{"x":"` + strings.Repeat("y", n-len(frame)) + `"}`)}
	}
	for name, c := range map[string]struct {
		answer dcr.Provisioned
		taken  bool
	}{
		"members of 64 KiB":        {long(64 << 10), true},
		"members over 64 KiB":      {long(64<<10 + 1), false},
		"a state over 64 KiB":      {dcr.Provisioned{State: claims.NewSecret(strings.Repeat("s", 64<<10+1))}, false},
		"a member of the bank's":   {dcr.Provisioned{Members: json.RawMessage(`{"client_id":"x"}`)}, false},
		"members that are no JSON": {dcr.Provisioned{Members: json.RawMessage(`<html>`)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b, server, _ := choosing(t)
			ctx := context.Background()
			before := b.enrol(t, nil).Client
			o, log := b.beside(t, &unfit{server, c.answer}, nil)
			_, err := o.Update(ctx, before.ClientID, b.token(t, oneRedirect), o.caller(t, before.ClientID))
			if c.taken {
				require.NoError(t, err)
				require.Equal(t, string(c.answer.Members), string(b.stored(t, before.ID).UpstreamMembers))
				return
			}
			require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
			requireNothingUnfinished(t, b.records)
			after := b.stored(t, before.ID)
			require.Equal(t, [3]string{before.ClientID, string(before.Metadata), string(before.UpstreamMembers)},
				[3]string{after.ClientID, string(after.Metadata), string(after.UpstreamMembers)})
			_, refusal := o.register(t, o.Registrar, b.token(t, nil))
			require.Equal(t, http.StatusServiceUnavailable, refusal.Status)
			require.Len(t, inForce(t, b.records), 1)
			if c.answer.State.IsZero() {
				require.Equal(t, inForce(t, b.records), server.holds())
				requireLogged(t, log, slog.LevelError, "cannot be taken", before.ID)
			} else { // each answer makes the state before worthless
				requireLogged(t, log, slog.LevelError, "has lost a client", before.ID)
				requireLogged(t, log, slog.LevelError, "may hold a client that nobody knows")
			}
		})
	}
}

func TestALongErrorOfTheServerIsCutInTheLog(t *testing.T) {
	b, server, _ := choosing(t)
	ctx := context.Background()
	c := b.enrol(t, nil).Client
	o, log := b.beside(t, server, nil)
	long := fmt.Errorf("answered 500: %s\n\x00", strings.Repeat("<html>", 1<<18))
	for verb, err := range map[string]error{"provision": long, "provisioned": &dcr.Refusal{Reason: long.Error()}, "deprovision": long, "": long} {
		server.fail = func(called string) error {
			if verb == "" || called == verb {
				return err
			}
			return nil
		}
		_, refusal := o.register(t, o.Registrar, b.token(t, nil))
		require.Equal(t, verb == "deprovision", refusal == nil)
		_, _ = o.Update(ctx, c.ClientID, b.token(t, oneRedirect), o.caller(t, c.ClientID))
		_, _ = o.Reprovision(ctx, dcr.ReprovisionOptions{})
		_, _ = o.Reconcile(ctx, 0)
	}
	server.fail = func(verb string) error {
		if verb == "provision" {
			return &dcr.Refusal{Reason: long.Error()}
		}
		return nil
	}
	h, err := dcr.NewHandler(dcr.HandlerConfig{Registrar: o.Registrar, Path: "/register", Certificate: presents(b.certificate(t, b.software)),
		Logger: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/register", strings.NewReader(b.token(t, nil)))
	r.Header.Set("Content-Type", "application/jwt")
	h.ServeHTTP(httptest.NewRecorder(), r)
	requireLogged(t, log, slog.LevelInfo, "cause=", "answered 500")
	_ = o.Remove(ctx, c.ID, long.Error())
	_ = o.Forget(ctx, c.ID, long.Error())
	require.NotEmpty(t, log.String())
	for line := range strings.Lines(log.String()) {
		require.Less(t, len(line), 2500, "%.300s", line)
		require.Contains(t, line, "time=")
	}
}
