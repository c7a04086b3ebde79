package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/store"
)

// session is a session that does not end while the test runs.
func session(key string) store.Session {
	return store.Session{Key: key, Data: []byte("data of " + key + "\x00\xff"), Until: farAhead.Add(123 * time.Millisecond)}
}

func (p *probe) puts(s store.Session, wanted error) {
	want(fmt.Sprintf("PutSession(%.64q)", s.Key), p.sessions.PutSession(p.ctx, s), wanted)
}

func (p *probe) ends(key string, until time.Time) {
	want(fmt.Sprintf("EndSession(%.64q)", key), p.sessions.EndSession(p.ctx, key, until), nil)
}

// isSession checks that a session is there, exactly so, each time that it is asked for.
func (p *probe) isSession(wanted store.Session) {
	for range 2 {
		got, err := p.sessions.GetSession(p.ctx, wanted.Key)
		want(fmt.Sprintf("GetSession(%.64q)", wanted.Key), err, nil)
		if got.Key != wanted.Key || !bytes.Equal(got.Data, wanted.Data) || !got.Until.Equal(wanted.Until) || got.Until.Location() != time.UTC {
			failf("session %.64q is %.64q until %v, want %.64q until %v", wanted.Key, got.Data, got.Until, wanted.Data, wanted.Until)
		}
		clear(got.Data)
	}
}

func (p *probe) noSession(key string) {
	_, err := p.sessions.GetSession(p.ctx, key)
	want(fmt.Sprintf("GetSession(%.64q)", key), err, store.ErrNotFound)
}

func (p *probe) purgesSessions(limit, wanted int) {
	got, err := p.sessions.PurgeSessions(p.ctx, limit)
	if want("PurgeSessions", err, nil); got != wanted {
		failf("PurgeSessions(%d) has forgotten %d, want %d", limit, got, wanted)
	}
}

func sessionCases() []testCase {
	all := slices.Concat(keptSessions(), refusedSessions(), endedSessions())
	for i := range all {
		all[i].needs = Sessions
	}
	return all
}

func keptSessions() []testCase {
	return []testCase{
		{name: "a session comes back as it was written, and is the caller's", why: "a portal that gets other bytes signs everybody out, or somebody else in",
			do: func(p *probe) {
				p.noSession("a")
				s, other := session("a"), session("b")
				s.Data = bytes.Repeat([]byte{0, 1, 0xff, '\''}, 64<<10)
				p.puts(s, nil)
				p.puts(other, nil)
				kept := s.Clone()
				clear(s.Data)
				p.isSession(kept)
				p.isSession(other)
			}},
		{name: "PutSession replaces a session", why: "what a person does is kept from one request to the next",
			do: func(p *probe) {
				s := session("a")
				for _, until := range []time.Duration{0, time.Hour, -time.Hour, time.Millisecond, 0} {
					for _, data := range []string{"one", "two", "", "two"} {
						s.Data, s.Until = []byte(data), session("a").Until.Add(until)
						p.puts(s, nil)
						p.isSession(s)
					}
				}
			}},
		{name: "the end of a session is kept in whole milliseconds of UTC", why: "each store ends it at the same moment",
			do: func(p *probe) {
				s := session("a")
				s.Until = farAhead.Add(1999 * time.Microsecond).In(time.FixedZone("", 3600))
				p.puts(s, nil)
				s.Until = farAhead.Add(time.Millisecond)
				p.isSession(s)
			}},
		{name: "sessions are told apart by the bytes of their Key", why: "a key that is only like another one must not open its session",
			do: func(p *probe) {
				keys := []string{"a", "A", "a ", "\u00e4", "%", "_", "ab", strings.Repeat("a", 1000)}
				for _, key := range keys {
					p.puts(session(key), nil)
				}
				p.ends("A", farAhead)
				for _, key := range keys {
					if key == "A" {
						p.noSession(key)
					} else {
						p.isSession(session(key))
					}
				}
				p.noSession("")
				p.noSession("a\x00")
			}},
		{name: "a session ends by the store's clock", why: "a browser that was left open at noon is signed out in the evening", turns: true,
			do: func(p *probe) {
				s := session("a")
				s.Until = issued.Add(time.Minute)
				p.puts(s, nil)
				p.clock.turn(time.Minute - time.Second)
				p.isSession(s)
				p.clock.turn(time.Second)
				p.noSession("a")
				s.Until = issued.Add(time.Hour)
				p.puts(s, nil)
				p.isSession(s)
			}},
	}
}

