package main

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/servicetest"
	"github.com/obdcr/obdcr/internal/realtest"
)

// unit is the unit of systemd, and its settings by name.
func unit(t *testing.T) (text string, settings map[string][]string) {
	t.Helper()
	data, err := os.ReadFile("../../deploy/obdcr.service")
	require.NoError(t, err)
	settings = map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^([A-Z]\w+)=(.*)$`).FindAllStringSubmatch(string(data), -1) {
		settings[m[1]] = append(settings[m[1]], m[2])
	}
	return string(data), settings
}

func TestTheUnitOfSystemdFitsTheCommand(t *testing.T) {
	text, settings := unit(t)
	words := strings.Fields(settings["ExecStart"][0])
	cmd, rest, err := (&app{}).root().Find(words[1:])
	require.NoError(t, err)
	require.Equal(t, "serve", cmd.Name())
	require.NoError(t, cmd.ParseFlags(rest))
	require.NoError(t, cmd.ValidateArgs(cmd.Flags().Args()))
	for name, want := range map[string]string{"DynamicUser": "yes", "ProtectSystem": "strict", "NoNewPrivileges": "yes", "Restart": "on-failure",
		"RestartPreventExitStatus": strconv.Itoa(exitUsage), "ExecReload": "/bin/kill -HUP $MAINPID"} {
		require.Equal(t, []string{want}, settings[name], name)
	}
	require.Len(t, settings["LoadCredential"], 3)
	for _, credential := range settings["LoadCredential"] {
		name, _, _ := strings.Cut(credential, ":")
		require.Contains(t, text, "/run/credentials/obdcr.service/"+name, "the head says how the configuration names it")
	}
}

func TestSystemdTakesTheUnit(t *testing.T) {
	analyze, ok := realtest.Tool(t, "systemd-analyze")
	if !ok {
		return
	}
	text, _ := unit(t)
	file := filepath.Join(t.TempDir(), "obdcr.service")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(text, "/usr/bin/obdcr", program(t, "obdcr"))), 0o600))
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
	out, err = exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=20", file).CombinedOutput()
	require.NoError(t, err, "an exposure of 2.0 at most: %s", out)
}

// serveInContainer runs obdcr serve in a container, with a folder of the volume, and registers
// a client.
func serveInContainer(t *testing.T, image stage, c *container) {
	w := servicetest.New(t)
	uid, _, _ := strings.Cut(image.only(t, "USER").rest, ":")
	owner, err := strconv.Atoi(uid)
	require.NoError(t, err)
	port := strconv.Itoa(realtest.FreePort(t))
	w.Write(t, "bank.yaml", strings.Replace(w.Config(), "127.0.0.1:0", "127.0.0.1:"+port, 1)+"store: {path: clients.db}\ntokens: {own_endpoint: true}\n"+jsonLog)
	folder := c.volume("bank")
	require.NoError(t, os.CopyFS(folder, os.DirFS(w.Folder)))
	require.NoError(t, filepath.Walk(folder, func(name string, _ os.FileInfo, err error) error {
		require.NoError(t, err)
		return os.Chown(name, owner, owner)
	}))
	inside := path.Join(image.only(t, "VOLUME").rest, "bank")
	words := append(image.only(t, "ENTRYPOINT").list(t), "serve", "--config", inside+"/bank.yaml")
	out, err := c.run(append(words, "--check")...)
	require.NoError(t, err, "%s", out)
	p := c.start(words...)
	outputHas(t, p, "the bank serves")
	out, err = c.run("/obdcr", "health", "https://127.0.0.1:"+port+"/readyz", "--ca", inside+"/ca.pem")
	require.NoError(t, err, "%s", out)
	_, err = w.Register(t, w.Client(t, w.Software, "127.0.0.1:"+port))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(c.pid(), syscall.SIGTERM))
	require.Eventually(t, p.Ended, time.Minute, 50*time.Millisecond)
	require.NotContains(t, p.Output(), `"level":"ERROR"`)
}
