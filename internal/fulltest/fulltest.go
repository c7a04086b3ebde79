// Package fulltest tells how often a test repeats what it cannot show at once: races,
// killed processes, random documents. For tests only.
//
// A laptop gets few repetitions, the -short flag fewer still, and OBDCR_FULL=1 in the
// environment, which the project's own run sets, ten times as many. No test is left out.
// [Quick] spares an ordinary run what costs time and shows nothing.
package fulltest

import (
	"os"
	"testing"
)

// variable asks for the full number of repetitions, unless it is empty or 0.
const variable = "OBDCR_FULL"

// Rounds returns how often to repeat a test that a laptop repeats usual times:
//   - -short: a quarter, at least one.
//   - OBDCR_FULL=1: ten times.
//   - OBDCR_FULL=1 with the race detector: twice, because that is ten times slower and
//     needs few rounds.
//
// Call it after the flags are parsed.
func Rounds(usual int) int {
	return rounds(usual, testing.Short(), Asked(), RaceDetector)
}

// Asked reports whether everything is to be shown: OBDCR_FULL=1. A test then needs each tool
// that it would go without on a laptop.
func Asked() bool { return asked(os.Getenv(variable)) }

func asked(value string) bool { return value != "" && value != "0" }

func rounds(usual int, short, full, race bool) int {
	switch {
	case short:
		return max(usual/4, 1)
	case full && race:
		return 2 * usual
	case full:
		return 10 * usual
	}
	return usual
}
