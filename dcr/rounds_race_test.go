//go:build race

package dcr_test

// raceRounds is how often each race is run. The race detector sees in a few rounds what
// there is to see, and makes SQLite ten times slower.
const raceRounds = 40
