package main

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// fromDiscoveryCommand writes the policy of a bank, as far as the bank announces it.
func (a *app) fromDiscoveryCommand() *cobra.Command {
	var profile string
	o := &clientOptions{documentArgument: true}
	cmd := &cobra.Command{
		Use:   "from-discovery FILE|URL",
		Short: "Write the policy that a bank's discovery document tells",
		Long: `from-discovery writes a policy of what a bank announces: authentication methods,
algorithms, grant types, response types and scopes. What the bank does not announce is as in
the default policy of the profile; standard error lists it, with the announced values that
the policy leaves out. A bank does not announce the identifier that it takes as aud: add it
to audiences.`,
		Example: `  obdcr policy from-discovery discovery.json > policy.json
  obdcr policy from-discovery \
    https://bank.example/.well-known/openid-configuration --profile obie-3.4`,
		Args:              arguments("FILE|URL"),
		ValidArgsFunction: filesAlone,
		RunE: func(c *cobra.Command, args []string) error {
			p := validate.Profile(profile)
			if !p.Valid() {
				return unknownProfile(p)
			}
			m, err := a.discovered(c.Context(), args[0], o)
			if err != nil {
				return err
			}
			policy, err := m.Policy(p)
			if err != nil {
				return usageError("%s: %s", shownName(args[0]), detail(err))
			}
			a.noteUntold(args[0], p, m)
			a.noteLeftOut(args[0], &policy, m)
			return writeJSON(c.OutOrStdout(), policy)
		},
	}
	cmd.Flags().StringVar(&profile, "profile", string(validate.OBIE33), "profile that the policy is for: "+text.List(validate.Profiles()))
	cmd.Flags().StringVar(&o.ca, "ca", "", "certificates in PEM, a `FILE`, that the bank's server must chain to; without it the system's")
	o.wireFlags(cmd)
	complete(cmd, "profile", text.Strings(validate.Profiles()))
	return untilInterrupted(cmd)
}

// discovered reads the discovery document of an argument.
func (a *app) discovered(ctx context.Context, name string, o *clientOptions) (*tpp.Metadata, error) {
	if strings.HasPrefix(strings.ToLower(name), "http:") {
		return nil, usageError("%s: the address of a discovery document is an https URL, since the bank's endpoints are taken from it", cut(name))
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	roots, err := a.loadRoots(o.ca)
	if err != nil {
		return nil, err
	}
	m, err := a.announcedBy(ctx, "", name, roots, o)
	if errors.Is(err, input.ErrTooLarge) {
		err = usageError("%w", err) // the document is no request that breaks a rule
	}
	return m, err
}

// noteUntold lists the members of the policy that the document does not tell.
func (a *app) noteUntold(name string, p validate.Profile, m *tpp.Metadata) {
	var untold []string
	for _, list := range []struct {
		member, announced string
		there             bool
	}{
		{"auth_methods", "token_endpoint_auth_methods_supported", m.AuthMethods != nil},
		{"member_algorithms/token_endpoint_auth", "token_endpoint_auth_signing_alg_values_supported", m.AuthSigningAlgorithms != nil},
		{"member_algorithms/request_object", "request_object_signing_alg_values_supported", m.RequestObjectAlgorithms != nil},
		{"member_algorithms/id_token", "id_token_signing_alg_values_supported", m.IDTokenAlgorithms != nil},
		{"grant_types", "grant_types_supported", m.GrantTypes != nil},
		{"response_types", "response_types_supported", m.ResponseTypes != nil},
		{"scopes", "scopes_supported", m.Scopes != nil},
	} {
		if !list.there {
			untold = append(untold, list.member+" ("+list.announced+")")
		}
	}
	if len(untold) > 0 {
		a.note("%s does not tell, and the policy has the default of %s: %s", shownName(name), p, text.And(untold))
	}
	a.note("no bank announces its audiences: add its identifier at the directory, or its issuer; all other members are the default of %s", p)
}

// shownLeftOut is how many values of one list a note names.
const shownLeftOut = 8

// noteLeftOut lists the announced values that the policy has not, and the grant and the
// methods that it has not because the bank announces nothing that they need.
func (a *app) noteLeftOut(name string, p *validate.Policy, m *tpp.Metadata) {
	for _, list := range []struct {
		announced   string
		values, has []string
	}{
		{"token_endpoint_auth_methods_supported", text.Strings(m.AuthMethods), text.Strings(p.AuthMethods)},
		{"token_endpoint_auth_signing_alg_values_supported", text.Strings(m.AuthSigningAlgorithms), text.Strings(p.MemberAlgorithms.TokenEndpointAuth)},
		{"request_object_signing_alg_values_supported", text.Strings(m.RequestObjectAlgorithms), text.Strings(p.MemberAlgorithms.RequestObject)},
		{"id_token_signing_alg_values_supported", text.Strings(m.IDTokenAlgorithms), text.Strings(p.MemberAlgorithms.IDToken)},
		{"grant_types_supported", text.Strings(m.GrantTypes), text.Strings(p.GrantTypes)},
		{"response_types_supported", text.Strings(m.ResponseTypes), text.Strings(p.ResponseTypes)},
		{"scopes_supported", m.Scopes, p.Scopes},
	} {
		var left []string
		for _, value := range list.values {
			if shown := cut(value); !slices.Contains(list.has, value) && !slices.Contains(left, shown) {
				left = append(left, shown)
			}
		}
		if over := len(left) - shownLeftOut; over > 1 {
			left = append(left[:shownLeftOut], strconv.Itoa(over)+" more")
		}
		if len(left) > 0 {
			a.note("%s: the policy leaves out of %s: %s", shownName(name), list.announced, text.And(left))
		}
	}
}
