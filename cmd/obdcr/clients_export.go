package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/store/archive"
)

// exportOptions are the flags of clients export.
type exportOptions struct {
	registerFlags
	sealingFlags
	out    string
	resume bool
}

func (a *app) clientsExportCommand() *cobra.Command {
	o := &exportOptions{}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the whole register to a file, for another store",
		Long: `export writes clients with their subscriptions, used jti, the audit trail and the mark of
forgotten jti as JSON Lines with checksums, for clients import. Secrets are in it as
hashes, and what is sealed only if the bank's sealing key is given, which never is: an
import needs the same key.

The file is as it was, record by record: to move a bank, stop its servers first. Without
them stopped each record is whole, and records are of different moments, as is a record
from its subscriptions. An export that was interrupted goes on with --resume: it looks at
the file up to its last checksum, cuts off what is behind that, and writes the rest. A file
without its last line is refused by every import.`,
		Example: `  obdcr clients export --config bank.yaml --out register.jsonl
  obdcr clients export --config bank.yaml --out register.jsonl --resume
  obdcr clients export --store clients.db --leave-out-sealed > register.jsonl`,
		Args:              noArgument,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.resume && o.out == "" {
				return usageError("--resume needs --out FILE, the file to go on with")
			}
			ctx, restore := interruptible(c.Context())
			defer restore()
			return a.withRegister(ctx, &o.registerFlags, func(s stores.Opened, config *service.Config) error {
				return a.export(ctx, o, s, config)
			})
		},
	}
	o.registerFlags.add(cmd)
	o.sealingFlags.add(cmd)
	cmd.Flags().StringVar(&o.out, "out", "", "a new `FILE` to write to, mode 0600; without it standard output")
	cmd.Flags().BoolVar(&o.resume, "resume", false, "go on with the file of --out")
	return cmd
}

func (a *app) export(ctx context.Context, o *exportOptions, s stores.Opened, config *service.Config) error {
	sealing, err := o.sealing(config)
	if err != nil {
		return err
	}
	name, _, err := a.registerName(&o.registerFlags)
	if err != nil {
		return err
	}
	progress := &counter{a: a}
	c := archive.ExportConfig{
		From: s, Source: stores.Shown(name.Reveal()), Sealing: sealing, Progress: func(s archive.Summary) { progress.show("exported", s) },
	}
	done, err := a.exportTo(ctx, o, c)
	progress.wipe()
	if err != nil {
		if o.out != "" && done.Clients > 0 {
			a.note("exported so far: %s: go on with --resume", countsOf(done))
		}
		return err
	}
	a.note("exported: %s", countsOf(done))
	if done.LeftOut > 0 {
		a.note("warning: what is sealed was left out of %s", counted(done.LeftOut, "client"))
	}
	return nil
}

// exportTo writes the file, and has it on the disk when it returns. One that it made is gone
// again where no client came into it.
func (a *app) exportTo(ctx context.Context, o *exportOptions, c archive.ExportConfig) (done archive.Summary, err error) {
	if o.out == "" {
		out := bufio.NewWriter(a.out) // past the buffer of results, which would hold all of it
		done, err = archive.Export(ctx, out, c)
		return done, transferError("export", errors.Join(err, out.Flush()))
	}
	flags := os.O_RDWR | os.O_CREATE | os.O_EXCL
	if o.resume {
		flags = os.O_RDWR
	}
	f, err := os.OpenFile(o.out, flags, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return done, ioError(fmt.Errorf("--out %s: %w: give another name, or --resume to go on with it", cut(o.out), fs.ErrExist))
	case err != nil:
		return done, ioError(fmt.Errorf("--out %s: %w", cut(o.out), input.WithoutPath(err)))
	}
	if o.resume {
		done, err = archive.ResumeExport(ctx, f, c)
	} else {
		done, err = archive.Export(ctx, f, c)
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil && !o.resume && done.Clients == 0 {
		_ = os.Remove(o.out) // nothing is in it to go on with, and it would be in the way of the next run
	}
	return done, transferError(cut(o.out), err)
}
