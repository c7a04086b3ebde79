package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// container runs programs of the image. The network is that of the machine.
type container struct {
	start  func(words ...string) *realtest.Process
	run    func(words ...string) ([]byte, error) // to its end
	pid    func() int                            // of the program that was started last
	volume func(file string) string              // where the machine sees a file of the volume
	closed bool                                  // nothing but the volume can be written to, by whoever it is
}

// TestTheImageServes makes the image that the Dockerfile describes, and runs what it says,
// as the user that it says. Only the ports are others: those may be taken here.
func TestTheImageServes(t *testing.T) {
	if !fulltest.Asked() {
		realtest.Missing(t, "OBDCR_FULL=1 compiles what the image holds")
		return
	}
	if os.Getuid() != 0 {
		realtest.Missing(t, "only root may run a program in another root folder")
		return
	}
	compiler, ok := realtest.Tool(t, "make")
	if !ok {
		return
	}
	keystore, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(keystore.Close)
	keystore.Publish("/keys.jwks", keystore.JWKS())
	context := t.TempDir()
	authorities := filepath.Join(t.TempDir(), "web.crt")
	require.NoError(t, os.WriteFile(authorities, keystore.CAPEM(), 0o644))
	made := exec.Command(compiler, "image", "IMAGE="+filepath.Join(context, "dist", "image"), "CAS="+authorities)
	made.Dir = "../.."
	out, err := made.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, name := range []string{"Dockerfile", ".dockerignore", "LICENSE"} {
		text, err := os.ReadFile(filepath.Join("../..", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(context, name), text, 0o644))
	}
	image := readDockerfile(t)["prebuilt"]
	t.Run("in an empty root folder", func(t *testing.T) {
		c := inRoot(t, image, context)
		liveInContainer(t, image, c, keystore.URL()+"/keys.jwks")
		serveInContainer(t, image, c)
	})
	t.Run("built and run by buildah", func(t *testing.T) {
		if c := byBuildah(t, image, context); c != nil {
			liveInContainer(t, image, c, keystore.URL()+"/keys.jwks")
			serveInContainer(t, image, c)
		}
	})
}

// liveInContainer starts the sandbox of the image, registers a client from outside, stops and
// kills the sandbox, and finds the client again. public is an address of a host that chains
// to the CAs in the image.
func liveInContainer(t *testing.T, image stage, c *container, public string) {
	words := append(image.only(t, "ENTRYPOINT").list(t), image.only(t, "CMD").list(t)...)
	port := strconv.Itoa(realtest.FreePort(t))
	words = append(words, "--listen", ":"+port, "--portal", ":"+strconv.Itoa(realtest.FreePort(t)), "--directory", ":"+strconv.Itoa(realtest.FreePort(t)))
	health := image.health(t)
	for i := range health {
		health[i] = strings.Replace(health[i], ":8443", ":"+port, 1)
	}
	owner, _, _ := strings.Cut(image.only(t, "USER").rest, ":")
	client := filepath.Join(t.TempDir(), "client.json")
	begin := func() *realtest.Process {
		p := c.start(words...)
		var at sandbox.Ready
		require.Eventually(t, func() bool {
			if p.Ended() {
				require.Fail(t, "it has ended", p.Output())
			}
			text, err := os.ReadFile(c.volume("ready.json"))
			return err == nil && json.Unmarshal(text, &at) == nil
		}, time.Minute, 50*time.Millisecond)
		require.Equal(t, "https://localhost:"+port, at.Bank)
		out, err := c.run(health...)
		require.NoError(t, err, "%s", out)
		return p
	}
	end := func(p *realtest.Process, signal syscall.Signal) {
		program := c.pid() // alone, as container engines do
		require.NoError(t, syscall.Kill(program, signal))
		require.Eventually(t, func() bool { return p.Ended() && syscall.Kill(program, 0) != nil }, time.Minute, 50*time.Millisecond)
	}
	first := begin()
	info, err := os.Stat(c.volume("obdcr.db"))
	require.NoError(t, err)
	require.Equal(t, owner, strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid)))
	c.confines(t, owner)
	code, _, errors := call("register", "--config", c.volume("conformance.json"), "--client-out", client)
	require.Zero(t, code, errors)
	out, err := c.run("/obdcr", "health", public)
	require.NoError(t, err, "the CAs are where programs look for them: %s", out)
	tried := 0
	for _, command := range nextCommands(first.Output()) {
		if next, ours := strings.CutPrefix(command, "docker exec CONTAINER "); ours {
			tried++
			out, err := c.run(strings.Fields(next)...)
			require.NoError(t, err, "what it prints to try: %s\n%s", command, out)
		}
	}
	require.Equal(t, 4, tried, first.Output())

	end(first, syscall.SIGTERM)
	require.NoFileExists(t, c.volume("ready.json"), "it ended in order")
	_, err = c.run(health...)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, exitViolated, exit.ExitCode())

	end(begin(), syscall.SIGKILL)
	require.NoError(t, os.Remove(c.volume("ready.json")), "it was killed, and begin waits for a new one")
	third := begin()
	code, _, errors = call("get", "--config", c.volume("conformance.json"), "--client", client)
	require.Zero(t, code, errors)
	end(third, syscall.SIGTERM)
}

