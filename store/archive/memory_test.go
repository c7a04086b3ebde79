package archive_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/archive"
)

// endless is a register of n clients of the usual size that keeps none of them, and takes
// any batch.
type endless struct {
	archive.Register
	n, taken  int
	statement string
}

func (e *endless) List(_ context.Context, after string, limit int) ([]store.Client, error) {
	next := 0
	if after != "" {
		if _, err := fmt.Sscanf(after, "client-%d", &next); err != nil {
			return nil, err
		}
		next++
	}
	var page []store.Client
	for ; next < e.n && len(page) < limit; next++ {
		c := record(next)
		c.ID, c.SoftwareStatement, c.Version = fmt.Sprintf("client-%09d", next), e.statement, 1
		page = append(page, c)
	}
	return page, nil
}

func (e *endless) Import(_ context.Context, b store.Batch) (store.Imported, error) {
	e.taken += len(b.Clients)
	return store.Imported{Clients: len(b.Clients)}, nil
}

// nothing is an empty register that keeps nothing of what it takes.
type nothing struct{ endless }

func (*nothing) List(context.Context, string, int) ([]store.Client, error) { return nil, nil }

// heap follows the greatest heap of live objects and of what is not yet collected.
type heap struct {
	before, most uint64
	next         time.Time
}

func (h *heap) look() {
	if now := time.Now(); now.Before(h.next) {
		return
	}
	h.next = time.Now().Add(20 * time.Millisecond)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if h.before == 0 {
		h.before = m.HeapAlloc
	}
	h.most = max(h.most, m.HeapAlloc)
}

// heapBound is what an export and an import may take: some batches of 2.5 MB.
const heapBound = 48 << 20

// The memory of an export and of an import does not grow with the register.
func TestARegisterOfAnySizeTakesTheSameMemory(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100)) // as in a bank
	n := 1000 * fulltest.Rounds(10)
	from := &endless{Register: memory(), n: n, statement: string(bytes.Repeat([]byte("a"), 2300))}
	path := filepath.Join(t.TempDir(), "register.jsonl")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	runtime.GC()
	var h heap
	h.look()
	began := time.Now()
	s, err := archive.Export(t.Context(), f, archive.ExportConfig{From: from, Progress: func(archive.Summary) { h.look() }})
	require.NoError(t, err)
	require.Equal(t, n, s.Clients)
	exported := time.Since(began)
	_, err = f.Seek(0, io.SeekStart)
	require.NoError(t, err)
	to := &nothing{endless{Register: memory()}}
	began = time.Now()
	s, err = archive.Import(t.Context(), f, archive.ImportConfig{To: to, Progress: func(bool, archive.Summary) { h.look() }})
	require.NoError(t, err)
	require.Equal(t, n, to.taken)
	require.Equal(t, n, s.Imported.Clients)
	imported := time.Since(began)
	assert.Less(t, int64(h.most)-int64(h.before), int64(heapBound))
	info, err := f.Stat()
	require.NoError(t, err)
	t.Logf("%d clients, %d MB: exported %.0f/s, imported %.0f/s with both passes, %d MB of heap", n, info.Size()>>20,
		float64(n)/exported.Seconds(), float64(n)/imported.Seconds(), (h.most-h.before)>>20)
}
