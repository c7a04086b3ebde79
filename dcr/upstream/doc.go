// Package upstream registers a bank's clients at any authorization server that speaks
// RFC 7591 and RFC 7592, which are dynamic client registration and its management.
//
// Call [New] and give the [Endpoint] to a dcr.Registrar as its Provisioner. The Registrar
// judges a request by the rules of OBIE; what it registers goes to the authorization
// server as plain JSON, with an initial access token. The server chooses the client_id. It
// gives a registration access token and an address to manage the client at, which the
// Registrar keeps sealed in the record.
//
// A [Mapping] says as data what the server calls the members, what it does not know and
// what it may choose. [OIDCProvider] and [Keycloak] return the mappings of two servers.
// The TPP never talks to the server's own registration endpoint: shut it to all but the
// bank.
//
// RFC 7591 has no idempotent registration. A process that dies between the server's answer
// and the write to the store leaves a client at the server that no record names. The
// Registrar logs this fact (dcr.ErrLost); docs/authorization-servers.md says how to find
// such a client.
package upstream
