package ssa

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/text"
)

// maxAgeWithExp is the greatest age of a statement that has an exp, for an Anchor that
// names none.
const maxAgeWithExp = 30 * 24 * time.Hour

// Anchor is a directory whose statements a bank believes.
type Anchor struct {
	Name        string             // for people and logs; the issuer where it is empty
	Issuer      string             // iss of its statements, compared exactly
	Environment claims.Environment // of all that it vouches for
	JWKSURL     string             // address of its key set; "" where Keys holds one set only
	Keys        KeyResolver        // where its keys come from
	Algorithms  []claims.Algorithm // allowed for its signatures
	MaxAge      time.Duration      // greatest age of a statement that has no exp
	// MaxAgeWithExp is the greatest age of a statement that has an exp; 0 means 30 days.
	MaxAgeWithExp time.Duration
	// JWKSHosts are the hosts of software key sets, written as RemoteSource.Hosts are:
	// host or host:port, 443 where there is none, in any case of ASCII letters. An empty
	// list admits none. A RemoteKeys that fetches the sets needs a source for each host.
	JWKSHosts []string
	// ClaimNames maps a claim's name in package claims to the one this directory
	// uses instead; nil for the OBIE directory. The names of RFC 7519 stay theirs.
	ClaimNames map[string]string

	hosts []string // JWKSHosts as fetch.CanonicalHost writes them
	plain []string // how an address on each of hosts begins, as directories write it
}

// check refuses an anchor that could not be used, and reads its list of hosts.
func (a *Anchor) check() error {
	switch {
	case a.Issuer == "":
		return errors.New("it has no issuer")
	case a.Environment != claims.Sandbox && a.Environment != claims.Production:
		return fmt.Errorf("its environment is %s, not sandbox or production", text.Quote(string(a.Environment)))
	case a.Keys == nil:
		return errors.New("it has no key resolver")
	case len(a.Algorithms) == 0:
		return errors.New("it allows no algorithm")
	case a.MaxAge <= 0:
		return errors.New("its greatest age must be above zero")
	case a.MaxAgeWithExp < 0:
		return errors.New("its greatest age of statements with exp must not be below zero")
	}
	for _, alg := range a.Algorithms {
		if alg != claims.PS256 && alg != claims.ES256 && alg != claims.RS256 {
			return fmt.Errorf("algorithm %s is none that may be allowed", text.Quote(string(alg)))
		}
	}
	if err := a.readHosts(); err != nil {
		return err
	}
	if err := claims.CheckNames(a.ClaimNames); err != nil {
		return errors.New(text.Detail(err))
	}
	return nil
}

// readHosts reads the list of hosts.
func (a *Anchor) readHosts() error {
	for _, host := range a.JWKSHosts {
		canonical, err := fetch.CanonicalHost(host)
		if err != nil {
			return fmt.Errorf("%s is no host or host:port, as JWKSHosts must be: %w", text.Quote(host), err)
		}
		a.hosts = append(a.hosts, canonical)
		a.plain = append(a.plain, "https://"+strings.TrimSuffix(canonical, ":443")+"/")
	}
	return nil
}

// admits returns why the address of a key set is refused, or "". It compares as RemoteKeys
// does. If it admits an address that RemoteKeys has no source for, the bank's
// configuration lacks a source.
func (a *Anchor) admits(address string) string {
	for _, prefix := range a.plain {
		if path, ok := strings.CutPrefix(address, prefix); ok && isPlain(path) {
			return "" // fetch.Host would find the prefix's host, for ten times as much time
		}
	}
	host, err := fetch.Host(address)
	var refusal *fetch.Error
	if errors.As(err, &refusal) {
		return "the address of the key set is refused: " + refusal.Detail()
	}
	if slices.Contains(a.hosts, host) {
		return ""
	}
	return "the host of the key set is not on the list, or not with this port"
}

// isPlain tells whether a path is short and has nothing in it that could end it, be
// refused or be read in two ways.
func isPlain(path string) bool {
	for i := range len(path) {
		if b := path[i]; !text.IsLetter(b) && !text.IsDigit(b) && b != '/' && b != '.' && b != '-' && b != '_' {
			return false
		}
	}
	return len(path) < 1000
}

func (a Anchor) clone() *Anchor {
	a.Algorithms, a.JWKSHosts = slices.Clone(a.Algorithms), slices.Clone(a.JWKSHosts)
	a.ClaimNames, a.hosts, a.plain = maps.Clone(a.ClaimNames), nil, nil
	a.Name = cmp.Or(a.Name, a.Issuer)
	a.MaxAgeWithExp = cmp.Or(a.MaxAgeWithExp, maxAgeWithExp)
	return &a
}
