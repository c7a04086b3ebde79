package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

// lintOptions are the flags of lint and lint ssa.
type lintOptions struct {
	profile, policy, now, output string
	ssaJWKS, softwareJWKS, ca    string
	ssa, aud, cert               string
	audGiven                     bool
}

func (a *app) lintCommand() *cobra.Command {
	o := &lintOptions{}
	cmd := &cobra.Command{
		Use:   "lint FILE|-",
		Short: "Check a registration request, all violations at once",
		Long: `lint judges a registration request by the rules of a profile, and reports all
violations at once. The request is a compact JWT, or its claims as JSON. lint checks a
signature only if a flag gives the keys. It goes on after a violation, where a bank would
stop.`,
		Example: `  obdcr lint request.jwt
  obdcr lint request.jwt --ssa-jwks directory.jwks --software-jwks software.jwks -o json
  obdcr lint claims.json --ssa ssa.jwt --aud 0015800001041RHAAY --cert transport.pem`,
		Args:              oneFile,
		ValidArgsFunction: filesAlone,
		RunE: func(c *cobra.Command, args []string) error {
			o.audGiven = c.Flags().Changed("aud")
			return a.lint(c.Context(), c.OutOrStdout(), args[0], false, o)
		},
	}
	shared, own := cmd.PersistentFlags(), cmd.Flags()
	shared.StringVar(&o.profile, "profile", string(validate.OBIE33), "rules to judge by: "+text.List(validate.Profiles()))
	shared.StringVar(&o.policy, "policy", "", "a bank's policy, a JSON `FILE`")
	shared.StringVar(&o.now, "now", "", "judge as at this RFC 3339 `TIME` instead of now")
	shared.StringVarP(&o.output, "output", "o", "text", "format of the report: "+text.List(text.Strings(report.Formats())))
	shared.StringVar(&o.ssaJWKS, "ssa-jwks", "", "the directory's key set, a `FILE` or https URL, to check the statement's signature")
	shared.StringVar(&o.ca, "ca", "", "certificates in PEM, a `FILE`, that the server of a key set must chain to; without it the system's")
	own.StringVar(&o.softwareJWKS, "software-jwks", "", "the software's key set, a `FILE` or https URL, to check the request's signature")
	own.StringVar(&o.ssa, "ssa", "", "the software statement, a `FILE`, where the request does not hold it")
	own.StringVar(&o.aud, "aud", "", "the bank's `IDENTIFIER` or issuer URL; without it only the shape of aud is judged")
	own.StringVar(&o.cert, "cert", "", "the transport certificate, a `FILE`, to compare tls_client_auth_subject_dn with")
	complete(cmd, "profile", text.Strings(validate.Profiles()))
	complete(cmd, "output", text.Strings(report.Formats()))
	cmd.AddCommand(&cobra.Command{
		Use:               "ssa FILE|-",
		Short:             "Check a software statement alone",
		Example:           "  obdcr lint ssa ssa.jwt --ssa-jwks directory.jwks",
		Args:              oneFile,
		ValidArgsFunction: filesAlone,
		RunE: func(c *cobra.Command, args []string) error {
			return a.lint(c.Context(), c.OutOrStdout(), args[0], true, o)
		},
	})
	return cmd
}

