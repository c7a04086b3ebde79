package ssa

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// Anchor is a directory whose statements a bank believes.
type Anchor struct {
	Name        string             // for people and logs; the issuer where it is empty
	Issuer      string             // iss of its statements, compared exactly
	Environment claims.Environment // of all that it vouches for
	JWKSURL     string             // address of its key set; "" where Keys holds one set only
	Keys        KeyResolver        // where its keys come from
	Algorithms  []claims.Algorithm // allowed for its signatures
	MaxAge      time.Duration      // greatest age of a statement that has no exp
	JWKSHosts   []string           // host or host:port of software key sets; empty admits none
	// ClaimNames maps a claim's name in package claims to the one this directory
	// uses instead; nil for the OBIE directory. The names of RFC 7519 stay theirs.
	ClaimNames map[string]string
}

func (a *Anchor) check() error {
	switch {
	case a.Issuer == "":
		return errors.New("it has no issuer")
	case a.Environment != claims.Sandbox && a.Environment != claims.Production:
		return fmt.Errorf("its environment is %.20q, not sandbox or production", string(a.Environment))
	case a.Keys == nil:
		return errors.New("it has no key resolver")
	case len(a.Algorithms) == 0:
		return errors.New("it allows no algorithm")
	case a.MaxAge <= 0:
		return errors.New("its greatest age must be above zero")
	}
	for _, alg := range a.Algorithms {
		if alg != claims.PS256 && alg != claims.ES256 && alg != claims.RS256 {
			return fmt.Errorf("algorithm %.20q is none that may be allowed", string(alg))
		}
	}
	for _, host := range a.JWKSHosts {
		if u, err := url.Parse("https://" + host); err != nil || host == "" || u.Host != host {
			return fmt.Errorf("%.64q is no host or host:port, as JWKSHosts must be", host)
		}
	}
	return a.checkNames()
}

// checkNames refuses a mapping of claim names under which a claim would be read
// from two places, or the registered claims (RFC 7519 section 4.1), which choose
// the anchor and bound its trust, from another.
func (a *Anchor) checkNames() error {
	theirs := map[string]string{}
	for ours, their := range a.ClaimNames {
		switch {
		case ours == "" || their == "":
			return errors.New("its mapping of claim names has an empty name")
		case slices.Contains(registered, ours) || slices.Contains(registered, their):
			return fmt.Errorf("its mapping of claim names moves %.64q to %.64q; registered claims stay", ours, their)
		case theirs[their] != "":
			return fmt.Errorf("its mapping of claim names gives %.64q to two claims", their)
		}
		theirs[their] = ours
	}
	return nil
}

var registered = []string{"iss", "iat", "exp", "nbf", "jti", "aud", "sub"}

// admits says why the address of a key set is not allowed, "" if it is.
func (a *Anchor) admits(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.Opaque != "":
		return "the address of the key set is no https URL"
	case u.User != nil || u.Fragment != "" || strings.Contains(address, "#"):
		return "the address of the key set has userinfo or a fragment"
	}
	for _, host := range a.JWKSHosts {
		// EqualFold alone would take U+212A for a k.
		if len(host) == len(u.Host) && strings.EqualFold(host, u.Host) {
			return ""
		}
	}
	return "the host of the key set is not on the list"
}

func (a Anchor) clone() *Anchor {
	a.Algorithms, a.JWKSHosts = slices.Clone(a.Algorithms), slices.Clone(a.JWKSHosts)
	a.ClaimNames = maps.Clone(a.ClaimNames)
	if a.Name == "" {
		a.Name = a.Issuer
	}
	return &a
}
