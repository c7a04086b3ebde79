package validate

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTimesAreWrittenForPeople(t *testing.T) {
	assert.Equal(t, "2026-11-26 10:20:42 UTC", utc(1795688442))
	for seconds, want := range map[int64]string{
		0: "0 seconds", 1: "1 second", 59: "59 seconds", 119: "119 seconds", 120: "2 minutes", 7199: "119 minutes", 7200: "2 hours",
		47 * 3600: "47 hours", 48*3600 - 1: "47 hours", 3 * 24 * 3600: "3 days", 4000 * 24 * 3600: "4000 days",
	} {
		assert.Equal(t, want, span(seconds))
	}
	for seconds, want := range map[int64]string{0: "0 s", 60: "1 min", 3600: "1 h", 86400: "24 h", 90: "1 min 30 s", 86401: "24 h 1 s"} {
		assert.Equal(t, want, exactly(seconds))
	}
}

// What is more than a limit never reads like the limit itself.
func TestATimeBeyondItsLimitIsNotRoundedToIt(t *testing.T) {
	assert.Equal(t, "3 days", beyond(3*24*3600+5, 24*3600))
	assert.Equal(t, "24 h 1 s", beyond(24*3600+1, 24*3600))
	assert.Equal(t, "25 hours", beyond(25*3600, 24*3600))
	assert.Equal(t, "48 h 1 s", beyond(48*3600+1, 48*3600))
	assert.Equal(t, "61 seconds", beyond(61, 60))
	for limit := range int64(400) {
		assert.NotEqual(t, exactly(limit), beyond(limit+1, limit))
	}
}

func TestALongListOfValuesEndsBetweenTwo(t *testing.T) {
	assert.Equal(t, "a, b", joined([]string{"a", "b"}))
	assert.Empty(t, joined([]string{}))
	long := strings.Repeat("x", 60)
	assert.Equal(t, long+", "+long+" and 3 more", joined([]string{long, long, long, long, long}))
	assert.Len(t, joined([]string{strings.Repeat("x", 200)}), MaxEcho)
}

func TestAWrongTypeIsNamedWithWhatMustBe(t *testing.T) {
	assert.Equal(t, "is a string, must be an integer", wrongType("string", "integer"))
	assert.Equal(t, "is null, must be an array of strings", wrongType("null", "array of strings"))
	assert.Equal(t, "is a number with a fraction, must be an integer", wrongType("a number with a fraction", "integer"))
	assert.Equal(t, "has too many entries; at most 200", wrongType("too many entries", "at most 200"))
}
