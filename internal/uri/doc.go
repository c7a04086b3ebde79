// Package uri judges addresses: [Endpoint] those of a server that this module sends
// requests to.
package uri
