package archive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// ImportConfig configures an import.
type ImportConfig struct {
	To      Register // required
	Sealing Sealing  // what becomes of what is sealed
	// Merge imports beside records that the store has and the file does not have. Without it
	// they are an ErrForeign: the store has to be empty, or to have a part of the file.
	Merge bool
	// From goes on with an import that stopped: what lies before it is not imported again. The
	// zero Checkpoint begins with the first line. What the store has already stays either way.
	From Checkpoint
	// Save is called after each batch with the Checkpoint to go on from. Nil is not called. An
	// error of it ends the import.
	Save func(Checkpoint) error
	// Progress is called after each batch, from the caller's goroutine; verifying is true
	// while the file is only looked at. Nil is not called.
	Progress func(verifying bool, s Summary)
}

// Import reads a file into a store, a batch at a time, each in one transaction. The memory
// that it takes does not depend on the size of the file. Where in can seek, the whole file is
// looked at first, from where it stands, and nothing is written if anything is wrong with it.
// What cannot seek is imported as it comes, and each batch once its checksum is right.
//
// An import may be repeated: what the store has already, exactly so, stays and is not counted
// in Summary.Imported. Until an import has ended without an error the store has a part of a
// register, and no server may use it: reservations come after clients, so a jti that was used
// could be used again.
//
// On an error the batch that it is about has changed nothing. What was imported before stays,
// and the Summary says how much that is. The error is a *LineError, or that of the reader or
// the context. It wraps store.ErrExists where the store has a record, a reservation or an
// entry with another content than the file.
func Import(ctx context.Context, in io.Reader, c ImportConfig) (Summary, error) {
	if c.To == nil {
		return Summary{}, errors.New("archive: an import needs a register")
	}
	i := &importer{ImportConfig: c}
	i.subs, _ = c.To.(store.Subscriptions)
	if s, ok := in.(io.Seeker); ok {
		if start, err := s.Seek(0, io.SeekCurrent); err == nil { // a pipe has the method, and cannot seek
			if err := i.read(ctx, in, i.rehearse); err != nil {
				return Summary{}, err
			}
			if err := seek(s, start); err != nil {
				return Summary{}, fmt.Errorf("archive: %w", err)
			}
		}
	}
	empty, err := isEmpty(ctx, c.To)
	if err != nil {
		return Summary{}, fmt.Errorf("archive: %w", err)
	}
	i.alone = c.Merge || empty
	err = i.read(ctx, in, i.take)
	return i.done, err
}

// Verify looks at a whole file and returns what it has. The error is a *LineError, or that
// of the reader or the context. Progress is called after each batch; nil is not called.
func Verify(ctx context.Context, in io.Reader, progress func(Summary)) (Summary, error) {
	i := &importer{}
	err := i.read(ctx, in, func(context.Context, *reader, *batch) error {
		if progress != nil {
			progress(i.done)
		}
		return nil
	})
	return i.done, err
}

// importer reads a file.
type importer struct {
	ImportConfig
	subs    store.Subscriptions // nil where the store has none
	alone   bool                // what else the store has does not matter, or it was empty
	reached bool                // From lies behind
	probes  bool                // the batch is the first one after From, and has to be in the store
	leftOut int                 // records that this end left something out of
	last    Checkpoint
	done    Summary
}

// read reads a file and calls do for each batch behind From.
func (i *importer) read(ctx context.Context, in io.Reader, do func(context.Context, *reader, *batch) error) error {
	r := newReader(in)
	i.reached, i.last, i.done = i.From.IsZero(), Checkpoint{}, Summary{Imported: i.done.Imported}
	for {
		b, err := r.next(ctx)
		if err != nil {
			return err
		}
		switch {
		case i.reached:
			err = do(ctx, r, b)
			i.probes = false
		case b.sums == i.From:
			i.reached, i.probes = true, true
		case b.ended || b.last >= i.From.Line:
			err = because(ErrCheckpoint, "it is of another file")
		}
		if line, ok := errors.AsType[*LineError](err); ok {
			return line
		}
		if err != nil {
			return &LineError{First: b.first, Last: b.last, Err: err}
		}
		i.last, i.done = b.sums, Summary{
			Clients: r.seen.Clients, Reservations: r.seen.Reservations, Audit: r.seen.Audit, Sealed: r.seen.Sealed,
			LeftOut: r.seen.LeftOut + i.leftOut, Subscriptions: r.seen.Subscriptions, Imported: i.done.Imported,
		}
		if b.ended {
			return r.behind()
		}
	}
}

// rehearse does with a batch all that take does but the import.
func (i *importer) rehearse(_ context.Context, r *reader, b *batch) error {
	if _, err := i.admitted(r, b); err != nil {
		return err
	}
	if i.Progress != nil {
		i.Progress(true, i.done)
	}
	_, err := store.ForImport(b.Batch)
	return err
}

// admitted decides what of the batch crosses, and returns of how many records something was
// left out.
func (i *importer) admitted(r *reader, b *batch) (leftOut int, err error) {
	if len(b.Subscriptions) > 0 && i.subs == nil {
		return 0, because(ErrUnfit, "it keeps no subscriptions, as that of client %s", text.Quote(b.Subscriptions[0].Client))
	}
	for n, c := range b.Clients {
		crossed, left, err := i.Sealing.admit(c, r.header.Sealing)
		if err != nil {
			return 0, &LineError{First: b.lines[n], Last: b.lines[n], Err: err}
		}
		b.Clients[n] = crossed
		if left {
			leftOut++
		}
	}
	return leftOut, nil
}

// take imports a batch.
func (i *importer) take(ctx context.Context, r *reader, b *batch) error {
	leftOut, err := i.admitted(r, b)
	if err != nil {
		return err
	}
	if i.probes {
		if err := i.has(ctx, r, b); err != nil {
			return err
		}
	}
	if !i.alone {
		if err := i.foreign(ctx, r, b); err != nil {
			return err
		}
	}
	did, err := i.To.Import(ctx, b.Batch)
	switch {
	case errors.Is(err, store.ErrExists):
		return i.clash(ctx, b, err)
	case err != nil:
		return err
	}
	i.leftOut += leftOut
	i.done.Imported.Clients += did.Clients
	i.done.Imported.Reservations += did.Reservations
	i.done.Imported.Audit += did.Audit
	i.done.Imported.Subscriptions += did.Subscriptions
	if i.Save != nil {
		if err := i.Save(i.last); err != nil {
			return fmt.Errorf("archive: the checkpoint cannot be saved: %w", err)
		}
	}
	if i.Progress != nil {
		i.Progress(false, i.done)
	}
	return nil
}
