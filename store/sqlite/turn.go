package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
)

// maxGroup is how many changes one transaction commits at most.
const maxGroup = 16

// maxAside is how many of them are changes of a portal at most.
const maxAside = 4

// errAbandoned is the error of a change whose transaction ended by a panic in another one.
var errAbandoned = errors.New("the transaction was abandoned")

// change is one that waits for the writer, or that the writer is at.
type change struct {
	ctx   context.Context // of the caller
	wait  time.Duration   // how long it waits in all
	until time.Time       // it waits no longer
	do    func(ctx context.Context) error
	err   error
	done  chan struct{} // closed once err is final
}

func (c *change) end(err error) {
	c.err = err
	close(c.done)
}

func (c *change) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// run makes the change inside of a transaction. The statements run without the caller's
// context: they are short, and an interrupted one would leave the transaction in doubt. run
// looks at the context once more at the end.
func (c *change) run() error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if err := c.do(context.WithoutCancel(c.ctx)); err != nil {
		return err
	}
	return c.ctx.Err()
}

// line has the changes that wait, in the order in which they came.
type line struct {
	mu    sync.Mutex
	queue []*change
}

func (l *line) join(c *change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, c)
}

// leave takes a change out. It reports whether the change still waited.
func (l *line) leave(c *change) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.queue, c)
	if i < 0 {
		return false
	}
	l.queue = slices.Delete(l.queue, i, i+1)
	return true
}

// first takes out the n that came first, or as many as there are.
func (l *line) first(n int) []*change {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, len(l.queue))
	found := slices.Clone(l.queue[:n])
	l.queue = slices.Delete(l.queue, 0, n)
	return found
}

// transact runs do in a transaction, perhaps together with what others wait for: one commit,
// which waits for the disk, is enough for all of them. One wait covers the turn and other
// processes: it ends with the context, or by errBusy or errSlow. Any error means that nothing was
// changed, but for a log that is deleted during the commit and cannot be saved.
func (w *writer) transact(ctx context.Context, do func(ctx context.Context) error) error {
	return w.within(ctx, w.wait, do)
}

// within is transact with a wait of its own.
func (w *writer) within(ctx context.Context, wait time.Duration, do func(ctx context.Context) error) error {
	defer giveWay()
	c := &change{ctx: ctx, wait: wait, until: time.Now().Add(wait), do: do, done: make(chan struct{})}
	w.line.join(c)
	select {
	case <-w.turn: // which is only free if nobody waits
		w.lead(c)
		return c.err
	default:
	}
	late := time.NewTimer(wait)
	defer late.Stop()
	select {
	case <-c.done:
	case <-w.turn:
		w.lead(c)
	case <-ctx.Done():
		if w.line.leave(c) {
			return ctx.Err()
		}
	case <-late.C:
		if w.line.leave(c) {
			return w.late(c)
		}
	}
	<-c.done // another goroutine that is at it ends it soon
	return c.err
}

// aside is transact for what a portal writes about people and their browsers. Of these changes
// few are in the line at once, so that however many there are, a registration waits for few.
func (w *writer) aside(ctx context.Context, do func(ctx context.Context) error) error {
	until := time.Now().Add(w.wait)
	late := time.NewTimer(w.wait)
	defer late.Stop()
	select {
	case w.side <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return w.late(&change{wait: w.wait})
	}
	defer func() { <-w.side }()
	return w.within(ctx, time.Until(until), do)
}

// late is the error of a change that has waited as long as it may.
func (w *writer) late(c *change) error {
	why := errSlow
	if w.held.Load() {
		why = errBusy
	}
	return fmt.Errorf("the change could not begin within %s: %w", c.wait, why)
}

// giveWay lets all other goroutines run first where there is but one processor. It looks at
// goroutines that came back from the network or from the disk once in 61 turns, as long as it
// has others: a request that came in while a commit waited for the disk was left for a
// second, and the same busy connections were served again and again.
func giveWay() {
	if runtime.GOMAXPROCS(0) == 1 {
		runtime.Gosched()
	}
}

// lead begins a transaction with the turn, and ends c and others in it. The wait for other
// processes is that of c.
func (w *writer) lead(c *change) {
	defer func() { w.turn <- struct{}{} }()
	if !w.line.leave(c) {
		return // another goroutine has ended it
	}
	if err := w.start(c); err != nil {
		c.end(err)
		return
	}
	group := append([]*change{c}, w.line.first(maxGroup-1)...)
	defer func() { // a panic goes on, and leaves nobody waiting and no transaction
		for _, c := range group {
			if !c.ended() {
				w.undo(nil)
				c.end(errAbandoned)
			}
		}
	}()
	if len(group) == 1 {
		w.alone(c)
		return
	}
	w.together(group)
}

// start begins a transaction that may write. It waits for other processes in steps, because
// SQLite does not look at a context while it waits.
func (w *writer) start(c *change) error {
	ctx := context.WithoutCancel(c.ctx)
	if err := w.intact(ctx); err != nil {
		return err
	}
	for {
		_, err := w.begin.ExecContext(ctx)
		w.held.Store(isBusy(err))
		switch {
		case err == nil:
			return nil
		case !isBusy(err):
			w.undo(err)
			return err
		case c.ctx.Err() != nil:
			return c.ctx.Err()
		case !time.Now().Before(c.until):
			return w.late(c)
		}
	}
}

// undo rolls the transaction back, and remembers why. It fails where no transaction is left
// to roll back, which does no harm.
func (w *writer) undo(err error) {
	_, _ = w.rollback.ExecContext(context.Background())
	w.remember(err)
}

// finish commits the transaction, and returns what that means for the changes in it.
func (w *writer) finish() error {
	if _, err := w.commit.ExecContext(context.Background()); err != nil {
		w.undo(err)
		return err
	}
	return w.acknowledged(context.Background())
}

// alone ends the only change of the transaction.
func (w *writer) alone(c *change) {
	err := c.run()
	if err != nil {
		w.undo(err)
	} else {
		err = w.finish()
	}
	c.end(err)
}

// together ends all changes of a group by one commit. A change that has an answer of the
// contract, or whose context has ended, is taken back by itself. After any other fault each
// change gets a transaction of its own: SQLite may have rolled back all of them. Where the
// commit fails, the answers go with it, since one may tell of another change of the group.
func (w *writer) together(group []*change) {
	answers, err := w.each(group)
	if err == nil {
		err = w.finish()
		for i, c := range group {
			if err != nil {
				answers[i] = err
			}
			c.end(answers[i])
		}
		return
	}
	w.undo(err)
	for _, c := range group {
		if err := w.start(c); err != nil {
			c.end(err)
			continue
		}
		w.alone(c)
	}
}

// each runs the changes of a group one after the other, and returns the answer of each. The
// error is the first fault that is no answer.
func (w *writer) each(group []*change) (answers []error, err error) {
	ctx := context.Background()
	answers = make([]error, len(group))
	for i, c := range group {
		if _, err := w.save.ExecContext(ctx); err != nil {
			return nil, err
		}
		if answers[i] = c.run(); answers[i] != nil {
			if !isAnswer(answers[i]) && c.ctx.Err() == nil {
				return nil, answers[i]
			}
			if _, err := w.takeBack.ExecContext(ctx); err != nil {
				return nil, err
			}
		}
		if _, err := w.keep.ExecContext(ctx); err != nil {
			return nil, err
		}
	}
	return answers, nil
}
