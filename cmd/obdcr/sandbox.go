package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/dcr/server"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

// The rate limit of the sandbox, for each client certificate.
const (
	limitRate  = 100 // requests a second
	limitBurst = 200 // at once
)

// sandboxGrace is how long a sandbox that stops may take to finish open requests.
const sandboxGrace = 10 * time.Second

// sandboxOptions are the flags of sandbox.
type sandboxOptions struct {
	dir, listen, portal, directory string
	path                           string
	store, profile, policy         string
	authMethods, expose            []string
	seed, clock                    string
	chaos, exposePublicKeys        bool
}

func (a *app) sandboxCommand() *cobra.Command {
	o := &sandboxOptions{}
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Run a directory, a bank and its portal here, to try registration",
		Long: `sandbox runs a whole ecosystem on loopback: a directory that issues software
statements and signs people in, a bank that registers clients, and the bank's portal,
where people register them by hand. In one folder it makes keys and certificates, a TPP
with a request that is ready to send, people who can sign in, the bank's policy, and a
configuration for the OBIE DCR conformance tool. Then it prints what to try next. A
program waits for ready.json in the folder, or for 200 from the bank's /readyz. A second
start uses the same keys, ports and clients.

The directory signs any statement for anyone who asks, and misbehaves on demand: do not
trust its keys outside of the sandbox. SIGINT (Ctrl-C) or SIGTERM stops the sandbox; a
second one ends it at once.

In a container loopback is of no use: --expose names the hosts by which others reach the
sandbox, and lets it listen beyond loopback. The certificates are for these names, so
they are fixed at the first start in the folder. Another container needs the folder too:
ca.pem to trust, conformance.json and tpp/ to register. Whoever reaches the directory can
have any statement signed: publish its port to nobody else.

--seed makes sandboxes alike: the same TEXT gives the same keys, which are public ones for
tests, the same ids, and certificates that are valid from 1970 to 2099. It is fixed at the
first start in the folder. --clock starts the sandbox's clock at another time, from
1970-01-02 to 2099-12-30; it runs on from there, and everything in the sandbox goes by it.
Without it real time runs. With both, a first start makes the same files to the byte.
The verbs of a TPP, and lint, go by it with --now.`,
		Example: `  obdcr sandbox
  obdcr sandbox --listen 127.0.0.1:0 --directory 127.0.0.1:0 --store memory
  obdcr sandbox --auth-methods client_secret_jwt --profile obie-3.2
  obdcr sandbox --expose bank --listen 0.0.0.0:8443 --directory 0.0.0.0:8445`,
		Args:              noArgument,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := a.sandboxConfig(c, o)
			if err != nil {
				return err
			}
			return a.sandbox(c.Context(), config)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", sandbox.DefaultDir, "where everything is kept, a `FOLDER`")
	f.StringVar(&o.listen, "listen", sandbox.DefaultListen, "the bank's `HOST:PORT` on loopback; port 0 picks a free one")
	f.StringVar(&o.portal, "portal", sandbox.DefaultPortal, "the portal's `HOST:PORT`; without it, the host of --listen, and a free port where that has port 0")
	f.StringVar(&o.directory, "directory", sandbox.DefaultDirectory, "the directory's `HOST:PORT`")
	f.Var(&list{values: &o.expose}, "expose",
		"each `NAME` or IP address by which others reach the sandbox; the addresses above may be beyond loopback then")
	f.StringVar(&o.path, "path", sandbox.DefaultPath, "`PATH` of the bank's registration endpoint, such as /open-banking/v3.2/register")
	f.StringVar(&o.store, "store", sandbox.StoreSQLite, "where clients are kept: sqlite, memory, or a PostgreSQL database by its address, postgres://...")
	f.StringVar(&o.profile, "profile", string(validate.OBIE33), "rules of the bank: "+text.List(validate.Profiles()))
	o.authMethods = text.Strings(validate.DefaultPolicy(validate.OBIE33).AuthMethods)
	f.Var(&list{values: &o.authMethods}, "auth-methods",
		"what clients may authenticate with: "+text.List(claims.AuthMethods()))
	f.StringVar(&o.policy, "policy", "", "the bank's policy, a JSON `FILE`")
	f.BoolVar(&o.chaos, "chaos", false, "refuse and delay a few percent of all answers of bank, portal and directory, but of /healthz, /readyz and /metrics")
	f.StringVar(&o.seed, "seed", "", "make the keys, ids and certificates that `TEXT` gives each time; the keys are public test keys")
	f.BoolVar(&o.exposePublicKeys, "expose-public-keys", false, "allow --seed with --expose: whoever reaches the sandbox has its keys")
	f.StringVar(&o.clock, "clock", "", "start the sandbox's clock at this RFC 3339 `TIME`, and not at the real one")
	complete(cmd, "store", []string{sandbox.StoreSQLite, sandbox.StoreMemory})
	complete(cmd, "profile", text.Strings(validate.Profiles()))
	complete(cmd, "auth-methods", text.Strings(claims.AuthMethods()))
	return cmd
}

