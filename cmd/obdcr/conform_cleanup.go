package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/obdcr/obdcr/dcr/conform"
)

// mostLeft is how many clients that are left for one reason a message names, where a report names all.
const mostLeft = 3

// noteLeft tells what is left at the bank.
func (a *app) noteLeft(left []conform.Left, most int) {
	if len(left) > 0 {
		a.note("%s", strings.Join(conform.LeftLines(left, most), "\n"))
	}
}

// conformCleanUp deletes what an earlier run has left. The journal is read before anything is sent, and removed only if
// all that it lists is gone.
func (a *app) conformCleanUp(ctx context.Context, o *conformOptions) error {
	journal, read, err := takeJournal(o.journal)
	if err != nil {
		return err
	}
	if journal == nil {
		a.note("there is no --journal %s: no run has left anything", shownName(o.journal))
		return nil
	}
	left, err := a.cleanUpBy(ctx, o, journal, read)
	if err != nil {
		a.note("nothing was deleted: --journal %s stays as it is", shownName(o.journal))
		return errors.Join(err, journal.end(false))
	}
	a.noteLeft(left, len(left))
	if err := journal.end(len(left) == 0); err != nil {
		return err
	}
	switch {
	case len(left) == 0:
		a.note("all clients of --journal %s are deleted", shownName(o.journal))
		return nil
	case slices.ContainsFunc(left, func(one conform.Left) bool { return !one.Final }):
		a.note("--journal %s stays: run --clean-up again later, or ask the bank to delete what is left, and remove the file", shownName(o.journal))
	default:
		a.note("--journal %s stays: no clean-up can delete what is left. Ask the bank's operator to remove it, and remove the file", shownName(o.journal))
	}
	return &exitError{code: exitIO}
}

// cleanUpBy deletes what a journal lists, and returns what is left.
func (a *app) cleanUpBy(ctx context.Context, o *conformOptions, journal *journalFile, read *conform.Journal) ([]conform.Left, error) {
	c, err := a.conformConfig(ctx, o, nil)
	if err != nil {
		return nil, err
	}
	if c.Second == nil {
		if c.Second, err = secondOfNote(read.Note); err != nil {
			return nil, usageError("--journal %s: note: %s", shownName(o.journal), detail(err))
		}
	}
	c.Journal = journal // a client that is gone is not sought again, should this be ended too
	said := a.watch(ctx, &progress{}, "interrupted: the clean-up ends; what is left stays in the journal")
	defer said.end()
	c.Progress = said.progress
	left, err := conform.CleanUp(ctx, *c, read)
	switch {
	case errors.Is(err, conform.ErrUnreachable):
		a.note("%s; nothing was deleted", detail(err))
		return left, nil
	case errors.Is(err, conform.ErrJournal):
		return nil, usageError("--journal %s: %s\n  fix: give the configuration of the run that wrote it; if that bank does not exist any more, remove the file",
			shownName(o.journal), detail(err))
	case err != nil:
		return nil, o.runError(err)
	}
	return left, nil
}

// runError tells of a configuration that cannot be run.
func (o *conformOptions) runError(err error) error {
	if errors.Is(err, conform.ErrSecond) && o.second != "" {
		return usageError("--second %s: %s\n  fix: give the config.json of another software, with keys and a certificate of its own",
			shownName(o.second), detail(err))
	}
	return usageError("%s", detail(err))
}

// telling tells how far a run is: on a terminal by a line that is drawn anew, else while it cleans up, by a message now and then.
type telling struct {
	app    *app
	mutex  sync.Mutex
	bar    *progress
	failed int
	next   time.Time // of the message
	stop   func() bool
}

// tellEvery is the time between two messages about the clean-up.
const tellEvery = 5 * time.Second

// watch begins to tell. When the context ends, it says interrupted at once.
func (a *app) watch(ctx context.Context, bar *progress, interrupted string) *telling {
	t := &telling{app: a, bar: bar}
	t.stop = context.AfterFunc(ctx, func() {
		t.mutex.Lock()
		defer t.mutex.Unlock()
		t.bar.wipe()
		a.note("%s", interrupted)
		t.next = time.Now().Add(tellEvery)
	})
	return t
}

// progress tells of a step.
func (t *telling) progress(at conform.Progress) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if at.CleaningUp == 0 {
		if at.Verdict == conform.Failed || at.Verdict == conform.Errored {
			t.failed++
		}
		t.bar.show(at.Done, t.failed)
		return
	}
	now := time.Now()
	if t.next.IsZero() {
		t.next = now.Add(tellEvery) // a short one is not worth a message
	}
	if now.After(t.next) {
		t.bar.wipe()
		t.next = now.Add(tellEvery)
		t.app.note("cleaning up: %s or registrations to go", counted(at.CleaningUp, "client"))
	}
}

// end ends the telling.
func (t *telling) end() {
	t.stop()
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.bar.wipe()
}
