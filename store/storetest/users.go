package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/obdcr/obdcr/store"
)

// user is a user with all members, distinct in each by the name of its mailbox.
func user(mailbox string) store.User {
	return store.User{
		Email: mailbox + "@tpp.example", Name: "\u202eName \U0001f512 of " + mailbox, Issuer: "https://directory.example", Subject: "sub of " + mailbox,
		Organisations: []string{"org of " + mailbox, "", "b", "a"}, Operator: true, SeenAt: issued,
	}
}

// signsIn checks what a sign-in stores, and what is found then.
func (p *probe) signsIn(u store.User, wantedFirst bool, created time.Time) {
	wanted := u
	wanted.CreatedAt, wanted.SeenAt = created, u.SeenAt.Truncate(time.Second).UTC()
	stored, first, err := p.users.SignIn(p.ctx, u)
	want(fmt.Sprintf("SignIn(%q)", u.Email), err, nil)
	if first != wantedFirst {
		failf("SignIn(%q): first is %v, want %v", u.Email, first, wantedFirst)
	}
	sameUser("SignIn", stored, wanted)
	if len(stored.Organisations) > 0 {
		stored.Organisations[0] = "spoilt"
	}
	p.isUser(wanted)
}

func sameUser(what string, got, wanted store.User) {
	if len(got.Organisations) == 0 && len(wanted.Organisations) == 0 {
		got.Organisations = wanted.Organisations
	}
	if !reflect.DeepEqual(got, wanted) {
		failf("%s: the user is %+v, want %+v", what, got, wanted)
	}
}

func (p *probe) isUser(wanted store.User) {
	for range 2 { // what came out the first time is changed
		got, err := p.users.GetUser(p.ctx, wanted.Email)
		want(fmt.Sprintf("GetUser(%q)", wanted.Email), err, nil)
		sameUser("GetUser", got, wanted)
		if len(got.Organisations) > 0 {
			got.Organisations[0] = "spoilt"
		}
	}
}

func (p *probe) noUser(email string) {
	_, err := p.users.GetUser(p.ctx, email)
	want(fmt.Sprintf("GetUser(%q)", email), err, store.ErrNotFound)
}

// listed checks a walk over the users, with pages of any size.
func (p *probe) listedUsers(emails ...string) {
	for _, size := range []int{1, 2, len(emails) + 1, math.MaxInt} {
		var got []string
		for after := ""; ; {
			page, err := p.users.ListUsers(p.ctx, after, size)
			if want("ListUsers", err, nil); len(page) > size || len(got) > 1000 {
				failf("ListUsers(%q, %d) gave %d users", after, size, len(page))
			}
			if len(page) == 0 {
				break
			}
			for _, u := range page {
				got = append(got, u.Email)
			}
			after = got[len(got)-1]
		}
		if fmt.Sprint(got) != fmt.Sprint(emails) {
			failf("ListUsers in pages of %d: %q, want %q", size, got, emails)
		}
	}
}

func userCases() []testCase {
	all := append(keptUsers(), otherUsers()...)
	for i := range all {
		all[i].needs = Users
	}
	return all
}

func keptUsers() []testCase {
	return []testCase{
		{name: "a first sign-in makes a user, and later ones replace all but CreatedAt",
			why: "the portal tells who is new, and shows since when; a role that a person lost at the directory is gone at the next sign-in",
			do:  signedInAgain},
		{name: "a user that comes in or out is the caller's", why: "a request that changes its copy must not change what others read",
			do: func(p *probe) {
				u := user("a")
				p.signsIn(u, true, issued)
				u.Organisations[1] = "spoilt"
				p.isUser(withCreated(user("a")))
				list, err := p.users.ListUsers(p.ctx, "", 1)
				want("ListUsers", err, nil)
				list[0].Organisations[0] = "spoilt"
				p.isUser(withCreated(user("a")))
			}},
		{name: "users are told apart by the bytes of their Email", why: "two people with one record would see each other's applications",
			do: func(p *probe) {
				names := []string{"a", "A", "a.", "\u00e4", "a ", "%", "_"}
				for _, name := range names {
					p.signsIn(user(name), true, issued)
				}
				for _, name := range names {
					p.isUser(withCreated(user(name)))
				}
				p.noUser("a")
				p.noUser("")
				p.noUser("b@tpp.example")
				p.noUser("a\x00@tpp.example")
			}},
		{name: "ListUsers walks over all users in the order of their Email", why: "an operator who looks for one person must not miss another",
			do: func(p *probe) {
				p.listedUsers()
				for _, name := range []string{"b", "a", "Z", "\u00e4", "a-", "a0"} {
					p.signsIn(user(name), true, issued)
				}
				p.listedUsers("Z@tpp.example", "a-@tpp.example", "a0@tpp.example", "a@tpp.example", "b@tpp.example", "\u00e4@tpp.example")
				for _, limit := range []int{0, -1, math.MinInt} {
					if none, err := p.users.ListUsers(p.ctx, "", limit); err != nil || len(none) > 0 {
						failf("ListUsers with limit %d gave %d users and error %v", limit, len(none), err)
					}
				}
			}},
	}
}

