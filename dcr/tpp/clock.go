package tpp

import (
	"fmt"
	"time"
)

// leastSkew is the least difference of clocks that is told. The Date of an answer has whole
// seconds, and the answer itself takes time.
const leastSkew = 5 * time.Second

// ClockSkew returns how far the bank's clock is ahead of the Client's; negative if it is
// behind. It is exact to a few seconds, and 0 if the answer has no Date.
func (e *ResponseError) ClockSkew() time.Duration {
	if e.ServerTime.IsZero() || e.ReceivedAt.IsZero() {
		return 0
	}
	return e.ServerTime.Sub(e.ReceivedAt)
}

// ClockAdvice tells the difference of the clocks in words: "your clock is 4 minutes behind
// the bank's". It is "" for less than five seconds. A bank that refuses iat, exp or nbf of a
// request, or the assertion of a token request, does so because of such a difference as a
// rule.
func (e *ResponseError) ClockAdvice() string {
	skew := e.ClockSkew()
	switch {
	case skew >= leastSkew:
		return fmt.Sprintf("your clock is %s behind %s's", inWords(skew), peerOf(e.Verb))
	case skew <= -leastSkew:
		return fmt.Sprintf("your clock is %s ahead of %s's", inWords(-skew), peerOf(e.Verb))
	}
	return ""
}

// inWords tells a duration in one unit, the greatest of which there are at least two.
func inWords(d time.Duration) string {
	const day = 24 * time.Hour
	for _, unit := range []struct {
		name string
		is   time.Duration
	}{{"days", day}, {"hours", time.Hour}, {"minutes", time.Minute}} {
		if d >= 2*unit.is {
			return fmt.Sprintf("%d %s", (d+unit.is/2)/unit.is, unit.name)
		}
	}
	return fmt.Sprintf("%d seconds", (d+time.Second/2)/time.Second)
}
