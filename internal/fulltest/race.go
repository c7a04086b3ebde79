//go:build race

package fulltest

const raceDetector = true
