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
	"github.com/obdcr/obdcr/validate"
)

// asked is what a request has to say for the policy of the bank.
type asked struct {
	policy    *validate.Policy
	validator *validate.Validator
	metadata  *tpp.Metadata
	leaf      *x509.Certificate // transport
	now       time.Time
}

// narrowed are the values of a member that the policy admits.
func (a *asked) narrowed(member string, values []string) []string {
	allowed, narrows := a.policy.AllowedValues[member]
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return narrows && !slices.Contains(allowed, v) })
}

// redirectURIs are those of the TPP, as many as the policy admits.
func (a *asked) redirectURIs() []string {
	uris := a.narrowed("redirect_uris", redirectURIs())
	return uris[:min(len(uris), a.policy.MaxRedirectURIs)]
}

// issuer is what the policy wants iss to be.
func (a *asked) issuer(p *party) string {
	if slices.Contains(a.policy.IssuerKinds, validate.IssuerSoftwareID) {
		return p.software
	}
	return p.org
}

// options are what the policy wants where it differs from the usual.
func (a *asked) options(p *party) tpp.RequestOptions {
	o := tpp.RequestOptions{
		Audience: a.policy.Audiences[0], Issuer: a.issuer(p), RedirectURIs: a.redirectURIs(), Certificate: a.leaf,
		Lifetime: a.policy.MaxLifetime, Now: a.now, Scopes: a.scopes(),
	}
	types := a.narrowed("application_type", texts(a.policy.ApplicationTypes))
	if len(types) > 0 && !slices.Contains(types, string(claims.Web)) {
		o.ApplicationType = claims.ApplicationType(types[0])
	}
	for member, methods := range map[string][]claims.AuthMethod{
		"tls_client_auth_subject_dn":      {claims.TLSClientAuth},
		"token_endpoint_auth_signing_alg": {claims.PrivateKeyJWT, claims.ClientSecretJWT},
	} {
		if !slices.Contains(a.policy.RequiredMembers, member) || slices.Contains(methods, a.metadata.AuthMethod()) {
			continue
		}
		for _, m := range methods {
			if o.AuthMethod == "" && slices.Contains(a.metadata.AuthMethods, m) {
				o.AuthMethod = m
			}
		}
	}
	return o
}

// scopes are openid and what the policy gives the roles of the software; nil where it
// gives nothing.
func (a *asked) scopes() []string {
	var scopes []string
	offered := func(words []string) {
		for _, word := range words {
			if slices.Contains(a.metadata.Scopes, word) && !slices.Contains(scopes, word) {
				scopes = append(scopes, word)
			}
		}
	}
	offered([]string{"openid"})
	for _, role := range softwareRoles() {
		offered(a.policy.ScopesOf(claims.Role(role)))
	}
	return scopes
}

// complete adds what the policy requires and a request has nowhere else to take from.
func (a *asked) complete(c *claims.Request) {
	if slices.Contains(a.policy.RequiredMembers, "nbf") {
		c.NotBefore = c.IssuedAt
	}
}

// flags are what register has to be told beside conformance.json, which holds no more
// than the conformance tool knows of.
func (a *asked) flags(o tpp.RequestOptions, usual *claims.Request) []string {
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

// refusals are the rules by which the bank would refuse a request, and why.
func (a *asked) refusals(ctx context.Context, request string) (rules, why string) {
	result, err := tpp.Lint(ctx, tpp.LintInput{Request: request, Validator: a.validator, Now: a.now,
		Certificate: &validate.Certificate{RawSubject: a.leaf.RawSubject}, Environment: claims.Sandbox})
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

// toolLifetime is exp - iat of what the conformance tool sends.
const toolLifetime = time.Hour

// fromConfiguration is the request that is made of conformance.json alone.
func (a *asked) fromConfiguration(c *obieconfig.Config, lifetime time.Duration) (claims.Request, error) {
	return tpp.BuildFor(a.metadata, c.SSA, tpp.RequestOptions{
		Audience: c.Aud, Issuer: c.Issuer, RedirectURIs: c.RedirectURIs, Certificate: a.leaf, Now: a.now, Lifetime: lifetime,
	})
}

func texts[T ~string](words []T) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return all
}
