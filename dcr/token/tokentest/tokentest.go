// Package tokentest tests a token.Keeper against its contract, by [RunKeeper], and has one in
// memory for the tests of others. It needs only the standard library:
//
//	func TestKeeper(t *testing.T) {
//		tokentest.RunKeeper(t, func(t *testing.T, clock func() time.Time) token.Keeper { return openAnEmptyKeeper(t, clock) })
//	}
package tokentest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/obdcr/obdcr/dcr/token"
)

// RunKeeper runs each sentence of the contract of token.Keeper as a subtest. open makes an
// empty Keeper, by whose clock tokens expire, and closes it by t.Cleanup. Each case gets a
// Keeper of its own. A failure comes with the reason for that part of the contract.
func RunKeeper(t *testing.T, open func(t *testing.T, clock func() time.Time) token.Keeper) {
	t.Helper()
	for _, c := range keeperCases() {
		t.Run(c.name, func(t *testing.T) {
			p := newProbe()
			p.Keeper = open(t, p.clock)
			if err := c.do(p); err != nil {
				t.Errorf("%v\nwhy it matters: %s", err, c.why)
			}
		})
	}
}

// keeperCase is one sentence of the contract. do returns the breach.
type keeperCase struct {
	name string
	why  string // printed with a failure
	do   func(*probe) error
}

// probe asks a Keeper. Its clock stands until pass turns it.
type probe struct {
	token.Keeper
	mu  sync.Mutex
	now time.Time
}

func newProbe() *probe { return &probe{now: time.Unix(1_790_000_000, 0).UTC()} }

func (p *probe) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *probe) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

const life = time.Hour

// most is the bound of each client in the cases.
const most = 3

func hash(name string) [32]byte { return sha256.Sum256([]byte(name)) }

func content(name string) []byte { return []byte(`{"token":"` + name + `"}`) }

// keep keeps tokens of the client that expire after life.
func (p *probe) keep(clientID string, names ...string) error {
	for _, name := range names {
		if err := p.keepFor(clientID, name, life); err != nil {
			return err
		}
	}
	return nil
}

func (p *probe) keepFor(clientID, name string, life time.Duration) error {
	return p.KeepToken(context.Background(), hash(name), clientID, content(name), p.clock().Add(life), most)
}

// want compares which of the tokens are kept.
func (p *probe) want(kept bool, names ...string) error {
	for _, name := range names {
		found, err := p.KeptToken(context.Background(), hash(name))
		switch {
		case err != nil:
			return fmt.Errorf("KeptToken: %w", err)
		case kept && !bytes.Equal(found, content(name)):
			return fmt.Errorf("token %s is kept as %q", name, found)
		case !kept && found != nil:
			return fmt.Errorf("token %s is kept, and should not be", name)
		}
	}
	return nil
}

func keeperCases() []keeperCase {
	return append(lifeCases(), boundCases()...)
}

