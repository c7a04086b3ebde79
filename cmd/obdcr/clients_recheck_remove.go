package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/recheck"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// removal asks the bank to remove the clients that are not admitted. Nil: nothing was to be
// removed, or all was asked for. The error has the exit code.
func (r *rechecked) removal(ctx context.Context, s recheck.Summary) error {
	switch {
	case !r.o.remove:
		return nil
	case s.NotAdmitted == 0:
		r.app.note("there is nothing to remove")
		return nil
	case s.NotAdmitted > r.o.maxRemove:
		return &exitError{exitViolated, fmt.Errorf("nothing was removed: %s not admitted, and --max-remove is %d. "+
			"If that many is right, and no mistake in the policy or at the directory, give --max-remove %d",
			are(s.NotAdmitted, "client"), r.o.maxRemove, s.NotAdmitted)}
	}
	var refused []recheck.Client
	if err := r.journal.Each(func(c *recheck.Client) error {
		if c.Admission == dcr.NotAdmitted {
			refused = append(refused, *c)
		}
		return nil
	}); err != nil {
		return ioError(err)
	}
	for i := range refused {
		c := &refused[i]
		r.app.note("not admitted: %s, %s, by %s", c.ClientID, text.Quote(c.SoftwareName), strings.Join(c.Rules(), ", "))
	}
	if !r.confirmed(len(refused)) {
		return &exitError{exitViolated, errors.New("nothing was removed")}
	}
	return r.removeAll(ctx, refused)
}

// removeAll judges each client once more, by key sets that are read anew, and has the bank
// remove what still is not admitted.
func (r *rechecked) removeAll(ctx context.Context, refused []recheck.Client) error {
	bank, done, err := r.config.Registrar(r.store, r.app.warnings())
	if err != nil {
		return serveError(err)
	}
	defer done()
	checker, err := bank.NewRechecker(r.recheckConfig())
	if err != nil {
		return ioError(err)
	}
	ctx = dcr.WithActor(ctx, dcr.Actor{Kind: dcr.ActorOperator, Name: r.o.as})
	failed := 0
	for i := range refused {
		c := &refused[i]
		said, err := r.removeOne(ctx, checker, c)
		if err != nil {
			failed++
			said = "not removed: " + text.Detail(err)
		}
		r.app.note("%s: %s", c.ClientID, said)
	}
	if failed > 0 {
		return ioError(fmt.Errorf("%d of %s not removed", failed, are(len(refused), "client")))
	}
	return nil
}

func (r *rechecked) removeOne(ctx context.Context, checker *dcr.Rechecker, c *recheck.Client) (said string, err error) {
	record, err := r.store.Get(ctx, c.ID)
	if errors.Is(err, store.ErrNotFound) {
		return "is gone already", nil
	}
	if err != nil {
		return "", err
	}
	found, err := checker.Client(ctx, record)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "is being changed or removed; left as it is", nil
	case err != nil:
		return "", err
	case found.Admission != dcr.NotAdmitted:
		return "is " + string(found.Admission) + " by now; left as it is", nil
	}
	var refusal *dcr.Error
	switch err := checker.Remove(ctx, found, r.o.reason); {
	case err == nil:
		return "removed", nil
	case errors.Is(err, dcr.ErrPending):
		return "its removal waits for approval", nil
	case errors.Is(err, dcr.ErrUnfinished):
		return "removed; a running obdcr serve tells the authorization server", nil
	case errors.Is(err, store.ErrNotFound):
		return "is gone already", nil
	case errors.As(err, &refusal):
		return "", errors.New(refusal.Description)
	default:
		return "", err
	}
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// are is counted with its verb.
func are(n int, noun string) string {
	if n == 1 {
		return counted(n, noun) + " is"
	}
	return counted(n, noun) + " are"
}
