package sandbox

import (
	"context"
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// sampler makes requests that the bank's policy accepts.
type sampler struct {
	policy    *validate.Policy
	validator *validate.Validator
	metadata  *tpp.Metadata
	leaf      *x509.Certificate // the transport certificate
	now       time.Time
}

// narrowed returns the values of a member that the policy's allowed_values admit.
func (s *sampler) narrowed(member string, values []string) []string {
	allowed, narrows := s.policy.AllowedValues[member]
	if !narrows {
		return values
	}
	return text.Keep(values, allowed)
}

// redirectURIs returns the TPP's redirect URIs, as many as the policy admits.
func (s *sampler) redirectURIs() []string {
	uris := s.narrowed("redirect_uris", redirectURIs())
	return uris[:min(len(uris), s.policy.MaxRedirectURIs)]
}

// issuer returns the iss that the policy demands.
func (s *sampler) issuer(p *party) string {
	if slices.Contains(s.policy.IssuerKinds, validate.IssuerSoftwareID) {
		return p.software
	}
	return p.org
}

// options returns the options of a request that the policy accepts. It sets a member only
// if the default would be refused, or if the policy requires a member that the default
// method does not have.
func (s *sampler) options(p *party) tpp.RequestOptions {
	o := tpp.RequestOptions{
		Audience: s.policy.Audiences[0], Issuer: s.issuer(p), RedirectURIs: s.redirectURIs(), Certificate: s.leaf,
		Lifetime: s.policy.MaxLifetime, Now: s.now, Scopes: s.scopes(),
	}
	types := s.narrowed("application_type", text.Strings(s.policy.ApplicationTypes))
	if len(types) > 0 && !slices.Contains(types, string(claims.Web)) {
		o.ApplicationType = claims.ApplicationType(types[0])
	}
	for member, methods := range map[string][]claims.AuthMethod{
		"tls_client_auth_subject_dn":      {claims.TLSClientAuth},
		"token_endpoint_auth_signing_alg": {claims.PrivateKeyJWT, claims.ClientSecretJWT},
	} {
		if !slices.Contains(s.policy.RequiredMembers, member) || slices.Contains(methods, s.metadata.AuthMethod()) {
			continue
		}
		for _, m := range methods {
			if o.AuthMethod == "" && slices.Contains(s.metadata.AuthMethods, m) {
				o.AuthMethod = m
			}
		}
	}
	return o
}

// scopes returns openid and the scopes that the policy allows the software's roles; nil if
// the bank offers none of them.
func (s *sampler) scopes() []string {
	var scopes []string
	offered := func(words []string) {
		for _, word := range words {
			if slices.Contains(s.metadata.Scopes, word) && !slices.Contains(scopes, word) {
				scopes = append(scopes, word)
			}
		}
	}
	offered([]string{"openid"})
	for _, role := range softwareRoles() {
		offered(s.policy.ScopesOf(claims.Role(role)))
	}
	return scopes
}

// complete adds the required members that no option of BuildFor sets.
func (s *sampler) complete(c *claims.Request) {
	if slices.Contains(s.policy.RequiredMembers, "nbf") {
		c.NotBefore = c.IssuedAt
	}
}

// flags returns the flags that register needs beside conformance.json, which has only the
// members of the conformance tool. usual is the request that register makes without them.
func (s *sampler) flags(o tpp.RequestOptions, usual *claims.Request) []string {
	var flags []string
	if o.ApplicationType != "" {
		flags = append(flags, "--application-type", string(o.ApplicationType))
	}
	if o.AuthMethod != "" {
		flags = append(flags, "--auth-method", string(o.AuthMethod))
	}
	if usual == nil {
		return flags
	}
	if time.Duration(usual.Expiry.Or(0)-usual.IssuedAt.Or(0))*time.Second > o.Lifetime {
		flags = append(flags, "--lifetime", o.Lifetime.String())
	}
	if !slices.Equal(usual.Scope.Or(claims.Scope{}).Words, o.Scopes) {
		for _, word := range o.Scopes {
			flags = append(flags, "--scope", word)
		}
	}
	return flags
}

// refusals returns the rules that a request breaks, and the messages; both are "" if the
// bank would accept it.
func (s *sampler) refusals(ctx context.Context, request string) (rules, why string) {
	result, err := tpp.Lint(ctx, tpp.LintInput{Request: request, Validator: s.validator, Now: s.now,
		Certificate: s.leaf, Environment: claims.Sandbox})
	if err != nil {
		return "", err.Error()
	}
	var ids, messages []string
	for _, v := range result.Report.Violations {
		if v.Severity == validate.SeverityError && !slices.Contains(ids, v.Rule) {
			ids, messages = append(ids, v.Rule), append(messages, strings.TrimSpace(v.Pointer+" "+v.Message))
		}
	}
	return strings.Join(ids, " "), strings.Join(messages, "; ")
}

// toolLifetime is exp - iat of the conformance tool's requests.
const toolLifetime = time.Hour

// fromConfiguration makes the request that conformance.json alone leads to.
func (s *sampler) fromConfiguration(c *obieconfig.Config, lifetime time.Duration) (claims.Request, error) {
	return tpp.BuildFor(s.metadata, c.SSA, tpp.RequestOptions{
		Audience: c.Aud, Issuer: c.Issuer, RedirectURIs: c.RedirectURIs, Certificate: s.leaf, Now: s.now, Lifetime: lifetime,
	})
}
