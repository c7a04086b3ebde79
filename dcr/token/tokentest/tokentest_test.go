package tokentest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/token"
)

func TestTheKeeperInMemoryKeepsTheContract(t *testing.T) {
	RunKeeper(t, func(_ *testing.T, clock func() time.Time) token.Keeper { return NewMemoryKeeper(clock) })
}

// faulty is a Keeper that breaks its contract in one way.
type faulty struct {
	*MemoryKeeper
	fault string
}

func (f faulty) KeepToken(ctx context.Context, hash [32]byte, clientID string, content []byte, expiry time.Time, most int) error {
	switch f.fault {
	case "it has no bound":
		most = 1000
	case "it forgets one token too many":
		most--
	case "it bounds all clients together":
		clientID = "all"
	case "it forgets nothing of a deleted client":
		clientID += "?"
	case "it keeps tokens for ever":
		expiry = expiry.AddDate(10, 0, 0)
	case "it takes no notice of the context":
		ctx = context.WithoutCancel(ctx)
	case "it cuts the content":
		content = content[:len(content)-1]
	case "it forgets what it is to keep":
		if most == 3 && expiry.Sub(f.clock()) == life && string(content) == `{"token":"now"}` {
			return nil
		}
	}
	return f.MemoryKeeper.KeepToken(ctx, hash, clientID, content, expiry, most)
}

func (f faulty) EndToken(ctx context.Context, hash [32]byte) error {
	if f.fault == "it ends nothing" && ctx.Err() == nil {
		return nil
	}
	return f.MemoryKeeper.EndToken(ctx, hash)
}

func TestABrokenKeeperFails(t *testing.T) {
	for _, fault := range []string{"it has no bound", "it forgets one token too many", "it bounds all clients together",
		"it forgets nothing of a deleted client", "it keeps tokens for ever", "it takes no notice of the context", "it cuts the content",
		"it forgets what it is to keep", "it ends nothing"} {
		t.Run(fault, func(t *testing.T) {
			breaches := 0
			for _, c := range keeperCases() {
				p := newProbe()
				p.Keeper = faulty{NewMemoryKeeper(p.clock), fault}
				if c.do(p) != nil {
					breaches++
				}
			}
			require.NotZero(t, breaches)
		})
	}
}
