package main

import (
	"context"
	"net/url"
	"os"
	"strings"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/trust"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// directoryNames are the short names of the directories that are publicly known.
func directoryNames() []string {
	var names []string
	for _, d := range ssa.KnownDirectories() {
		names = append(names, d.Short)
	}
	return names
}

// trusted returns what the bank trusts of a directory: by --directory, or by the address of
// a known directory in --ssa-jwks; nil if neither tells. It sets --ssa-jwks to the
// directory's own key set where that flag is missing.
func (a *app) trusted(o *lintOptions) (*ssa.Anchor, error) {
	if o.directory == "" {
		return impliedBy(o.ssaJWKS), nil
	}
	t, err := a.directoryOf(o.directory)
	if err != nil {
		return nil, err
	}
	if o.ssaJWKS == "" {
		o.ssaJWKS = t.JWKSURL
	}
	return t.Anchor(), nil
}

// directoryOf returns the known directory of a name, or reads a file.
func (a *app) directoryOf(name string) (t trust.Directory, err error) {
	for _, d := range ssa.KnownDirectories() {
		if strings.EqualFold(name, d.Short) || strings.EqualFold(name, d.Name) {
			return trust.Of(d), nil
		}
	}
	if _, missing := os.Stat(name); os.IsNotExist(missing) && name != "-" && !strings.ContainsAny(name, `./\`) {
		return t, usageError("--directory %s: no known directory has this name, and there is no such file%s\n  fix: give one of %s, or a FILE",
			cut(name), meant("", name, directoryNames()), text.List(directoryNames()))
	}
	f, err := a.open("--directory", name)
	if err != nil {
		return t, err
	}
	document, err := f.Document(input.Directory)
	if err != nil {
		return t, usageError("%w", err)
	}
	if t, err = trust.Parse(document); err != nil {
		return t, usageError("%s: %s", f.Where(), err.Error())
	}
	return t, nil
}

// impliedBy returns the known directory whose key set an address is of; nil if there is none.
func impliedBy(address string) *ssa.Anchor {
	u, err := url.Parse(address)
	if err != nil || !isURL(address) {
		return nil
	}
	for _, d := range ssa.KnownDirectories() {
		for _, host := range d.Hosts {
			if strings.EqualFold(u.Hostname(), host) && (u.Port() == "" || u.Port() == "443") {
				return trust.Of(d).Anchor()
			}
		}
	}
	return nil
}

// softwareKeys makes the resolvers of the software's keys, and of its withdrawn keys where
// the user gave such; nil for what was not given.
func (a *app) softwareKeys(o *lintOptions) (ssa.SoftwareKeyResolver, ssa.RevokedKeyResolver, error) {
	if o.softwareJWKS == "" {
		if o.revokedJWKS != "" {
			return nil, nil, usageError("--revoked-jwks takes keys out of the software's key set: give --software-jwks too")
		}
		return nil, nil, nil
	}
	revoked, err := a.revokedKeys(o)
	if err != nil {
		return nil, nil, err
	}
	if !isURL(o.softwareJWKS) {
		keys, err := a.loadKeys("software-jwks", o.softwareJWKS, o.ca)
		return keysAlone{keys}, revoked, err
	}
	client, err := a.keyClient("software-jwks", o.softwareJWKS, o.ca)
	if err != nil {
		return nil, nil, err
	}
	keys, err := tpp.SoftwareKeySet(o.softwareJWKS, client)
	if err != nil {
		return nil, nil, usageError("--software-jwks: %w", plainly(err))
	}
	return namedKeys{keys, keys, "software-jwks", o.softwareJWKS}, revoked, nil
}

// keysAlone are keys from a file. Nobody has named a host where withdrawn keys may be read.
type keysAlone struct{ ssa.KeyResolver }

// ResolveRevokedKeys reads nothing.
func (keysAlone) ResolveRevokedKeys(context.Context, string) (ssa.KeySet, error) {
	return ssa.KeySet{}, tpp.ErrNotLookedAt
}

// withdrawn are withdrawn keys from a file.
type withdrawn ssa.KeySet

// ResolveRevokedKeys returns the keys whatever the address.
func (w withdrawn) ResolveRevokedKeys(context.Context, string) (ssa.KeySet, error) {
	return ssa.KeySet(w), nil
}

// revokedKeys reads --revoked-jwks; nil if it was not given.
func (a *app) revokedKeys(o *lintOptions) (ssa.RevokedKeyResolver, error) {
	const flag = "revoked-jwks"
	switch {
	case o.revokedJWKS == "":
		return nil, nil
	case isURL(o.revokedJWKS):
		client, err := a.keyClient(flag, o.revokedJWKS, o.ca)
		if err != nil {
			return nil, err
		}
		keys, err := tpp.RevokedKeySet(o.revokedJWKS, client)
		if err != nil {
			return nil, usageError("--%s: %w", flag, plainly(err))
		}
		return namedKeys{nil, keys, flag, o.revokedJWKS}, nil
	}
	f, err := a.open("--"+flag, o.revokedJWKS)
	if err != nil {
		return nil, err
	}
	document, err := f.KeySet()
	if err != nil {
		return nil, usageError("%w", err)
	}
	keys, err := ssa.ParseRevokedJWKS([]byte(document))
	if err != nil {
		return nil, usageError("%s: %w", f.Where(), plainly(err))
	}
	return withdrawn(keys), nil
}
