//go:build !race

package fulltest

const raceDetector = false
