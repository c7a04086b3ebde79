package fulltest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRoundsGoByWhatIsAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		short, full, race bool
		want              int
	}{
		"a laptop":                         {want: 20},
		"a laptop with the race detector":  {race: true, want: 20},
		"the inner loop":                   {short: true, want: 5},
		"the inner loop of a full run":     {short: true, full: true, race: true, want: 5},
		"everything":                       {full: true, want: 200},
		"everything and the race detector": {full: true, race: true, want: 40},
	} {
		assert.Equal(t, c.want, rounds(20, c.short, c.full, c.race), name)
	}
	assert.Equal(t, 1, rounds(3, true, false, false), "no test is left out")
}

func TestTheEnvironmentAsksForEverything(t *testing.T) {
	for value, want := range map[string]bool{"": false, "0": false, "1": true, "yes": true} {
		assert.Equal(t, want, asked(value), "%q", value)
	}
	t.Setenv(variable, "1")
	assert.True(t, Asked())
	few := rounds(20, testing.Short(), true, RaceDetector)
	assert.Equal(t, few, Rounds(20))
}
