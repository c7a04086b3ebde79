package server_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
)

// asRoot tells whether the tests may start a proxy as root, and as somebody else.
func asRoot(t *testing.T) bool {
	t.Helper()
	if os.Getuid() != 0 {
		realtest.Missing(t, "only root starts a proxy as root")
		return false
	}
	return true
}

// A port below 1024 needs root, and the proxy needs root for nothing else.
func TestARealProxyThatRootStartsAnswersAsAnotherUser(t *testing.T) {
	if !asRoot(t) {
		return
	}
	eachRealProxy(t, func(t *testing.T, p realProxy) {
		b := behindProxy(t, p, surroundings{})
		_, answer := b.whoAmI(t, b.transport(t, b.software.TransportCertificate), nil)
		require.Equal(t, leafOf(b.software.TransportCertificate), answer)
		workers := workersOf(t, b.group)
		require.NotEmpty(t, workers)
		for _, pid := range workers {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			require.NoError(t, err)
			assert.Regexp(t, `(?m)^Uid:(\t[1-9]\d*){4}$`, string(status), "real, effective, saved and of the file system")
			assert.Regexp(t, `(?m)^Gid:(\t[1-9]\d*){4}$`, string(status))
			assert.Regexp(t, `(?m)^CapEff:\t0+$`, string(status))
			if p.tool == "haproxy" {
				folder, err := os.Readlink(fmt.Sprintf("/proc/%d/root", pid))
				require.NoError(t, err)
				assert.Equal(t, b.run, folder)
				inside, err := os.ReadDir(b.run)
				require.NoError(t, err)
				assert.Empty(t, inside)
			}
		}
	})
}

// nobody has the same number on each system.
const nobody = 65534

func TestARealProxyThatAnotherUserStartsServes(t *testing.T) {
	if !asRoot(t) {
		return
	}
	eachRealProxy(t, func(t *testing.T, p realProxy) {
		b := behindProxy(t, p, surroundings{as: func(cmd *exec.Cmd, folder string) {
			require.NoError(t, os.Chmod(filepath.Dir(folder), 0o711)) //nolint:gosec // others pass through
			require.NoError(t, filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
				if err != nil {
					return err
				}
				return os.Chown(path, nobody, nobody)
			}))
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}})
		_, answer := b.whoAmI(t, b.transport(t, b.software.TransportCertificate), nil)
		require.Equal(t, leafOf(b.software.TransportCertificate), answer)
	})
}

// workersOf returns the processes of a group that have no children: those that answer requests.
func workersOf(t *testing.T, group int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	parents := map[int]int{} // by process of the group
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended meanwhile
		}
		after := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // state, parent, group
		if after[2] == strconv.Itoa(group) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			require.NoError(t, err)
			parents[pid], err = strconv.Atoi(after[1])
			require.NoError(t, err)
		}
	}
	leaves := map[int]bool{}
	for pid := range parents {
		leaves[pid] = true
	}
	for _, parent := range parents {
		delete(leaves, parent)
	}
	var all []int
	for pid := range leaves {
		all = append(all, pid)
	}
	return all
}
