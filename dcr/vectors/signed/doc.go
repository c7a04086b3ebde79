// Package signed holds signed test vectors: registration requests and software statements as
// a bank gets them, each a file with the token, the keys, the clock, the policy, and what a
// bank must find. Package dcr/vectors has the same without signatures. [Load] returns them all,
// and [Files] has the files, which a program in any language can read; the README in the
// package's folder says what is in them.
//
// Generated: go generate writes the files from those of dcr/vectors and from the tables of the
// command generate. A name never comes back with another meaning.
package signed

//go:generate go run ./internal/generate
