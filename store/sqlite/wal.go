package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

var (
	// errLogGone is why a store takes no more changes: the log that it writes to has no name in
	// the folder any more, so a restart would not find what is written to it; or other processes
	// have another index, and so would write over it.
	errLogGone = errors.New("the file, its -wal or its -shm, was deleted or replaced while the store had it open; what it held is saved: " +
		"stop all processes that have the file, then start the bank again, and delete none of them by hand")
	// errUnsaved is why a store takes no changes for now. A cause that SQLite gives is not
	// wrapped: its advice for a store that is well would contradict.
	errUnsaved = errors.New("the file, its -wal or its -shm, was deleted or replaced while the store had it open, and what it held is not saved: " +
		"first mend the cause (make room on a full disk), and do NOT end the bank; ask it for readiness until its log says 'is saved'; " +
		"start it again then")
)

// savedInfix is in the name of each copy, behind that of the file, and savingInfix in that of
// one which is not whole yet.
const (
	savedInfix  = ".saved-"
	savingInfix = ".saving-"
)

// walName is the log of a file.
func walName(path string) string { return path + "-wal" }

// indexName is the index of that log, which all processes share.
func indexName(path string) string { return path + "-shm" }

// guard notices that the file, its log or the index of that was deleted or replaced while it
// is open, or that the log was cut.
type guard struct {
	path           string
	file, wal, shm os.FileInfo // as they were opened
	frames         frames
	log            *slog.Logger
	copy           string // has all that the log held; "" for none
	told           string // the cause that the log was told last
	gone           error  // why the store takes no changes any more; nil while it does
	saved          bool   // what the deleted log held is in the file
	closed         bool   // whether the store has let go of the file
}

