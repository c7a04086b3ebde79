//go:build !race

package fulltest

// RaceDetector tells whether the race detector is on.
const RaceDetector = false
