package main

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/inputtest"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/internal/text"
)

// place is where a file can be given.
type place struct {
	flag  string   // "" for an argument
	args  []string // of the command; FILE stands for the file
	takes []string // the names of the samples that are read there, or how they begin
	wrong int      // the exit code for all others
	right []int    // the exit codes for those that are read, with samples of no more than test data
}

// Samples that are the same thing in several forms.
var (
	certificateForms = []string{"certificate", "certificates", "ca", "bundle", "pkcs12", "pkcs12-open", "pkcs12-legacy", "pkcs12-trust"}
	keyForms         = []string{"rsa-pkcs8", "rsa-pkcs1", "rsa-jwk", "rsa-jwk-short", "ec-pkcs8", "ec-sec1", "ec-jwk", "private-jwks", "bundle", "pkcs12", "pkcs12-open", "pkcs12-legacy"}
	policyForms      = []string{"policy", "object"}
)

// places are all flags and arguments that name a file.
func places(keystore string) []place {
	build := []string{"build", "--discovery", "discovery", "--ssa", "statement", "--signing-key", "rsa-pkcs8", "--kid", "k"}
	with := func(flag string, base []string) []string {
		args := slices.Clone(base)
		if i := slices.Index(args, flag); i >= 0 {
			args[i+1] = "FILE"
			return args
		}
		return append(args, flag, "FILE")
	}
	lint, judged := []string{"lint", "request"}, []int{exitFine, exitViolated}
	store := []string{"--password-file", "password"}
	return []place{
		{"", []string{"lint", "FILE"}, []string{"request", "request-claims", "damaged-token", "broken-header", "broken-payload"}, exitViolated, judged},
		{"", []string{"lint", "ssa", "FILE"}, []string{"statement", "statement-claims", "damaged-token", "broken-header", "other-token", "broken-payload", "object"}, exitViolated, judged},
		{"--ssa", with("--ssa", lint), []string{"statement", "statement-claims", "damaged-token", "broken-header", "other-token", "broken-payload", "object"}, exitUsage, judged},
		{"--ssa-jwks", with("--ssa-jwks", lint), []string{"jwks", "rsa-public-jwk", "ec-public-jwk"}, exitUsage, judged},
		{"--software-jwks", with("--software-jwks", lint), []string{"jwks", "rsa-public-jwk", "ec-public-jwk"}, exitUsage, judged},
		{"--cert", append(with("--cert", lint), store...), certificateForms, exitUsage, judged},
		{"--ca", append(with("--ca", append(lint, "--ssa-jwks", keystore)), store...), certificateForms, exitUsage, []int{exitViolated, exitIO}},
		{"--discovery", with("--discovery", lint), []string{"discovery", "discovery-old", "object"}, exitUsage, []int{exitFine, exitViolated, exitUsage}},
		{"--cert-ca", append(with("--cert-ca", append(lint, "--cert", "certificate")), store...), certificateForms, exitUsage, []int{exitFine, exitViolated, exitUsage}},
		{"--config", []string{"ssa", "get", "--config", "FILE"}, []string{"config", "object"}, exitUsage, []int{exitUsage}},
		{"--policy", with("--policy", lint), policyForms, exitUsage, []int{exitFine, exitViolated, exitUsage}},
		{"", []string{"inspect", "FILE"}, []string{"request", "statement", "request-claims", "statement-claims", "other-token", "broken-payload", "object"}, exitViolated, judged},
		{"", []string{"attributes", "FILE", "--env", "sandbox"}, []string{"statement", "statement-claims", "other-token", "broken-payload", "object"}, exitViolated, judged},
		{"--policy", []string{"attributes", "statement", "--env", "sandbox", "--policy", "FILE"}, policyForms, exitUsage, []int{exitFine, exitUsage}},
		{"", append([]string{"dn", "FILE"}, store...), certificateForms, exitViolated, judged},
		{"--config", []string{"build", "--config", "FILE"}, []string{"config", "object"}, exitUsage, []int{exitFine, exitUsage}},
		{"--discovery", with("--discovery", build), []string{"discovery", "discovery-old", "object"}, exitUsage, []int{exitFine, exitUsage}},
		{"--ssa", with("--ssa", build), []string{"statement", "other-token", "broken-payload"}, exitUsage, judged},
		{"--signing-key", append(with("--signing-key", build), store...), keyForms, exitUsage, judged},
		{"--cert", append(with("--cert", build), store...), certificateForms, exitUsage, judged},
		{"--key", append(with("--key", build), store...), append(keyForms, "ed25519", "ec-p384", "small-rsa"), exitUsage, judged},
		{"--ca", append(with("--ca", build), store...), certificateForms, exitUsage, judged},
		{"--request", []string{"register", "--config", "config", "--request", "FILE"}, []string{"request", "other-token", "broken-payload"}, exitUsage, []int{exitIO}},
		{"--client", []string{"get", "--config", "config", "--client", "FILE"}, []string{"client"}, exitUsage, []int{exitIO}},
		{"--policy", []string{"sandbox", "--policy", "FILE", "--store", "oracle"}, policyForms, exitUsage, []int{exitUsage}},
	}
}