// newGuard looks at files that SQLite has opened: as long as it has, no other process deletes
// one of them when it closes the store.
func newGuard(path string, log *slog.Logger) (*guard, error) {
	g := &guard{path: path, log: log}
	var err, walErr, shmErr, openErr error
	g.file, err = os.Stat(path)
	g.wal, walErr = os.Stat(walName(path))
	if g.shm, shmErr = os.Stat(indexName(path)); errors.Is(shmErr, fs.ErrNotExist) {
		shmErr = fmt.Errorf("%w: another store of this process has the file open, and its -shm was deleted: end the process, and start it again", shmErr)
	}
	g.frames.log, openErr = os.Open(walName(path))
	return g, errors.Join(err, walErr, shmErr, openErr)
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
// without a name it saves what the log holds, and tries again each time until that has
// worked. Only the holder of the turn calls it, outside of a transaction.
func (w *writer) intact(ctx context.Context) error { return w.guarded(ctx, w.whole) }

// guarded is intact, with a look at the log of the caller's.
func (w *writer) guarded(ctx context.Context, look func(context.Context) error) error {
	g := w.guard
	if g.gone != nil || g.closed {
		return g.gone
	}
	file, _ := same(g.path, g.file)
	wal, walThere := same(walName(g.path), g.wal)
	shm, _ := same(indexName(g.path), g.shm)
	if file && wal && shm {
		if g.copy != "" { // somebody has put the log back
			_ = os.Remove(g.copy)
			g.copy, g.told = "", ""
		}
		if isCut(look(ctx)) && w.stays(ctx) {
			return w.cutOff(ctx)
		}
		return nil
	}
	if g.copy == "" {
		name, err := w.copyAside(ctx)
		if err != nil {
			return g.unsaved("no copy could be made", err)
		}
		g.copy = name
	}
	if !file || wal || walThere {
		// Another process may have written to the file by another log since: a checkpoint would
		// mix the two.
		return g.replaced(file && wal)
	}
	if err := w.rescue(ctx); err != nil {
		return g.unsaved("the file is not whole: if the bank has ended, put the copy in its place, without -wal, -shm and -open", err)
	}
	g.gone, g.saved = fmt.Errorf("%s: %w", g.path, errLogGone), true
	g.log.Error("the log of the store was deleted while it was open: what it held is saved in the file; "+
		"no change is taken any more: stop all processes that have the file, then start the bank again", "file", g.path)
	// What is left where one of these fails is a copy too many, and a line at the next start.
	_ = errors.Join(os.Remove(g.copy), endUse(g.path, g.log))
	return g.gone
}

// replaced ends the changes of a store that has a copy of what it held: its file or its log is
// another one, or other processes do not see its index.
func (g *guard) replaced(index bool) error {
	g.gone = fmt.Errorf("%s: %w in %s", g.path, errLogGone, g.copy)
	if index {
		g.log.Error("the index of the store's log, -shm, was deleted or replaced while it was open: what was registered is saved in the copy; "+
			"the file and its -wal have it too, unless another process has written since; no change is taken any more: "+
			"stop all processes that have the file, keep the copy, start the bank again, and bring over from the copy what is missing",
			"file", g.path, "index", indexName(g.path), "copy", g.copy)
		return g.gone
	}
	g.log.Error("the file of the store, or its log, was replaced while it was open: what was registered is saved in the copy, the file may lack some of it; "+
		"no change is taken any more: stop all processes that have the file, put the copy in its place, without -wal, -shm and -open, "+
		"unless it was replaced on purpose, and start the bank again", "file", g.path, "copy", g.copy)
	return g.gone
}

// unsaved says what to do while the content of a deleted log is in memory, or in a copy, alone.
func (g *guard) unsaved(state string, cause error) error {
	if said := state + cause.Error(); g.told != said {
		g.told = said
		g.log.Error(errUnsaved.Error(), "file", g.path, "state", state, "copy", g.copy, "error", cause)
	}
	return fmt.Errorf("%s: %w (%v)", g.path, errUnsaved, cause) //nolint:errorlint // see errUnsaved
}

// rescue copies what the deleted log holds into the file, durably. The log has no name, but
// this connection still has it open. No other process has opened the file since: it would
// have made a log of its own. A rescue that stops half-way leaves a file that is not whole,
// so there must be a copy before.
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
// dies before it answers. What comes before the change in the log has to be there; whether the
// change itself is, the next one sees.
func (w *writer) acknowledged(ctx context.Context) error {
	kept := func(context.Context) error {
		f := &w.guard.frames
		f.left, _ = f.log.Stat() // nil asks again
		return f.kept()
	}
	if err := w.guarded(ctx, kept); err != nil && !w.guard.saved {
		return err
	}
	return nil
}

// copyAside writes what this process sees of the store to a new file beside it, durably, and
// returns its name. Where that fails it leaves none. A process that is killed meanwhile leaves
// a file whose name is not that of a copy.
func (w *writer) copyAside(ctx context.Context) (string, error) {
	name := filepath.Base(w.guard.path)
	saving, err := os.CreateTemp(filepath.Dir(w.guard.path), name+savingInfix+"*")
	if err != nil {
		return "", err
	}
	_, err = w.conn.ExecContext(ctx, "VACUUM INTO ?", saving.Name())
	err = errors.Join(err, saving.Sync(), saving.Close())
	folder, random := filepath.Split(saving.Name())
	copied := filepath.Join(folder, name+savedInfix+strings.TrimPrefix(random, name+savingInfix))
	if err == nil {
		err = os.Rename(saving.Name(), copied)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(saving.Name()))
	}
	if err = syncFolder(filepath.Dir(copied)); err != nil {
		return "", errors.Join(err, os.Remove(copied))
	}
	return copied, nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// leave reports, before the store lets go of the file, whether it may: the last close would
// copy the log once more, into a file that may be another one or on a disk that is full, and
// delete the log that another process may have made since. The end of the process does
// neither.
func (w *writer) leave() error {
	if w.guard == nil {
		return nil
	}
	w.guard.told = "" // the last chance to hear of it
	if err := w.intact(context.Background()); err != nil {
		return err
	}
	w.guard.closed = true
	_ = w.guard.frames.log.Close() // it was read alone
	return nil
}
