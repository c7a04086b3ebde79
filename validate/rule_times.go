package validate

import (
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/rule"
)

// lastSecond is the end of the year 9999. A time in milliseconds is greater.
const lastSecond = 253402300799

// timeRules are the rows about iat, exp and nbf of a request.
var timeRules = []Rule{
	{
		ID:       rule.IatRequired,
		Summary:  "iat is present.",
		Reason:   "The lifetime of a request is counted from it.",
		Bad:      "without iat",
		Good:     `{"iat": 1699999990}`,
		Citation: dictionary("iat"),
		Basis:    BasisMust,
		Fix:      "set iat to the time of signing, in seconds since 1970",
		Check:    func(c *Case) { requireMember(c, c.Req().IssuedAt.Present(), "/iat") },
	},
	{
		ID:       rule.IatRange,
		Summary:  "iat is a time in seconds since 1970.",
		Reason:   "Milliseconds give a time fifty thousand years ahead.",
		Bad:      `{"iat": 1700000000000}`,
		Good:     `{"iat": 1700000000}`,
		Citation: rfc("7519", "4.1.6"),
		Basis:    BasisStricter,
		Stricter: "RFC 7519 has seconds, and sets no greatest time.",
		Fix:      "send iat in seconds, not milliseconds",
		Check:    func(c *Case) { checkSeconds(c, c.Req().IssuedAt, "/iat") },
	},
	{
		ID:       rule.IatFuture,
		Summary:  "iat is not in the future, clock skew forgiven.",
		Reason:   "A request from the future would live longer than the bank allows.",
		Bad:      `{"iat": 4102444800}`,
		Good:     `{"iat": 1700000000}`,
		Citation: rfc("7519", "4.1.6"),
		Basis:    BasisStricter,
		Stricter: "RFC 7519 says nothing of an iat that is still to come.",
		Fix:      "set iat to the time of signing and synchronise the clock",
		Check:    func(c *Case) { checkNotFuture(c, c.Req().IssuedAt, "/iat", "is in the future") },
	},
	{
		ID:       rule.ExpRequired,
		Summary:  "exp is present.",
		Reason:   "A request that never expires can be sent again for ever.",
		Bad:      "without exp",
		Good:     `{"exp": 1700000600}`,
		Citation: dictionary("exp"),
		Basis:    BasisMust,
		Fix:      "set exp to a time within the hour after iat",
		Check:    func(c *Case) { requireMember(c, c.Req().Expiry.Present(), "/exp") },
	},
	{
		ID:       rule.ExpRange,
		Summary:  "exp is a time in seconds since 1970.",
		Reason:   "Milliseconds give a time fifty thousand years ahead.",
		Bad:      `{"exp": 1700000600000}`,
		Good:     `{"exp": 1700000600}`,
		Citation: rfc("7519", "4.1.4"),
		Basis:    BasisStricter,
		Stricter: "RFC 7519 has seconds, and sets no greatest time.",
		Fix:      "send exp in seconds, not milliseconds",
		Check:    func(c *Case) { checkSeconds(c, c.Req().Expiry, "/exp") },
	},
	{
		ID:       rule.ExpPast,
		Summary:  "exp is not in the past, clock skew forgiven.",
		Reason:   "An expired request must be refused.",
		Bad:      `{"iat": 1499999990, "exp": 1500000000}`,
		Good:     `{"exp": 1700000600}`,
		Citation: rfc("7519", "4.1.4"),
		Basis:    BasisMust,
		Fix:      "sign a fresh request just before sending it",
		Check:    func(c *Case) { checkNotExpired(c, c.Req().Expiry) },
	},
	{
		ID:       rule.ExpAfterIat,
		Summary:  "exp is later than iat.",
		Reason:   "A request that expires before it was made was never valid.",
		Bad:      `{"iat": 1700000000, "exp": 1700000000}`,
		Good:     `{"iat": 1700000000, "exp": 1700000600}`,
		Citation: rfc("7519", "4.1.4"),
		Basis:    BasisStricter,
		Stricter: "RFC 7519 does not compare the two.",
		Fix:      "set exp to a time after iat",
		Check:    checkExpiryOrder,
	},
	{
		// The policy says how long a request may live.
		ID:       rule.ExpLifetime,
		Summary:  "exp - iat is no longer than the bank's longest lifetime, an hour by default.",
		Reason:   "The bank remembers each jti until its request expires.",
		Bad:      `{"iat": 1700000000, "exp": 1889388800}`,
		Good:     `{"iat": 1700000000, "exp": 1700003600}`,
		Citation: dictionary("exp"),
		Basis:    BasisPolicy,
		Fix:      "set exp to at most an hour after iat, or what the bank allows",
		Check:    checkLifetime,
	},
	{
		ID:       rule.NbfRange,
		Summary:  "nbf, if sent, is a time in seconds since 1970.",
		Reason:   "Milliseconds give a time fifty thousand years ahead.",
		Bad:      `{"nbf": 1700000000000}`,
		Good:     `{"nbf": 1700000000}`,
		Citation: rfc("7519", "4.1.5"),
		Basis:    BasisStricter,
		Stricter: "RFC 7519 has seconds, and sets no greatest time.",
		Fix:      "send nbf in seconds, or leave it out",
		Check:    func(c *Case) { checkSeconds(c, c.Req().NotBefore, "/nbf") },
	},
	{
		ID:       rule.NbfFuture,
		Summary:  "nbf, if sent, is not in the future, clock skew forgiven.",
		Reason:   "Before nbf a token must not be accepted.",
		Bad:      `{"nbf": 4102444800}`,
		Good:     `{"nbf": 1700000000}`,
		Citation: rfc("7519", "4.1.5"),
		Basis:    BasisMust,
		Fix:      "leave nbf out, or send the request once it has passed",
		Check:    func(c *Case) { checkNotFuture(c, c.Req().NotBefore, "/nbf", "is still to come") },
	},
}

