// Package sandbox is a whole ecosystem of dynamic client registration on loopback: a
// directory that issues software statements and publishes key sets, and a bank that
// registers clients and gives them access tokens. All keys are made when they are
// first wanted and kept in one folder, with the files that a TPP needs to try it.
//
// It is for trying and testing. Whoever reaches the directory can have any statement
// signed; nothing that it vouches for may be believed outside.
package sandbox
