package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
)

func (a *app) registerCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "register",
		Short: "Register a client at a bank over mutual TLS",
		Long: `register builds a registration request as build does, sends it, and writes the
bank's answer to standard output. A client secret is part of the answer and shown
this once: keep it, in a file that nobody else can read.

Where no answer comes, the client may be registered all the same. Send the very same
request again then (--save, --request): it registers nothing twice.`,
		Example: `  obdcr register --config conformance.json > client.json
  obdcr register --discovery https://bank.example/.well-known/openid-configuration --ca ca.pem --cert transport.pem \
    --key transport.key --signing-key signing.key --kid KID --ssa ssa.jwt --aud 0015800001041RHAAY`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.register(c.Context(), c.OutOrStdout(), o) },
	}
	o.connectionFlags(cmd)
	o.requestFlags(cmd)
	o.sendFlags(cmd)
	return cmd
}

func (a *app) getCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "get CLIENT_ID",
		Short: "Show a client as a bank has registered it",
		Long: `get asks the bank's token endpoint for an access token, in the client's name, and
with it the registration endpoint for the client. Secrets in the answer are left out.`,
		Example:           `  obdcr get --config conformance.json --client client.json CLIENT_ID`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			return a.get(c.Context(), c.OutOrStdout(), args[0], o)
		},
	}
	o.connectionFlags(cmd)
	o.methodFlag(cmd, "how the client authenticates")
	o.knownFlag(cmd)
	return cmd
}

func (a *app) updateCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "update CLIENT_ID",
		Short: "Replace what a bank has registered of a client",
		Long: `update builds a registration request as build does, which says everything, also what
does not change, and puts it in place of what is registered. Without --client, the
client is taken to be registered with --auth-method.`,
		Example:           `  obdcr update --config conformance.json --client client.json --redirect-uri https://app.example/cb CLIENT_ID`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			return a.update(c.Context(), c.OutOrStdout(), args[0], o)
		},
	}
	o.connectionFlags(cmd)
	o.requestFlags(cmd)
	o.sendFlags(cmd)
	o.knownFlag(cmd)
	return cmd
}

func (a *app) deleteCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:               "delete CLIENT_ID",
		Short:             "Delete a client at a bank, with its tokens",
		Example:           `  obdcr delete --config conformance.json --client client.json CLIENT_ID`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			return a.delete(c.Context(), args[0], o)
		},
	}
	o.connectionFlags(cmd)
	o.methodFlag(cmd, "how the client authenticates")
	o.knownFlag(cmd)
	return cmd
}

func (a *app) register(ctx context.Context, out io.Writer, o *clientOptions) error {
	t, err := a.connect(ctx, o, "register")
	if err != nil {
		return err
	}
	request, err := a.requestToSend(t, o)
	if err != nil {
		return err
	}
	information, err := t.client.Register(ctx, request)
	if err != nil {
		return a.refusedRequest(ctx, out, request, err)
	}
	a.note("registered as %s", information.ClientID)
	return a.writeClient(out, information, true)
}

func (a *app) get(ctx context.Context, out io.Writer, id string, o *clientOptions) error {
	t, token, err := a.asClient(ctx, id, o, "get")
	if err != nil {
		return err
	}
	information, err := t.client.Get(ctx, id, token)
	if err != nil {
		return a.bankError(err)
	}
	return a.writeClient(out, information, false)
}

func (a *app) update(ctx context.Context, out io.Writer, id string, o *clientOptions) error {
	t, token, err := a.asClient(ctx, id, o, "update")
	if err != nil {
		return err
	}
	request, err := a.requestToSend(t, o)
	if err != nil {
		return err
	}
	information, err := t.client.Update(ctx, id, request, token)
	if err != nil {
		return a.refusedRequest(ctx, out, request, err)
	}
	a.note("updated %s", information.ClientID)
	return a.writeClient(out, information, true)
}

func (a *app) delete(ctx context.Context, id string, o *clientOptions) error {
	t, token, err := a.asClient(ctx, id, o, "delete")
	if err != nil {
		return err
	}
	if err := t.client.Delete(ctx, id, token); err != nil {
		return a.bankError(err)
	}
	a.note("deleted %s", id)
	return nil
}