// TestEveryKindInEveryPlace gives each file at each flag and argument. It is read, or called
// what it is.
func TestEveryKindInEveryPlace(t *testing.T) {
	directory, software := newSoftware(t)
	s, err := inputtest.New(directory, software)
	require.NoError(t, err)
	s.Files["password"] = inputtest.Password
	config, err := (&obieconfig.Config{WellknownEndpoint: "discovery", SSA: s.Files["statement"], Kid: "k", PrivateKey: s.Files["rsa-pkcs8"],
		TransportCert: s.Files["certificate"], TransportKey: s.Files["rsa-pkcs1"]}).Marshal()
	require.NoError(t, err)
	s.Files["config"] = string(config)
	t.Chdir(t.TempDir())
	for name, data := range s.Files {
		require.NoError(t, os.WriteFile(name, []byte(data), 0o600))
	}
	for _, p := range places("https://127.0.0.1:1/") {
		for _, name := range slices.Sorted(maps.Keys(s.Files)) {
			if name == "password" || !takes(p, name) && name != plainName(name) {
				continue
			}
			title := strings.Join(p.args, " ") + ": " + name
			var out, notes bytes.Buffer
			code := (&app{in: strings.NewReader(""), err: &notes, progress: true}).run(argsFor(p, name), &out)
			said := notes.String() + out.String()
			assertHarmless(t, title, said, s.Files[name])
			if takes(p, name) {
				assert.Contains(t, p.right, code, "%s: %s", title, said)
				assert.NotContains(t, said, "wanted: ", title)
				continue
			}
			assert.Equal(t, p.wrong, code, "%s: %s", title, said)
			for line := range strings.Lines(said) {
				if strings.HasPrefix(line, "          ") { // a command to copy is not broken
					continue
				}
				assert.LessOrEqual(t, len(line), columns+1, "%s: %s", title, line)
			}
			f := input.Recognise(s.Files[name])
			words := strings.Join(strings.Fields(strings.ReplaceAll(said, "\n      | ", " ")), " ") // in one line
			assert.Contains(t, words, f.What(), title)
			assert.Contains(t, words, "fix: ", title)
			if p.flag != "" {
				assert.Contains(t, words, "obdcr: "+p.flag+" "+name+": ", title)
			}
		}
	}
}

// argsFor puts a file in its place. A store without a password is opened without one.
func argsFor(p place, file string) []string {
	args := slices.Clone(p.args)
	if n := len(args) - 2; file == "pkcs12-open" && args[n] == "--password-file" {
		args = args[:n]
	}
	args[slices.Index(args, "FILE")] = file
	return args
}

// takes reports whether a sample is read at a place, in one of its encodings.
func takes(p place, name string) bool {
	if strings.HasPrefix(name, "quoted-") && p.flag == "" && p.args[0] == "lint" {
		return false // it is judged as it would be sent
	}
	return slices.Contains(p.takes, plainName(name))
}

// plainName returns the name of a sample without that of its encoding.
func plainName(name string) string {
	name = strings.TrimPrefix(name, "quoted-")
	for _, suffix := range []string{"-der", "-json", "-bom", "-base64"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// assertHarmless: no control character, and no part of a secret file.
func assertHarmless(t *testing.T, title, said, data string) {
	t.Helper()
	for line := range strings.Lines(said) {
		line = strings.TrimSuffix(line, "\n")
		assert.False(t, strings.ContainsFunc(line, text.Hidden), "%s: %q", title, line)
	}
	if f := input.Recognise(data); f.Kind.Secret() && f.Kind != input.ToolConfig {
		for i := 32; i+24 <= len(data); i += 8 {
			assert.NotContains(t, said, strings.ReplaceAll(data[i:i+24], "\n", " "), title)
		}
	}
}
