package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/realtest"
)

// TestAnInstallStartsNoService runs the functions of .ci/run with which it installs packages, over
// an apt-get that asks the policy as Debian's packages do before they start a service: 101 forbids it.
func TestAnInstallStartsNoService(t *testing.T) {
	bash, ok := realtest.Tool(t, "bash")
	if !ok {
		return
	}
	script := readFile(t, ".ci/run")
	functions := ""
	for _, name := range []string{"install", "remove_policy"} {
		found := regexp.MustCompile(`(?ms)^` + name + `\(\) \{$.*?^\}$`).FindString(script)
		require.NotEmpty(t, found, name)
		functions += found + "\n"
	}
	const around = `set -euo pipefail
		step() { :; }
		id() { echo 0; }
		apt-get() {
			[[ "$1" = install ]] || return 0
			local status=0
			"$policy" nginx start || status=$?
			echo "$status" >"$scratch/answer"
			[[ -z "${fails:-}" ]]
		}
		own_policy=""
	`
	for name, c := range map[string]struct{ before, existing, answer string }{
		"there is no policy":                {answer: "101\n"},
		"there is none and apt-get fails":   {before: "fails=1\n", answer: "101\n"},
		"the machine's own policy is asked": {existing: "#!/bin/sh\nexit 104\n", answer: "104\n"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			policy := filepath.Join(folder, "policy-rc.d")
			if c.existing != "" {
				require.NoError(t, os.WriteFile(policy, []byte(c.existing), 0o700)) //nolint:gosec // a script
			}
			cmd := exec.Command(bash, "-c", around+c.before+functions+"install nginx")
			cmd.Env = append(os.Environ(), "scratch="+folder, "policy="+policy)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			answer, err := os.ReadFile(filepath.Join(folder, "answer"))
			require.NoError(t, err)
			assert.Equal(t, c.answer, string(answer))
			left, err := os.ReadFile(policy)
			if c.existing == "" {
				require.ErrorIs(t, err, os.ErrNotExist)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.existing, string(left), "it is left as it was")
		})
	}
}
