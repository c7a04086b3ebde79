package dcr_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

var ctxBob = dcr.WithActor(context.Background(), dcr.Actor{Kind: dcr.ActorOperator, Name: "bob"})

func TestTheTrailTellsOfAClientWithoutAProvisioner(t *testing.T) {
	b := newOffice(t, nil, nil)
	id := b.enrol(t, nil).Client.ID
	_, err := b.Update(context.Background(), id, b.token(t, oneRedirect), b.caller(t, id))
	require.NoError(t, err)
	_, err = b.Update(context.Background(), id, b.token(t, oneRedirect), b.caller(t, id))
	require.NoError(t, err)
	require.NoError(t, b.Delete(context.Background(), id, b.caller(t, id)))
	require.Equal(t, []string{
		"1 active: create done by tpp +",
		"2 active: update done by tpp [redirect_uris software_statement.jti]",
		"3 active: update done by tpp [software_statement.jti]",
		"4 deleting: delete begun by tpp",
		"5 gone: delete done by tpp -",
	}, b.story(t, id))

	entries, err := b.store.History(context.Background(), id, 0, 10)
	require.NoError(t, err)
	leaf := sha256.Sum256(b.certificate(t, b.software).Raw)
	for _, e := range entries {
		require.Equal(t, []string{hex.EncodeToString(leaf[:]), b.config.Validator.RuleSet(), id, b.software.SoftwareID, b.software.OrgID, "sandbox"},
			[]string{e.ActorName, e.RuleSet, e.ClientID, e.SoftwareID, e.OrgID, string(e.Environment)})
	}
	updated := entries[1].Changes
	require.Equal(t, `["https://tpp.example/callback","https://tpp.example/app/callback"]`, string(updated[0].Before))
	require.Equal(t, `["https://tpp.example/callback"]`, string(updated[0].After))
	require.Equal(t, `"`+entries[1].SSAJTI+`"`, string(updated[1].After))
	require.NotEqual(t, entries[0].SSAJTI, entries[1].SSAJTI)
}

func TestTheTrailTellsOfAStoreOfFourVerbs(t *testing.T) {
	w, _ := newWorld(t, nil)
	b := openOffice(t, w, w.store, func(c *dcr.Config) { c.Store = fourVerbs{w.store} })
	id := b.enrol(t, nil).Client.ID
	require.NoError(t, b.Delete(context.Background(), id, b.caller(t, id)))
	require.Equal(t, []string{"1 active: create done by tpp +", "2 gone: delete done by tpp -"}, b.story(t, id))
}

func TestTheTrailTellsOfEachStepWithAProvisioner(t *testing.T) {
	b, server := provisioned(t)
	id := b.enrol(t, nil).Client.ID
	_, err := b.Update(context.Background(), id, b.token(t, oneRedirect), b.caller(t, id))
	require.NoError(t, err)
	server.fail = refusesAll
	_, err = b.Update(context.Background(), id, b.token(t, nil), b.caller(t, id))
	requireFailed(t, err)
	server.fail = failOnce("provisioned")
	_, err = b.Update(context.Background(), id, b.token(t, nil), b.caller(t, id))
	requireFailed(t, err)
	require.NoError(t, b.Remove(ctxBob, id, "lost its\nauthorisation"))
	require.Equal(t, []string{
		"1 creating: create begun by tpp +",
		"2 active: create done by tpp [client_id]",
		"3 updating: update begun by tpp [redirect_uris software_statement.jti]",
		"4 active: update done by tpp",
		"5 updating: update begun by tpp [redirect_uris software_statement.jti]",
		"6 active: update undone by tpp, the authorization server refused it [redirect_uris software_statement.jti]",
		"7 updating: update begun by tpp [redirect_uris software_statement.jti]",
		"8 active: update undone by tpp, it could not be completed [redirect_uris software_statement.jti]",
		`9 deleting: delete begun by operator bob, lost its\u000aauthorisation`,
		`10 gone: delete done by operator bob, lost its\u000aauthorisation -`,
	}, b.story(t, id))
}

