package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

func (a *app) inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect FILE|-",
		Short: "Decode a request or a software statement, UNVERIFIED",
		Long: `inspect decodes a registration request or a software statement: a compact JWT, or its
claims as JSON. It also decodes the statement inside a request. It checks no signature
and no rule: anybody may have written what it shows.`,
		Example:           "  obdcr inspect request.jwt",
		Args:              oneFile,
		ValidArgsFunction: filesAlone,
		RunE: func(c *cobra.Command, args []string) error {
			f, err := a.open("", args[0])
			if err != nil {
				return err
			}
			return inspect(c.OutOrStdout(), f)
		},
	}
}

// inspect shows a token and the statement inside it. A file of another kind is a
// violation, and its content is not shown: it may be a secret.
func inspect(out io.Writer, f *input.File) error {
	token, err := f.Claims(input.OtherToken)
	if err != nil {
		return &exitError{exitViolated, err}
	}
	payload, err := payloadOf(token)
	if err != nil { // cannot happen: the file is recognised by its payload
		return &exitError{exitViolated, fmt.Errorf("%s: %w", f.Where(), err)}
	}
	kind := titles[f.Kind]
	fmt.Fprintf(out, "UNVERIFIED: no signature was checked, anybody may have written this\n")
	fmt.Fprintf(out, "%s, %s\n", f.Where(), kind)
	failed := show(out, kind, token)
	if object, err := jsonscan.Parse(payload); err == nil {
		if member, ok := object.Member("software_statement"); ok {
			statement, _ := member.Text()
			failed = errors.Join(failed, show(out, titles[input.Statement], statement))
		}
	}
	if failed != nil {
		return &exitError{exitViolated, fmt.Errorf("%s: %w", f.Where(), failed)}
	}
	return nil
}

// titles are what inspect calls what it shows.
var titles = map[input.Kind]string{
	input.Request: "registration request", input.RequestClaims: "registration request",
	input.Statement: "software statement", input.StatementClaims: "software statement",
	input.OtherToken: "token", input.OtherObject: "JSON object",
}

// payloadOf returns the payload of a compact JWT, or a JSON object as it is.
func payloadOf(text string) (string, error) {
	if strings.HasPrefix(text, "{") {
		return text, nil
	}
	signed, err := ssa.ParseSigned(text)
	if err != nil {
		return "", noToken(err)
	}
	return signed.UnverifiedPayload(), nil
}

// noToken returns the reason why a text is no compact JWT.
func noToken(err error) error {
	if syntax, ok := errors.AsType[*jsonscan.SyntaxError](err); ok {
		return fmt.Errorf("the header is not strict JSON: %w", plainly(syntax))
	}
	return plainly(err)
}

// show writes header and payload of a token, or claims alone.
func show(out io.Writer, kind, text string) error {
	if strings.HasPrefix(text, "{") {
		return showJSON(out, kind+", claims alone", text)
	}
	signed, err := ssa.ParseSigned(text)
	if err != nil {
		fmt.Fprintf(out, "\n%s: cannot be decoded\n", kind)
		return fmt.Errorf("the %s is no compact JWT: %w", kind, noToken(err))
	}
	return errors.Join(
		showJSON(out, kind+", header", signed.UnverifiedHeaderJSON()),
		showJSON(out, kind+", payload", signed.UnverifiedPayload()),
	)
}

// showJSON writes a document, indented, with the date beside each time. It writes a
// document that is no strict JSON as it is, with control characters escaped.
func showJSON(out io.Writer, title, doc string) error {
	fmt.Fprintf(out, "\n%s\n", title)
	if _, err := jsonscan.Parse(doc); err != nil {
		fmt.Fprintf(out, "%s\n", text.Visible(doc))
		return fmt.Errorf("%s: no strict JSON: %w", title, plainly(err))
	}
	for _, line := range jsonscan.Indent(doc) {
		fmt.Fprint(out, text.Visible(line.Text))
		if t := timeBeside(doc, line); t != "" {
			fmt.Fprint(out, "   <- "+t)
		}
		fmt.Fprintln(out)
	}
	return nil
}

// timeBeside returns the date of a member that is a time, "" for all others.
func timeBeside(doc string, line jsonscan.Line) string {
	switch line.Pointer {
	case "/iat", "/exp", "/nbf", "/client_id_issued_at", "/client_secret_expires_at":
		if v, ok := jsonscan.Lookup(doc, line.Pointer); ok {
			if seconds, ok := v.Floor(); ok && seconds != 0 {
				return instant(seconds)
			}
		}
	}
	return ""
}
