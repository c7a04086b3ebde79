package dcr_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

// fileChooser is a fileServer that chooses client_ids and gives a new management token with
// each answer, as chooser does.
type fileChooser struct{ fileServer }

// heldClient is the file of a client.
type heldClient struct{ Token, Metadata string }

func (s fileChooser) read(id string) (held heldClient, err error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "chosen-"+id))
	if err != nil {
		return held, err
	}
	return held, json.Unmarshal(text, &held)
}

func (s fileChooser) Provision(_ context.Context, p dcr.Provisioning) (dcr.Provisioned, error) {
	id, management, _ := strings.Cut(p.State.Reveal(), "|")
	held, err := s.read(id)
	switch lost := err != nil || held.Token != management; {
	case p.State.IsZero() || p.Recreate && lost:
		id = rand.Text()
	case lost:
		return dcr.Provisioned{}, fmt.Errorf("no such management token: %w", dcr.ErrLost)
	}
	held = heldClient{Token: rand.Text(), Metadata: string(p.Client.Metadata)}
	return dcr.Provisioned{ClientID: id, State: claims.NewSecret(id + "|" + held.Token)},
		errors.Join(s.put("chosen-"+id, held), s.fail("provision"))
}

func (s fileChooser) Deprovision(_ context.Context, d dcr.Deprovisioning) error {
	id, management, _ := strings.Cut(d.State.Reveal(), "|")
	if held, err := s.read(id); err != nil || held.Token != management {
		return fmt.Errorf("nothing manages the client: %w", dcr.ErrLost)
	}
	return s.drop("chosen-" + id)
}

// chosenClients returns what the server holds by client_id.
func (s fileChooser) chosenClients(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.dir, "chosen-*"))
	require.NoError(t, err)
	found := map[string]string{}
	for _, name := range names {
		id := strings.TrimPrefix(filepath.Base(name), "chosen-")
		held, err := s.read(id)
		require.NoError(t, err)
		found[id] = held.Metadata
	}
	return found
}

// newChoosingKillTest is newKillTest with a fileChooser.
func newChoosingKillTest(t *testing.T, op dcr.Operation) (*killTest, fileChooser) {
	t.Helper()
	k := newKillTest(t, op, func(o *order) { o.Chooses = true })
	return k, fileChooser{k.server}
}

// TestAKilledCreationLeavesAtMostAClientThatTheLogNames: no transaction spans the two
// systems, so the server may hold a client whose id reached nobody. The record is undone,
// and the same request makes another client.
func TestAKilledCreationLeavesAtMostAClientThatTheLogNames(t *testing.T) {
	for point, orphans := range map[string]int{"create.begun": 0, "create.provisioned": 1} {
		t.Run(point, func(t *testing.T) {
			k, server := newChoosingKillTest(t, dcr.OpCreate)
			k.order.Point = point
			k.kill(t, k.order)
			log := &bytes.Buffer{}
			k.openLogging(t, log, func(r *dcr.Registrar, s *sqlite.Store) {
				shown := inForce(t, s)
				require.Len(t, shown, 1)
				report, err := r.Reconcile(context.Background(), 0)
				require.NoError(t, err)
				require.Equal(t, dcr.ReconcileReport{Undone: 1}, report)
				require.Equal(t, shown, inForce(t, s))
				require.Len(t, server.chosenClients(t), len(shown)+orphans)
				require.Contains(t, log.String(), "may hold a client that nobody knows", "the client that the server holds is logged")
				again, err := r.Register(context.Background(), dcr.RegisterInput{Token: claims.NewSecret(k.order.Request),
					Certificate: k.world.certificate(t, k.world.software)})
				require.NoError(t, err, "whoever had no answer may ask again")
				require.Contains(t, server.chosenClients(t), again.Client.ClientID)
			})
		})
	}
}

// TestAKilledUpdateThatLostItsTokenIsRepaired: the server has the new content, and the
// token that it gave went down with the process.
func TestAKilledUpdateThatLostItsTokenIsRepaired(t *testing.T) {
	k, server := newChoosingKillTest(t, dcr.OpUpdate)
	k.order.Point = "update.provisioned"
	k.kill(t, k.order)
	log := &bytes.Buffer{}
	k.openLogging(t, log, func(r *dcr.Registrar, s *sqlite.Store) {
		ctx := context.Background()
		report, err := r.Reconcile(ctx, 0)
		require.NoError(t, err)
		require.Equal(t, dcr.ReconcileReport{Undone: 1}, report)
		require.Contains(t, log.String(), "Reprovision makes it anew")
		after, err := s.Get(ctx, k.before.ID)
		require.NoError(t, err)
		after.Version = k.before.Version
		require.Equal(t, k.before, after)
		repaired, err := r.Reprovision(ctx, dcr.ReprovisionOptions{})
		require.NoError(t, err)
		require.Len(t, repaired.Moved, 1)
		held := server.chosenClients(t)
		require.Equal(t, inForce(t, s)[repaired.Moved[0].After], held[repaired.Moved[0].After])
		require.Contains(t, held, k.before.ClientID, "the old client is left at the server, for an operator to remove")
	})
}

// TestAChangeOfAChoosingServerThatWasAnsweredIsKept: after SIGKILL the state that the
// server gave last is there.
func TestAChangeOfAChoosingServerThatWasAnsweredIsKept(t *testing.T) {
	for _, op := range []dcr.Operation{dcr.OpCreate, dcr.OpUpdate} {
		t.Run(string(op), func(t *testing.T) {
			k, server := newChoosingKillTest(t, op)
			k.order.Point = string(op) + ".ended"
			k.kill(t, k.order)
			k.openLogging(t, &bytes.Buffer{}, func(r *dcr.Registrar, s *sqlite.Store) {
				ctx := context.Background()
				require.Equal(t, inForce(t, s), server.chosenClients(t))
				all, err := s.List(ctx, "", 10)
				require.NoError(t, err)
				for _, c := range all {
					require.NoError(t, r.Remove(ctx, c.ID, "test"))
				}
				require.Empty(t, server.chosenClients(t))
			})
		})
	}
}

// TestADeletionAtAChoosingServerThatIsKilledIsEnded at each of its points.
func TestADeletionAtAChoosingServerThatIsKilledIsEnded(t *testing.T) {
	for _, point := range []string{"delete.begun", "delete.revoked", "delete.deprovisioned"} {
		t.Run(point, func(t *testing.T) {
			k, server := newChoosingKillTest(t, dcr.OpDelete)
			k.order.Point = point
			k.kill(t, k.order)
			log := &bytes.Buffer{}
			k.openLogging(t, log, func(r *dcr.Registrar, s *sqlite.Store) {
				report, err := r.Reconcile(context.Background(), 0)
				require.NoError(t, err)
				require.Equal(t, dcr.ReconcileReport{Finished: 1}, report)
				require.NotContains(t, log.String(), "nobody knows", "the client may just be gone")
				require.Equal(t, point == "delete.deprovisioned", strings.Contains(log.String(), "it is gone there already"))
				require.Empty(t, server.chosenClients(t))
				_, err = s.Get(context.Background(), k.before.ID)
				require.ErrorIs(t, err, store.ErrNotFound)
			})
		})
	}
}

// openLogging is open with a log.
func (k *killTest) openLogging(t *testing.T, log *bytes.Buffer, use func(*dcr.Registrar, *sqlite.Store)) {
	t.Helper()
	k.order.log = slog.New(slog.NewTextHandler(log, nil))
	defer func() { k.order.log = nil }()
	k.open(t, use)
}