func refusedSessions() []testCase {
	return []testCase{
		{name: "a session that no store can have is refused", why: "what one store takes and another does not breaks a portal that moves",
			do: func(p *probe) {
				for what, spoil := range map[string]func(*store.Session){
					"no Key":              func(s *store.Session) { s.Key = "" },
					"a long Key":          func(s *store.Session) { s.Key = strings.Repeat("a", 1001) },
					"a NUL in the Key":    func(s *store.Session) { s.Key = "a\x00" },
					"a Key of no UTF-8":   func(s *store.Session) { s.Key = "\xff" },
					"more than 256 KiB":   func(s *store.Session) { s.Data = make([]byte, 256<<10+1) },
					"no Until":            func(s *store.Session) { s.Until = time.Time{} },
					"no Key and no Until": func(s *store.Session) { s.Key, s.Until = "", time.Time{} },
				} {
					s := session("a")
					if spoil(&s); p.sessions.PutSession(p.ctx, s) == nil {
						failf("PutSession takes a session with %s", what)
					}
					if len(s.Data) < 256<<10 && p.sessions.EndSession(p.ctx, s.Key, s.Until) == nil {
						failf("EndSession takes a session with %s", what)
					}
				}
				p.noSession("a")
			}},
		{name: "a context that has ended puts and ends no session", why: "its caller has given up",
			do: func(p *probe) {
				p.puts(session("a"), nil)
				ended, cancel := context.WithCancel(p.ctx)
				cancel()
				want("PutSession", p.sessions.PutSession(ended, session("b")), context.Canceled)
				want("EndSession", p.sessions.EndSession(ended, "a", farAhead), context.Canceled)
				_, err := p.sessions.GetSession(ended, "a")
				want("GetSession", err, context.Canceled)
				_, err = p.sessions.PurgeSessions(ended, 10)
				want("PurgeSessions", err, context.Canceled)
				p.isSession(session("a"))
				p.noSession("b")
			}},
	}
}

func endedSessions() []testCase {
	return []testCase{
		{name: "a session that was ended is not brought back", why: "a request that was under way at a sign-out stores its session afterwards",
			do: func(p *probe) {
				p.puts(session("a"), nil)
				p.puts(session("b"), nil)
				p.ends("a", farAhead)
				p.noSession("a")
				p.puts(session("a"), store.ErrState)
				p.noSession("a")
				p.isSession(session("b"))
				p.ends("first", farAhead) // the sign-out overtakes the first request
				p.puts(session("first"), store.ErrState)
				p.noSession("first")
				p.ends("a", farAhead)
				p.puts(session("a"), store.ErrState)
			}},
		{name: "the key of an ended session is remembered until the later of its times",
			why: "a session of twelve hours that is ended after one must not come back in the second", turns: true,
			do: func(p *probe) {
				s := session("long")
				s.Until = issued.Add(time.Hour)
				p.puts(s, nil)
				p.ends("long", issued.Add(time.Minute))
				p.ends("none", issued.Add(time.Minute))
				p.ends("twice", issued.Add(time.Hour))
				p.ends("twice", issued.Add(time.Minute))
				p.clock.turn(time.Minute)
				p.purgesSessions(10, 1)
				p.puts(s, store.ErrState)
				p.puts(session("twice"), store.ErrState)
				p.puts(session("none"), nil)
				p.clock.turn(time.Hour)
				p.purgesSessions(10, 2)
				p.puts(session("long"), nil)
				p.isSession(session("long"))
			}},
		{name: "PurgeSessions forgets those whose time has passed, the earliest first", why: "a step holds up the changes beside it no longer than one of them takes",
			turns: true, do: purgedSessions},
		race("no session is there after its sign-out", "of two windows one signs out while the other one loads a page", Sessions,
			func(p *probe, round string) {
				p.puts(session(round), nil)
				errs := together(few, func(i int) error {
					if i == few/2 {
						return p.sessions.EndSession(p.ctx, round, farAhead)
					}
					s := session(round)
					s.Data = []byte(fmt.Sprint(i))
					if err := p.sessions.PutSession(p.ctx, s); !errors.Is(err, store.ErrState) {
						return err
					}
					return nil
				})
				want("PutSession beside EndSession", errors.Join(errs...), nil)
				p.noSession(round)
				p.puts(session(round), store.ErrState)
			}),
	}
}

func purgedSessions(p *probe) {
	for _, minute := range []int{3, 1, 5, 2, 4} {
		s := session(fmt.Sprint("s", minute))
		if s.Until = issued.Add(time.Duration(minute) * time.Minute); minute == 2 {
			p.ends(s.Key, s.Until)
			continue
		}
		p.puts(s, nil)
	}
	p.purgesSessions(10, 0)
	p.clock.turn(4 * time.Minute)
	for _, limit := range []int{0, -1, math.MinInt} {
		p.purgesSessions(limit, 0)
	}
	p.purgesSessions(2, 2)
	p.clock.turn(-4 * time.Minute)
	p.noSession("s1")
	for _, minute := range []int{3, 4, 5} {
		s := session(fmt.Sprint("s", minute))
		s.Until = issued.Add(time.Duration(minute) * time.Minute)
		p.isSession(s)
	}
	p.clock.turn(4 * time.Minute)
	p.purgesSessions(10, 2)
	p.purgesSessions(10, 0)
	p.noSession("s4")
	s := session("s5")
	s.Until = issued.Add(5 * time.Minute)
	p.isSession(s)
}
