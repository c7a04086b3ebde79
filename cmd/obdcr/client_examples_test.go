package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa/ssatest"
)

// TestTheExamplesOfATPPsVerbsWork runs the examples of their help by a shell, against a bank
// and a directory. Only the names that stand for the reader's own are replaced.
func TestTheExamplesOfATPPsVerbsWork(t *testing.T) {
	bank := newClientBank(t)
	directory, software := bank.Directory(), bank.NewTPP(t).Software()
	dir := t.TempDir()
	for name, text := range clientFiles(t, directory, software, bank.URL()+"/discovery") {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	own := strings.NewReplacer(
		"https://bank.example/.well-known/openid-configuration", bank.URL()+"/discovery", "--kid KID", "--kid "+software.SigningKeyID,
		"--aud 0015800001041RHAAY", "--aud "+ssatest.DefaultAudience, "https://app.example/cb", software.RedirectURIs[0],
		"https://matls-dirapi.openbankingtest.org.uk", directory.URL()+" --ca ca.pem", "https://directory.example/token", directory.URL()+ssatest.TokenPath,
		"0015800001041RHAAY", software.OrgID, "4Kb1BFCjzBrlhWlNBDxVEo", software.SoftwareID, "> request.jwt", "> built.jwt",
	)
	path := "PATH=" + filepath.Dir(program(t, "obdcr"))
	for _, verb := range [][]string{{"ssa", "get"}, {"build"}, {"register"}, {"get"}, {"update"}, {"delete"}} {
		c, _, err := (&app{}).root().Find(verb)
		require.NoError(t, err)
		examples := strings.ReplaceAll(c.Example, "\\\n", " ")
		require.Contains(t, examples, "obdcr "+strings.Join(verb, " "))
		for example := range strings.Lines(examples) {
			shell := exec.Command("/bin/sh", "-c", own.Replace(example))
			shell.Dir, shell.Env = dir, append(shell.Environ(), path)
			out, err := shell.CombinedOutput()
			require.NoError(t, err, "%s\n%s", example, out)
		}
	}
}
