package main

import (
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// conformOptions are the flags of conform, beside those of the TPP's other verbs.
type conformOptions struct {
	clientOptions
	policy, profile string
	profileGiven    bool
	output          string
	reports, filter []string
	dryRun, cleanUp bool
	stricter, full  bool
	parallel        int
	limit           time.Duration
	journal         string
	testDirectory   string
	second          string
	badCertificates []string
	enrolled        json.RawMessage // the config.json of the second software that --test-directory has made
}

// conformForms are the formats of a report.
var conformForms = []string{"text", "json", "junit", "html"}

func (a *app) conformCommand() *cobra.Command {
	o := &conformOptions{}
	cmd := &cobra.Command{
		Use:   "conform",
		Short: "Run the conformance cases against a bank",
		Long: `conform plays the part of a TPP at a bank: it registers clients with good and bad
requests, manages them, and tells for each case whether the bank did what the clause
demands. It takes the config.json of the OBIE conformance tool, or the flags of register.

A case has passed or failed, or the bank's policy leaves it open (allowed), or the bank
has no such method (not offered), or the run lacks what it needs (not run), or no usable
answer came (error). The exit code is 1 if a case failed or the bank refuses even the
plain valid request, and 3 if none failed and some are errors, or --limit has passed.

It deletes each client that it has made, and no other, also after SIGINT and SIGTERM; a
second signal ends it at once. It keeps a list of them in the file of --journal, with
their secrets, mode 0600, until all are deleted. If a run was killed, or could not
delete all, --clean-up deletes what that list still has; it touches no file that is not
such a list. What cannot be deleted is told with its client_id.`,
		Example: `  obdcr conform --config conformance.json
  obdcr conform --dry-run --filter 'register.*'
  obdcr conform --config conformance.json --policy policy.json \
    --report report.html --report report.json --report junit.xml
  obdcr conform compare old.json report.json`,
		Args: noArgument,
		RunE: func(c *cobra.Command, _ []string) error {
			o.profileGiven = c.Flags().Changed("profile")
			if err := a.speak(c, &o.clientOptions); err != nil {
				return err
			}
			return a.conform(c.Context(), c.OutOrStdout(), o)
		},
	}
	o.connectionFlags(cmd)
	o.requestFlags(cmd)
	o.methodFlag(cmd, "how the clients authenticate", firstAnnounced)
	o.tokenFlag(cmd)
	o.conformFlags(cmd)
	cmd.AddCommand(a.compareCommand(), a.showReportCommand())
	return untilInterrupted(cmd)
}

// conformFlags are the flags of conform alone.
func (o *conformOptions) conformFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.contentType, "content-type", typeJWT, "send requests as application/`TYPE`, jwt or jose")
	complete(c, "content-type", contentTypes())
	f.StringVar(&o.profile, "profile", string(validate.OBIE33), "one of "+text.List(validate.Profiles())+"; without it profile or spec_version of --config")
	complete(c, "profile", text.Strings(validate.Profiles()))
	f.StringVar(&o.policy, "policy", "", "what the bank says that it takes, a JSON `FILE`; without it what it announces")
	f.BoolVar(&o.stricter, "stricter", false, "hold the bank also to the rules that are stricter than the text")
	f.StringArrayVar(&o.filter, "filter", nil, "play the cases whose ID or group matches this `GLOB` alone, once for each")
	f.BoolVar(&o.dryRun, "dry-run", false, "list the cases, and send nothing")
	f.StringVarP(&o.output, "output", "o", "text", "format of the result: "+text.List(conformForms))
	complete(c, "output", conformForms)
	f.StringArrayVar(&o.reports, "report", nil, "write the report to this `FILE` too, once for each, in the form of its ending: "+
		".txt, .json, .xml (JUnit), .html")
	f.BoolVar(&o.full, "full", false, "show each case on a line of its own, with its exchanges whole, as text")
	f.IntVar(&o.parallel, "parallel", 4, "how many `CASES` are played at the same time; 1 for a bank that lets a software have one client")
	f.DurationVar(&o.limit, "limit", 10*time.Minute, "how long all cases may take, a `DURATION`; those that are left are not run then, and the exit code is 3")
	f.StringVar(&o.journal, "journal", "obdcr-conform.journal", "a new `FILE` that lists the clients to delete, with their secrets; it goes away with them")
	f.BoolVar(&o.cleanUp, "clean-up", false, "delete the clients that --journal still lists, and play no case")
	f.StringVar(&o.second, "second", "", "a config.json of another software, a `FILE`; without it cases with two software are not run")
	f.StringArrayVar(&o.badCertificates, "bad-certificate", nil, "a certificate of the software that the bank must refuse, `KIND=FILE`, once for each kind: "+
		text.List(conform.CertificateKinds()))
	f.StringVar(&o.testDirectory, "test-directory", "", "the `URL` of a directory that mints statements, enrols software and issues bad certificates, "+
		"as the sandbox's does by POST /ssa, /tpp and /certificates; without it cases that need these are not run")
}