// sandboxConfig reads the flags. It leaves out an address that was not given, so that the
// sandbox takes the one of its last start, and methods that were not given, so that it
// takes the policy's.
func (a *app) sandboxConfig(c *cobra.Command, o *sandboxOptions) (sandbox.Config, error) {
	limiter, err := server.NewLimiter(server.Rate{PerSecond: limitRate, Burst: limitBurst}, time.Now)
	if err != nil {
		return sandbox.Config{}, err
	}
	config := sandbox.Config{
		Seed: o.seed, ExposePublicKeys: o.exposePublicKeys,
		Dir: o.dir, Store: o.store, Profile: validate.Profile(o.profile), Chaos: o.chaos, Limiter: limiter, Path: o.path,
		Logger: slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{ReplaceAttr: shortTime})),
	}
	for flag, to := range map[string]*string{"listen": &config.Listen, "portal": &config.Portal, "directory": &config.Directory} {
		if c.Flags().Changed(flag) {
			*to = c.Flag(flag).Value.String()
		}
	}
	if o.seed == "" && c.Flags().Changed("seed") {
		return config, usageError("--seed is empty: give a text, or leave the flag out")
	}
	if c.Flags().Changed("clock") {
		if config.StartAt, err = time.Parse(time.RFC3339, o.clock); err != nil {
			return config, usageError("--clock %s is no time as RFC 3339 writes it: 2026-01-31T12:00:00Z", text.Quote(o.clock))
		}
		if err := sandbox.CheckStart(config.StartAt); err != nil {
			return config, usageError("%w", err)
		}
	}
	if config.Expose = o.expose; c.Flags().Changed("expose") && len(o.expose) == 0 {
		return config, usageError("--expose is empty: give the name by which others reach the sandbox")
	}
	if c.Flags().Changed("auth-methods") {
		for _, m := range o.authMethods {
			config.AuthMethods = append(config.AuthMethods, claims.AuthMethod(m))
		}
		if config.AuthMethods == nil {
			return config, usageError("--auth-methods is empty: name one of %s", text.List(claims.AuthMethods()))
		}
	}
	if o.policy != "" {
		f, err := a.open("--policy", o.policy)
		if err != nil {
			return config, err
		}
		text, err := f.Document(input.Policy)
		if err != nil {
			return config, usageError("%w", err)
		}
		config.Policy = []byte(text)
	}
	return config, nil
}

// warnings is the log of a command: warnings and errors, on standard error.
func (a *app) warnings() *slog.Logger {
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: shortTime}))
}

// shortTime cuts the time of a log line to seconds.
func shortTime(_ []string, attribute slog.Attr) slog.Attr {
	if attribute.Key == slog.TimeKey {
		return slog.String(slog.TimeKey, attribute.Value.Time().UTC().Format(time.RFC3339))
	}
	return attribute
}

// sandbox serves until a signal comes or a server fails.
func (a *app) sandbox(ctx context.Context, config sandbox.Config) error {
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer restore()
	s, err := sandbox.Start(ctx, config)
	var wrong *sandbox.UsageError
	switch {
	case errors.As(err, &wrong):
		return usageError("%w", wrong)
	case err != nil && ctx.Err() != nil:
		return nil // stopped while it started
	case err != nil:
		return ioError(plainly(err))
	}
	if config.Expose != nil {
		a.note("%s", exposed)
	}
	if config.Seed != "" {
		a.note("%s", seeded)
	}
	if err := welcome(a.out, config.Dir, s, hasShell()); err != nil {
		return errors.Join(ioError(err), closeSandbox(s))
	}
	select {
	case <-ctx.Done():
		restore() // from here on a second signal ends the process at once
		a.note("stopping; once more ends it at once")
		if a.stopping != nil {
			a.stopping()
		}
		err = nil
	case err = <-s.Failed():
	}
	if err = errors.Join(plainly(err), plainly(closeSandbox(s))); err != nil {
		return ioError(err)
	}
	return nil
}

// exposed names the danger of --expose. Its lines are short also where note does not wrap
// them, as in the log of a container.
const exposed = "warning: --expose: anybody who reaches the directory can have any\n" +
	indented + "statement signed, change its keys and make it fail: keep it in a network for\n" +
	indented + "tests, and let no other system trust its keys"

// seeded names the danger of --seed, as exposed does that of --expose.
const seeded = "warning: --seed: all keys of this sandbox are public test keys, which\n" +
	indented + "everybody has: trust them nowhere else"

// closeSandbox uses a new context, because the command's has ended by then.
func closeSandbox(s *sandbox.Sandbox) error {
	ctx, cancel := context.WithTimeout(context.Background(), sandboxGrace)
	defer cancel()
	return s.Close(ctx)
}

// ownName returns how to call this command again. The binary that go run builds is gone
// afterwards, so for that it is go run.
func ownName(called string) string {
	if strings.Contains(called, string(filepath.Separator)+"go-build") {
		return "go run ./cmd/obdcr"
	}
	return shellWord(called)
}

// shellWord quotes a name for a POSIX shell if that is necessary.
func shellWord(name string) string {
	if name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return !strings.ContainsRune("/._-+:@%,", c) && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
