package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/archive"
)

// manyClients writes an archive with n clients, each with a reservation and an entry.
func manyClients(t *testing.T, path string, n int) {
	t.Helper()
	from := store.NewMemory(func() time.Time { return scriptTime })
	for i := range n {
		id := fmt.Sprintf("client-%05d", i)
		require.NoError(t, from.Create(t.Context(), store.Client{ID: id, UniqueKey: id, IssuedAt: scriptTime, SoftwareStatement: id}, store.Change{
			Reservation: store.Reservation{Namespace: "request", Issuer: "app", JTI: id, Until: scriptTime.Add(time.Hour)},
			Audit:       store.Audit{Actor: "tpp", Operation: "create", Decision: "done"},
		}))
	}
	require.NoError(t, os.WriteFile(path, exportOf(t, from), 0o600))
}

// exportOf returns a register as a file, as at the time of the scripts.
func exportOf(t *testing.T, from archive.Register) []byte {
	t.Helper()
	var out bytes.Buffer
	_, err := archive.Export(t.Context(), &out, archive.ExportConfig{From: from, Clock: func() time.Time { return scriptTime }})
	require.NoError(t, err)
	return out.Bytes()
}

// An import is killed at random moments, and goes on until it ends: nothing is lost, and
// nothing doubled.
func TestAnImportThatIsKilledGoesOn(t *testing.T) {
	t.Parallel()
	name := program(t, "obdcr")
	path := filepath.Join(t.TempDir(), "register.jsonl")
	manyClients(t, path, 1500)
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	targets := []string{filepath.Join(t.TempDir(), "clients.db")}
	if server, ok := realtest.SharedPostgres(t); ok {
		targets = append(targets, server.DSN(server.Database(t)))
	}
	for _, target := range targets {
		for range 3 * fulltest.Rounds(1) {
			cmd := exec.CommandContext(t.Context(), name, "clients", "import", path, "--store", target, "--resume")
			var said bytes.Buffer
			cmd.Stderr = &said
			require.NoError(t, cmd.Start())
			time.Sleep(time.Duration(20+rand.IntN(400)) * time.Millisecond) // the moment is what the test varies
			_ = cmd.Process.Kill()                                          // it may have ended
			if err := cmd.Wait(); err == nil {
				break
			}
			if strings.Contains(said.String(), "obdcr: imported: ") { // the signal came between this and the end
				break
			}
			require.NotContains(t, said.String(), "obdcr: ", "it fails by itself")
		}
		out, err := exec.CommandContext(t.Context(), name, "clients", "import", path, "--store", target, "--resume").CombinedOutput()
		require.NoError(t, err, "%s", out)
		s, err := stores.Open(t.Context(), claims.NewSecret(target), stores.Options{Existing: true})
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want, exportOf(t, s)), "the register is that of the file")
		require.NoError(t, s.Close())
		require.NoFileExists(t, path+".position")
	}
}

// An import that is interrupted says how far it came, and a second one goes on from there.
func TestAnInterruptedImportSaysHowToGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "register.jsonl")
	manyClients(t, path, 1200)
	require.NoError(t, os.WriteFile(path+".position", []byte(`{"line":7,"sha256":"00"}`), 0o600))
	target := filepath.Join(t.TempDir(), "clients.db")
	code, _, said := call("clients", "import", path, "--store", target, "--resume")
	require.Equal(t, exitViolated, code)
	require.Contains(t, said, "the import cannot go on from there: it is of another file")
	require.Contains(t, said, "nothing was imported")
	require.NoError(t, os.WriteFile(path+".position", []byte(`nonsense`), 0o600))
	code, _, said = call("clients", "import", path, "--store", target, "--resume")
	require.Equal(t, exitUsage, code)
	require.Contains(t, said, "import without --resume")
	code, _, said = call("clients", "import", path, "--store", target)
	require.Equal(t, exitFine, code, said)
	require.NoFileExists(t, path+".position")
}
