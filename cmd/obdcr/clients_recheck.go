package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/recheck"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
)

// recheckOptions are the flags of clients recheck.
type recheckOptions struct {
	config, resume, output, out string
	rate                        float64
	parallel                    int
	timeout                     time.Duration
	expiresWithin               int
	findings, remove, yes       bool
	reason, as                  string
	maxRemove                   int
}

const (
	maxRemoveDefault = 10
	expiresDefault   = 30
)

func (a *app) clientsRecheckCommand() *cobra.Command {
	o := &recheckOptions{}
	cmd := &cobra.Command{
		Use:   "recheck --config FILE",
		Short: "Say which registered clients would no longer be admitted",
		Long: `recheck judges each client that is in force as if it registered now: its statement by the
directory's keys of now, its software's key set, withdrawn keys and certificates, and what
it registered by today's rules and policy. Times, aud and jti of the request, and
ssa_max_age of the policy, are not judged. It changes nothing.

An outage is no reason: such a client is "cannot tell". Each key set is asked for once.
With --resume a run that was interrupted goes on where it was; the file is removed once
the run is complete, and a file that is older than a day is begun anew.

--remove asks the bank, with its hooks and pending_changes, to remove the clients that are
not admitted, after a confirmation. More than --max-remove of them remove none: a mistake
in a policy must not empty a register.

Exit codes: 0 all are admitted, 1 some are not, 2 wrong usage or configuration, 3 nobody can
tell of some (and none is refused), or a file, the store or a removal failed.`,
		Example: `  obdcr clients recheck --config bank.yaml
  obdcr clients recheck --config bank.yaml --findings -o html --out recheck.html
  obdcr clients recheck --config bank.yaml --rate 2 --resume run.jsonl -o csv
  obdcr clients recheck --config bank.yaml --remove --as jd --reason ticket-47`,
		Args:              noArgument,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return a.recheck(c.Context(), c, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "the bank's configuration, a YAML `FILE` as obdcr serve takes it")
	f.Float64Var(&o.rate, "rate", 5, "ask for at most this `NUMBER` of key sets a second")
	f.IntVar(&o.parallel, "parallel", 8, "judge this `NUMBER` of clients at a time")
	f.DurationVar(&o.timeout, "timeout", defaultTimeout, "how long to wait for each key set, a `DURATION` such as 90s")
	f.IntVar(&o.expiresWithin, "expires-within", expiresDefault, "warn of certificates that end within this `NUMBER` of days")
	f.StringVar(&o.resume, "resume", "", "keep what was found in this `FILE`, and go on from it after an interruption")
	f.BoolVar(&o.findings, "findings", false, "leave out clients of which there is nothing to say but that they are admitted")
	f.StringVarP(&o.output, "output", "o", recheck.FormatText, "format: "+text.List(recheck.Formats()))
	f.StringVar(&o.out, "out", "", "write the report into this `FILE`; without it to standard output")
	f.BoolVar(&o.remove, "remove", false, "ask the bank to remove the clients that are not admitted")
	f.StringVar(&o.reason, "reason", "", "why, a `TEXT` for the log and the audit trail; --remove needs it")
	f.StringVar(&o.as, "as", "", "the `NAME` of who asks for it; --remove needs it")
	f.IntVar(&o.maxRemove, "max-remove", maxRemoveDefault, "remove none where more than this `NUMBER` are not admitted")
	f.BoolVar(&o.yes, "yes", false, "remove without a confirmation")
	complete(cmd, "output", recheck.Formats())
	_ = cmd.MarkFlagFilename("config", "yaml", "yml") // it fails only for a flag that is not there
	return cmd
}

func (o *recheckOptions) check() error {
	switch {
	case o.config == "":
		return usageError("recheck needs --config FILE: the bank's keys, CAs and policy are judged by")
	case !slices.Contains(recheck.Formats(), o.output):
		return unlisted("-o", o.output, recheck.Formats())
	case !(o.rate > 0):
		return usageError("--rate is a number above 0")
	case o.expiresWithin < 1 || o.expiresWithin > 3650:
		return usageError("--expires-within is a number of days from 1 to 3650")
	case o.parallel < 1:
		return usageError("--parallel is a number above 0")
	case o.timeout <= 0:
		return usageError("--timeout is a duration above 0, such as 30s")
	case o.remove && (strings.TrimSpace(o.reason) == "" || strings.TrimSpace(o.as) == ""):
		return usageError("--remove needs --as NAME and --reason TEXT: who asks for it and why, for the audit trail")
	case !o.remove && (o.reason != "" || o.yes || o.as != "" || o.maxRemove != maxRemoveDefault):
		return usageError("--as, --reason, --max-remove and --yes go with --remove")
	case o.maxRemove < 1:
		return usageError("--max-remove is a number above 0")
	}
	return nil
}

// rechecked is a run of recheck.
type rechecked struct {
	app     *app
	o       *recheckOptions
	config  *service.Config
	store   stores.Opened
	checker *dcr.Rechecker
	journal *recheck.Journal
}

func (a *app) recheck(ctx context.Context, c *cobra.Command, o *recheckOptions) (err error) {
	config, err := service.Load(o.config)
	if err != nil {
		return serveError(err)
	}
	if o.out != "" { // a run of hours must not end with a folder that is not there
		if _, err := os.ReadDir(filepath.Dir(o.out)); err != nil {
			return ioError(fmt.Errorf("--out %s: %w", cut(o.out), input.WithoutPath(err)))
		}
	}
	name, err := config.StoreName(nil)
	if err != nil {
		return serveError(err)
	}
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer restore()
	context.AfterFunc(ctx, restore) // from then on a second signal ends the process at once
	opened, err := stores.Open(ctx, name, stores.Options{Existing: true, NoMigrate: true, Beside: true, Logger: a.warnings()})
	if err != nil {
		return ioError(err)
	}
	defer func() {
		if closed := opened.Close(); closed != nil && err == nil {
			err = ioError(closed)
		}
	}()
	r := &rechecked{app: a, o: o, config: config, store: opened}
	bank, done, err := config.Registrar(opened, nil)
	if err != nil {
		return serveError(err)
	}
	defer done()
	if r.checker, err = bank.NewRechecker(r.recheckConfig()); err != nil {
		return usageError("%s", text.Detail(err))
	}
	return r.run(ctx, c)
}

func (r *rechecked) recheckConfig() dcr.RecheckConfig {
	return dcr.RecheckConfig{Rate: r.o.rate, Parallel: r.o.parallel, Timeout: r.o.timeout, ExpiresWithin: time.Duration(r.o.expiresWithin) * 24 * time.Hour}
}

// run walks over the register, writes the report, and removes what is to be removed.
func (r *rechecked) run(ctx context.Context, c *cobra.Command) error {
	a := r.app
	run := recheck.Run{Bank: r.fingerprint(), RuleSet: r.checker.RuleSet(), NotJudged: r.checker.NotJudged(), Now: time.Now()}
	journal, resumed, err := recheck.Open(r.o.resume, run)
	if err != nil {
		return ioError(err)
	}
	r.journal = journal
	if resumed > 0 {
		a.note("%s has %d clients already; going on behind them", text.Visible(r.o.resume), resumed)
	}
	if err := r.walk(ctx); err != nil {
		return r.interrupted(err)
	}
	summary := r.journal.Summary(time.Now())
	if err := r.report(c, summary.Ended); err != nil {
		return ioError(errors.Join(err, r.leave()))
	}
	removal := r.removal(ctx, summary)
	if err := r.journal.Remove(); err != nil {
		return ioError(err)
	}
	return r.ended(summary, removal)
}

// ended gives a complete run its exit code.
func (r *rechecked) ended(s recheck.Summary, removal error) error {
	r.app.note("%s", s.Line())
	switch {
	case removal != nil:
		return removal
	case s.NotAdmitted > 0:
		return &exitError{code: exitViolated}
	case s.CannotTell > 0:
		return &exitError{code: exitIO}
	}
	return nil
}

// fingerprint tells a run from one by another configuration. It has no secret: Print shows none.
func (r *rechecked) fingerprint() string {
	sum := sha256.Sum256([]byte(r.config.Print()))
	return hex.EncodeToString(sum[:8])
}

func (r *rechecked) walk(ctx context.Context) error {
	shown := &progress{}
	if r.app.progress {
		shown.out = r.app.err
	}
	defer shown.wipe()
	return r.checker.Walk(ctx, r.journal.After(), func(found dcr.Rechecked) error {
		if err := r.journal.Add(recheck.FromRechecked(found)); err != nil {
			return err
		}
		if r.app.progress {
			so := r.journal.Summary(time.Now())
			shown.count(so.Line())
		}
		return nil
	})
}

// interrupted keeps or drops what an unfinished run has found.
func (r *rechecked) interrupted(err error) error {
	clients := r.journal.Summary(time.Now()).Clients
	why := "the run was interrupted"
	if !errors.Is(err, context.Canceled) {
		why = text.Detail(err)
	}
	said := fmt.Errorf("%s after %d clients, and there is no report; with --resume FILE a run can go on", why, clients)
	if r.o.resume != "" && clients > 0 {
		said = fmt.Errorf("%s after %d clients, which are in %s: the same command goes on behind them", why, clients, text.Visible(r.o.resume))
	}
	return ioError(errors.Join(said, r.leave()))
}

// leave keeps the journal for another run, if one can go on from it.
func (r *rechecked) leave() error {
	if r.o.resume == "" {
		return r.journal.Remove()
	}
	return r.journal.Keep()
}

// report writes the report to standard output, or into a file that is there as a whole or
// not at all.
func (r *rechecked) report(c *cobra.Command, ended time.Time) error {
	options := recheck.Options{Format: r.o.output, Findings: r.o.findings, Ended: ended, Cell: harmless}
	if r.o.out == "" {
		return r.journal.Write(r.app.out, options)
	}
	file, err := os.CreateTemp(filepath.Dir(r.o.out), ".recheck-*") // 0600
	if err != nil {
		return err
	}
	err = r.journal.Write(file, options)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), r.o.out)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// confirmed asks whoever runs the command to type the number of clients.
func (r *rechecked) confirmed(n int) bool {
	if r.o.yes {
		return true
	}
	if f, ok := r.app.in.(*os.File); ok && !isTerminal(f) {
		r.app.note("there is nobody to ask: give --yes to remove without")
		return false
	}
	r.app.note("type %d to ask the bank to remove %s, and anything else to leave them", n, counted(n, "client"))
	typed, _ := bufio.NewReader(r.app.in).ReadString('\n')
	return strings.TrimSpace(typed) == fmt.Sprint(n)
}
