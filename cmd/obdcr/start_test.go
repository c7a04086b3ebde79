package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// initialised is a line of GODEBUG=inittrace=1 about a package of the project.
var initialised = regexp.MustCompile(`(?m)^init (github\.com/obdcr/obdcr/\S+) @.* (\d+) bytes, \d+ allocs$`)

// Each verb starts at once: no package reads vectors, makes cases or builds tables before somebody asks for them.
func TestTheCommandStartsWithoutWork(t *testing.T) {
	cmd := exec.Command(program(t, "obdcr"), "version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := cmd.CombinedOutput()
	require.NoError(t, err)
	found := initialised.FindAllStringSubmatch(string(trace), -1)
	require.NotEmpty(t, found)
	for _, line := range found {
		bytes, err := strconv.Atoi(line[2])
		require.NoError(t, err)
		require.Less(t, bytes, 1<<19, "%s allocates before main", line[1])
	}
}
