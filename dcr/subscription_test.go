package dcr_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
)

// byRole is the bank's decision: accounts need AISP, payments PISP, and status nothing.
func byRole(app claims.Application, env claims.Environment, api string) (claims.Role, string, bool) {
	needed, known := map[string]claims.Role{"accounts": claims.AISP, "payments": claims.PISP, "status": ""}[api]
	if !known {
		return "", "the bank has no such API", false
	}
	for _, a := range app.Attributes {
		if needed == "" || a.Name == "software_roles_"+string(env) && slices.Contains(a.Values, string(needed)) {
			return needed, "the application has the role", true
		}
	}
	return "", "the application has none of the API's roles", false
}

// newShop is a bank whose APIs a client subscribes to, with one client.
func newShop(t *testing.T, change func(*dcr.Config)) (*office, store.Client) {
	t.Helper()
	b := newCounter(t, nil, func(c *dcr.Config) {
		c.MaySubscribe = byRole
		if change != nil {
			change(c)
		}
	})
	return b, b.walkIn(t, b.manual(t, nil)).Client
}

// apis are the APIs that a client is subscribed to.
func (b *office) apis(t *testing.T, id string) []string {
	t.Helper()
	found, err := b.store.ListSubscriptions(context.Background(), id)
	require.NoError(t, err)
	var names []string
	for _, s := range found {
		names = append(names, s.API)
	}
	return names
}

func TestAContactSubscribesByTheRolesOfTheSoftware(t *testing.T) {
	b, client := newShop(t, nil)
	ctx := contact("jo@tpp.example")
	require.NoError(t, b.Subscribe(ctx, client.ID, "payments", b.own()))
	require.Equal(t, dcr.Event{Operation: dcr.OpSubscribe, Outcome: dcr.OutcomeDone, Environment: claims.Sandbox, Actor: dcr.ActorContact}, b.lastEvent())
	require.NoError(t, b.Subscribe(ctx, client.ID, "accounts", b.own()))
	require.NoError(t, b.Subscribe(ctx, client.ID, "status", b.own()))
	found, err := b.store.ListSubscriptions(ctx, client.ID)
	require.NoError(t, err)
	require.Equal(t, store.Subscription{Client: client.ID, API: "accounts", Role: claims.AISP, Since: b.now.UTC(), By: "jo@tpp.example"}, found[0])
	require.Equal(t, []string{"accounts", "payments", "status"}, b.apis(t, client.ID))
	require.Empty(t, found[2].Role)

	for name, c := range map[string]struct {
		api    string
		status int
	}{"again": {"accounts", 400}, "unknown": {"loans", 403}, "no name": {"", 403}, "a long name": {strings.Repeat("x", 201), 403}} {
		require.Equal(t, c.status, refusalOf(t, b.Subscribe(ctx, client.ID, c.api, b.own())).Status, name)
	}
	require.ErrorIs(t, b.Subscribe(ctx, client.ID, "accounts", b.own()), store.ErrExists)
	require.ErrorIs(t, b.Subscribe(ctx, client.ID, "accounts", dcr.Reach{}), store.ErrNotFound)
	require.ErrorIs(t, b.Subscribe(ctx, "nobody", "accounts", b.own()), store.ErrNotFound)
	require.ErrorIs(t, b.Unsubscribe(ctx, client.ID, "accounts", dcr.Reach{}), store.ErrNotFound)
	require.NoError(t, b.Unsubscribe(ctx, client.ID, "payments", b.own()))
	require.Equal(t, 400, refusalOf(t, b.Unsubscribe(ctx, client.ID, "payments", b.own())).Status)
	require.Equal(t, []string{"accounts", "status"}, b.apis(t, client.ID))
	story := b.story(t, client.ID)
	require.Len(t, story, 5)
	require.Contains(t, story[1], "2 active: subscribe done by contact")
	require.Contains(t, story[4], "5 active: unsubscribe done by contact")
	entries, err := b.store.History(ctx, client.ID, 4, 1)
	require.NoError(t, err)
	require.Equal(t, `["accounts","payments","status"]`, string(entries[0].Changes[0].Before))
	require.Equal(t, `["accounts","status"]`, string(entries[0].Changes[0].After))

	require.NoError(t, b.DeleteManual(ctx, client.ID, b.own()))
	require.Empty(t, b.apis(t, client.ID))
	b.story(t, client.ID)
}

