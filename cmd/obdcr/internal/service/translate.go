package service

import (
	"errors"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// spelled are the names of package dcr/server in its errors, and of the members that they
// come from. A longer name stands before one that it begins with.
var spelled = []string{
	"Clients.Trust.Authorities", "clients.authorities", "Clients.Trust", "clients", "Clients.ProxyAuthorities", "proxy.authority_files",
	"Clients.Proxy", "proxy", "Clients.Server", "tls", "Discovery.TokenEndpoint", "discovery.token_endpoint", "DiscoveryFrom.URL", "discovery.url",
	"DiscoveryFrom", "discovery.url", "Keys.Limits", "keys.limits", "Keys.NotPublic", "keys.not_public", "Keys.Sources", "keys.ca_files",
	"Paths.Registration", "paths.registration", "Paths.Token", "paths.token", "Paths.Discovery", "paths.discovery", "Paths.OpenAPI", "paths.openapi",
	"Paths.Health", "paths.health", "Paths.Ready", "paths.ready",
	"TokenEndpoint", "tokens.own_endpoint", "ClientToken", "tokens", "Tokens", "tokens.introspection",
	"Policy.Audiences", "policy.audiences", "Audiences", "audiences", "Directories", "directories", "Anchors", "anchors", "SealingKey", "sealing_key_file",
	"ssa.KnownDirectories", "those that obdcr knows", "JWKSURL", "jwks_url", "ClaimNames", "claim_names", "ChangeTimeout", "change_timeout",
	"Issuer", "issuer",
	"claims.Sandbox or claims.Production", "sandbox or production", "Policy", "policy", "Paths", "paths", "Methods", "methods", "Discovery", "discovery",
}

// translate makes the mistakes of the file from the errors of server.New or portal.New, each in
// the names of the file, at the member that it names first.
func (c *Config) translate(err error, spelled []string) error {
	names := strings.NewReplacer(spelled...)
	var faults []Fault
	for _, e := range apart(err) {
		reason := names.Replace(text.Detail(e))
		var policy *validate.PolicyError
		if errors.As(e, &policy) {
			faults = append(faults, Fault{Place: "policy/" + policy.Member, Reason: policy.Reason})
			continue
		}
		place := c.named(reason, spelled)
		reason = strings.TrimPrefix(strings.TrimPrefix(reason, "server: "), "portal: ")
		faults = append(faults, Fault{Place: place, Reason: strings.TrimPrefix(reason, strings.ReplaceAll(place, "/", ".")+": ")})
	}
	return c.fault(faults)
}

// named returns the place of the member that a reason names first.
func (c *Config) named(reason string, spelled []string) string {
	first, place := len(reason), ""
	for i := 1; i < len(spelled); i += 2 {
		if strings.Contains(spelled[i], " ") {
			continue
		}
		if at := strings.Index(reason, spelled[i]); at >= 0 && (at < first || at == first && len(spelled[i]) > len(place)) {
			first, place = at, strings.ReplaceAll(spelled[i], ".", "/")
		}
	}
	return place
}

// apart returns the errors that an error joins.
func apart(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, apart(e)...)
	}
	return all
}