func TestTheTrailTellsWhatReconcileDid(t *testing.T) {
	b, server := provisioned(t)
	ctx, away := context.Background(), down("provision", "provisioned", "deprovision")
	kept := b.enrol(t, nil).Client.ID
	gone := b.enrol(t, nil).Client.ID
	given := b.enrol(t, nil).Client.ID
	server.fail = away
	_, refusal := b.register(t, b.Registrar, b.token(t, nil))
	require.NotNil(t, refusal)
	_, err := b.Update(ctx, kept, b.token(t, oneRedirect), b.caller(t, kept))
	requireFailed(t, err)
	require.NoError(t, b.Delete(ctx, gone, b.caller(t, gone)))
	require.ErrorIs(t, b.Remove(ctxBob, given, "no"), dcr.ErrUnfinished)
	before := wholeTrail(t, b.store)
	for range 3 {
		_, err = b.Reconcile(ctx, 0)
		require.Error(t, err)
	}
	require.Equal(t, before, wholeTrail(t, b.store), "a change that stays stuck does not fill the trail")
	require.NoError(t, b.Forget(ctxBob, given, "the server is gone"))
	server.fail = func(string) error { return nil }
	_, err = b.Reconcile(ctx, 0)
	require.NoError(t, err)

	stories := map[string][]string{}
	for id := range before {
		stories[id] = b.story(t, id)
	}
	require.Len(t, stories, 4)
	require.Contains(t, stories[kept][2], "3 updating: update begun by tpp")
	require.Equal(t, "active: update undone by bank, it stopped half-way [redirect_uris software_statement.jti]", afterVersion(stories[kept][3]))
	require.Contains(t, stories[gone], "3 deleting: delete begun by tpp")
	require.Equal(t, "gone: delete done by bank, it stopped half-way -", afterVersion(stories[gone][3]))
	require.Equal(t, "gone: delete forgotten by operator bob, the server is gone -", afterVersion(stories[given][3]))
	delete(stories, kept)
	delete(stories, gone)
	delete(stories, given)
	for _, story := range stories { // that of the registration
		require.Len(t, story, 2)
		require.Equal(t, "1 creating: create begun by tpp +", story[0])
		require.Equal(t, "gone: create undone by bank, it stopped half-way -", afterVersion(story[1]))
	}
}

// afterVersion is a line of a story without the version.
func afterVersion(line string) string {
	_, rest, _ := strings.Cut(line, " ")
	return rest
}

func TestTheTrailTellsWhoDecided(t *testing.T) {
	b := newWaitingRoom(t, nil)
	ctx := context.Background()
	refused := b.apply(t, nil).ID
	require.NoError(t, b.RefusePending(ctxBob, refused, "unknown"))
	require.Equal(t, []string{"1 pending_create: create pending by tpp +", "2 gone: create refused by operator bob, unknown -"}, b.story(t, refused))
	id := b.apply(t, nil).ID
	b.server.fail = refusesAll
	_, err := b.ApprovePending(ctxBob, id)
	requireFailed(t, err)
	b.server.fail = func(string) error { return nil }
	b.now = b.now.Add(time.Hour)
	_, err = b.ApprovePending(ctxBob, id)
	require.NoError(t, err)
	leave := func() { require.ErrorIs(t, b.Delete(ctx, id, b.caller(t, id)), dcr.ErrPending) }
	leave()
	require.NoError(t, b.RefusePending(ctxBob, id, "stay"))
	leave()
	b.now = b.now.Add(8 * 24 * time.Hour)
	_, err = b.Reconcile(ctx, 0)
	require.NoError(t, err)
	b.now = b.now.Add(-8 * 24 * time.Hour)
	leave()
	_, err = b.ApprovePending(ctxBob, id)
	require.NoError(t, err)
	require.Equal(t, []string{
		"1 pending_create: create pending by tpp +",
		"2 creating: create approved by operator bob",
		"3 pending_create: create undone by operator bob, the authorization server refused it",
		"4 creating: create approved by operator bob [client_id_issued_at]",
		"5 active: create done by operator bob [client_id]",
		"6 pending_delete: delete pending by tpp",
		"7 active: delete refused by operator bob, stay",
		"8 pending_delete: delete pending by tpp",
		"9 active: delete expired by bank, nobody decided in the time of the policy",
		"10 pending_delete: delete pending by tpp",
		"11 deleting: delete approved by operator bob",
		"12 gone: delete done by operator bob -",
	}, b.story(t, id))

	expired := b.apply(t, nil).ID
	b.now = b.now.Add(8 * 24 * time.Hour)
	_, err = b.Reconcile(ctx, 0)
	require.NoError(t, err)
	require.Equal(t, "2 gone: create expired by bank, nobody decided in the time of the policy -", b.story(t, expired)[1])
	removed := b.apply(t, nil).ID
	require.NoError(t, b.Remove(ctxBob, removed, "spam"))
	require.Equal(t, "2 gone: delete done by operator bob, spam -", b.story(t, removed)[1])
}