func TestARoleThatIsLostEndsItsSubscriptions(t *testing.T) {
	for name, prepare := range map[string]func(*dcr.Config){
		"without a provisioner": nil,
		"with one":              func(c *dcr.Config) { c.Provisioner = newAuthorizationServer() },
		"with a Replay":         func(c *dcr.Config) { c.Replay = store.NewMemoryReplay(c.Clock) },
	} {
		for update, do := range map[string]func(b *office, id, statement string) error{
			"by a contact": func(b *office, id, statement string) error {
				_, err := b.UpdateManual(contact("jo"), id, dcr.Manual{Statement: statement, Reach: b.own()})
				return err
			},
			"by API": func(b *office, id, statement string) error {
				_, err := b.Update(context.Background(), id, b.token(t, func(c *claims.Request) {
					c.SoftwareStatement, c.Scope = claims.Some(statement), claims.Some(claims.Scope{Words: []string{"openid", "accounts"}})
				}), b.caller(t, id))
				return err
			},
		} {
			b, client := newShop(t, prepare)
			for _, api := range []string{"accounts", "payments", "status"} {
				require.NoError(t, b.Subscribe(contact("jo"), client.ID, api, b.own()))
			}
			statement := b.statement(t, map[string]any{"software_roles": []string{"AISP"}})
			p, err := b.PreviewManual(context.Background(), client.ID, dcr.Manual{Statement: statement, Reach: b.own()})
			require.NoError(t, err)
			require.Equal(t, []string{"payments"}, p.Ends)
			require.Equal(t, []string{"accounts", "payments", "status"}, b.apis(t, client.ID))
			require.NoError(t, do(b, client.ID, statement), "%s, %s", name, update)
			require.Equal(t, []string{"accounts", "status"}, b.apis(t, client.ID), "%s, %s", name, update)
			entries, err := b.store.History(context.Background(), client.ID, 0, 100)
			require.NoError(t, err)
			last := entries[len(entries)-1]
			require.Equal(t, store.Active, last.State)
			i := slices.IndexFunc(last.Changes, func(c store.AuditChange) bool { return c.Member == "subscriptions" })
			require.GreaterOrEqual(t, i, 0, "%s, %s: the entry names them", name, update)
			require.Equal(t, `["accounts","payments","status"]`, string(last.Changes[i].Before))
			require.Equal(t, `["accounts","status"]`, string(last.Changes[i].After))
			b.story(t, client.ID)
		}
	}
}

func TestAnUpdateThatIsTakenBackEndsNoSubscription(t *testing.T) {
	server := newAuthorizationServer()
	b, client := newShop(t, func(c *dcr.Config) { c.Provisioner = server })
	require.NoError(t, b.Subscribe(contact("jo"), client.ID, "payments", b.own()))
	server.fail = failOnce("provisioned")
	_, err := b.UpdateManual(contact("jo"), client.ID, b.manual(t, map[string]any{"software_roles": []string{"AISP"}}))
	require.Equal(t, http.StatusServiceUnavailable, refusalOf(t, err).Status)
	require.Equal(t, []string{"payments"}, b.apis(t, client.ID))
	b.story(t, client.ID)
}

func TestAnUpdateAndASubscriptionNeverPassUnseen(t *testing.T) {
	for range 30 {
		b, client := newShop(t, nil)
		statement := b.statement(t, map[string]any{"software_roles": []string{"AISP"}})
		var group sync.WaitGroup
		var update, subscribe error
		group.Go(func() { subscribe = b.Subscribe(contact("jo"), client.ID, "payments", b.own()) })
		group.Go(func() {
			_, update = b.UpdateManual(contact("jo"), client.ID, dcr.Manual{Statement: statement, Reach: b.own()})
		})
		group.Wait()
		require.NoError(t, update)
		if subscribe != nil {
			require.Contains(t, []int{403, 503}, refusalOf(t, subscribe).Status)
		}
		require.Empty(t, b.apis(t, client.ID), "the role was lost")
		b.story(t, client.ID)
	}
}

