package agree

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/store"
)

var (
	mailboxes = []string{"a@x", "b@x", "A@x"}
	keys      = []string{"k", "l", "K"}
)

// anySubscription draws one that a store can have, or cannot.
func anySubscription(t *rapid.T, client string, now time.Time) store.Subscription {
	return store.Subscription{
		Client: client, API: rapid.SampledFrom([]string{"x", "y", "Y", ""}).Draw(t, "api"), Since: now, By: "who",
		Role: rapid.SampledFrom([]claims.Role{"", "AISP"}).Draw(t, "role"),
	}
}

// said is what a change answers. What a store refuses for its content it says in words of its own.
func said(err error) string {
	for _, answer := range []error{nil, store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrState} {
		if errors.Is(err, answer) {
			return fmt.Sprint(answer)
		}
	}
	return "refused"
}

// anyPortalStep draws what a portal asks of a store.
func anyPortalStep(t *rapid.T, now time.Time) func(Store) string {
	ctx := context.Background()
	email, key := rapid.SampledFrom(mailboxes).Draw(t, "email"), rapid.SampledFrom(keys).Draw(t, "key")
	until := now.Add(time.Duration(rapid.IntRange(-1, 4).Draw(t, "until")) * time.Second)
	switch rapid.IntRange(0, 7).Draw(t, "portal") {
	case 0:
		u := store.User{Email: email, Name: rapid.SampledFrom([]string{"", "n", "\x00"}).Draw(t, "user"), SeenAt: now, Organisations: []string{fmt.Sprint(now)}}
		return func(s Store) string {
			stored, first, err := s.SignIn(ctx, u)
			return fmt.Sprintf("%+v %t %s", stored, first, said(err))
		}
	case 1:
		return func(s Store) string { return said(s.ForgetUser(ctx, email)) }
	case 2, 3:
		one := store.Session{Key: key, Data: []byte(fmt.Sprint(rapid.IntRange(0, 1).Draw(t, "data"))), Until: until}
		return func(s Store) string { return said(s.PutSession(ctx, one)) }
	case 4:
		return func(s Store) string { return said(s.EndSession(ctx, key, until)) }
	case 5:
		return func(s Store) string { return fmt.Sprint(s.PurgeSessions(ctx, 1)) }
	case 6:
		e := store.AuditEntry{Client: rapid.SampledFrom([]string{"", "a", "z"}).Draw(t, "noted"), ClientID: "x", Audit: anyAudit(t)}
		return func(s Store) string { return said(s.Note(ctx, e)) }
	}
	return anySubscriptionStep(t, now)
}

func anySubscriptionStep(t *rapid.T, now time.Time) func(Store) string {
	ctx := context.Background()
	id, version := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id"), rapid.Int64Range(1, 4).Draw(t, "version")
	right := rapid.IntRange(0, 3).Draw(t, "right version") > 0
	one, with := anySubscription(t, id, now), store.Change{Audit: anyAudit(t)}
	if rapid.Bool().Draw(t, "subscribes") {
		return func(s Store) string { return said(s.Subscribe(ctx, one, current(s, id, version, right), with)) }
	}
	return func(s Store) string {
		return said(s.Unsubscribe(ctx, id, one.API, current(s, id, version, right), with))
	}
}

// people is what a store keeps for a portal.
func people(t *rapid.T, s Store) (text string) {
	ctx := context.Background()
	users, err := s.ListUsers(ctx, "", math.MaxInt)
	text = fmt.Sprintf("%+v %v\n", users, err)
	for _, email := range mailboxes {
		u, err := s.GetUser(ctx, email)
		text += fmt.Sprintf("%+v %v\n", u, err)
	}
	for _, key := range keys {
		one, err := s.GetSession(ctx, key)
		text += fmt.Sprintf("%+v %v\n", one, err)
	}
	for _, id := range []string{"a", "b", "c", "d"} {
		of, err := s.ListSubscriptions(ctx, id)
		require.NoError(t, err)
		text += fmt.Sprintf("%+v\n", of)
	}
	return text
}
