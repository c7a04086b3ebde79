// Package sandbox is a whole ecosystem of dynamic client registration on loopback: a
// directory that issues software statements, publishes key sets and has the API by which
// TPPs fetch statements, and a bank that registers clients and issues access tokens.
//
// Call [Start] first, and [Sandbox.Close] at the end. Start makes the keys that are
// missing and keeps them in one folder, with the files that a TPP needs to register.
//
// The sandbox is for trials and tests. Its directory signs any statement for anyone who
// reaches it, so no system outside of the sandbox may trust its keys.
package sandbox
