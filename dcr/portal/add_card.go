package portal

import (
	"fmt"
	"slices"
	"strings"
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
	More     []fact // identifiers and addresses, which few people look at
}

// fact is a line of a list of facts.
type fact struct {
	Name     string
	CodeName bool // the name is that of a member or an attribute
	Values   []string
	List     bool      // there can be several values
	Time     time.Time // in the place of values; zero for none
	Note     string    // behind the values
}

// Single is the value where there is one alone; "" where there are more.
func (f fact) Single() string {
	if len(f.Values) != 1 {
		return ""
	}
	return f.Values[0]
}

// Short reports whether the values are words of a list, such as roles.
func (f fact) Short() bool {
	return f.List && len(f.Values) <= manyValues && !slices.ContainsFunc(f.Values, func(s string) bool { return len(s) > 24 || strings.ContainsAny(s, ":/ ") })
}

// manyValues is how many values a page shows without being asked.
const manyValues = 12

// Folded reports whether the values are too many to stand on the page at once.
func (f fact) Folded() bool { return len(f.Values) > manyValues }

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
	add := func(to *[]fact, name string, value claims.Optional[string]) { *to = append(*to, plain(name, value)) }
	add(&k.Facts, "Software ID", c.SoftwareID)
	if id := c.SoftwareClientID; id.Present() && id.Or("") != c.SoftwareID.Or("") {
		add(&k.Facts, "Software client ID", id)
	}
	add(&k.Facts, "Description", c.SoftwareClientDescription)
	add(&k.Facts, "Organisation", c.OrgName)
	add(&k.Facts, "Organisation ID", c.OrgID)
	if behalf := c.SoftwareOnBehalfOfOrg; behalf.Or("") != "" {
		add(&k.Facts, "On behalf of", behalf)
	}
	if verified {
		k.Facts = append(k.Facts, fact{Name: "Environment", Values: []string{string(environment)}, Note: "by the key that signed the statement"})
	} else {
		add(&k.Facts, "Environment", c.SoftwareEnvironment)
	}
	add(&k.Facts, "Mode", c.SoftwareMode)
	k.Facts = append(k.Facts, several("Roles", text.Strings(c.SoftwareRoles.Or(claims.Roles{}).Values)), several("Redirect URIs", c.SoftwareRedirectURIs.Or(nil)))
	k.times(c, v.config.Clock())
	add(&k.More, "Statement ID (jti)", c.JWTID)
	add(&k.More, "Issuer", c.Issuer)
	add(&k.More, "Key set", c.SoftwareJWKSEndpoint)
	for _, address := range []struct {
		name  string
		value claims.Optional[string]
	}{{"Website", c.SoftwareClientURI}, {"Privacy policy", c.SoftwarePolicyURI}, {"Terms of service", c.SoftwareToSURI}, {"Logo", c.SoftwareLogoURI}} {
		if address.value.Or("") != "" {
			add(&k.More, address.name, address.value)
		}
	}
	return k
}

// plain is a claim of one value.
func plain(name string, value claims.Optional[string]) fact {
	if s := value.Or(""); s != "" {
		return fact{Name: name, Values: []string{text.Clip(s, maxShown)}}
	}
	return fact{Name: name}
}

// several is a claim of several values.
func several(name string, values []string) fact {
	f := fact{Name: name, List: true}
	for _, s := range values {
		f.Values = append(f.Values, text.Clip(s, maxShown))
	}
	return f
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
