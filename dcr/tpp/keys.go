package tpp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
	"github.com/obdcr/obdcr/ssa"
)

// longestKeyFetch is the greatest limit of a fetch that ssa.RemoteLimits takes with its other
// defaults.
const longestKeyFetch = 29 * time.Second

// KeySet makes a resolver of the keys of one set at an https address that the TPP's own user
// chose. It goes through the proxies that the client uses, and reaches any network. A bank
// must not use it for an address that a stranger can choose: ssa.RemoteKeys checks these.
// KeySet ignores the address in the statement. A nil client trusts the system's CAs, and uses
// the proxies of the environment variables. The client's Timeout bounds a fetch, 5 seconds if
// it is zero; other bounds and the errors are those of ssa.RemoteKeys.
func KeySet(address string, client *http.Client) (ssa.KeyResolver, error) {
	return newKeySet(address, client)
}

// SoftwareKeySet is KeySet for the keys of a software. It reads the withdrawn keys at the
// addresses that a statement names, as far as they are on the host of address. For another
// host its error wraps ErrNotLookedAt: the TPP's user has not chosen that host. An address
// that answers 404 publishes no key (ssa.ErrNoKeyPublished): a bank says so once it has read
// the address again 5 seconds later. A key that is not there is ssa.ErrKeyNotFound without
// the times of an ssa.UnknownKeyError: these would be of the TPP's own cache, not of the bank's.
func SoftwareKeySet(address string, client *http.Client) (ssa.SoftwareKeyResolver, error) {
	return newKeySet(address, client)
}

// RevokedKeySet makes a resolver of the withdrawn keys at one address, as KeySet does. It
// ignores the address in the statement.
func RevokedKeySet(address string, client *http.Client) (ssa.RevokedKeyResolver, error) {
	keys, err := newKeySet(address, client)
	return revokedKeySet{keys}, err
}

func newKeySet(address string, client *http.Client) (keySet, error) {
	u, err := uri.Endpoint(address)
	if err != nil {
		return keySet{}, failure("the address of the key set %w", err)
	}
	c := ssa.RemoteConfig{Sources: []ssa.RemoteSource{{Hosts: []string{u.Host}}}, Transport: fetch.Transport(nil)}
	if client != nil {
		c.Limits.Timeout = min(max(client.Timeout, 0), longestKeyFetch)
		if client.Transport != nil {
			c.Transport = client.Transport
		}
	}
	keys, err := ssa.NewRemoteKeys(c)
	if err != nil {
		return keySet{}, failure("the address of the key set: %s", text.Detail(err))
	}
	return keySet{keys: keys, address: address}, nil
}

// errNoKeyPublished has no times: an ssa.UnknownKeyError would have those of the TPP's own
// cache, and says nothing of when a bank reads the set.
var errNoKeyPublished = fmt.Errorf("%w: %w", ssa.ErrNoKeyPublished, ssa.ErrKeyNotFound)

// keySet resolves keys at one address.
type keySet struct {
	keys    *ssa.RemoteKeys
	address string
}

// ResolveKeys implements ssa.KeyResolver.
func (k keySet) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	ref.URL = k.address
	keys, err := k.keys.ResolveKeys(ctx, ref)
	switch unknown := (*ssa.UnknownKeyError)(nil); {
	case !ref.Software:
	case errors.Is(err, ssa.ErrKeySetMissing), errors.Is(err, ssa.ErrNoKeyPublished):
		return nil, errNoKeyPublished
	case errors.As(err, &unknown):
		return nil, ssa.ErrKeyNotFound
	}
	return keys, err
}

// ResolveRevokedKeys implements ssa.RevokedKeyResolver for addresses on the host of the set.
func (k keySet) ResolveRevokedKeys(ctx context.Context, url string) (ssa.KeySet, error) {
	set, err := k.keys.ResolveRevokedKeys(ctx, url)
	if errors.Is(err, ssa.ErrJWKSHost) {
		return ssa.KeySet{}, ErrNotLookedAt
	}
	return set, err
}

// revokedKeySet resolves withdrawn keys at one address.
type revokedKeySet struct{ keySet }

// ResolveRevokedKeys implements ssa.RevokedKeyResolver.
func (k revokedKeySet) ResolveRevokedKeys(ctx context.Context, _ string) (ssa.KeySet, error) {
	return k.keys.ResolveRevokedKeys(ctx, k.address)
}
