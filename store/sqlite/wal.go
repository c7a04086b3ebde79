package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// errLogGone is why a store takes no more changes: the log that it writes to has no name in
// the folder any more, so a restart would not find what is written to it.
var errLogGone = errors.New("the file, or its -wal, was deleted or replaced while the store had it open: start the bank again, and delete neither by hand")

// walName is the log of a file.
func walName(path string) string { return path + "-wal" }

// guard notices that the file or its log was deleted or replaced while it is open.
type guard struct {
	path      string
	file, wal os.FileInfo // as they were opened
	log       *slog.Logger
	gone      error // why the store takes no changes any more; nil while it does
	saved     bool  // what the deleted log held is in the file
}

func newGuard(path string, log *slog.Logger) (*guard, error) {
	g := &guard{path: path, log: log}
	var err, walErr error
	g.file, err = os.Stat(path)
	g.wal, walErr = os.Stat(walName(path))
	return g, errors.Join(err, walErr)
}

// same reports whether a name still leads to the file that was opened. A folder that cannot
// be looked at, for want of descriptors or rights, is no sign of a deletion.
func same(name string, opened os.FileInfo) (is, there bool) {
	now, err := os.Stat(name)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist), false
	}
	return os.SameFile(now, opened), true
}

// intact returns an error if the store may take no changes. On the first sight of a log
// without a name it saves what the log holds. Only the holder of the turn calls it, outside
// of a transaction.
func (w *writer) intact(ctx context.Context) error {
	g := w.guard
	if g.gone != nil {
		return g.gone
	}
	file, _ := same(g.path, g.file)
	wal, walThere := same(walName(g.path), g.wal)
	if file && wal {
		return nil
	}
	if file && !walThere {
		if err := w.rescue(ctx); err != nil {
			g.log.Error("the log of the store was deleted, and what it held could not be saved: make room, "+
				"and ask for a change or for readiness again before the process ends", "file", g.path, "error", err)
			return fmt.Errorf("%w; what it held is not in the file yet (%w)", errLogGone, err) // tried again at the next change
		}
		g.gone, g.saved = errLogGone, true
		g.log.Error("the log of the store was deleted while it was open: what it held is saved in the file, "+
			"and no change is taken until the bank is started again", "file", g.path)
		return g.gone
	}
	// Another process may have written to the file by another log since: a checkpoint would
	// mix the two.
	g.gone = errLogGone
	name, err := w.copyAside(ctx)
	g.log.Error("the file of the store, or its log, was replaced while it was open: the file may lack what was registered since the last checkpoint, "+
		"the copy has it, and no change is taken until the bank is started again", "file", g.path, "copy", name, "error", err)
	return g.gone
}

// rescue copies what the deleted log holds into the file, durably. The log has no name, but
// this connection still has it open. No other process has opened the file since: it would
// have made a log of its own.
func (w *writer) rescue(ctx context.Context) error {
	var busy, inLog, copied int
	if err := w.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(FULL)").Scan(&busy, &inLog, &copied); err != nil {
		return err
	}
	if busy != 0 || inLog != copied {
		return fmt.Errorf("%d of %d pages of the log are copied: a reader holds the others", copied, inLog)
	}
	return nil
}

// acknowledged looks at the log after a commit. A change whose log was deleted meanwhile is
// acknowledged if it is in the file by now. Else it is in doubt, as it is where the process
// dies before it answers.
func (w *writer) acknowledged(ctx context.Context) error {
	if err := w.intact(ctx); err != nil && !w.guard.saved {
		return err
	}
	return nil
}

// copyAside writes what this process sees of the store to a new file beside it.
func (w *writer) copyAside(ctx context.Context) (string, error) {
	aside, err := os.CreateTemp(filepath.Dir(w.guard.path), filepath.Base(w.guard.path)+".saved-*")
	if err != nil {
		return "", err
	}
	if err := aside.Close(); err != nil {
		return "", err
	}
	_, err = w.conn.ExecContext(ctx, "VACUUM INTO ?", aside.Name())
	return aside.Name(), err
}