// confines holds what the program that runs may do: it is the user's, without capabilities
// and without a way to get some, and the image is not to be written to.
func (c *container) confines(t *testing.T, owner string) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid()))
	require.NoError(t, err)
	status := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		status[name] = strings.TrimSpace(value)
	}
	require.Equal(t, slices.Repeat([]string{owner}, 4), strings.Fields(status["Uid"]))
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
		require.Regexp(t, "^0+$", status[set], set)
	}
	out, err := c.run("/obdcr", "man", "/made")
	require.Error(t, err, "the user may write into the volume alone: %s", out)
	if c.closed {
		require.Equal(t, "1", status["NoNewPrivs"])
		require.Contains(t, string(out), syscall.EROFS.Error())
	}
}

// inRoot puts what the Dockerfile copies into an empty folder, which is the root folder of
// the programs.
func inRoot(t *testing.T, image stage, context string) *container {
	root := t.TempDir()
	ids := func(user string) (uid, gid int) {
		u, g, _ := strings.Cut(user, ":")
		uid, err := strconv.Atoi(u)
		require.NoError(t, err)
		gid, err = strconv.Atoi(g)
		require.NoError(t, err)
		return uid, gid
	}
	for _, i := range image {
		if i.name != "COPY" {
			continue
		}
		words := strings.Fields(i.rest)
		chown, owned := strings.CutPrefix(words[0], "--chown=")
		if owned {
			words = words[1:]
		}
		from, to := filepath.Join(context, words[0]), filepath.Join(root, words[1])
		if strings.HasSuffix(words[1], "/") {
			to = filepath.Join(to, filepath.Base(from))
		}
		copyTree(t, from, to)
		if owned {
			uid, gid := ids(chown)
			require.NoError(t, os.Chown(to, uid, gid))
		}
	}
	// Container engines write this file.
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc", "hosts"), []byte("127.0.0.1 localhost\n"), 0o644))
	require.Equal(t, "/", image.only(t, "WORKDIR").rest, "where chroot begins")
	uid, gid := ids(image.only(t, "USER").rest)
	closed := exec.Command("unshare", "--mount", "mount", "--bind", root, root).Run() == nil
	if !closed {
		t.Log("nobody may mount anything here: the image is closed to its user alone, who owns none of it")
	}
	command := func(words []string) *exec.Cmd {
		if closed {
			return exec.CommandContext(t.Context(), "unshare", append([]string{"--mount", "sh", "-c", readOnly, "sh",
				root, image.only(t, "VOLUME").rest, image.only(t, "USER").rest}, words...)...)
		}
		cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
		cmd.Dir, cmd.Env = "/", []string{}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		return cmd
	}
	var running *exec.Cmd
	return &container{
		closed: closed,
		start: func(words ...string) *realtest.Process {
			running = command(words)
			return realtest.Start(t, running)
		},
		run:    func(words ...string) ([]byte, error) { return command(words).CombinedOutput() },
		pid:    func() int { return running.Process.Pid },
		volume: func(file string) string { return filepath.Join(root, image.only(t, "VOLUME").rest, file) },
	}
}

