package tpp

import (
	"context"
	"net/http"
	"time"

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
	u, err := uri.Endpoint(address)
	if err != nil {
		return nil, failure("the address of the key set %w", err)
	}
	c := ssa.RemoteConfig{Sources: []ssa.RemoteSource{{Hosts: []string{u.Host}}}, Transport: http.DefaultTransport}
	if client != nil {
		c.Limits.Timeout = min(max(client.Timeout, 0), longestKeyFetch)
		if client.Transport != nil {
			c.Transport = client.Transport
		}
	}
	keys, err := ssa.NewRemoteKeys(c)
	if err != nil {
		return nil, failure("the address of the key set: %s", text.Detail(err))
	}
	return keySet{keys: keys, address: address}, nil
}

// keySet resolves keys at one address.
type keySet struct {
	keys    *ssa.RemoteKeys
	address string
}

// ResolveKeys implements ssa.KeyResolver.
func (k keySet) ResolveKeys(ctx context.Context, ref ssa.KeyRef) ([]ssa.Key, error) {
	ref.URL = k.address
	return k.keys.ResolveKeys(ctx, ref)
}
