package archive_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/archive"
)

// counting counts what is imported, and fails after the first batches.
type counting struct {
	*store.Memory
	batches, left int
}

func (c *counting) Import(ctx context.Context, b store.Batch) (store.Imported, error) {
	if c.left--; c.left < 0 {
		return store.Imported{}, errDown
	}
	c.batches++
	return c.Memory.Import(ctx, b)
}

// An import that stopped after any batch is gone on with, and does not write again what it
// wrote; the last batch is looked at.
func TestAnImportGoesOnFromItsCheckpoint(t *testing.T) {
	from := memory()
	fill(t, from, 610) // a check among the clients
	file, want := export(t, from), read(t, from)
	all := bytes.Count(file, []byte(`{"kind":"check"`)) + 1
	for stop := 1; stop < all; stop++ {
		to := &counting{Memory: memory(), left: stop}
		var saved archive.Checkpoint
		c := archive.ImportConfig{To: to, Sealing: archive.Sealing{KeyID: key}, Save: func(at archive.Checkpoint) error { saved = at; return nil }}
		s, err := archive.Import(t.Context(), bytes.NewReader(file), c)
		require.ErrorIs(t, err, errDown)
		written := s.Imported
		to.left, to.batches, c.From = all, 0, saved
		s, err = archive.Import(t.Context(), bytes.NewReader(file), c)
		require.NoError(t, err)
		assert.Equal(t, all-stop+1, to.batches)
		assert.Equal(t, len(want.clients), written.Clients+s.Imported.Clients)
		assert.Equal(t, len(want.clients), s.Clients)
		requireSame(t, want, read(t, to))
	}
}

func TestACheckpointOfAnotherFileOrStoreIsRefused(t *testing.T) {
	from, other := memory(), memory()
	clients := 610 // a check in each part of the file
	if fulltest.Asked() {
		clients = 1300
	}
	fill(t, from, clients)
	fill(t, other, clients)
	file, second := export(t, from), export(t, other)
	require.NotEqual(t, file, second, "the audit trails differ")
	saved := []archive.Checkpoint{}
	c := archive.ImportConfig{To: memory(), Sealing: archive.Sealing{KeyID: key}, Save: func(at archive.Checkpoint) error { saved = append(saved, at); return nil }}
	_, err := archive.Import(t.Context(), bytes.NewReader(file), c)
	require.NoError(t, err)
	assert.True(t, saved[0].IsZero())

	to := memory()
	for _, at := range []archive.Checkpoint{{Line: 7, SHA256: saved[1].SHA256}, {Line: saved[1].Line, SHA256: "00"}, {Line: 1 << 40}, saved[len(saved)-1]} {
		c.To, c.From = to, at
		_, err = archive.Import(t.Context(), bytes.NewReader(second), c)
		require.ErrorIs(t, err, archive.ErrCheckpoint)
		requireSame(t, contents{}, read(t, to))
	}
	// A store that lacks what was imported is told and left as it is, whatever the part of the file,
	// and beside records of its own too. The import of the whole file mends it.
	for _, at := range saved[1:] {
		c.From = at
		_, err = archive.Import(t.Context(), bytes.NewReader(file), c)
		require.ErrorIs(t, err, archive.ErrCheckpoint)
		requireSame(t, contents{}, read(t, to))
	}
	mine := memory()
	require.NoError(t, mine.Create(t.Context(), store.Client{ID: "a"}, store.Change{}))
	before := read(t, mine)
	merged := archive.ImportConfig{To: mine, From: saved[2], Merge: true, Sealing: c.Sealing}
	_, err = archive.Import(t.Context(), bytes.NewReader(file), merged)
	require.ErrorIs(t, err, archive.ErrCheckpoint)
	requireSame(t, before, read(t, mine))
	_, err = into(t.Context(), to, file)
	require.NoError(t, err)
	requireSame(t, read(t, from), read(t, to))
}

func TestACheckpointThatCannotBeSavedEndsTheImport(t *testing.T) {
	from := memory()
	fill(t, from, 700)
	full := errors.New("the disk is full")
	_, err := archive.Import(t.Context(), bytes.NewReader(export(t, from)), archive.ImportConfig{
		To: memory(), Sealing: archive.Sealing{KeyID: key}, Save: func(archive.Checkpoint) error { return full },
	})
	require.ErrorIs(t, err, full)
}

func TestTheContextEndsExportAndImport(t *testing.T) {
	from := memory()
	fill(t, from, 10)
	file := export(t, from)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := into(ctx, memory(), file)
	require.ErrorIs(t, err, context.Canceled)
	_, err = archive.Export(ctx, &bytes.Buffer{}, archive.ExportConfig{From: from})
	require.ErrorIs(t, err, context.Canceled)
	_, err = archive.Import(t.Context(), bytes.NewReader(file), archive.ImportConfig{})
	require.Error(t, err)
	_, err = archive.Export(t.Context(), &bytes.Buffer{}, archive.ExportConfig{})
	require.Error(t, err)
}
