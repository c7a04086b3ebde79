package archive

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// ExportConfig configures an export.
type ExportConfig struct {
	From     Register         // required
	Source   string           // for people, where it comes from; no password; at most 200 characters are kept
	Sealing  Sealing          // what becomes of what is sealed
	Clock    func() time.Time // nil means time.Now
	Progress func(Summary)    // called now and then, from the caller's goroutine; nil: not called
}

// Export writes a whole register. The memory that it takes depends on the size of a record,
// and not on how many there are. On an error the file has no end, and ResumeExport goes on
// with it: ErrSealed, an error of the store, of the writer or of the context. A record that
// no file can hold, one with a text that is no UTF-8, is an error too.
func Export(ctx context.Context, w io.Writer, c ExportConfig) (Summary, error) {
	e, err := newExporter(newWriter(w), c)
	if err != nil {
		return Summary{}, err
	}
	if err := e.w.write(e.header()); err != nil {
		return Summary{}, err
	}
	return e.run(ctx)
}

// PartialFile is a file that ResumeExport goes on with; *os.File is one.
type PartialFile interface {
	io.ReadWriteSeeker
	// Truncate cuts the file to that many bytes.
	Truncate(size int64) error
}

// ResumeExport goes on with a file whose export stopped. It looks at the file up to its last
// check, cuts off what comes after that, and writes the rest. A file that is empty, or that
// has no check yet, is begun anew. A file that is complete already is left as it is. The
// error is that of Export, or a *LineError: for a file that is damaged before its last check,
// for one of another version, and with ErrSealed for one whose header has another Sealing.
// The file is as it was then.
func ResumeExport(ctx context.Context, f PartialFile, c ExportConfig) (Summary, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Summary{}, fmt.Errorf("archive: %w", err)
	}
	r := newReader(f)
	good, err := r.lastCheck(ctx)
	if err != nil {
		return Summary{}, err
	}
	if good.ended {
		return good.summary, nil
	}
	if good.line > 0 && good.header.Version != formatVersion {
		return Summary{}, &LineError{1, 1, because(ErrVersion, "%d, and this program goes on with %d: begin anew", good.header.Version, formatVersion)}
	}
	if good.line > 0 && (good.header.Sealing != sealingOf(c.Sealing) || good.header.LeftOut != c.Sealing.LeaveOut) {
		return Summary{}, &LineError{1, 1, because(ErrSealed, "the export began with another sealing key, or left them out: give the same, or begin anew")}
	}
	w := newWriter(f)
	w.lines, w.sum = good.line, good.sum
	e, err := newExporter(w, c)
	if err != nil {
		return Summary{}, err
	}
	if err := errors.Join(f.Truncate(good.offset), seek(f, good.offset)); err != nil {
		return Summary{}, fmt.Errorf("archive: %w", err)
	}
	e.at, e.done = good.place, good.summary
	if good.line == 0 {
		if err := e.w.write(e.header()); err != nil {
			return Summary{}, err
		}
	}
	return e.run(ctx)
}

func seek(f io.Seeker, offset int64) error {
	_, err := f.Seek(offset, io.SeekStart)
	return err
}

// sealingOf is the KeyID that a header has.
func sealingOf(s Sealing) string {
	if s.LeaveOut {
		return ""
	}
	return s.KeyID
}

// place is how far a walk over a register has come. In the order of the kinds, each one is
// empty before its first record.
type place struct {
	kind   int    // index in sections
	client string // the last one
	key    []byte // of the last reservation
	audit  string // the last one
}

// exporter writes a register to a writer.
type exporter struct {
	ExportConfig
	w    *writer
	subs store.Subscriptions // nil where the register has none
	at   place
	done Summary
}