func otherUsers() []testCase {
	return []testCase{
		{name: "ForgetUser removes one user", why: "a person may ask the bank to forget them, and nobody else is forgotten then",
			do: func(p *probe) {
				p.signsIn(user("a"), true, issued)
				p.signsIn(user("b"), true, issued)
				want("ForgetUser", p.users.ForgetUser(p.ctx, user("a").Email), nil)
				p.noUser(user("a").Email)
				for _, none := range []string{user("a").Email, user("c").Email, "", "a\x00"} {
					want(fmt.Sprintf("ForgetUser(%q)", none), p.users.ForgetUser(p.ctx, none), store.ErrNotFound)
				}
				p.isUser(withCreated(user("b")))
				again := user("a")
				again.SeenAt = issued.Add(time.Hour)
				p.signsIn(again, true, again.SeenAt)
			}},
		{name: "a user that no store can have is refused", why: "what one store takes and another does not would break the move to that one",
			do: refusedUsers},
		{name: "a context that has ended signs nobody in", why: "its caller has given up, and tells the person so",
			do: func(p *probe) {
				p.signsIn(user("b"), true, issued)
				ended, cancel := context.WithCancel(p.ctx)
				cancel()
				_, _, err := p.users.SignIn(ended, user("a"))
				want("SignIn", err, context.Canceled)
				want("ForgetUser", p.users.ForgetUser(ended, user("b").Email), context.Canceled)
				_, err = p.users.GetUser(ended, user("b").Email)
				want("GetUser", err, context.Canceled)
				_, err = p.users.ListUsers(ended, "", 10)
				want("ListUsers", err, context.Canceled)
				p.listedUsers(user("b").Email)
			}},
		race("of 16 first sign-ins at once one is the first", "a person with two windows is welcomed once, and the audit trail says so once", Users,
			func(p *probe, round string) {
				var firsts [few]bool
				errs := together(few, func(i int) (err error) {
					u := user(round)
					u.SeenAt = issued.Add(time.Duration(i) * time.Second)
					_, firsts[i], err = p.users.SignIn(p.ctx, u)
					return err
				})
				want("SignIn", errors.Join(errs...), nil)
				first := -1
				for i, is := range firsts {
					if is && first >= 0 {
						failf("two sign-ins of one person are the first")
					} else if is {
						first = i
					}
				}
				u, err := p.users.GetUser(p.ctx, user(round).Email)
				if want("GetUser", err, nil); first < 0 || !u.CreatedAt.Equal(issued.Add(time.Duration(first)*time.Second)) {
					failf("sign-in %d is the first, and CreatedAt is %v", first, u.CreatedAt)
				}
			}),
	}
}

// withCreated returns a user as it is after its first sign-in.
func withCreated(u store.User) store.User {
	u.CreatedAt = u.SeenAt
	return u
}

func signedInAgain(p *probe) {
	u := user("a")
	u.SeenAt = issued.Add(999 * time.Millisecond).In(time.FixedZone("", 3600))
	p.noUser(u.Email)
	p.signsIn(u, true, issued)
	p.signsIn(user("b"), true, issued)
	u.Name, u.Issuer, u.Subject, u.Operator, u.SeenAt = "other name", "other issuer", "other subject", false, issued.Add(time.Hour)
	u.Organisations = []string{"c"}
	p.signsIn(u, false, issued)
	u.Organisations, u.Name, u.Issuer, u.Subject = nil, "", "", ""
	p.signsIn(u, false, issued)
	u.SeenAt = issued.Add(-time.Hour) // by a clock that was set back
	p.signsIn(u, false, issued)
	p.isUser(withCreated(user("b")))
}

func refusedUsers(p *probe) {
	long := user("a")
	long.Email = strings.Repeat("a", 1000)
	p.signsIn(long, true, issued)
	for what, spoil := range map[string]func(*store.User){
		"no Email":                func(u *store.User) { u.Email = "" },
		"a long Email":            func(u *store.User) { u.Email = strings.Repeat("a", 1001) },
		"no SeenAt":               func(u *store.User) { u.SeenAt = time.Time{} },
		"a NUL in the Email":      func(u *store.User) { u.Email = "a\x00@tpp.example" },
		"a NUL in the Name":       func(u *store.User) { u.Name = "a\x00b" },
		"a NUL in a organisation": func(u *store.User) { u.Organisations = []string{"a\x00b"} },
		"a Subject of no UTF-8":   func(u *store.User) { u.Subject = "\xff" },
		"an Issuer of no UTF-8":   func(u *store.User) { u.Issuer = "\xff" },
	} {
		u := user("b")
		spoil(&u)
		if _, _, err := p.users.SignIn(p.ctx, u); err == nil {
			failf("SignIn takes a user with %s", what)
		}
	}
	p.listedUsers(long.Email)
}
