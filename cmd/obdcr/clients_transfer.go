package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/archive"
)

// sealingFlags say what becomes of what is sealed with the bank's key.
type sealingFlags struct {
	key     string
	leave   bool
	command string // what leaves it out
}

func (o *sealingFlags) add(cmd *cobra.Command) {
	o.command = cmd.Name()
	cmd.Flags().StringVar(&o.key, "sealing-key", "", "the bank's sealing key, a `FILE`: 32 bytes, also in hexadecimal or base64; --config names it itself")
	cmd.Flags().BoolVar(&o.leave, "leave-out-sealed", false, "leave out what is sealed with the bank's key: such clients have to register again")
	cmd.MarkFlagsMutuallyExclusive("sealing-key", "leave-out-sealed")
}

// sealing makes the Sealing of this end. A configuration is nil where there is none.
func (o *sealingFlags) sealing(config *service.Config) (archive.Sealing, error) {
	if o.leave {
		return archive.Sealing{LeaveOut: true}, nil
	}
	var key claims.Secret
	switch {
	case o.key != "":
		content, err := os.ReadFile(o.key)
		if err != nil {
			return archive.Sealing{}, ioError(fmt.Errorf("--sealing-key %s: %w", cut(o.key), input.WithoutPath(err)))
		}
		if key = sealingKey(content); key.IsZero() {
			return archive.Sealing{}, usageError("--sealing-key %s has no key of %d bytes", cut(o.key), sealingKeyLength)
		}
	case config != nil:
		var err error
		if key, err = config.Key(nil); err != nil {
			return archive.Sealing{}, serveError(err)
		}
	}
	if key.IsZero() {
		return archive.Sealing{}, nil
	}
	return archive.Sealing{KeyID: archive.KeyID(key), Opens: func(c store.Client) error { return dcr.CheckSealed(key, c) }}, nil
}

const sealingKeyLength = 32

// sealingKey reads a key of 32 bytes, as it is, in hexadecimal or in base64; zero for none.
func sealingKey(content []byte) claims.Secret {
	if len(content) == sealingKeyLength {
		return claims.NewSecret(string(content))
	}
	written := strings.TrimSpace(string(content))
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawURLEncoding.DecodeString} {
		if key, err := decode(written); err == nil && len(key) == sealingKeyLength {
			return claims.NewSecret(string(key))
		}
	}
	return claims.Secret{}
}

// counter shows on a terminal how far an export or an import is. The zero value shows
// nothing.
type counter struct {
	a    *app
	next time.Time
	line int // its width
}

// show writes over the line before.
func (c *counter) show(doing string, s archive.Summary) {
	now := time.Now()
	if !c.a.progress || now.Before(c.next) {
		return
	}
	c.next = now.Add(progressStep)
	line := fmt.Sprintf("%s: %s", doing, countsOf(s))
	c.wipe()
	fmt.Fprint(c.a.err, line)
	c.line = len(line)
}

func (c *counter) wipe() {
	if c.line > 0 {
		fmt.Fprint(c.a.err, "\r"+strings.Repeat(" ", c.line)+"\r")
		c.line = 0
	}
}

func countsOf(s archive.Summary) string {
	return tallied(s.Clients, s.Subscriptions, s.Reservations, s.Audit)
}

// tallied says how much there is of each. Subscriptions are named where there are some.
func tallied(clients, subscriptions, reservations, audit int) string {
	entries := strconv.Itoa(audit) + " audit entries"
	if audit == 1 {
		entries = "1 audit entry"
	}
	first := counted(clients, "client") + ", "
	if subscriptions > 0 {
		first += counted(subscriptions, "subscription") + ", "
	}
	return first + counted(reservations, "reservation") + ", " + entries
}

// interruptible ends the context with the first SIGINT or SIGTERM; a second one ends the
// process.
func interruptible(ctx context.Context) (context.Context, func()) {
	ctx, restore := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore)
	return ctx, restore
}

// transferError gives an error of an export or an import its exit code: 1 for a file that is
// damaged or does not fit the store, 3 for what failed below.
func transferError(name string, err error) error {
	if err == nil {
		return nil
	}
	said := fmt.Errorf("%s: %w", name, plainly(err))
	if errors.Is(err, archive.ErrSealed) {
		said = fmt.Errorf("%w (--sealing-key FILE, or --leave-out-sealed)", said)
	}
	for _, wrong := range []error{
		archive.ErrDamaged, archive.ErrVersion, archive.ErrUnfit, archive.ErrSealed, archive.ErrForeign, archive.ErrCheckpoint, store.ErrExists, store.ErrState,
	} {
		if errors.Is(err, wrong) {
			return &exitError{exitViolated, said}
		}
	}
	return ioError(said)
}
