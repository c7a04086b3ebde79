package dcr

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/obdcr/obdcr/ssa"
)

// maxReadSets is how many key sets a run remembers. Beyond them the set that was read first is
// forgotten, and read again if another client needs it.
const maxReadSets = 20_000

// recheckAsker is on whose behalf a run looks keys up. See ssa.KeyRef.
const recheckAsker = "recheck"

// aKidOfNobody is a kid that no set has. A source that caches reads a set again for it, so that
// a run sees each set as it is that night.
const aKidOfNobody = "obdcr recheck: a kid of nobody"

// setKind is whose keys are at an address.
type setKind uint8

const (
	directorySet setKind = iota
	softwareSet
	withdrawnSet
)

type setAddress struct {
	kind setKind
	url  string
}

// readSet is a key set that is being read, or was. ready is closed once it was.
type readSet struct {
	ready chan struct{}
	set   ssa.KeySet
	err   error
}

// recheckKeys asks for the set at each address once. It is the ssa.SoftwareKeyResolver of a
// run.
type recheckKeys struct {
	r      *Registrar
	config RecheckConfig

	mu    sync.Mutex
	next  time.Time // when the next set may be asked for
	sets  map[setAddress]*readSet
	order []setAddress // of sets, by when they were asked for
}

func newRecheckKeys(r *Registrar, c RecheckConfig) *recheckKeys {
	return &recheckKeys{r: r, config: c, sets: map[setAddress]*readSet{}}
}

// ResolveKeys implements ssa.KeyResolver for the software's keys.
func (k *recheckKeys) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	return k.resolve(ctx, softwareSet, k.r.verifier.SoftwareKeys, ref)
}

// ResolveRevokedKeys implements ssa.RevokedKeyResolver.
func (k *recheckKeys) ResolveRevokedKeys(ctx context.Context, url string) (ssa.KeySet, error) {
	return k.read(ctx, setAddress{withdrawnSet, url}, func(ctx context.Context) (ssa.KeySet, error) {
		return k.r.verifier.SoftwareKeys.ResolveRevokedKeys(ctx, url)
	})
}

// of returns the resolver of a trust anchor that asks once for each set. Keys without an
// address are asked each time: nothing is read for them.
func (k *recheckKeys) of(source ssa.KeyResolver) ssa.KeyResolver { return anchorKeys{k, source} }

type anchorKeys struct {
	k      *recheckKeys
	source ssa.KeyResolver
}

// ResolveKeys implements ssa.KeyResolver.
func (a anchorKeys) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	if ref.URL == "" {
		return a.source.ResolveKeys(ctx, ref)
	}
	return a.k.resolve(ctx, directorySet, a.source, ref)
}

func (k *recheckKeys) resolve(ctx context.Context, kind setKind, source ssa.KeyResolver, ref ssa.KeyRef) ([]ssa.Key, error) {
	set, err := k.read(ctx, setAddress{kind, ref.URL}, func(ctx context.Context) (ssa.KeySet, error) {
		ask := ref
		ask.Asker, ask.KeyID = recheckAsker, aKidOfNobody
		if _, err := source.ResolveKeys(ctx, ask); errors.Is(err, ssa.ErrNoKeyPublished) {
			return ssa.KeySet{}, err
		}
		ask.KeyID = ""
		keys, err := source.ResolveKeys(ctx, ask) // from what was read a moment ago
		return ssa.KeySet{Keys: keys}, err
	})
	if err != nil {
		return nil, err
	}
	return set.ResolveKeys(ctx, ref)
}

// read returns the set at an address. The first that asks for it has it read; all others
// wait for that.
func (k *recheckKeys) read(ctx context.Context, at setAddress, ask func(context.Context) (ssa.KeySet, error)) (ssa.KeySet, error) {
	k.mu.Lock()
	found, known := k.sets[at]
	if !known {
		found = &readSet{ready: make(chan struct{})}
		k.add(at, found)
	}
	k.mu.Unlock()
	if known {
		select {
		case <-found.ready:
			return found.set, found.err
		case <-ctx.Done():
			return ssa.KeySet{}, ctx.Err()
		}
	}
	found.set, found.err = k.fetch(ctx, ask)
	if errors.Is(found.err, ssa.ErrKeySetMissing) {
		// One 404 is not believed: the source reads the address once more.
		var missing *ssa.KeySourceError
		if errors.As(found.err, &missing) && missing.RetryAfter <= k.config.Timeout && sleep(ctx, missing.RetryAfter) == nil {
			found.set, found.err = k.fetch(ctx, ask)
		}
	}
	if ctx.Err() != nil {
		k.forget(at, found) // that says nothing about the address
	}
	close(found.ready)
	return found.set, found.err
}

// add remembers a set. The caller holds the lock.
func (k *recheckKeys) add(at setAddress, found *readSet) {
	if len(k.order) >= maxReadSets {
		delete(k.sets, k.order[0])
		k.order = k.order[1:]
	}
	k.sets[at], k.order = found, append(k.order, at)
}

func (k *recheckKeys) forget(at setAddress, found *readSet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sets[at] == found {
		delete(k.sets, at)
	}
}

// fetch asks for a set as soon as the rate allows. It waits for the answer no longer than the
// configuration says, whether the source heeds its context or not.
func (k *recheckKeys) fetch(ctx context.Context, ask func(context.Context) (ssa.KeySet, error)) (ssa.KeySet, error) {
	if err := sleep(ctx, k.turn()); err != nil {
		return ssa.KeySet{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, k.config.Timeout)
	defer cancel()
	type answer struct {
		set ssa.KeySet
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		var a answer
		if err := k.r.guarded(func() error { a.set, a.err = ask(ctx); return nil }); err != nil {
			a.err = err
		}
		answered <- a
	}()
	select {
	case a := <-answered:
		return a.set, a.err
	case <-ctx.Done():
		return ssa.KeySet{}, fmt.Errorf("%w: no answer within %s", ssa.ErrKeySourceUnavailable, k.config.Timeout)
	}
}

// turn takes the next place in the rate, and returns how long it is until then.
func (k *recheckKeys) turn() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if k.next.Before(now) {
		k.next = now
	}
	wait := k.next.Sub(now)
	k.next = k.next.Add(time.Duration(float64(time.Second) / k.config.Rate))
	return wait
}

// sleep waits, or returns the error of the context that ends before.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
