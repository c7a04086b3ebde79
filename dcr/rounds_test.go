//go:build !race

package dcr_test

// raceRounds is how often each race is run.
const raceRounds = 200
