package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

// lintOptions are the flags of lint and lint ssa.
type lintOptions struct {
	profile, policy, now, output string
	bank, bankName               string // bankName is for the report
	ssaJWKS, softwareJWKS, ca    string
	ssa, aud, cert, password     string
	discovery, certCA, failOn    string
	directory, revokedJWKS       string
	anchored                     bool // what the bank trusts of a directory is known
	audGiven, update, strict     bool
	profileGiven, serve          bool
	ofVectors                    []string // flags that were given and that test vectors do not need
	listen                       string   // the address of --serve
}

func (a *app) lintCommand() *cobra.Command {
	o := &lintOptions{}
	cmd := &cobra.Command{
		Use:   "lint FILE|FOLDER|- ...",
		Short: "Check registration requests, all violations at once",
		Long: `lint judges registration requests by the rules of a profile, and reports all
violations at once. A request is a compact JWT, or its claims as JSON. Of a folder, lint
judges the requests among the files that end in .jwt, .jws, .jose, .json or .txt, and what
ends in one of the first three and is nothing. It goes on after a violation, where a bank
would stop.

lint checks signatures, audience and certificate only if flags give what that needs, and
says which it did not check. "valid" alone means that all four are good. Signed test
vectors name their own clock, keys, profile and policy, and are judged by these.

--serve serves a page on this machine into which requests are pasted, until SIGINT or
SIGTERM. The flags that tell of the bank and the directory count there too. Nothing that is
pasted leaves the machine or is kept.`,
		Example: `  obdcr lint request.jwt
  obdcr lint request.jwt --ssa-jwks directory.jwks \
    --software-jwks software.jwks -o json
  obdcr lint request.jwt \
    --discovery https://bank.example/.well-known/openid-configuration
  obdcr lint request.jwt --bank hsbc --aud https://bank.example
  obdcr lint claims.json --ssa ssa.jwt --aud 0015800001041RHAAY \
    --cert transport.pem --strict
  obdcr lint --serve`,
		Args: func(c *cobra.Command, args []string) error {
			if o.serve {
				return noFileToServe(args)
			}
			return someFiles(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.audGiven, o.profileGiven, o.ofVectors = c.Flags().Changed("aud"), c.Flags().Changed("profile"), givenVectorFlags(c.Flags())
			if o.serve || c.Flags().Changed("listen") {
				return a.serveLint(c, o)
			}
			return a.lint(c.Context(), c.OutOrStdout(), args, false, o)
		},
	}
	shared, own := cmd.PersistentFlags(), cmd.Flags()
	shared.StringVar(&o.profile, "profile", string(validate.OBIE33), "rules to judge by: "+text.List(validate.Profiles()))
	shared.StringVar(&o.policy, "policy", "", "a bank's policy, a JSON `FILE`")
	bankFlag(cmd, shared, &o.bank)
	shared.BoolVar(&o.strict, "strict", false, "exit with 1 also if something was not checked")
	shared.StringVar(&o.failOn, "fail-on", string(validate.SeverityError), "exit with 1 from this severity on: "+text.List(severities()))
	shared.StringVar(&o.now, "now", "", "judge as at this RFC 3339 `TIME` instead of now")
	shared.StringVarP(&o.output, "output", "o", "text", "format of the report: "+text.List(text.Strings(report.Formats())))
	shared.StringVar(&o.ssaJWKS, "ssa-jwks", "", "the directory's key set, a `FILE` or https URL, to check the statement's signature")
	shared.StringVar(&o.ca, "ca", "", "certificates, a `FILE`, that the server of a key set must chain to; without it the system's")
	shared.StringVar(&o.directory, "directory", "", "what the bank trusts of the directory: a `NAME` of "+text.List(directoryNames())+
		", or a JSON FILE with issuer, environment and jwks_hosts")
	own.StringVar(&o.revokedJWKS, "revoked-jwks", "", "the software's withdrawn keys, a `FILE` or https URL")
	own.StringVar(&o.softwareJWKS, "software-jwks", "", "the software's key set, a `FILE` or https URL, to check the request's signature")
	own.StringVar(&o.ssa, "ssa", "", "the software statement, a `FILE`, where the request does not hold it")
	own.StringVar(&o.aud, "aud", "", "the bank's `IDENTIFIER` or issuer URL, which aud must be")
	own.StringVar(&o.discovery, "discovery", "", "the bank's discovery document, a `FILE` or https URL, to judge by what the bank announces")
	own.BoolVar(&o.update, "update", false, "judge the request as an update of a registered client (PUT)")
	own.StringVar(&o.cert, "cert", "", "the transport certificate, a `FILE`, to judge by the bank's own checks")
	own.StringVar(&o.certCA, "cert-ca", "", "the root and issuing CAs of transport certificates, a `FILE`, to check the chain of --cert")
	pageFlags(own, o)
	passwordFlag(own, &o.password)
	complete(cmd, "profile", text.Strings(validate.Profiles()))
	complete(cmd, "output", text.Strings(report.Formats()))
	complete(cmd, "fail-on", severities())
	// An error would mean that the flag does not exist or has values already.
	_ = cmd.RegisterFlagCompletionFunc("directory", cobra.FixedCompletions(directoryNames(), cobra.ShellCompDirectiveDefault))
	cmd.AddCommand(&cobra.Command{
		Use:     "ssa FILE|FOLDER|- ...",
		Short:   "Check software statements alone",
		Example: "  obdcr lint ssa ssa.jwt --ssa-jwks directory.jwks",
		Args:    someFiles,
		RunE: func(c *cobra.Command, args []string) error {
			o.profileGiven, o.ofVectors = c.Flags().Changed("profile"), givenVectorFlags(c.Flags())
			return a.lint(c.Context(), c.OutOrStdout(), args, true, o)
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

// lintInput makes the input of a lint, but for the request and the statement.
func (a *app) lintInput(ctx context.Context, o *lintOptions) (in tpp.LintInput, err error) {
	if !slices.Contains(severities(), o.failOn) {
		return in, unlisted("--fail-on", o.failOn, severities())
	}
	if in.Now, err = timeOf(o.now); err != nil {
		return in, err
	}
	in.Update = o.update
	if err = a.readPassword(o.password); err != nil {
		return in, err
	}
	if in.Validator, in.Metadata, err = a.bankOf(ctx, o); err != nil {
		return in, err
	}
	if in.Certificate, err = a.loadCertificate(o.cert); err != nil {
		return in, err
	}
	if in.Authorities, err = a.certificateCAs(o, in.Now); err != nil {
		return in, err
	}
	if in.Anchor, err = a.trusted(o); err != nil {
		return in, err
	}
	if in.StatementKey, err = a.loadKeys("ssa-jwks", o.ssaJWKS, o.ca); err != nil {
		return in, err
	}
	if o.anchored = in.Anchor != nil; o.anchored {
		in.Anchor.Keys = in.StatementKey
	}
	in.SoftwareKeys, in.RevokedKeys, err = a.softwareKeys(o)
	return in, err
}

// instant writes a time of a token, seconds since 1970, for people.
func instant(seconds int64) string {
	const milliseconds = 1e11 // as seconds, the year 5138
	if seconds >= milliseconds {
		return time.UnixMilli(seconds).UTC().Format(time.RFC3339) + " if these are milliseconds"
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
}