func TestTheTrailAndTheHookTellWhyAChangeWasApproved(t *testing.T) {
	b := newWaitingRoom(t, nil)
	id := b.apply(t, nil).ID
	_, err := b.ApprovePending(dcr.WithReason(ctxBob, "contract 17"), id)
	require.NoError(t, err)
	require.ErrorIs(t, b.Delete(context.Background(), id, b.caller(t, id)), dcr.ErrPending)
	_, err = b.ApprovePending(dcr.WithReason(ctxBob, strings.Repeat("x", 501)), id)
	require.NoError(t, err)
	require.Equal(t, []string{
		"1 pending_create: create pending by tpp +",
		"2 creating: create approved by operator bob, contract 17",
		"3 active: create done by operator bob, contract 17 [client_id]",
	}, b.story(t, id)[:3])
	require.Contains(t, b.story(t, id)[4], "5 deleting: delete approved by operator bob, xxx")
	require.Less(t, len(b.story(t, id)[4]), 600)
	require.Equal(t, "contract 17", b.done[0].Reason)
	require.Len(t, b.done[1].Reason, 501)
}

func TestTheTrailTellsOfAnApprovalThatIsOneWrite(t *testing.T) {
	b := newOffice(t, bothPending, nil)
	id := b.apply(t, nil).ID
	_, err := b.ApprovePending(ctxBob, id)
	require.NoError(t, err)
	require.Equal(t, []string{"1 pending_create: create pending by tpp +", "2 active: create approved by operator bob [client_id]"}, b.story(t, id))
	replayed := newOffice(t, bothPending, func(c *dcr.Config) { c.Replay = store.NewMemoryReplay(c.Clock) })
	id = replayed.apply(t, nil).ID
	require.Equal(t, []string{"1 creating: create begun by tpp +", "2 pending_create: create pending by tpp"}, replayed.story(t, id))
}

func TestTheTrailTellsOfAContactByAHash(t *testing.T) {
	b := newOffice(t, nil, nil)
	ctx := dcr.WithActor(context.Background(), dcr.Actor{Name: "jane.doe@tpp.example"})
	registration, err := b.RegisterFromSSA(ctx, b.statement(t, nil))
	require.NoError(t, err)
	sum := sha256.Sum256([]byte("jane.doe@tpp.example"))
	require.Equal(t, []string{"1 active: create done by contact " + hex.EncodeToString(sum[:]) + " +"}, b.story(t, registration.Client.ID))
	nobody, err := b.RegisterFromSSA(context.Background(), b.statement(t, nil))
	require.NoError(t, err)
	require.Equal(t, []string{"1 active: create done by contact +"}, b.story(t, nobody.Client.ID))
}

func TestTheTrailTellsOfARepairAndItsNewClientID(t *testing.T) {
	w, _ := newWorld(t, nil)
	s := newTrial(t, w)
	before := s.enrol(t, nil).Client
	delete(s.server.clients, before.ClientID)
	report, err := s.Reprovision(ctxBob, dcr.ReprovisionOptions{})
	require.NoError(t, err)
	require.Len(t, report.Moved, 1)
	s.office.store = s.store.Memory
	require.Equal(t, []string{
		"1 creating: create begun by tpp +",
		"2 active: create done by tpp [client_id]",
		"3 updating: reprovision begun by operator bob",
		"4 active: reprovision done by operator bob [client_id]",
	}, s.story(t, before.ID))
	for _, id := range []string{before.ID, before.ClientID, report.Moved[0].After} {
		found, err := store.AuditedID(context.Background(), s.store.Memory, id)
		require.NoError(t, err)
		require.Equal(t, before.ID, found)
	}
	_, err = store.AuditedID(context.Background(), s.store.Memory, "nobody")
	require.ErrorIs(t, err, store.ErrNotFound)

	s.server.fail = down("provision", "provisioned", "deprovision")
	_, err = s.Reprovision(ctxBob, dcr.ReprovisionOptions{})
	require.Error(t, err)
	s.server.fail = func(string) error { return nil }
	_, err = s.Reconcile(context.Background(), 0)
	require.NoError(t, err)
	story := s.story(t, before.ID)
	require.Equal(t, "5 updating: reprovision begun by operator bob", story[4])
	require.Equal(t, "active: reprovision undone by bank, it stopped half-way", afterVersion(story[len(story)-1]))
}

func TestTheAuditedMembersAreThoseOfARequest(t *testing.T) {
	var want []string
	for _, name := range claims.RequestMembers() {
		switch name {
		case "iss", "iat", "exp", "nbf", "aud", "jti", "client_id", "software_statement":
		default:
			want = append(want, name)
		}
	}
	require.ElementsMatch(t, want, dcr.AuditedMembers)
	require.Len(t, dcr.AuditDecisions(), 10)
}

// TestEachWriteGoesThroughTheTrail: nothing else in the package makes a store.Change.
func TestEachWriteGoesThroughTheTrail(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	writes := regexp.MustCompile(`store\.Change\{|\.store\.(Create|Update|Delete)\(|unfinished\.Undo\(`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		if !strings.HasSuffix(name, "_test.go") && name != "audit_write.go" {
			require.NotRegexp(t, writes, string(text), name)
		}
	}
	require.NotEmpty(t, files)
}
