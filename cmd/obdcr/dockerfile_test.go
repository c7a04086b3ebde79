package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// instruction is one of a Dockerfile, such as COPY with the rest of its line.
type instruction struct{ name, rest string }

// list reads the JSON array of an instruction.
func (i instruction) list(t *testing.T) (words []string) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(i.rest), &words), "%s %s", i.name, i.rest)
	return words
}

// stage is a stage of a Dockerfile, or several of which one is FROM the other.
type stage []instruction

// only returns the rest of the last instruction of a name, which is the one in force.
func (s stage) only(t *testing.T, name string) instruction {
	t.Helper()
	for _, i := range slices.Backward(s) {
		if i.name == name {
			return i
		}
	}
	require.Fail(t, "the Dockerfile has no "+name)
	return instruction{}
}

// health returns the command of the health check.
func (s stage) health(t *testing.T) []string {
	t.Helper()
	_, command, found := strings.Cut(s.only(t, "HEALTHCHECK").rest, "CMD ")
	require.True(t, found)
	return instruction{"HEALTHCHECK", command}.list(t)
}

// readDockerfile returns the stages of the Dockerfile by name, "" for the last. Each begins
// with what it is FROM.
func readDockerfile(t *testing.T) map[string]stage {
	t.Helper()
	text, err := os.ReadFile("../../Dockerfile")
	require.NoError(t, err)
	all, name := map[string]stage{}, ""
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", "")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		if word != "FROM" {
			all[name] = append(all[name], instruction{word, strings.TrimSpace(rest)})
			continue
		}
		from, as, _ := strings.Cut(rest, " AS ")
		name = as
		all[name] = append(slices.Clone(all[from]), instruction{word, from})
	}
	return all
}

func TestTheDockerfileFitsTheCommand(t *testing.T) {
	stages := readDockerfile(t)
	var copied []string
	for _, name := range []string{"prebuilt", ""} {
		s := stages[name]
		require.Equal(t, instruction{"FROM", "scratch"}, s[0])
		require.Regexp(t, `^[1-9][0-9]*:[1-9][0-9]*$`, s.only(t, "USER").rest, "a number: the image has no names of users, and not root")
		entry := s.only(t, "ENTRYPOINT").list(t)
		require.Equal(t, []string{"/obdcr"}, entry)

		words := s.only(t, "CMD").list(t)
		cmd, rest, err := (&app{}).root().Find(words)
		require.NoError(t, err)
		require.Equal(t, "sandbox", cmd.Name())
		require.NoError(t, cmd.ParseFlags(rest))
		require.NoError(t, cmd.ValidateArgs(cmd.Flags().Args()))
		var ports []string
		for _, flag := range []string{"listen", "portal", "directory"} {
			require.Regexp(t, `^:[0-9]+$`, cmd.Flag(flag).Value.String(), "every address of the container")
			ports = append(ports, cmd.Flag(flag).Value.String()[1:])
		}
		require.Equal(t, strings.Join(ports, " "), s.only(t, "EXPOSE").rest)
		folder := "/" + cmd.Flag("dir").Value.String()
		require.Equal(t, folder, s.only(t, "VOLUME").rest)
		require.Equal(t, "VOLUME", s[len(s)-1].name, "some builders drop what is put into a volume after this")

		health := s.health(t)
		require.Equal(t, entry[0], health[0])
		require.Equal(t, []string{"health", "https://127.0.0.1:" + ports[0] + "/readyz", "--ca", folder + "/ca.pem"}, health[1:])

		var to []string
		for _, i := range s {
			if i.name == "COPY" {
				to = append(to, regexp.MustCompile(`--from=\S+ |\S*dist/image`).ReplaceAllString(i.rest, ""))
			}
		}
		require.Subset(t, to, []string{"LICENSE /", "/obdcr /obdcr", "/ca-certificates.crt /etc/ssl/certs/"})
		if copied != nil {
			require.Equal(t, copied, to, "both images hold the same")
		}
		copied = to
	}
	require.True(t, strings.HasPrefix(stages["build"][0].rest, "golang:"))
}

// TestTheContainersOfDocumentsStart: what documents show to run is understood by the command,
// and has the ports and the volume of the image.
func TestTheContainersOfDocumentsStart(t *testing.T) {
	image := readDockerfile(t)[""]
	exposed := strings.Fields(image.only(t, "EXPOSE").rest)
	shown := 0
	for _, name := range []string{"README.md", "docs/operations.md", "docs/ci.md"} {
		text, err := os.ReadFile(filepath.Join("../..", name))
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(?m)^ *docker run (.*?) obdcr( [a-z].*?)?(?: < .*)?$`).FindAllStringSubmatch(string(text), -1) {
			shown++
			for _, port := range regexp.MustCompile(`-p (?:[0-9.]+:)?(\d+):(\d+)`).FindAllStringSubmatch(m[1], -1) {
				require.Equal(t, port[1], port[2], "addresses have the port")
				require.Contains(t, exposed, port[2])
			}
			for _, volume := range regexp.MustCompile(`-v [a-z]+:(\S+)`).FindAllStringSubmatch(m[1], -1) {
				require.Equal(t, image.only(t, "VOLUME").rest, volume[1])
			}
			if m[2] == "" { // what the Dockerfile says
				continue
			}
			cmd, rest, err := (&app{}).root().Find(strings.Fields(m[2]))
			require.NoError(t, err)
			require.NoError(t, cmd.ParseFlags(rest), m[0])
			require.NoError(t, cmd.ValidateArgs(cmd.Flags().Args()), m[0])
		}
	}
	require.GreaterOrEqual(t, shown, 4)
}

// What git does not know may be secret, such as the folder of a sandbox.
func TestWhatGitDoesNotKnowStaysOutOfAnImagesBuild(t *testing.T) {
	entries := func(name string) (all []string) {
		text, err := os.ReadFile(filepath.Join("../..", name))
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				all = append(all, line)
			}
		}
		return all
	}
	ignored := entries(".dockerignore")
	for _, name := range entries(".gitignore") {
		switch name = strings.TrimSuffix(name, "/"); {
		case name == "/dist": // what of it goes in is what the image holds
			require.Contains(t, ignored, "/dist/*")
			require.Contains(t, ignored, "!/dist/image")
		case strings.ContainsRune(name, '/'):
			require.Contains(t, ignored, name)
		default:
			require.Contains(t, ignored, "**/"+name)
		}
	}
	require.NotContains(t, strings.Join(ignored, "\n"), ".git\n", "the version is read from it")
}