func TestAClientWhoseChangeIsUnderWaySubscribesToNothing(t *testing.T) {
	b, client := newShop(t, nil)
	ctx := context.Background()
	set := func(state store.State) {
		record := b.stored(t, client.ID)
		record.State, record.Since = state, b.now
		require.NoError(t, b.store.Update(ctx, record, store.Change{}))
	}
	set(store.PendingDelete)
	require.Equal(t, 403, refusalOf(t, b.Subscribe(ctx, client.ID, "accounts", b.own())).Status)
	set(store.Active)
	set(store.Updating)
	require.Equal(t, 503, refusalOf(t, b.Subscribe(ctx, client.ID, "accounts", b.own())).Status)
	require.Equal(t, 503, refusalOf(t, b.Unsubscribe(ctx, client.ID, "accounts", b.own())).Status)
	set(store.Deleting)
	require.ErrorIs(t, b.Subscribe(ctx, client.ID, "accounts", b.own()), store.ErrNotFound)
}

func TestABankWithoutSubscriptionsSaysSo(t *testing.T) {
	undecided := newCounter(t, nil, nil)
	client := undecided.walkIn(t, undecided.manual(t, nil)).Client
	require.ErrorIs(t, undecided.Subscribe(context.Background(), client.ID, "accounts", undecided.own()), dcr.ErrNotOffered)
	b, _ := newShop(t, func(c *dcr.Config) { c.Store = fourVerbs{c.Store} })
	require.ErrorIs(t, b.Unsubscribe(context.Background(), client.ID, "accounts", b.own()), dcr.ErrNotOffered)
}

// faultySubscriptions is a store whose subscriptions cannot be read or changed.
type faultySubscriptions struct {
	*store.Memory
	reads bool
}

func (s faultySubscriptions) ListSubscriptions(ctx context.Context, id string) ([]store.Subscription, error) {
	if s.reads {
		return nil, errOut
	}
	return s.Memory.ListSubscriptions(ctx, id)
}

func (s faultySubscriptions) Subscribe(context.Context, store.Subscription, int64, store.Change) error {
	panic("code of the store")
}

func TestAnOutageOfTheSubscriptionsChangesNothing(t *testing.T) {
	good, client := newShop(t, nil)
	require.NoError(t, good.Subscribe(contact("jo"), client.ID, "payments", good.own()))
	before := everything(t, good.records)
	m := good.manual(t, map[string]any{"software_roles": []string{"AISP"}})
	out := openCounter(t, good.world, good.store, func(c *dcr.Config) {
		c.MaySubscribe, c.Store = byRole, faultySubscriptions{good.store, true}
	})
	_, err := out.UpdateManual(context.Background(), client.ID, m)
	require.Equal(t, 503, refusalOf(t, err).Status)
	require.Equal(t, 503, refusalOf(t, out.Subscribe(context.Background(), client.ID, "accounts", out.own())).Status)
	panics := openCounter(t, good.world, good.store, func(c *dcr.Config) {
		c.MaySubscribe, c.Store = byRole, faultySubscriptions{good.store, false}
	})
	require.Equal(t, 500, refusalOf(t, panics.Subscribe(context.Background(), client.ID, "accounts", out.own())).Status)
	undecided := openCounter(t, good.world, good.store, func(c *dcr.Config) {
		c.MaySubscribe = func(claims.Application, claims.Environment, string) (claims.Role, string, bool) {
			panic(errors.New("table"))
		}
	})
	_, err = undecided.UpdateManual(context.Background(), client.ID, m)
	require.Equal(t, 503, refusalOf(t, err).Status)
	require.Equal(t, before, everything(t, good.records))
	require.Equal(t, []string{"payments"}, good.apis(t, client.ID))
}
