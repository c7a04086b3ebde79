package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/dcr/conform"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// conform plays the cases and writes the reports.
func (a *app) conform(ctx context.Context, out io.Writer, o *conformOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	cases, err := conform.Select(o.filter...)
	if err != nil {
		return usageError("%s", detail(err))
	}
	if o.dryRun {
		return listCases(out, cases)
	}
	if o.cleanUp {
		return a.conformCleanUp(ctx, o)
	}
	for _, name := range o.reports {
		if err := canSave(name); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(o.journal); err == nil { // openJournal makes it, when all else is known
		return journalExists(o.journal)
	}
	c, err := a.conformConfig(ctx, o, cases)
	if err != nil {
		return err
	}
	journal, err := openJournal(o.journal)
	if err != nil {
		return err
	}
	c.Journal, c.JournalNote = journal, o.enrolled
	deletes := !slices.Contains(c.Without, conform.NeedDelete)
	if !deletes {
		a.note("warning: delete_implemented of --config, or --bank, does not say that the bank offers DELETE: its cases are not offered;\n"+
			"  the run tries to delete its clients by DELETE all the same, and those that stay are in the report and in --journal %s", shownName(o.journal))
	}
	p := &progress{total: len(cases)}
	if a.progress && !o.verbose {
		p.out = a.err
	}
	said := a.watch(ctx, p, "interrupted: no further case begins; the run deletes its clients, for a minute at most, and writes its reports;\n"+
		"  another signal ends it at once, and leaves what is in --journal "+shownName(o.journal)+" to --clean-up")
	c.Progress = said.progress
	report, err := conform.Run(ctx, *c)
	said.end()
	switch {
	case journal.failed != nil && err != nil:
		cause := journal.failed
		journal.failed = nil
		return errors.Join(journalError(journal.name, fmt.Errorf("%w; nothing was registered", input.WithoutPath(cause))), journal.end(true))
	case err != nil:
		return errors.Join(o.runError(err), journal.end(true))
	}
	return a.conformed(out, o, report, journal, deletes)
}

// conformed writes the reports of a run and tells how it ended. One that cannot be written keeps no other from being
// written. Clients that are left are no fault at a bank that is known to offer no DELETE.
func (a *app) conformed(out io.Writer, o *conformOptions, report *conform.Report, journal *journalFile, deletes bool) error {
	if report.FirstCause != nil && o.output != "text" { // the text begins with it
		a.note("first cause: the bank does not take the plain valid request: %s", report.FirstCause)
	}
	a.noteLeft(report.Left, mostLeft)
	if len(report.Left) > 0 {
		a.note("%s may be left: the report names each, and --journal %s keeps them for --clean-up",
			counted(conform.CountLeft(report.Left), "client"), shownName(journal.name))
	}
	if report.Interrupted {
		a.note("interrupted: %s", played(report))
	}
	if report.OutOfTime {
		a.note("out of time: --limit %s has passed: %s\n"+
			"  fix: give a longer --limit, more cases at a time by --parallel, or fewer cases by --filter", o.limit, played(report))
	}
	faults := []error{journal.end(len(report.Left) == 0)}
	for _, name := range o.reports {
		faults = append(faults, a.saveReport(name, report, o.full))
	}
	faults = append(faults, a.writeReport(out, o.output, report, o.full))
	if err := errors.Join(faults...); err != nil {
		return err
	}
	code := report.Worst()
	if report.Interrupted || deletes && len(report.Left) > 0 {
		code = cmp.Or(code, exitIO)
	}
	if code == exitFine {
		return nil
	}
	return &exitError{code: code}
}

// played tells how many cases of a run that has ended early were played.
func played(report *conform.Report) string {
	none := report.Counts[conform.NotRun] + report.Counts[conform.NotOffered]
	return fmt.Sprintf("%d of %d cases were played; the others were not run, or are not offered", len(report.Results)-none, len(report.Results))
}

// check checks the flags that no other function reads first.
func (o *conformOptions) check() error {
	switch {
	case !slices.Contains(conformForms, o.output):
		return usageError("-o %s: one of %s", cut(o.output), text.List(conformForms))
	case o.parallel < 1 || o.parallel > 32:
		return usageError("--parallel takes 1 to 32 cases")
	case o.limit <= 0:
		return usageError("--limit takes a time above 0, such as 10m")
	case o.cleanUp && o.dryRun:
		return usageError("--clean-up deletes clients, and --dry-run sends nothing: leave one out")
	}
	for _, name := range o.reports {
		if formOf(name) == "" {
			return usageError("--report %s: its ending has to be one of .txt, .json, .xml, .html", shownName(name))
		}
	}
	return nil
}

// listCases lists the cases: ID, title, clause.
func listCases(out io.Writer, cases []conform.Case) error {
	for _, c := range cases {
		if _, err := fmt.Fprintf(out, "%s\n  %s\n  %s\n", c.ID, strings.Join(text.Hang(c.Title, columns-2, 2), "\n  "),
			strings.Join(text.Hang(c.Citation.String(), columns-2, 2), "\n  ")); err != nil {
			return ioError(err)
		}
	}
	_, err := fmt.Fprintf(out, "%d cases\n", len(cases))
	return err
}

// conformConfig makes the configuration of a run from --config and the flags.
func (a *app) conformConfig(ctx context.Context, o *conformOptions, cases []conform.Case) (*conform.Config, error) {
	second, err := a.secondOf(o.second)
	if err != nil {
		return nil, err
	}
	by := tpp.Credentials{Method: claims.AuthMethod(o.authMethod)}
	t, err := a.connect(ctx, &o.clientOptions, "conform", &by)
	if err != nil {
		return nil, err
	}
	s := t.settings
	statement, err := s.token()
	if err != nil {
		return nil, err
	}
	options, err := a.requestOptions(t, &o.clientOptions, by.Method, statement)
	if err != nil {
		return nil, err
	}
	c := &conform.Config{Metadata: t.metadata, Second: second, Request: options, ContentType: o.mediaType(), TokenScopes: o.tokenScopes, Roots: s.roots,
		Software: conform.Registrant{Statement: statement, Signer: s.signer, KeyID: s.Kid, Certificate: s.pair()},
		Stricter: o.stricter, Without: withoutVerbs(o, s), Filter: o.filter, Parallel: o.parallel, Timeout: o.timeout, Limit: o.limit,
		Clock: runningOn(t.clock), Bank: strings.TrimSpace(s.Brand), About: conform.About{Tool: thisBuild().String()}}
	if o.verbose { // one case at a time: a mixture could not be read
		c.Parallel, c.Watch = 1, func(h *http.Client) *http.Client { return a.observed(h, true) }
	}
	if err := a.conformPolicy(o, s, c); err != nil {
		return nil, err
	}
	if c.Certificates, err = a.badCertificates(o.badCertificates, c.Software.Certificate, c.Clock()); err != nil {
		return nil, err
	}
	if o.testDirectory != "" && !o.cleanUp {
		return c, a.useTestDirectory(ctx, o, c, cases)
	}
	return c, nil
}

// runningOn is a clock that runs on from the time that another one has now: that of --now stands still, and a run
// takes longer than a bank allows a clock to be wrong.
func runningOn(clock func() time.Time) func() time.Time {
	from, begun := clock(), time.Now()
	return func() time.Time { return from.Add(time.Since(begun)) }
}

// profileOf is the profile that a flag names, or else profile or spec_version of the configuration. It refuses one that
// is not known.
func (o *conformOptions) profileOf(s *settings) (string, error) {
	if o.profileGiven || o.bank != "" || s.Profile == "" && s.SpecVersion == "" {
		return o.profile, nil
	}
	if s.Profile != "" && !validate.Profile(s.Profile).Valid() {
		profiles := text.Strings(validate.Profiles())
		return "", usageError("--config %s: profile %q is none of %s%s\n  fix: correct it, or name the profile with --profile",
			shownName(o.config), cut(s.Profile), text.List(profiles), meant("", s.Profile, profiles))
	}
	if s.Profile != "" {
		return s.Profile, nil
	}
	if profile := "obie-" + s.SpecVersion; validate.Profile(profile).Valid() {
		return profile, nil
	}
	var known []string
	for _, p := range validate.Profiles() {
		if version, ok := strings.CutPrefix(string(p), "obie-"); ok {
			known = append(known, version)
		}
	}
	return "", usageError("--config %s: spec_version %q is none of %s%s\n  fix: correct it, or name the profile with --profile",
		shownName(o.config), cut(s.SpecVersion), text.List(known), meant("", s.SpecVersion, known))
}

// conformPolicy takes what is known of the bank: --bank, or --policy and --profile.
func (a *app) conformPolicy(o *conformOptions, s *settings, c *conform.Config) error {
	profile, err := o.profileOf(s)
	if err != nil {
		return err
	}
	known, err := a.assume(o.bank, o.policy, profile, o.profileGiven)
	if err != nil {
		return err
	}
	c.Profile = known.profile
	if o.bank != "" || o.policy != "" {
		c.Policy = &known.policy
	}
	c.About.Dialect = known.bankName()
	if o.policy != "" {
		c.About.Policy = shownName(o.policy)
	}
	return nil
}

// withoutVerbs are the verbs that the bank does not offer, by the configuration or its dialect.
func withoutVerbs(o *conformOptions, s *settings) []conform.Need {
	var all []conform.Need
	for _, verb := range []struct {
		need        conform.Need
		method      string
		implemented bool
	}{{conform.NeedGet, "GET", s.GetImplemented}, {conform.NeedPut, "PUT", s.PutImplemented}, {conform.NeedDelete, "DELETE", s.DeleteImplemented}} {
		if o.config != "" && !verb.implemented || o.dialect != nil && !o.dialect.Offers(verb.method) {
			all = append(all, verb.need)
		}
	}
	return all
}

// formOf is the format of a report by the ending of its file; "" for another ending.
func formOf(name string) string {
	return map[string]string{".txt": "text", ".json": "json", ".xml": "junit", ".html": "html"}[strings.ToLower(filepath.Ext(name))]
}

// writeReport writes a report in a format.
func (a *app) writeReport(out io.Writer, form string, report *conform.Report, full bool) error {
	var err error
	switch form {
	case "json":
		err = report.WriteJSON(out)
	case "junit":
		err = report.WriteJUnit(out)
	case "html":
		err = report.WriteHTML(out)
	default:
		err = report.WriteText(out, conform.TextOptions{Width: columns, Color: a.color, Full: full})
	}
	if err != nil {
		return ioError(err)
	}
	return nil
}

// canSave looks whether a report can be saved, before a run that would be lost.
func canSave(name string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".report-*")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		return ioError(fmt.Errorf("--report %s: %w; nothing was sent", shownName(name), input.WithoutPath(err)))
	}
	return nil
}

// saveReport writes a report into a file, whole or not at all.
func (a *app) saveReport(name string, report *conform.Report, full bool) error {
	plain := *a
	plain.color = false
	f, err := os.CreateTemp(filepath.Dir(name), ".report-*")
	if err != nil {
		return ioError(fmt.Errorf("--report %s: %w", shownName(name), input.WithoutPath(err)))
	}
	err = plain.writeReport(f, formOf(name), report, full)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return ioError(fmt.Errorf("--report %s: %w", shownName(name), input.WithoutPath(err)))
	}
	return nil
}
