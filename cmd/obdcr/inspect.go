package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

func (a *app) inspectCommand() *cobra.Command {
	output, formats := "", []string{"text", "json"}
	c := &cobra.Command{
		Use:   "inspect FILE|-",
		Short: "Decode a request or a software statement, UNVERIFIED",
		Long: `inspect decodes a registration request or a software statement: a compact JWT, or its
claims as JSON. It also decodes the statement inside a request. It checks no signature
and no rule: anybody may have written what it shows. Text has the date beside each time,
and cuts what is too long for a line; JSON has everything as it stands.`,
		Example: `  obdcr inspect request.jwt
  obdcr inspect request.jwt -o json`,
		Args:              oneFile,
		ValidArgsFunction: filesAlone,
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(formats, output) {
				return unlisted("-o", output, formats)
			}
			f, err := a.open("", args[0])
			if err != nil {
				return err
			}
			return inspect(c.OutOrStdout(), f, output == "json")
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "format: "+text.List(formats))
	complete(c, "output", formats)
	return c
}

// decoded is a token, or claims alone, with the statement inside it.
type decoded struct {
	Kind      string          `json:"kind"`
	Header    json.RawMessage `json:"header,omitempty"` // absent for claims alone
	Payload   json.RawMessage `json:"payload,omitempty"`
	Statement *decoded        `json:"software_statement,omitempty"` // in a request

	broken string // a payload that is no strict JSON
	fault  error  // why a part is missing
}

// inspect shows a token and the statement inside it. A file of another kind is a
// violation, and its content is not shown: it may be a secret.
func inspect(out io.Writer, f *input.File, asJSON bool) error {
	token, err := f.Claims(input.OtherToken)
	if err != nil {
		return &exitError{exitViolated, err}
	}
	d := decode(titles[f.Kind], token)
	if asJSON {
		err = writeInspected(out, f.Where(), d)
	} else {
		err = showInspected(out, f.Where(), d)
	}
	if err != nil {
		return ioError(err)
	}
	failed := d.fault
	if d.Statement != nil {
		failed = errors.Join(failed, d.Statement.fault)
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

// decode reads a compact JWT, or a JSON object as it is, and the statement inside it.
func decode(kind, token string) *decoded {
	d := &decoded{Kind: kind}
	payload := token
	if !strings.HasPrefix(token, "{") {
		signed, err := ssa.ParseSigned(token)
		if err != nil {
			d.fault = fmt.Errorf("the %s is no compact JWT: %w", kind, noToken(err))
			return d
		}
		d.Header, payload = json.RawMessage(signed.UnverifiedHeaderJSON()), signed.UnverifiedPayload()
	}
	object, err := jsonscan.Parse(payload)
	if err != nil {
		d.broken, d.fault = payload, fmt.Errorf("the payload of the %s is no strict JSON: %w", kind, placed(err, payload))
		return d
	}
	d.Payload = json.RawMessage(payload)
	if member, ok := object.Member("software_statement"); ok {
		statement, _ := member.Text()
		d.Statement = decode(titles[input.Statement], statement)
	}
	return d
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

// placed tells where in doc, the text that was read, a fault of JSON is.
func placed(err error, doc string) error {
	if syntax, ok := errors.AsType[*jsonscan.SyntaxError](err); ok {
		return errors.New(syntax.In(doc))
	}
	return plainly(err)
}

// noToken returns the reason why a text is no compact JWT.
func noToken(err error) error {
	if syntax, ok := errors.AsType[*jsonscan.SyntaxError](err); ok {
		return fmt.Errorf("the header is not strict JSON: %w", plainly(syntax))
	}
	return plainly(err)
}

// writeInspected writes what was decoded as one JSON object.
func writeInspected(out io.Writer, name string, d *decoded) error {
	var b strings.Builder
	err := writeJSON(&b, struct {
		File     string `json:"file"`
		Verified bool   `json:"verified"` // never
		*decoded
	}{File: name, decoded: d})
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, visibleJSON(b.String()))
	return err
}

// showInspected writes what was decoded for people.
func showInspected(out io.Writer, name string, d *decoded) error {
	var b strings.Builder
	fmt.Fprintf(&b, "UNVERIFIED: no signature was checked, anybody may have written this\n%s, %s\n", name, d.Kind)
	for ; d != nil; d = d.Statement {
		d.show(&b)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// show writes header and payload, or claims alone. A payload that is no strict JSON is
// shown as it is, with control characters escaped.
func (d *decoded) show(out *strings.Builder) {
	part := ", claims alone"
	if d.Header != nil {
		fmt.Fprintf(out, "\n%s, header\n", d.Kind)
		d.showJSON(out, string(d.Header))
		part = ", payload"
	}
	switch {
	case d.Payload != nil:
		fmt.Fprintf(out, "\n%s%s\n", d.Kind, part)
		d.showJSON(out, string(d.Payload))
	case d.broken != "":
		fmt.Fprintf(out, "\n%s%s\n%s\n", d.Kind, part, text.Visible(d.broken))
	default:
		fmt.Fprintf(out, "\n%s: cannot be decoded\n", d.Kind)
	}
}

// showJSON writes a document, indented, with the date beside each time.
func (d *decoded) showJSON(out *strings.Builder, doc string) {
	for _, line := range jsonscan.Indent(doc) {
		beside := ""
		if t := timeBeside(doc, line); t != "" {
			beside = "   <- " + t
		}
		whole := text.Visible(line.Text)
		if text.Cells(whole) <= columns {
			out.WriteString(whole + beside + "\n")
			continue
		}
		d.showLong(out, line)
	}
}

// showLong writes a line that is wider than a terminal: the value below its name, broken at
// blanks alone, so that a URL can be copied. A very long value is cut. The statement in a
// request follows decoded, so its line is short.
func (d *decoded) showLong(out *strings.Builder, line jsonscan.Line) {
	const most = 4 * columns // cells of a value that is shown whole
	name, value := text.Visible(line.Text[:line.Start]), text.Visible(line.Text[line.Start:])
	length, note := utf8.RuneCountInString(line.Text[line.Start:line.End]), ""
	switch {
	case d.Statement != nil && line.Pointer == "/software_statement":
		note = fmt.Sprintf("   <- %d characters, decoded below", length)
	case text.Cells(value) > most:
		note = fmt.Sprintf("   <- %d characters, all of them by -o json", length)
	}
	if room := columns - text.Cells(name+note) - len(dots); note != "" && room > 0 {
		out.WriteString(name + text.CutCells(value, room) + dots + note + "\n")
		return
	}
	indent := min(len(name)-len(strings.TrimLeft(name, " "))+2, columns/2)
	if note != "" {
		value = text.CutCells(value, columns-indent-len(dots)-len(note)) + dots + note
	}
	for _, piece := range pieces(strings.TrimRight(name, " "), columns) {
		out.WriteString(piece + "\n")
	}
	lines := []string{value}
	if strings.Contains(value, " ") {
		lines = pieces(value, columns-indent)
	}
	for _, piece := range lines {
		out.WriteString(strings.Repeat(" ", indent) + piece + "\n")
	}
}

// dots stand for what was cut off.
const dots = "..."

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
