package ssa

import (
	"net/url"
	"slices"
	"time"

	"github.com/obdcr/obdcr/claims"
)

// KnownDirectory is what is publicly known of a directory, so that a bank need not
// gather it. It is data with a date, and no trust: the bank itself supplies the
// certificates of the authorities, which have these subjects.
type KnownDirectory struct {
	Name        string
	Short       string             // one word in lower case that names it, for flags
	Issuer      string             // iss of its statements
	Environment claims.Environment // of all that it vouches for
	JWKSURL     string             // address of its key set
	Hosts       []string           // of its own key set and of those of software
	// RootSubjects and IssuingSubjects name its certificate authorities (RFC 4514).
	RootSubjects    []string
	IssuingSubjects []string
	ReadOn          string // day on which this was read, as 2006-01-02
}

// KnownDirectories returns the directories of UK Open Banking, production and sandbox, in
// a fresh slice: those of the environments that are named, or both where none is. They
// share an issuer, and no key.
func KnownDirectories(environments ...claims.Environment) []KnownDirectory {
	return slices.DeleteFunc(ukDirectories(), func(d KnownDirectory) bool {
		return len(environments) > 0 && !slices.Contains(environments, d.Environment)
	})
}

func ukDirectories() []KnownDirectory {
	return []KnownDirectory{
		{
			Name:            "UK Open Banking Directory",
			Short:           "uk",
			Issuer:          "OpenBanking Ltd",
			Environment:     claims.Production,
			JWKSURL:         "https://keystore.openbanking.org.uk/keystore/openbanking.jwks",
			Hosts:           []string{"keystore.openbanking.org.uk"},
			RootSubjects:    []string{"CN=OpenBanking Root CA,O=OpenBanking,C=GB"},
			IssuingSubjects: []string{"CN=OpenBanking Issuing CA,O=OpenBanking,C=GB"},
			ReadOn:          "2026-11-21",
		},
		{
			Name:        "UK Open Banking Directory (sandbox)",
			Short:       "uk-sandbox",
			Issuer:      "OpenBanking Ltd",
			Environment: claims.Sandbox,
			JWKSURL:     "https://keystore.openbankingtest.org.uk/keystore/openbanking.jwks",
			Hosts:       []string{"keystore.openbankingtest.org.uk"},
			RootSubjects: []string{
				"CN=OpenBanking Pre-Production Root CA,O=OpenBanking,C=GB",
				"CN=Open Banking Test Root CA,OU=Test PKI,O=Open Banking Limited,C=GB",
			},
			IssuingSubjects: []string{
				"CN=OpenBanking Pre-Production Issuing CA,O=OpenBanking,C=GB",
				"CN=Open Banking Test Issuing CA,OU=Test PKI,O=Open Banking Limited,C=GB",
			},
			ReadOn: "2026-11-21",
		},
	}
}

// At returns the directory with its key set at another https address, such as that of a
// fake directory or of a mirror. The host of that address, and no other, may then have
// the key sets of software. An empty address leaves the directory as it is. An address
// that is unfit is refused where the directory is used.
func (d KnownDirectory) At(jwksURL string) KnownDirectory {
	if jwksURL == "" {
		return d
	}
	d.JWKSURL, d.Hosts = jwksURL, []string{""} // which no host equals
	if u, err := url.Parse(jwksURL); err == nil && u.Scheme == "https" {
		d.Hosts[0] = u.Host
	}
	return d
}

// Source is the RemoteSource for the directory's key sets: its hosts, verified by the
// system's roots.
func (d KnownDirectory) Source() RemoteSource { return RemoteSource{Hosts: slices.Clone(d.Hosts)} }

// Anchor makes a trust anchor of the directory. keys finds the keys of the directory and
// of its software. The anchor allows PS256 and ES256, and takes a statement without an
// exp for 24 hours. The caller may change all of it before use.
func (d KnownDirectory) Anchor(keys KeyResolver) Anchor {
	return Anchor{
		Name: d.Name, Issuer: d.Issuer, Environment: d.Environment, JWKSURL: d.JWKSURL, Keys: keys,
		Algorithms: []claims.Algorithm{claims.PS256, claims.ES256}, MaxAge: 24 * time.Hour, JWKSHosts: slices.Clone(d.Hosts),
	}
}
