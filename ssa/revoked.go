package ssa

import (
	"context"
	"slices"
)

// RevokedKeyResolver finds the keys that a directory has withdrawn. An address that
// answers 404 or 410, or with an empty set, lists none. Where the source cannot be asked
// at the moment, the error wraps ErrKeySourceUnavailable. An entry that is no usable key
// withdraws the key of its kid, which SkippedKey holds. A RevokedKeyResolver must be safe
// for concurrent use.
type RevokedKeyResolver interface {
	ResolveRevokedKeys(ctx context.Context, url string) (KeySet, error)
}

// SoftwareKeyResolver finds the keys of software, and which of them are withdrawn.
// RemoteKeys is one.
type SoftwareKeyResolver interface {
	KeyResolver
	RevokedKeyResolver
}

// WithoutRevocationUnsafe makes a resolver that takes no key for withdrawn. It does not
// read the revoked addresses of a statement. It is for fixed keys that another program
// keeps up to date.
func WithoutRevocationUnsafe(keys KeyResolver) SoftwareKeyResolver { return unrevoked{keys} }

type unrevoked struct{ KeyResolver }

func (unrevoked) ResolveRevokedKeys(context.Context, string) (KeySet, error) { return KeySet{}, nil }

// SoftwareKeys finds the keys of one software: those at Address that none of the
// Revoked addresses lists. It is a KeyResolver that leaves the address of a KeyRef aside.
type SoftwareKeys struct {
	Source  SoftwareKeyResolver
	Address string   // software_jwks_endpoint
	Revoked []string // software_jwks_revoked_endpoint and org_jwks_revoked_endpoint, as far as there are any
	Asker   string   // as KeyRef has it
}

// Ref returns the reference to a key of the software by its kid, "" for all, with Software
// and Asker. It leaves Revoked aside.
func (s SoftwareKeys) Ref(kid string) KeyRef {
	return KeyRef{URL: s.Address, KeyID: kid, Software: true, Asker: s.Asker}
}

// ResolveKeys returns the keys of the software that have the kid and are not
// withdrawn. Where only withdrawn keys have it, the error wraps ErrKeyRevoked and
// ErrKeyNotFound. Where a revoked address cannot be read, the look-up fails: the key may
// be one that was withdrawn.
func (s SoftwareKeys) ResolveKeys(ctx context.Context, ref KeyRef) ([]Key, error) {
	keys, err := s.Source.ResolveKeys(ctx, s.Ref(ref.KeyID))
	if err != nil {
		return nil, err
	}
	for _, url := range s.Revoked {
		withdrawn, err := s.Source.ResolveRevokedKeys(ctx, url)
		if err != nil {
			return nil, err
		}
		if keys = withdrawn.without(keys); len(keys) == 0 {
			return nil, &Error{Kind: ErrKeyRevoked, Pointer: "/kid", Header: true, Cause: ErrKeyNotFound,
				Detail: "every key that was asked for is withdrawn"}
		}
	}
	return keys, nil
}

// ResolveWithdrawn returns what all of the Revoked addresses list, as one set.
func (s SoftwareKeys) ResolveWithdrawn(ctx context.Context) (KeySet, error) {
	var all KeySet
	for _, url := range s.Revoked {
		set, err := s.Source.ResolveRevokedKeys(ctx, url)
		if err != nil {
			return KeySet{}, err
		}
		all.Keys, all.Skipped = append(all.Keys, set.Keys...), append(all.Skipped, set.Skipped...)
	}
	return all, nil
}

// without leaves out the keys that the set lists, by the key itself or by its kid. It
// does not change the slice, which may be a cache's.
func (s KeySet) without(keys []Key) []Key {
	if len(s.Keys) == 0 && len(s.Skipped) == 0 {
		return keys
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k Key) bool {
		return slices.ContainsFunc(s.Keys, func(r Key) bool { return r.ID != "" && r.ID == k.ID || r.Is(k.Public) }) ||
			slices.ContainsFunc(s.Skipped, func(r SkippedKey) bool { return r.ID != "" && r.ID == k.ID })
	})
}
