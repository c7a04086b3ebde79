// Package vectors runs public test vectors against the packages of the parent
// module. It is a module of its own so that the vectors, and the Go version they
// ask for, do not weigh on the users of the parent.
package vectors