// inSeconds returns a time that is there, of the right type and in range.
func inSeconds(member claims.Optional[int64]) (int64, bool) {
	t, ok := member.Get()
	return t, ok && t > 0 && t <= lastSecond
}

// skew returns in seconds how far two clocks may differ.
func skew(c *Case) int64 { return int64(c.Policy().ClockSkew / time.Second) }

// checkSeconds reports a time that cannot be one in seconds.
func checkSeconds(c *Case, member claims.Optional[int64], pointer string) {
	if t, ok := member.Get(); ok && (t <= 0 || t > lastSecond) {
		message := "is not a time in seconds since 1970"
		if ms := t / 1000; t > lastSecond && ms <= lastSecond {
			message += ": in milliseconds it would be " + utc(ms)
		}
		c.ReportValue(pointer, decimal(t), "seconds since 1970", message)
	}
}

// checkNotFuture reports a time later than now.
func checkNotFuture(c *Case, member claims.Optional[int64], pointer, message string) {
	if t, ok := inSeconds(member); ok && t > c.Now()+skew(c) {
		reportFuture(c, pointer, t, message)
	}
}

// reportFuture reports a time that is later than now by more than the clock skew.
func reportFuture(c *Case, pointer string, t int64, message string) {
	if t > lastSecond {
		c.ReportValue(pointer, decimal(t), "not after "+utc(c.Now()), message)
		return
	}
	message += ": " + utc(t) + ", " + beyond(t-c.Now(), skew(c)) + " from now"
	if skew(c) > 0 {
		message += "; at most " + exactly(skew(c))
	}
	c.ReportValue(pointer, utc(t), "not after "+utc(c.Now()), message)
}

// checkNotExpired reports an exp that is now or earlier.
func checkNotExpired(c *Case, member claims.Optional[int64]) {
	if t, ok := inSeconds(member); ok && expired(c, t) {
		c.ReportValue("/exp", utc(t), "later than "+utc(c.Now()), "is in the past: "+utc(t)+", "+span(c.Now()-t)+" ago")
	}
}

// expired reports whether the exp t has passed. A token must not be accepted at its exp
// or later.
func expired(c *Case, t int64) bool { return c.Now() >= t+skew(c) }

// lifetime returns iat and exp, and whether both are there and in range.
func lifetime(c *Case) (iat, exp int64, ok bool) {
	iat, ok1 := inSeconds(c.Req().IssuedAt)
	exp, ok2 := inSeconds(c.Req().Expiry)
	return iat, exp, ok1 && ok2
}

// checkExpiryOrder reports an exp that is not later than iat. Other rules report an exp
// in the past and an iat in the future, so those are left out here.
func checkExpiryOrder(c *Case) {
	iat, exp, ok := lifetime(c)
	if ok && exp <= iat && !expired(c, exp) && iat <= c.Now()+skew(c) {
		c.ReportValue("/exp", utc(exp), "later than "+utc(iat), "is "+utc(exp)+", not after iat, "+utc(iat))
	}
}

// checkLifetime reports a request that lives too long.
func checkLifetime(c *Case) {
	iat, exp, ok := lifetime(c)
	most := int64(c.Policy().MaxLifetime / time.Second)
	if ok && exp-iat > most {
		c.ReportValue("/exp", exactly(exp-iat), "at most "+exactly(most), "is "+beyond(exp-iat, most)+" after iat; at most "+exactly(most))
	}
}
