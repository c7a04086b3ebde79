package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
)

func (a *app) serveCommand() *cobra.Command {
	var file string
	var printed, check, schema bool
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Run a bank as a server, from one YAML file",
		Long: `serve registers clients for a bank: it judges requests by the bank's policy, keeps the
clients in SQLite or PostgreSQL, and makes them in the bank's authorization server. One
YAML file describes the bank; docs/serve.md explains its members.

SIGTERM or SIGINT ends it once the open requests are answered; a second one ends it at
once. SIGHUP has certificates, CAs and revocation lists read again; changed files are
also noticed every reload_every. A file that is broken then is logged, and what was read
before stays in force. The rest of the configuration is read at the start alone.

Exit codes: 0 after a signal, 2 for a mistake in the configuration, with line and column
of each, 3 where a file cannot be read, a port is taken, or the store cannot be reached
or is newer than this program.`,
		Example: `  obdcr serve --print-config > bank.yaml
  obdcr serve --config bank.yaml
  obdcr serve --config bank.yaml --check
  obdcr serve --config bank.yaml --print-config > effective.yaml
  obdcr serve --schema > serve.schema.json`,
		Args:              noArgument,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) error {
			if schema {
				_, err := c.OutOrStdout().Write(service.Schema())
				return err
			}
			if printed && file == "" {
				_, err := io.WriteString(c.OutOrStdout(), service.Start())
				return err
			}
			if file == "" {
				return usageError("serve needs --config FILE: obdcr serve --print-config writes one to start from")
			}
			config, err := service.Load(file)
			if err != nil {
				return serveError(err)
			}
			switch {
			case printed:
				_, err := io.WriteString(c.OutOrStdout(), config.Print())
				return err
			case check:
				return serveError(config.Check(slog.New(slog.NewTextHandler(a.err, nil))))
			}
			return a.serve(c.Context(), config)
		},
	}
	f := cmd.Flags()
	f.StringVar(&file, "config", "", "the bank's configuration, a YAML `FILE`")
	f.BoolVar(&printed, "print-config", false, "write the configuration in force, or without --config the defaults to start from, and end; no secret is in it")
	f.BoolVar(&check, "check", false, "judge the configuration and the files that it names, and end")
	f.BoolVar(&schema, "schema", false, "write the JSON Schema of the configuration, for editors, and end")
	cmd.MarkFlagsMutuallyExclusive("print-config", "check", "schema")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml") // it fails for a flag that is not there alone
	return cmd
}

// serve serves until a signal comes or the server fails.
func (a *app) serve(ctx context.Context, config *service.Config) error {
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer restore()
	context.AfterFunc(ctx, restore) // from then on a second signal ends the process at once
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	return serveError(service.Run(ctx, config, service.Options{Log: a.err, Reload: hangups}))
}

// serveError gives an error of serve its exit code.
func serveError(err error) error {
	var wrong *service.ConfigError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return usageError("%w", wrong)
	}
	return ioError(err)
}
