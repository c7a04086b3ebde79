package tokentest

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// MemoryKeeper is a token.Keeper in memory, for tests. Only NewMemoryKeeper makes one that works.
type MemoryKeeper struct {
	clock func() time.Time

	mu    sync.Mutex
	fault error
	kept  map[[32]byte]keptToken
}

type keptToken struct {
	clientID string
	content  []byte
	expiry   time.Time
}

// NewMemoryKeeper returns an empty MemoryKeeper. The clock says when tokens expire; nil means time.Now.
func NewMemoryKeeper(clock func() time.Time) *MemoryKeeper {
	if clock == nil {
		clock = time.Now
	}
	return &MemoryKeeper{clock: clock, kept: map[[32]byte]keptToken{}}
}

// Fail makes each call fail with the error from now on, and none where it is nil.
func (k *MemoryKeeper) Fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fault = err
}

// do runs a call, unless the Keeper fails or the context has ended.
func (k *MemoryKeeper) do(ctx context.Context, call func()) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := cmp.Or(k.fault, ctx.Err()); err != nil {
		return err
	}
	call()
	return nil
}

// KeepToken implements token.Keeper.
func (k *MemoryKeeper) KeepToken(ctx context.Context, hash [32]byte, clientID string, content []byte, expiry time.Time, most int) error {
	return k.do(ctx, func() {
		k.kept[hash] = keptToken{clientID: clientID, content: bytes.Clone(content), expiry: expiry}
		var others [][32]byte
		for other, t := range k.kept {
			switch {
			case !k.clock().Before(t.expiry):
				delete(k.kept, other)
			case t.clientID == clientID && other != hash:
				others = append(others, other)
			}
		}
		slices.SortFunc(others, func(a, b [32]byte) int { return k.kept[a].expiry.Compare(k.kept[b].expiry) })
		for _, other := range others[:max(len(others)+1-most, 0)] {
			delete(k.kept, other)
		}
	})
}

// KeptToken implements token.Keeper.
func (k *MemoryKeeper) KeptToken(ctx context.Context, hash [32]byte) (content []byte, err error) {
	err = k.do(ctx, func() {
		if t, ok := k.kept[hash]; ok && k.clock().Before(t.expiry) {
			content = bytes.Clone(t.content)
		}
	})
	return content, err
}

// EndToken implements token.Keeper.
func (k *MemoryKeeper) EndToken(ctx context.Context, hash [32]byte) error {
	return k.do(ctx, func() { delete(k.kept, hash) })
}

// EndTokensOf implements token.Keeper.
func (k *MemoryKeeper) EndTokensOf(ctx context.Context, clientID string) error {
	return k.do(ctx, func() {
		for hash, t := range k.kept {
			if t.clientID == clientID {
				delete(k.kept, hash)
			}
		}
	})
}
