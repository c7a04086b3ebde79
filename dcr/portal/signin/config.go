package signin

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/fetch"
	"github.com/obdcr/obdcr/internal/jose"
	"github.com/obdcr/obdcr/internal/text"
)

// withDefaults fills in what is empty, and copies what the caller could change.
func (c Config) withDefaults() Config {
	if c.Key != nil {
		c.Algorithm = cmp.Or(c.Algorithm, claims.PS256)
	}
	scopes := []string{"openid", "email", "profile"}
	for _, one := range c.Scopes {
		if !slices.Contains(scopes, one) {
			scopes = append(scopes, one)
		}
	}
	c.Scopes = scopes
	c.Algorithms, c.ACR, c.AMR = slices.Clone(c.Algorithms), slices.Clone(c.ACR), slices.Clone(c.AMR)
	c.Claims.Email = cmp.Or(c.Claims.Email, "email")
	c.Claims.Name = cmp.Or(c.Claims.Name, "name")
	c.Claims.Associated = cmp.Or(c.Claims.Associated, "tpp_associated")
	c.Claims.Organisations = cmp.Or(c.Claims.Organisations, "org_id")
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	return c
}

// faults returns what is wrong with the configuration, each with its fix.
func (c *Config) faults() []string {
	var all []string
	add := func(bad bool, says string) {
		if bad {
			all = append(all, says)
		}
	}
	_, err := fetch.Host(c.Issuer)
	add(err != nil || strings.Contains(c.Issuer, "?"),
		"Issuer is no https address without a query; write iss of the directory's ID tokens, as its discovery document has it")
	add(!isPlain(c.ClientID, 256), "ClientID is not 1 to 256 characters of visible ASCII; write what the directory calls the bank")
	_, err = fetch.Host(c.RedirectURI)
	add(err != nil, "RedirectURI is no https address without a fragment; write the address of the portal's callback, as registered at the directory")
	if c.AfterSignOut != "" {
		_, err = fetch.Host(c.AfterSignOut)
		add(err != nil, "AfterSignOut is no https address without a fragment; write one that is registered at the directory, or leave it empty")
	}
	for _, one := range c.Scopes {
		add(!isPlain(one, 256) || strings.ContainsAny(one, `"\`), "Scopes has "+text.Quote(one)+", which is no scope (RFC 6749 section 3.3); write one in each entry")
	}
	for _, one := range c.ACR {
		add(!isPlain(one, 256), "ACR has "+text.Quote(one)+", which is no acr; write one in each entry")
	}
	for _, one := range c.AMR {
		add(!isPlain(one, 256), "AMR has "+text.Quote(one)+", which is no amr; write one in each entry")
	}
	add(len(c.Algorithms) == 0, "Algorithms is empty; name the algorithms of the directory's signatures, PS256 as a rule")
	for _, one := range c.Algorithms {
		add(!slices.Contains([]claims.Algorithm{claims.PS256, claims.ES256, claims.RS256}, one),
			"Algorithms has "+text.Quote(string(one))+"; use PS256, ES256 or RS256")
	}
	add(c.MaxAge < 0 || c.MaxAge%time.Second != 0, "MaxAge is no whole number of seconds, or below zero")
	add(c.Transport != nil && (c.CAs != nil || c.NotPublic),
		"a Transport of the caller's own heeds neither CAs nor NotPublic; leave them out, and have the transport do it")
	return slices.Concat(all, c.credentialFaults(), c.Claims.faults())
}

// credentialFaults looks at how the bank authenticates.
func (c *Config) credentialFaults() []string {
	keyed := c.Key != nil
	switch {
	case keyed && !c.ClientSecret.IsZero():
		return []string{"ClientSecret and Key are both set; keep the one that is registered at the directory"}
	case !keyed && c.ClientSecret.IsZero():
		return []string{"neither ClientSecret nor Key is set; set the one that is registered at the directory"}
	case !keyed && (c.KeyID != "" || c.Algorithm != ""):
		return []string{"KeyID or Algorithm is set without Key; leave it out, or set Key in the place of ClientSecret"}
	case !keyed:
		return nil
	case jose.IsNil(c.Key):
		return []string{"Key is a nil pointer; set the bank's signing key"}
	}
	var all []string
	if !isPlain(c.KeyID, jose.MaxKeyIDSize) {
		all = append(all, "KeyID is not 1 to 128 characters of visible ASCII; write the kid of Key at the directory")
	}
	_, isRSA := c.Key.Public().(*rsa.PublicKey)
	_, isECDSA := c.Key.Public().(*ecdsa.PublicKey)
	if fits := c.Algorithm == claims.PS256 && isRSA || c.Algorithm == claims.ES256 && isECDSA; !fits {
		all = append(all, "Algorithm does not fit Key; use PS256 with an RSA key, ES256 with one on P-256")
	}
	return all
}

// faults looks at the names of claims.
func (n *ClaimNames) faults() []string {
	var all []string
	for _, one := range []struct {
		field, name string
		many        bool
	}{
		{"Email", n.Email, false}, {"Name", n.Name, false}, {"Associated", n.Associated, false},
		{"Organisations", n.Organisations, true}, {"Operator", n.Operator, true},
	} {
		if len(one.name) > 256 {
			all = append(all, "Claims."+one.field+" is longer than 256 bytes")
		}
		if !one.many && slices.Contains(steps(one.name)[1:], "*") {
			all = append(all, "Claims."+one.field+" has a step *; it names one claim")
		}
	}
	return all
}

// isPlain reports whether a text has 1 to limit characters, all of visible ASCII.
func isPlain(s string, limit int) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= limit
}