func lifeCases() []keeperCase {
	return []keeperCase{
		{"a token is kept until it expires", "a token that another process issued has to be good here, and no longer than there", func(p *probe) error {
			return errors.Join(p.want(false, "a"), p.keep("one", "a"), p.want(true, "a"), p.want(false, "b"), p.turn(life-time.Second), p.want(true, "a"),
				p.turn(time.Second), p.want(false, "a"))
		}},
		{"a token that is ended is gone, and others stay", "RFC 7009: an ended token must not open anything any more", func(p *probe) error {
			ctx := context.Background()
			return errors.Join(p.keep("one", "a", "b"), p.EndToken(ctx, hash("a")), p.EndToken(ctx, hash("a")), p.EndToken(ctx, hash("nothing")),
				p.want(false, "a"), p.want(true, "b"))
		}},
		{"all tokens of a client are ended, and those of others stay", "a client that is deleted on one node is dead on all at once", func(p *probe) error {
			ctx := context.Background()
			return errors.Join(p.keep("one", "a", "b"), p.keep("One", "c"), p.EndTokensOf(ctx, "one"), p.EndTokensOf(ctx, "one"), p.EndTokensOf(ctx, "nobody"),
				p.want(false, "a", "b"), p.want(true, "c"))
		}},
		{"content and names stay as they are", "what a Keeper changes is no token that an Issuer can read", func(p *probe) error {
			every := make([]byte, 256)
			for i := range every {
				every[i] = byte(i)
			}
			ctx, given := context.Background(), bytes.Clone(every)
			err := p.KeepToken(ctx, hash("a"), `o'ne"; -- %_`, given, p.clock().Add(life), most)
			given[0] = 'x'
			for range 2 {
				found, lookup := p.KeptToken(ctx, hash("a"))
				if err = errors.Join(err, lookup); !bytes.Equal(found, every) {
					return errors.Join(err, errors.New("the content changed"))
				}
				found[0] = 'y'
			}
			return errors.Join(err, p.EndTokensOf(ctx, `o'ne"; -- %_`), p.want(false, "a"))
		}},
		{"a context that has ended is an error", "nil means that there is no such token, and its sender would be refused in an outage", func(p *probe) error {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			err := p.keep("one", "a")
			for call, failed := range map[string]error{"KeepToken": p.KeepToken(ctx, hash("b"), "one", content("b"), p.clock().Add(life), most),
				"EndToken": p.EndToken(ctx, hash("a")), "EndTokensOf": p.EndTokensOf(ctx, "one")} {
				if failed == nil {
					err = errors.Join(err, fmt.Errorf("%s returns no error", call))
				}
			}
			if found, failed := p.KeptToken(ctx, hash("a")); found != nil || failed == nil {
				err = errors.Join(err, errors.New("KeptToken returns no error"))
			}
			return errors.Join(err, p.want(true, "a"), p.want(false, "b"))
		}},
	}
}

// turn turns the clock, in a row of calls.
func (p *probe) turn(d time.Duration) error {
	p.pass(d)
	return nil
}

func boundCases() []keeperCase {
	return []keeperCase{
		{"a client that has too many loses those that expire first", "a greedy client must not fill the database, or end the tokens of others", func(p *probe) error {
			return errors.Join(p.keepFor("one", "late", 3*life), p.keepFor("one", "early", life), p.keep("other", "x", "y", "z"), p.keepFor("one", "later", 4*life),
				p.keepFor("one", "middle", 2*life), p.want(true, "late", "later", "middle", "x", "y", "z"), p.want(false, "early"))
		}},
		{"the token that is being kept stays", "a client whose new token were gone at once could never manage itself", func(p *probe) error {
			return errors.Join(p.keepFor("one", "a", 2*life), p.keepFor("one", "b", 3*life), p.keepFor("one", "c", 4*life), p.keepFor("one", "now", life),
				p.want(true, "now", "b", "c"), p.want(false, "a"))
		}},
		{"tokens of the same second count each", "a client that asks often in a second must not get round the bound", func(p *probe) error {
			names := []string{"a", "b", "c", "d", "e", "f"}
			if err := p.keep("one", names...); err != nil {
				return err
			}
			return errors.Join(p.want(true, "f"), p.count(names))
		}},
		{"tokens that have expired or ended do not count", "they would push out good ones", func(p *probe) error {
			return errors.Join(p.keep("one", "a", "b"), p.turn(life), p.keep("one", "c", "d", "e"), p.want(true, "c", "d", "e"),
				p.EndToken(context.Background(), hash("d")), p.keep("one", "f"), p.want(true, "c", "e", "f"), p.want(false, "a", "b", "d"))
		}},
		{"calls that meet fail none, and the next one keeps the bound", "several nodes issue tokens to one client at once", func(p *probe) error {
			const callers = 16
			var names []string
			var group sync.WaitGroup
			failed := make([]error, callers)
			for i := range callers {
				names = append(names, fmt.Sprint("token ", i))
				name := names[i]
				group.Go(func() { failed[i] = p.keep("one", name) })
			}
			group.Wait()
			return errors.Join(errors.Join(failed...), p.keep("one", "last"), p.want(true, "last"), p.count(append(names, "last")))
		}},
	}
}

// count compares how many of the tokens are kept with the bound.
func (p *probe) count(names []string) error {
	kept := 0
	for _, name := range names {
		if p.want(true, name) == nil {
			kept++
		}
	}
	if kept != most {
		return fmt.Errorf("%d tokens of the client are kept, and not %d", kept, most)
	}
	return nil
}
