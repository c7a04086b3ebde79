package portal

import (
	"fmt"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
)

// card is what a statement says.
type card struct {
	Verified bool
	Name     string
	Facts    []fact
}

// fact is a line of a list of facts.
type fact struct {
	Name   string
	Values []string
	Code   bool      // the values are identifiers or addresses
	Time   time.Time // in the place of values; zero for none
	Note   string    // behind the values
}

// maxShown bounds a value that a page shows, in bytes.
const maxShown = 3000

// cardOf makes the card of a statement; nil where nothing of it can be read.
func (v *visit) cardOf(p *dcr.Preview) *card {
	c, environment, verified := p.Unverified, claims.Environment(""), p.Statement != nil
	if verified {
		c, environment = p.Statement.Claims(), p.Statement.Environment()
	}
	if c == nil {
		return nil
	}
	k := &card{Verified: verified, Name: text.Clip(c.SoftwareClientName.Or(""), maxShown)}
	k.plain("Software ID", c.SoftwareID, true)
	if id := c.SoftwareClientID; id.Present() && id.Or("") != c.SoftwareID.Or("") {
		k.plain("Software client ID", id, true)
	}
	k.plain("Description", c.SoftwareClientDescription, false)
	k.organisation(c)
	if verified {
		k.Facts = append(k.Facts, fact{Name: "Environment", Values: []string{string(environment)}, Note: "by the key that signed the statement"})
	} else {
		k.plain("Environment", c.SoftwareEnvironment, false)
	}
	k.plain("Mode", c.SoftwareMode, false)
	k.list("Roles", text.Strings(c.SoftwareRoles.Or(claims.Roles{}).Values), false)
	k.list("Redirect URIs", c.SoftwareRedirectURIs.Or(nil), true)
	k.times(c, v.config.Clock())
	k.plain("Statement ID (jti)", c.JWTID, true)
	k.plain("Issuer", c.Issuer, false)
	k.plain("Key set", c.SoftwareJWKSEndpoint, true)
	for _, address := range []struct {
		name  string
		value claims.Optional[string]
	}{{"Website", c.SoftwareClientURI}, {"Privacy policy", c.SoftwarePolicyURI}, {"Terms of service", c.SoftwareToSURI}, {"Logo", c.SoftwareLogoURI}} {
		if address.value.Or("") != "" {
			k.plain(address.name, address.value, true)
		}
	}
	return k
}

// plain adds a claim of one value.
func (k *card) plain(name string, value claims.Optional[string], code bool) {
	f := fact{Name: name, Code: code}
	if s := value.Or(""); s != "" {
		f.Values = []string{text.Clip(s, maxShown)}
	}
	k.Facts = append(k.Facts, f)
}

// list adds a claim of several values.
func (k *card) list(name string, values []string, code bool) {
	f := fact{Name: name, Code: code}
	for _, s := range values {
		f.Values = append(f.Values, text.Clip(s, maxShown))
	}
	k.Facts = append(k.Facts, f)
}

// organisation adds who the statement is of.
func (k *card) organisation(c *claims.SSA) {
	k.plain("Organisation", c.OrgName, false)
	k.plain("Organisation ID", c.OrgID, true)
	if behalf := c.SoftwareOnBehalfOfOrg; behalf.Or("") != "" {
		k.plain("On behalf of", behalf, false)
	}
}

// times adds when the statement was issued, and when it ends.
func (k *card) times(c *claims.SSA, now time.Time) {
	for _, at := range []struct {
		name    string
		seconds claims.Optional[int64]
	}{{"Issued", c.IssuedAt}, {"Expires", c.Expiry}} {
		seconds, there := at.seconds.Get()
		switch {
		case !there && at.name == "Expires": // seldom sent
		case !there:
			k.Facts = append(k.Facts, fact{Name: at.name})
		case seconds < 0 || seconds > maxSeconds:
			k.Facts = append(k.Facts, fact{Name: at.name, Values: []string{fmt.Sprint(seconds)}, Note: "seconds since 1970, which is no time of today"})
		default:
			t := time.Unix(seconds, 0).UTC()
			k.Facts = append(k.Facts, fact{Name: at.name, Time: t, Note: distance(t, now)})
		}
	}
}

// maxSeconds is the end of the year 9999.
const maxSeconds = 253402300799

// distance writes how long ago a time was, or how far it is.
func distance(t, now time.Time) string {
	d := now.Sub(t)
	if d < 0 {
		return "in " + roughly(-d)
	}
	return roughly(d) + " ago"
}

// roughly writes a duration in its greatest unit.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < time.Hour:
		return counted(int(d/time.Minute), "minute")
	case d < 2*day:
		return counted(int(d/time.Hour), "hour")
	}
	return counted(int(d/day), "day")
}
