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

// TestATestOfAServerThatDidNothingFailsTheStage runs the function of .ci/run that runs tests
// with a server, over a go that prints what a test of it could.
func TestATestOfAServerThatDidNothingFailsTheStage(t *testing.T) {
	bash, ok := realtest.Tool(t, "bash")
	if !ok {
		return
	}
	function := regexp.MustCompile(`(?ms)^run_with\(\) \{$.*?^\}$`).FindString(readFile(t, ".ci/run"))
	require.NotEmpty(t, function)
	const around = `set -euo pipefail
		step() { :; }
		die() { echo "died: $*"; exit 1; }
		leave_out() { echo "left out: $*"; }
		have() { [[ "$1" != missing ]]; }
		asks_for() { printf './ TestOne\n./ TestOther\n'; }
		go() { [[ "$OBDCR_SERVERS" = 1 && "$*" = *' -run ^(TestOne|TestOther)$ .' ]] && printf '%b' "$says"; }
	`
	const both = `--- PASS: TestOne (1.00s)\n--- PASS: TestOther (1.00s)\nok\n`
	for name, c := range map[string]struct{ says, tool, end string }{
		"both have run":           {both, "java:jre", ""},
		"one has not":             {`--- PASS: TestOne (1.00s)\nok\n`, "java:jre", "died: TestOther"},
		"one has a longer name":   {`--- PASS: TestOne (1.00s)\n--- PASS: TestOtherwise (1.00s)\nok\n`, "java:jre", "died: TestOther"},
		"one says it did nothing": {`TestOne did not run: there is no mvn\n` + both, "java:jre", "died: a test"},
		"a part was skipped":      {`    --- SKIP: TestOne/part (0.00s)\n` + both, "java:jre", "died: a test"},
		"a program is missing":    {both, "missing:package", "left out: the tests with Keycloak there is no missing"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(bash, "-c", around+function+"\nrun_with Keycloak "+c.tool)
			cmd.Env = append(os.Environ(), "scratch="+t.TempDir(), "says="+c.says)
			out, err := cmd.CombinedOutput()
			if c.end == "" {
				require.NoError(t, err, "%s", out)
				require.NotContains(t, string(out), "died")
				return
			}
			require.Contains(t, string(out), c.end)
		})
	}
}
