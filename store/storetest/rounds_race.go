//go:build race

package storetest

// rounds is how often each race is run. The race detector sees in a few rounds what
// there is to see, and makes some stores ten times slower.
const rounds = 40
