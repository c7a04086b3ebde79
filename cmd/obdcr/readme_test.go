package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/ssa/ssatest"
)

var (
	fenced = regexp.MustCompile("(?s)```\n(.*?)```")
	ours   = regexp.MustCompile(`^go run \./cmd/obdcr ([^#]*)`)
)

// TestTheREADMEsCommandsDoWhatItSays runs each line of the README that calls the
// command, from the top down, in a folder with the files that they name.
func TestTheREADMEsCommandsDoWhatItSays(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	dir := t.TempDir()
	directory, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(directory.Close)
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	claims := software.Request("0015800001041RHAAY")
	request, err := software.Sign(&claims)
	require.NoError(t, err)
	for name, content := range map[string]string{
		"request.jwt": request, "directory.jwks": string(directory.JWKS()), "software.jwks": string(software.JWKS()),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	ran := map[string]bool{}
	for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			m := ours.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			args := strings.Fields(m[1])
			ran[args[0]] = true
			if args[0] == "sandbox" {
				require.Len(t, args, 1)
				runSandbox(t, filepath.Join(dir, "obdcr-sandbox"))
				continue
			}
			cmd := exec.Command(program(t, "obdcr"), args...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s\n%s", line, out)
			require.NotEmpty(t, out, line)
		}
	}
	require.Equal(t, map[string]bool{"sandbox": true, "register": true, "lint": true}, ran, "the README shows these")
}