// readOnly runs a program in a root folder that is read-only but for a volume, as docker run
// --read-only --cap-drop ALL --security-opt no-new-privileges does. Its mounts are those of
// its own namespace, and end with it. The three capabilities that are left are those of
// chroot, which gives them up.
const readOnly = `set -e
root=$1 volume=$2 user=$3
shift 3
mount --bind "$root$volume" "$root$volume"
mount --rbind "$root" "$root"
mount -o remount,bind,ro "$root"
cd /
exec env -i "$(command -v setpriv)" --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid \
	"$(command -v chroot)" --userspec="$user" "$root" "$@"`

// copyTree copies a file or a folder.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
	if info.IsDir() {
		require.NoError(t, os.MkdirAll(to, 0o755))
		require.NoError(t, os.CopyFS(to, os.DirFS(from)))
		return
	}
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, info.Mode().Perm()|fs.FileMode(0o444)))
}

// byBuildah builds the image, and runs programs in a container of it. It needs no registry,
// no daemon and no user namespace. It returns nil where there is no buildah.
func byBuildah(t *testing.T, image stage, context string) *container {
	path, ok := realtest.Tool(t, "buildah")
	if !ok {
		return nil
	}
	kept := t.TempDir()
	command := func(words ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), path, append([]string{"--storage-driver", "vfs", "--root", filepath.Join(kept, "root"),
			"--runroot", filepath.Join(kept, "run")}, words...)...)
		cmd.Env = append(cmd.Environ(), "TMPDIR="+kept) // it leaves files there when it is killed
		return cmd
	}
	do := func(words ...string) string {
		cmd := command(words...)
		var messages strings.Builder
		cmd.Stderr = &messages
		out, err := cmd.Output()
		require.NoError(t, err, "buildah %s: %s", words[0], &messages)
		return strings.TrimSpace(string(out))
	}
	do("bud", "--isolation", "chroot", "--format", "docker", "--target", "prebuilt", "-t", "obdcr", context)
	inspectImage(t, image, do("inspect", "--type", "image", "obdcr"))
	name := do("from", "obdcr")
	run := func(words []string) *exec.Cmd {
		return command(append([]string{"run", "--isolation", "chroot", name, "--"}, words...)...)
	}
	var running *exec.Cmd
	return &container{
		start: func(words ...string) *realtest.Process {
			running = run(words)
			return realtest.Start(t, running)
		},
		run: func(words ...string) ([]byte, error) { return run(words).CombinedOutput() },
		pid: func() int { return descendant(t, running.Process.Pid) },
		volume: func(file string) string {
			found, err := filepath.Glob(filepath.Join(kept, "root", "vfs-containers", "*", "userdata", "buildah-volumes", "*"))
			require.NoError(t, err)
			require.LessOrEqual(t, len(found), 1)
			return filepath.Join(append(found, file)...)
		},
	}
}

// inspectImage holds an image that was built to the Dockerfile.
func inspectImage(t *testing.T, image stage, inspected string) {
	var built struct {
		Docker struct {
			Config struct {
				User            string
				Cmd, Entrypoint []string
				Volumes         map[string]any
				ExposedPorts    map[string]any
				Healthcheck     struct{ Test []string }
			} `json:"config"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(inspected), &built))
	got := built.Docker.Config
	require.Equal(t, image.only(t, "USER").rest, got.User)
	require.Equal(t, image.only(t, "ENTRYPOINT").list(t), got.Entrypoint)
	require.Equal(t, image.only(t, "CMD").list(t), got.Cmd)
	require.Equal(t, append([]string{"CMD"}, image.health(t)...), got.Healthcheck.Test)
	require.Contains(t, got.Volumes, image.only(t, "VOLUME").rest)
	for port := range strings.FieldsSeq(image.only(t, "EXPOSE").rest) {
		require.Contains(t, got.ExposedPorts, port+"/tcp")
	}
}

// descendant returns the process at the end of the line of children that begins with a process.
func descendant(t *testing.T, pid int) int {
	t.Helper()
	children := map[int]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		_, fields, _ := strings.Cut(string(text), ") ") // state, parent, ...
		parent, err := strconv.Atoi(strings.Fields(fields)[1])
		require.NoError(t, err)
		children[parent], err = strconv.Atoi(filepath.Base(filepath.Dir(name)))
		require.NoError(t, err)
	}
	for children[pid] != 0 {
		pid = children[pid]
	}
	return pid
}
