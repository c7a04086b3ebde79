package main

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// speak reads the dialect of --bank, and sets each flag that the user has not given as the
// bank wants it. It does nothing without --bank.
func (a *app) speak(c *cobra.Command, o *clientOptions) error {
	d, err := a.bank(o.bank)
	if d == nil || err != nil {
		return err
	}
	o.dialect, o.given = d, c.Flags().Changed
	if !o.given("content-type") && d.ContentType != "" {
		o.contentType = strings.TrimPrefix(d.ContentType, "application/")
	}
	if !o.given("token-scope") {
		o.tokenScopes = d.TokenScopes
	}
	if !o.given("scope-as-array") {
		o.scopeAsArray = d.ScopeAsArray
	}
	if !o.given("jti-case") && d.UpperCaseJTI {
		o.jtiCase = jtiUpper
	}
	if !o.given("lifetime") && d.Policy.MaxLifetime < o.lifetime {
		o.lifetime = d.Policy.MaxLifetime.Truncate(time.Second)
	}
	if types := d.Policy.ApplicationTypes; !o.given("application-type") && o.builds && !slices.Contains(types, claims.Web) {
		o.applicationType = string(types[0])
	}
	if method := map[string]string{"get": http.MethodGet, "update": http.MethodPut, "delete": http.MethodDelete}[c.Name()]; method != "" && !d.Offers(method) {
		a.note("warning: %s offers no %s at the address of a client, as its pages said on %s", d.Title, method, d.Date)
	}
	return nil
}

// wantedMembers are the members that the bank's dialect has besides, unless the request has
// them by --member.
func (o *clientOptions) wantedMembers(by map[string]json.RawMessage) {
	if o.dialect == nil {
		return
	}
	for name, value := range o.dialect.Members {
		if _, own := by[name]; !own {
			by[name] = value
		}
	}
}

// leftOut are the members that the bank's answers never have.
func (o *clientOptions) leftOut() []string {
	if o.dialect == nil {
		return nil
	}
	return o.dialect.LeftOut
}

// lintPolicy is what a refused request is judged by: the bank's dialect, or else a profile of
// which nothing is known but what the bank announces.
func (o *clientOptions) lintPolicy(m *tpp.Metadata) (validate.Profile, validate.Policy, error) {
	if o.dialect != nil {
		p, err := m.Narrow(o.dialect.Policy)
		return o.dialect.Profile, p, err
	}
	p, err := m.Policy(validate.OBIE33)
	return validate.OBIE33, p, err
}

// bankAudience is the one audience that the bank's dialect names; "" if it names none or
// several.
func (o *clientOptions) bankAudience() string {
	if o.dialect == nil || len(o.dialect.Policy.Audiences) != 1 {
		return ""
	}
	return o.dialect.Policy.Audiences[0]
}

// bankIssuer is the org_id of a statement where the bank takes nothing else as iss; else "".
func (o *clientOptions) bankIssuer(statement string) string {
	if o.dialect == nil || slices.Contains(o.dialect.Policy.IssuerKinds, validate.IssuerSoftwareID) {
		return ""
	}
	parsed, err := ssa.Parse(statement)
	if err != nil {
		return "" // the builder says what is wrong with it
	}
	return parsed.UnverifiedClaims().OrgID.Or("")
}

// asAnnounced returns a bank's metadata with what its dialect has otherwise than the default
// policy: values that the dialect has not are left out, and a list that the bank does not
// announce is the dialect's. Flags that the user has given go before.
func (o *clientOptions) asAnnounced(m *tpp.Metadata) (*tpp.Metadata, error) {
	if o.dialect == nil {
		return m, nil
	}
	p, usual := &o.dialect.Policy, validate.DefaultPolicy(o.dialect.Profile)
	out, n := *m, &agreement{given: o.given}
	out.AuthMethods = agreed(n, "auth-method", "token_endpoint_auth_methods_supported", m.AuthMethods, p.AuthMethods, usual.AuthMethods)
	out.GrantTypes = agreed(n, "grant-type", "grant_types_supported", m.GrantTypes, p.GrantTypes, usual.GrantTypes)
	out.ResponseTypes = agreed(n, "response-type", "response_types_supported", m.ResponseTypes, p.ResponseTypes, usual.ResponseTypes)
	out.Scopes = agreed(n, "scope", "scopes_supported", m.Scopes, p.Scopes, usual.Scopes)
	by, from := &p.MemberAlgorithms, &usual.MemberAlgorithms
	out.IDTokenAlgorithms = agreed(n, "", "id_token_signing_alg_values_supported", m.IDTokenAlgorithms, by.IDToken, from.IDToken)
	out.RequestObjectAlgorithms = agreed(n, "", "request_object_signing_alg_values_supported", m.RequestObjectAlgorithms, by.RequestObject, from.RequestObject)
	out.AuthSigningAlgorithms = agreed(n, "", "token_endpoint_auth_signing_alg_values_supported",
		m.AuthSigningAlgorithms, by.TokenEndpointAuth, from.TokenEndpointAuth)
	if n.apart != "" {
		return nil, usageError("--bank %s: the bank announces no value in %s that its dialect has: the dialect is out of date, or of another bank",
			cut(o.bank), n.apart)
	}
	return &out, nil
}

// agreement has the first list of which a bank announces nothing that its dialect has.
type agreement struct {
	given func(flag string) bool
	apart string
}

func agreed[T ~string](n *agreement, flag, member string, announced, dialect, usual []T) []T {
	switch {
	case flag != "" && n.given(flag), slices.Equal(dialect, usual):
		return announced
	case announced == nil:
		return dialect
	}
	both := text.Keep(announced, dialect)
	if len(both) == 0 {
		n.apart = cmp.Or(n.apart, member)
	}
	return both
}