// asClient connects and gets an access token in a client's name.
func (a *app) asClient(ctx context.Context, id string, o *clientOptions, verb string) (*tpp, dcr.BearerToken, error) {
	by := dcr.Credentials{ClientID: id, Method: claims.AuthMethod(o.authMethod)}
	if o.client != "" {
		text, err := a.load(o.client)
		if err != nil {
			return nil, dcr.BearerToken{}, orUsage(err, "--client")
		}
		known, err := dcr.ParseClientInformation([]byte(text))
		if err != nil || known.ClientID != id {
			return nil, dcr.BearerToken{}, usageError("--client %s: it is not what register printed of client %s", shownName(o.client), cut(id))
		}
		if by = known.Credentials(); by.Method == "" {
			by.Method = claims.AuthMethod(o.authMethod)
		}
	}
	t, err := a.connect(ctx, o, verb)
	if err != nil {
		return nil, dcr.BearerToken{}, err
	}
	if by.Method == "" {
		by.Method = t.metadata.AuthMethod()
	}
	if strings.HasPrefix(string(by.Method), "client_secret") && by.Secret == "" {
		return nil, dcr.BearerToken{}, usageError("%s needs the client's secret: give --client, what register printed", by.Method)
	}
	token, err := t.client.AccessToken(ctx, by)
	if err != nil {
		return nil, dcr.BearerToken{}, a.bankError(err)
	}
	return t, token, nil
}

// refusedRequest tells of a request that came to nothing. The bank's error is the
// result.
func (a *app) refusedRequest(ctx context.Context, out io.Writer, request string, err error) error {
	end := a.bankError(err)
	var refused *dcr.ResponseError
	if errors.As(err, &refused) && refused.Code != "" {
		result := struct {
			Status      int    `json:"status"`
			Code        string `json:"error"`
			Description string `json:"error_description"`
		}{refused.Status, refused.Code, refused.Description}
		if err := writeJSON(out, result); err != nil {
			return ioError(err)
		}
	}
	if errors.As(err, &refused) && dcr.MayHaveHappened(err) {
		a.note("a bank that answers %d may have done it all the same", refused.Status)
	}
	a.diagnose(ctx, request, err)
	return end
}

// secretMembers of an answer are shown by the verbs alone that make them.
var secretMembers = []string{"client_secret", "registration_access_token"}

// writeClient writes what a bank says of a client, as sent. The secrets in it are
// shown where they are new.
func (a *app) writeClient(out io.Writer, i *dcr.ClientInformation, fresh bool) error {
	document := []byte(i.Document)
	for _, name := range secretMembers {
		shorter, found := without(document, name)
		switch {
		case found && fresh:
			a.note("%s is shown this once: keep it where nobody else can read it", name)
		case found:
			a.note("%s is left out", name)
			document = shorter
		}
	}
	for _, f := range i.Faults {
		a.note("the bank's answer: %s is %s, not %s", f.Pointer, f.Got, f.Want)
	}
	if i.Metadata == nil {
		a.note("the bank's answer is no strict JSON: a member stands in it twice, say")
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, bytes.TrimSpace(document), "", "  "); err != nil {
		return ioError(errors.New("the bank's answer cannot be shown"))
	}
	_, err := fmt.Fprintln(out, visibleJSON(indented.String()))
	return err
}

// without is an object without a member, and whether it had one.
func without(object []byte, name string) ([]byte, bool) {
	members := map[string]json.RawMessage{}
	if json.Unmarshal(object, &members) != nil {
		return object, false
	}
	if _, there := members[name]; !there {
		return object, false
	}
	delete(members, name)
	shorter, err := json.Marshal(members)
	return shorter, err == nil
}

// visibleJSON makes JSON text harmless on a terminal, and leaves it JSON.
func visibleJSON(text string) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '\n' || !hidden(c):
			b.WriteRune(c)
		case c > 0xffff:
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return b.String()
}
