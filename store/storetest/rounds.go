//go:build !race

package storetest

// rounds is how often each race is run.
const rounds = 200