func newExporter(w *writer, c ExportConfig) (*exporter, error) {
	if c.From == nil {
		return nil, errors.New("archive: an export needs a register")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	subs, _ := c.From.(store.Subscriptions)
	return &exporter{ExportConfig: c, w: w, subs: subs}, nil
}

// maxSource is the longest Source of a header, in bytes.
const maxSource = 200

func (e *exporter) header() headerLine {
	return headerLine{
		Kind: kindHeader, Format: formatName, Version: formatVersion, Created: e.Clock().UTC().Format(time.RFC3339),
		Source: text.Clip(text.Show(e.Source), maxSource), Sealing: sealingOf(e.Sealing), LeftOut: e.Sealing.LeaveOut,
	}
}

// run writes what comes after the place, and the end. On an error all whole lines are in the
// file.
func (e *exporter) run(ctx context.Context) (Summary, error) {
	err := e.sections(ctx)
	if err == nil {
		err = e.w.put(endLine{
			Kind: kindEnd, Clients: e.done.Clients, Reservations: e.done.Reservations, Audit: e.done.Audit, Subscribed: e.done.Subscriptions, LeftOut: e.done.LeftOut,
			Lines: e.w.lines, SHA256: e.w.digest(),
		})
	}
	return e.done, errors.Join(err, e.w.flush())
}

// sections are the kinds of records in the order of the file.
var sections = []string{kindClient, kindReservation, kindAudit}

func (e *exporter) sections(ctx context.Context) error {
	pages := map[string]func(context.Context) (int, error){kindClient: e.clients, kindReservation: e.reservations, kindAudit: e.audit}
	for ; e.at.kind < len(sections); e.at.kind++ {
		for {
			n, err := pages[sections[e.at.kind]](ctx)
			if err != nil {
				return err
			}
			if e.Progress != nil {
				e.Progress(e.done)
			}
			if n == 0 {
				break
			}
		}
	}
	mark, forgotten, err := e.From.Forgotten(ctx)
	if err != nil {
		return fmt.Errorf("archive: the mark of forgotten reservations: %w", err)
	}
	if !forgotten {
		return nil
	}
	return e.w.put(markLine{Kind: kindMark, Forgotten: mark.Unix()})
}

// clients writes a page of clients and returns how many there were.
func (e *exporter) clients(ctx context.Context) (int, error) {
	page, err := e.From.List(ctx, e.at.client, pageSize)
	if err != nil {
		return 0, fmt.Errorf("archive: clients after %s: %w", text.Quote(e.at.client), err)
	}
	subscribed, err := e.subscribed(ctx, page)
	if err != nil {
		return 0, err
	}
	for i := range page {
		c, leftOut, err := e.Sealing.admit(page[i], e.Sealing.KeyID)
		if err != nil {
			return 0, err
		}
		line := clientLine{Kind: kindClient, LeftOut: leftOut, record: recordOf(c)}
		line.subscribed(subscribed[i])
		if err := utf8Only(line.texts()); err != nil {
			return 0, fmt.Errorf("archive: client %s: %w", text.Quote(c.ID), err)
		}
		if err := e.w.write(line); err != nil {
			return 0, fmt.Errorf("archive: client %s: %w", text.Quote(c.ID), err)
		}
		e.at.client = c.ID
		e.done.Clients++
		e.done.Subscriptions += len(line.Subscriptions)
		if isSealed(&c) {
			e.done.Sealed++
		}
		if leftOut {
			e.done.LeftOut++
		}
	}
	return len(page), nil
}

// askedAtOnce is how many clients are asked for their subscriptions at a time: a bank that moves is
// closed meanwhile, and a database that is far away answers all of them in the time of one.
const askedAtOnce = 8

// subscribed returns the subscriptions of each of the clients.
func (e *exporter) subscribed(ctx context.Context, page []store.Client) ([][]store.Subscription, error) {
	found, failures := make([][]store.Subscription, len(page)), make([]error, len(page))
	if e.subs == nil {
		return found, nil
	}
	var next atomic.Int64
	var asking sync.WaitGroup
	for range min(askedAtOnce, len(page)) {
		asking.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(page) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if found[i], failures[i] = e.subs.ListSubscriptions(ctx, page[i].ID); failures[i] != nil {
					return
				}
			}
		})
	}
	asking.Wait()
	for i, err := range failures {
		if err != nil {
			return nil, fmt.Errorf("archive: subscriptions of client %s: %w", text.Quote(page[i].ID), err)
		}
	}
	return found, ctx.Err()
}

// reservations writes a page of reservations and returns how many there were.
func (e *exporter) reservations(ctx context.Context) (int, error) {
	page, err := e.From.ListReservations(ctx, e.at.key, pageSize)
	if err != nil {
		return 0, fmt.Errorf("archive: reservations: %w", err)
	}
	for _, r := range page {
		line := reservationLine{Kind: kindReservation, Key: hex.EncodeToString(r.Key[:]), Until: r.Until.Unix(), Client: r.Client}
		err := utf8Only([]string{r.Client})
		if err == nil {
			err = e.w.write(line)
		}
		if err != nil {
			return 0, fmt.Errorf("archive: reservation %s: %w", line.Key, err)
		}
		e.at.key = r.Key[:]
		e.done.Reservations++
	}
	return len(page), nil
}

// audit writes a page of the audit trail and returns how many entries there were.
func (e *exporter) audit(ctx context.Context) (int, error) {
	page, err := e.From.ListAudit(ctx, e.at.audit, pageSize)
	if err != nil {
		return 0, fmt.Errorf("archive: the audit trail after %s: %w", text.Quote(e.at.audit), err)
	}
	for i := range page {
		line := auditOf(page[i])
		err := utf8Only(line.texts())
		if err == nil {
			err = e.w.write(line)
		}
		if err != nil {
			return 0, fmt.Errorf("archive: audit entry %s: %w", text.Quote(page[i].ID), err)
		}
		e.at.audit = page[i].ID
		e.done.Audit++
	}
	return len(page), nil
}