// filesAlone lets the shell complete one file name.
func filesAlone(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// complete sets the values that the shell offers for a flag.
func complete(c *cobra.Command, flag string, values []string) {
	// An error would mean that the flag does not exist or has values already.
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// lint judges one file and writes the report.
func (a *app) lint(ctx context.Context, out io.Writer, name string, alone bool, o *lintOptions) error {
	if !slices.Contains(text.Strings(report.Formats()), o.output) {
		return usageError("-o %q is none of %s", o.output, text.List(text.Strings(report.Formats())))
	}
	in, err := a.lintInput(o)
	if err != nil {
		return err
	}
	text, err := a.load(name)
	if err != nil && !errors.Is(err, errTooLarge) {
		return err
	}
	result := &tpp.LintResult{}
	switch {
	case err != nil:
		result.Report = unreadable(&in, alone, "is larger than 1 MiB", "send a smaller file: a token has a few KiB, at most 1 MiB is read")
	case strings.TrimSpace(text) == "":
		result.Report = unreadable(&in, alone, "is empty", "")
	default:
		if in.Statement, in.Request = text, ""; !alone {
			if in.Statement, in.Request, err = a.withStatement(text, o.ssa); err != nil {
				return err
			}
		}
		if result, err = tpp.Lint(ctx, in); err != nil {
			return usageError("%w", plainly(err))
		}
	}
	if err := a.writeReport(out, name, alone, o.output, result); err != nil {
		return ioError(err)
	}
	unread := unreadableKeys(result.Unavailable)
	switch {
	case !result.Report.Valid():
		if unread != nil {
			a.note("%v", unread)
		}
		return &exitError{code: exitViolated}
	case unread != nil:
		return ioError(unread)
	}
	return nil
}

// lintInput makes the input of a lint, but for the request and the statement.
func (a *app) lintInput(o *lintOptions) (in tpp.LintInput, err error) {
	profile := validate.Profile(o.profile)
	policy, err := a.loadPolicy(o.policy, profile)
	if err != nil {
		return in, err
	}
	if o.audGiven {
		setAudience(&policy, o.aud)
	}
	if in.Validator, err = validate.New(validate.Config{Profile: profile, Policy: policy}); err != nil {
		return in, usageError("%s", text.Detail(err))
	}
	if in.Now, err = timeOf(o.now); err != nil {
		return in, err
	}
	if in.Certificate, err = a.loadCertificate(o.cert); err != nil {
		return in, err
	}
	if in.StatementKey, err = a.loadKeys("ssa-jwks", o.ssaJWKS, o.ca); err != nil {
		return in, err
	}
	in.SoftwareKey, err = a.loadKeys("software-jwks", o.softwareJWKS, o.ca)
	return in, err
}

// setAudience makes aud the one accepted audience, an identifier or a URL.
func setAudience(p *validate.Policy, aud string) {
	kind := validate.AudienceID
	if strings.Contains(aud, "://") {
		kind = validate.AudienceURL
	}
	p.Audiences = []string{aud}
	if !slices.Contains(p.AudienceKinds, kind) {
		p.AudienceKinds = append(p.AudienceKinds, kind)
	}
}

// unreadable makes the report of an input that is not decoded. A fix of "" is the rule's
// own one.
func unreadable(in *tpp.LintInput, alone bool, why, fix string) *validate.Report {
	v := validate.Violation{Rule: validate.RuleRequestJWS, Document: validate.DocHeader, Message: "the request " + why, Fix: fix}
	if alone {
		v = validate.Violation{Rule: validate.RuleSSAJWS, Document: validate.DocSSA, Message: "the software statement " + why, Fix: fix}
	}
	return in.Validator.Judge(&validate.Input{Now: in.Now, Extra: []validate.Violation{v}})
}

// withStatement reads the statement of --ssa. If the request is claims alone without a
// software_statement, withStatement adds the statement to them, so that no rule reports
// that it is missing.
func (a *app) withStatement(request, name string) (statement, with string, err error) {
	if name == "" {
		return "", request, nil
	}
	text, err := a.load(name)
	if err != nil {
		return "", "", orUsage(err, "--ssa")
	}
	statement = strings.TrimSpace(text)
	if statement == "" {
		return "", "", usageError("--ssa %s: is empty", shownName(name))
	}
	request = strings.TrimSpace(request)
	object, err := jsonscan.Parse(request)
	if err != nil || object.Kind() != jsonscan.Object {
		return statement, request, nil
	}
	if _, there := object.Member("software_statement"); there {
		return statement, request, nil
	}
	value := "" // for a statement that is claims alone, and no token
	if _, err := ssa.ParseSigned(statement); err == nil {
		value = statement
	}
	comma := ","
	if object.Len() == 0 {
		comma = ""
	}
	member := comma + `"software_statement":` + strconv.Quote(value)
	return statement, strings.TrimSuffix(request, "}") + member + "}", nil
}

// writeReport writes the report in the format of -o.
func (a *app) writeReport(out io.Writer, name string, alone bool, format string, r *tpp.LintResult) error {
	w, err := report.NewWriter(out, report.WriterOptions{Format: report.Format(format), Color: a.color, Now: time.Now()})
	if err != nil {
		return err
	}
	if err := w.Add(a.resultOf(name, alone, r)); err != nil {
		return err
	}
	return w.Close()
}

// resultOf adds to a result what the head of a report shows: the file, its algorithm and
// kid, the issuer of the statement, and which flag makes a check that was not made.
func (a *app) resultOf(name string, alone bool, r *tpp.LintResult) *report.Result {
	o := &report.Result{Name: name, Report: r.Report, Checks: r.Checks, Documents: r.Documents}
	signed, payload := validate.DocHeader, validate.DocRequest
	if alone {
		signed, payload = validate.DocSSAHeader, validate.DocSSA
	}
	if text, ok := r.Documents[signed]; ok {
		if h, _, err := claims.DecodeHeader(text); err == nil {
			o.Algorithm, o.KeyID = h.Algorithm.Or(""), h.KeyID.Or("")
		}
	}
	if text, ok := r.Documents[validate.DocSSA]; ok {
		if c, _, err := claims.DecodeSSA(text, nil); err == nil {
			o.Issuer = c.Issuer.Or("")
		}
	}
	_, isRead := r.Documents[payload]
	addNotes(&o.Checks, r, isRead && !isSigned(r, signed))
	return o
}

func isSigned(r *tpp.LintResult, header validate.Document) bool {
	_, there := r.Documents[header]
	return there
}

// addNotes says why a check was not made, so that "valid" is not taken for more than it is.
func addNotes(c *validate.Checks, r *tpp.LintResult, bare bool) {
	note := func(to *validate.Check, how string) {
		if to.State == validate.CheckNotChecked && to.Note == "" {
			to.Note = how
		}
	}
	if bare {
		note(&c.RequestSignature, "claims alone, not signed")
	}
	if _, read := r.Documents[validate.DocSSA]; read && !isSigned(r, validate.DocSSAHeader) {
		note(&c.StatementSignature, "claims alone, not signed")
	}
	if r.Unavailable != nil {
		note(&c.StatementSignature, "the key set cannot be read")
	}
	note(&c.RequestSignature, "give --software-jwks")
	note(&c.StatementSignature, "give --ssa-jwks")
	note(&c.Audience, "give --aud")
	note(&c.Certificate, "give --cert")
}

// instant writes a time of a token, seconds since 1970, for people.
func instant(seconds int64) string {
	const milliseconds = 1e11 // as seconds, the year 5138
	if seconds >= milliseconds {
		return time.UnixMilli(seconds).UTC().Format(time.RFC3339) + " if these are milliseconds"
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
}
