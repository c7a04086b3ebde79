// Package nodes shows what a bank of several obdcr serve processes over one PostgreSQL
// promises: real processes, a real database, requests over mutual TLS, and faults. For tests
// only; it has nothing else.
package nodes
