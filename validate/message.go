package validate

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
)

// joined lists values for a message, as many whole ones as have room.
func joined[T ~string](values []T) string {
	const most = 160
	var b strings.Builder
	for i, v := range values {
		one := Echo(string(v))
		if b.Len()+len(one) > most && i > 0 {
			return b.String() + " and " + strconv.Itoa(len(values)-i) + " more"
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(one)
	}
	return b.String()
}

// decimal and utc write numbers and times for a message.
func decimal(n int64) string   { return strconv.FormatInt(n, 10) }
func utc(seconds int64) string { return text.UTC(seconds) }

// units of time, the largest first.
var units = [...]struct {
	seconds     int64
	name, short string
}{{24 * 3600, "day", "d"}, {3600, "hour", "h"}, {60, "minute", "min"}, {1, "second", "s"}}

// span writes a number of seconds for people, such as 3 days: rounded down, in the largest
// unit of which there are two at least.
func span(seconds int64) string {
	for _, u := range units {
		if n := seconds / u.seconds; n >= 2 || u.seconds == 1 {
			return plural(n, u.name)
		}
	}
	return ""
}

// beyond is span for a number of seconds that is more than a limit. Where rounding would
// hide that, the text is exact, such as 24 h 1 s.
func beyond(seconds, limit int64) string {
	for _, u := range units {
		if n := seconds / u.seconds; n >= 2 && n*u.seconds > limit {
			return plural(n, u.name)
		} else if n >= 2 {
			break
		}
	}
	return exactly(seconds)
}

// exactly writes a number of seconds without rounding, such as 24 h or 1 h 30 min. Its
// largest unit is the hour, as in the policies of banks.
func exactly(seconds int64) string {
	var parts []string
	for _, u := range units[1:] {
		if n := seconds / u.seconds; n != 0 || u.seconds == 1 && len(parts) == 0 {
			parts = append(parts, decimal(n)+" "+u.short)
			seconds -= n * u.seconds
		}
	}
	return strings.Join(parts, " ")
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return decimal(n) + " " + noun + "s"
}

// tooMany writes a number of things for a message, and how many there may be: has 60
// entries; at most 50.
func tooMany(n int, things string, most int) string {
	return "has " + strconv.Itoa(n) + " " + things + "; at most " + strconv.Itoa(most)
}

// uriMessage writes a fault of an address for a message.
func uriMessage(u string, fault uri.Fault) string {
	message := fault.Message()
	if message == uri.TooLong.Message() {
		return tooMany(utf8.RuneCountInString(u), "characters", uri.MaxLength)
	}
	return message
}

// WrongType returns the message of the rules about a member of the wrong type.
func WrongType(f claims.Fault) string { return wrongType(f.Got, f.Want) }

// wrongType writes for a message which type a member has, and which it must have.
func wrongType(got, want string) string {
	if strings.HasPrefix(got, "too ") {
		return "has " + got + "; " + want
	}
	return "is " + withArticle(got) + ", must be " + withArticle(want)
}

// withArticle puts a or an before a noun that has none.
func withArticle(noun string) string {
	switch {
	case noun == "null", noun == "nothing", strings.HasPrefix(noun, "a "), strings.HasPrefix(noun, "an "):
		return noun
	case noun != "" && strings.IndexByte("aeiou", noun[0]) >= 0:
		return "an " + noun
	}
	return "a " + noun
}
