package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/store/sqlite"
)

const (
	faultyDisk    = "OBDCR_FAULTY_DISK" // makes this binary the child, with the path of the file
	faultyChanges = 200
)

// registerThroughFaults is the child: it registers one name after the other, also after
// faults, and says what each came to. It ends as a kill ends it, without a Close.
func registerThroughFaults(path string) int {
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: path, Clock: time.Now})
	if err != nil {
		fmt.Println("open", err)
		return 1
	}
	for i := range faultyChanges {
		name := fmt.Sprint("n", i)
		if err := s.Create(context.Background(), registration(name), requestOf(name)); err != nil {
			fmt.Println("failed", name, err)
			continue
		}
		fmt.Println("ok", name)
	}
	return 0
}

// TestADiskThatFailsLosesNothingThatWasAcknowledged makes system calls of a real process fail
// or wait, by strace: what was acknowledged is there afterwards, what failed is told, and the
// store goes on when the disk does.
func TestADiskThatFailsLosesNothingThatWasAcknowledged(t *testing.T) {
	strace, ok := realtest.Tool(t, "strace")
	if !ok {
		return
	}
	for name, c := range map[string]struct {
		inject, says string
	}{
		"a disk that does not confirm":     {"fsync,fdatasync:error=EIO:when=20..25", "look at the disk"},
		"a disk that is full for a moment": {"pwrite64:error=ENOSPC:when=220..240", "make room on the disk"},
		"a disk that fails to write":       {"pwrite64:error=EIO:when=220..240", "look at the disk"},
		"a disk that turned read-only":     {"pwrite64:error=EROFS:when=220..240", "look at the disk"},
		"a disk that is slow":              {"fsync,fdatasync:delay_exit=20000:when=10..30", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "clients.db")
			var said bytes.Buffer
			child := exec.CommandContext(t.Context(), strace, "-f", "--seccomp-bpf", "-qq", "-o", os.DevNull, "-e", "trace="+strings.SplitN(c.inject, ":", 2)[0], "-e", "inject="+c.inject, os.Args[0])
			child.Env, child.Stdout, child.Stderr = append(os.Environ(), faultyDisk+"="+path), &said, &said
			require.NoError(t, child.Run(), said.String())
			var acknowledged []string
			failed, goesOn := 0, c.says == ""
			for line := range strings.Lines(said.String()) {
				switch what, rest, _ := strings.Cut(strings.TrimSpace(line), " "); what {
				case "ok":
					acknowledged = append(acknowledged, rest)
					goesOn = goesOn || failed > 0
				case "failed":
					failed++
					assert.Contains(t, line, c.says)
				}
			}
			require.Equal(t, faultyChanges, len(acknowledged)+failed, said.String())
			require.Equal(t, c.says != "", failed > 0, said.String())
			require.True(t, goesOn, "the store takes changes again when the disk does: %s", said.String())
			faults, records := faultsAfter(t, path, acknowledged)
			require.Empty(t, faults)
			require.GreaterOrEqual(t, records, len(acknowledged))
			t.Logf("%d acknowledged, %d failed, %d found", len(acknowledged), failed, records)
		})
	}
}
