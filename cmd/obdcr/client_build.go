package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/validate"
)

func (a *app) buildCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build and sign a registration request for a bank",
		Long: `build makes a registration request from a software statement, a signing key and a
bank's discovery document, and writes it to standard output, a compact JWT. It takes a
value that no flag gives from the statement, or from what the bank announces. It sends
nothing, and needs no network if the discovery document is a file. The output can be
sent as it is: it has no newline at its end unless it goes to a terminal.`,
		Example: `  obdcr build --config conformance.json > request.jwt
  obdcr build --discovery discovery.json --ssa ssa.jwt \
    --signing-key signing.key --kid KID --aud 0015800001041RHAAY
  obdcr build --config conformance.json --scope-as-array \
    --member 'subject_type="pairwise"' --member software_id=`,
		Args: noArgument,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.speak(c, o); err != nil {
				return err
			}
			return a.build(c.Context(), c.OutOrStdout(), o)
		},
	}
	o.connectionFlags(cmd)
	o.requestFlags(cmd)
	o.methodFlag(cmd, "how the client is to authenticate", firstAnnounced)
	return untilInterrupted(cmd)
}

// build writes the request without a newline to anything but a terminal, so that a file of it
// can be sent as it is.
func (a *app) build(ctx context.Context, out io.Writer, o *clientOptions) error {
	by := tpp.Credentials{Method: claims.AuthMethod(o.authMethod)}
	t, err := a.connect(ctx, o, "build", &by)
	if err != nil {
		return err
	}
	request, err := a.newRequest(t, o, by.Method, "")
	if err != nil {
		return err
	}
	if a.terminal { // a newline in a file would be sent to the bank, which refuses it
		request += "\n"
	}
	_, err = io.WriteString(out, request)
	return err
}

// newRequest builds a request, for an update of the client clientID if that is not "". A
// value that the statement or the bank does not allow is a violation.
func (a *app) newRequest(t *connection, o *clientOptions, method claims.AuthMethod, clientID string) (string, error) {
	statement, err := t.settings.token()
	if err != nil {
		return "", err
	}
	options, err := a.requestOptions(t, o, method, statement)
	if err != nil {
		return "", err
	}
	options.ClientID = clientID
	request, err := t.client.Build(statement, options)
	if refused, ok := errors.AsType[*tpp.NotAnnouncedError](err); ok {
		return "", &exitError{exitViolated, fmt.Errorf("%w\n  if it takes it all the same, add:\n    %s", plainly(err), memberFlag(refused, o.scopeAsArray))}
	}
	if err != nil {
		return "", &exitError{exitViolated, plainly(err)}
	}
	return request, nil
}

// requestOptions are what the settings and the flags say about a request.
func (a *app) requestOptions(t *connection, o *clientOptions, method claims.AuthMethod, statement string) (tpp.RequestOptions, error) {
	c := t.settings
	override, err := o.override()
	if err != nil {
		return tpp.RequestOptions{}, err
	}
	o.wantedMembers(override)
	audience := cmp.Or(c.Aud, o.bankAudience())
	if audience == "" && (o.dialect == nil || slices.Contains(o.dialect.Policy.AudienceKinds, validate.AudienceID)) {
		a.note("aud is the bank's issuer; if the bank expects its identifier at the directory, give --aud")
	}
	if used := cmp.Or(method, t.metadata.AuthMethod()); o.subjectDN != "" && used != claims.TLSClientAuth {
		a.note("--subject-dn has no effect with %s", used)
	}
	return tpp.RequestOptions{
		Audience: audience, Issuer: cmp.Or(c.Issuer, o.bankIssuer(statement)), RedirectURIs: c.RedirectURIs, AuthMethod: method,
		Scopes: o.scopes, ScopeAsArray: o.scopeAsArray, SubjectDN: c.TransportCertSubjectDN, Lifetime: o.lifetime,
		ApplicationType: claims.ApplicationType(o.applicationType), UpperCaseJTI: o.jtiCase == jtiUpper,
		GrantTypes: words[claims.GrantType](o.grantTypes), ResponseTypes: words[claims.ResponseType](o.responseTypes), Override: override,
	}, nil
}

// memberFlag writes the flag by which a request has values that the bank does not announce.
func memberFlag(e *tpp.NotAnnouncedError, scopeAsArray bool) string {
	var value any = e.Asked
	switch {
	case e.Member == "scope" && !scopeAsArray:
		value = strings.Join(e.Asked, " ")
	case e.Member != "scope" && !strings.HasSuffix(e.Member, "_types"): // of one value
		value = e.Value
	}
	written, _ := json.Marshal(value) // texts always encode
	return "--member '" + strings.ReplaceAll(e.Member+"="+string(written), "'", `'\''`) + "'"
}

// words converts the values of a flag; nil stays nil.
func words[T ~string](values []string) []T {
	var all []T
	for _, v := range values {
		all = append(all, T(v))
	}
	return all
}

// givenRequest reads the request of --request; "" if the flag was not given.
func (a *app) givenRequest(o *clientOptions) (string, error) {
	if o.request == "" {
		return "", nil
	}
	f, err := a.open("--request", o.request)
	if err != nil {
		return "", err
	}
	request, err := f.Token(input.Request)
	if err != nil {
		return "", usageError("%w", err)
	}
	switch {
	case request == f.Raw:
	case request == strings.TrimSpace(f.Raw):
		a.note("%s: the line end around the request is not sent, because a bank refuses it", f.Where())
	default:
		a.note("%s: the token alone is sent, in ASCII, because a bank refuses the bytes of the file", f.Where())
	}
	return request, nil
}
