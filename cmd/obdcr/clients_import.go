package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/store/archive"
)

// importOptions are the flags of clients import.
type importOptions struct {
	registerFlags
	sealingFlags
	resume, merge, check bool
}

func (a *app) clientsImportCommand() *cobra.Command {
	o := &importOptions{}
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Read a file of clients export into an empty store",
		Long: `import reads a file of clients export into a store that is empty, or that has a part of
the same file: what the store has already, exactly so, stays, and anything else in it is an
error, unless --merge is given. A record that the store has with another content is an error
always. The whole file is looked at first, and nothing is written if anything is wrong with
it. Standard input cannot be looked at first: each 500 lines are written once their
checksum is right.

No server may use the store before the import has ended. Where it was interrupted, --resume
goes on from the place that FILE.position has; without it the whole file is read again,
which is slower and does the same.`,
		Example: `  obdcr clients import register.jsonl --config bank.yaml
  obdcr clients import register.jsonl --check
  obdcr clients import register.jsonl --config bank.yaml --resume
  obdcr clients import - --store clients.db --leave-out-sealed`,
		Args:              oneFile,
		ValidArgsFunction: filesAlone,
		RunE: func(c *cobra.Command, args []string) error {
			if o.resume && args[0] == "-" {
				return usageError("--resume needs a FILE: standard input has no place to go on from")
			}
			ctx, restore := interruptible(c.Context())
			defer restore()
			in, done, err := a.seekable(args[0])
			if err != nil {
				return err
			}
			defer done()
			if o.check {
				return a.checkArchive(ctx, args[0], in)
			}
			return a.importInto(ctx, o, args[0], in)
		},
	}
	o.registerFlags.add(cmd)
	o.sealingFlags.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.resume, "resume", false, "go on where the last import of the file stopped")
	f.BoolVar(&o.merge, "merge", false, "import beside other records that the store has")
	f.BoolVar(&o.check, "check", false, "only look whether the file is whole; no store is needed")
	return cmd
}

// seekable returns a file that can be read twice, or standard input as it is.
func (a *app) seekable(name string) (in io.Reader, done func(), err error) {
	if name == "-" {
		return a.in, func() {}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, ioError(fmt.Errorf("%s: %w", cut(name), input.WithoutPath(err)))
	}
	return f, func() { _ = f.Close() }, nil
}

// checkArchive looks at a file alone.
func (a *app) checkArchive(ctx context.Context, name string, in io.Reader) error {
	progress := &counter{a: a}
	s, err := archive.Verify(ctx, in, func(s archive.Summary) { progress.show("looked at", s) })
	progress.wipe()
	if err != nil {
		return transferError(cut(shownName(name)), err)
	}
	a.note("the file is whole: %s", countsOf(s))
	if s.Sealed > 0 {
		a.note("what is sealed is in it, of %s: an import needs the same sealing key", counted(s.Sealed, "client"))
	}
	return nil
}

func (a *app) importInto(ctx context.Context, o *importOptions, name string, in io.Reader) error {
	registered, config, err := a.registerName(&o.registerFlags)
	if err != nil {
		return err
	}
	sealing, err := o.sealing(config)
	if err != nil {
		return err
	}
	saved := position{path: name + ".position"}
	c := archive.ImportConfig{Sealing: sealing, Merge: o.merge}
	if o.resume {
		if c.From, err = saved.read(); err != nil {
			return err
		}
	}
	s, err := stores.Open(ctx, registered, stores.Options{Beside: true, Logger: a.warnings()})
	if err != nil {
		return ioError(err)
	}
	progress := &counter{a: a}
	c.To = s
	c.Progress = func(verifying bool, s archive.Summary) {
		progress.show(map[bool]string{true: "looked at", false: "imported"}[verifying], s)
	}
	if name != "-" {
		c.Save = func(at archive.Checkpoint) error { a.savePosition(&saved, at); return nil }
	}
	done, err := archive.Import(ctx, in, c)
	progress.wipe()
	if closed := s.Close(); err == nil {
		err = closed
	}
	return a.imported(name, &saved, done, err)
}

// imported says what an import did.
func (a *app) imported(name string, saved *position, done archive.Summary, err error) error {
	wrote := tallied(done.Imported.Clients, done.Imported.Subscriptions, done.Imported.Reservations, done.Imported.Audit)
	if err != nil {
		if done.Clients == 0 {
			a.note("nothing was imported")
		} else {
			a.note("imported before that: %s: no server may use the store before the rest is in it", wrote)
		}
		return transferError(cut(shownName(name)), err)
	}
	if name != "-" {
		_ = os.Remove(saved.path) // it may not have been written
	}
	a.note("imported: %s; the file has %s", wrote, countsOf(done))
	if done.LeftOut > 0 {
		a.note("warning: %s without what was sealed: to register again", are(done.LeftOut, "client"))
	}
	return nil
}

// position is the file that says how far an import has come.
type position struct {
	path   string
	failed bool // it cannot be written, which was said
}

// read returns the saved place. Without a file the import begins with the first line.
func (p *position) read() (at archive.Checkpoint, err error) {
	content, err := os.ReadFile(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return at, nil
	}
	if err != nil {
		return at, ioError(fmt.Errorf("%s: %w", cut(p.path), input.WithoutPath(err)))
	}
	if json.Unmarshal(content, &at) != nil || at.Line < 0 {
		return at, usageError("%s has no place to go on from: import without --resume", cut(p.path))
	}
	return at, nil
}

// savePosition writes a place, or says once that it cannot: the import goes on without.
func (a *app) savePosition(p *position, at archive.Checkpoint) {
	if p.failed {
		return
	}
	content, err := json.Marshal(at)
	if err == nil {
		err = replace(p.path, content)
	}
	if err != nil {
		p.failed = true
		a.note("warning: %s: %v: an import that is interrupted begins anew", cut(p.path), input.WithoutPath(err))
	}
}

// replace writes a file that others see whole or not at all.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".position-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
