//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/inputtest"
	"github.com/obdcr/obdcr/internal/realtest"
)

// conversion is a file that is not read, with a fix that names a command.
type conversion struct {
	file   string
	tools  []string // that make the file, and that the fix names
	make   string   // shell commands that make the file from the samples; "" if it is one
	args   []string // of the command; FILE stands for the file
	stores bool     // the new file is a PKCS#12 store
}

const newPassword = "-passout file:password"

// conversions are files of each kind that a command converts.
func conversions() []conversion {
	build := []string{"build", "--discovery", "discovery", "--ssa", "statement", "--kid", "k"}
	signing := append(slices.Clone(build), "--signing-key", "FILE")
	store := append(slices.Clone(signing), "--password-file", "password")
	stored := func(flag string) []string {
		return append(append(slices.Clone(build), "--signing-key", "rsa-pkcs8"), flag, "FILE", "--password-file", "password")
	}
	policy := []string{"attributes", "statement", "--env", "sandbox", "--policy", "FILE"}
	found := []string{"build", "--discovery", "FILE", "--ssa", "statement", "--kid", "k", "--signing-key", "rsa-pkcs8"}
	judged := []string{"lint", "FILE", "--now", scriptTime.Format(time.RFC3339)}
	openssl, java := []string{"openssl"}, []string{"openssl", "keytool"}
	export := "openssl pkcs12 -export " + newPassword + " -inkey rsa-pkcs8 -in certificate "
	intoJava := "keytool -importkeystore -noprompt -srckeystore pkcs12 -srcstorepass '" + inputtest.Password +
		"' -deststorepass '" + inputtest.Password + "' -destkeystore "
	camellia := export + "-certpbe CAMELLIA-256-CBC -keypbe CAMELLIA-256-CBC -out "
	return []conversion{
		{"encrypted.key", openssl, "openssl pkcs8 -topk8 -in rsa-pkcs8 " + newPassword + " -out encrypted.key", signing, false},
		{"encrypted.pem", openssl, "openssl pkcs8 -topk8 -in rsa-pkcs8 " + newPassword + " -out encrypted.pem", store, false},
		{"encrypted-old.pem", openssl, "openssl rsa -aes256 -traditional -in rsa-pkcs8 " + newPassword + " -out encrypted-old.pem", signing, false},
		{"encrypted.der", openssl, "openssl pkcs8 -topk8 -in rsa-pkcs8 " + newPassword + " -outform DER -out encrypted.der", signing, false},
		{"id_rsa", []string{"ssh-keygen"}, "ssh-keygen -q -t rsa -b 2048 -N '' -f id_rsa && rm id_rsa.pub", signing, false},
		{"camellia.pem", openssl, camellia + "camellia.pem", store, false},
		{"camellia.p12", openssl, camellia + "camellia.p12", stored("--cert"), false},
		{"store.jks", java, intoJava + "store.jks -deststoretype JKS", store, true},
		{"other.p12", java, intoJava + "other.p12 -deststoretype JCEKS", store, true},
		{"two.p12", java, export + "-name first -out one.p12 && " + intoJava + "two.p12 -deststoretype PKCS12 && keytool -importkeystore -noprompt " +
			"-srckeystore one.p12 -srcstorepass '" + inputtest.Password + "' -deststorepass '" + inputtest.Password +
			"' -destkeystore two.p12 -deststoretype PKCS12 -srcalias first -destalias second && rm one.p12", store, true},
		{"bundle.pem", openssl, "openssl crl2pkcs7 -nocrl -certfile ca -out bundle.pem", stored("--ca"), false},
		{"bundle.p7b", openssl, "openssl crl2pkcs7 -nocrl -certfile certificate -outform DER -out bundle.p7b", stored("--cert"), false},
		{"small.key", openssl, "openssl genrsa -traditional -out small.key 1024", signing, false},
		{"signing.key", openssl, "openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out signing.key", signing, false},
		{"curve.key", openssl, "openssl ecparam -name secp256k1 -genkey -noout -out curve.key", signing, false},
		{"curve-2.key", openssl, "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out curve-2.key", signing, false},
		{"ed25519.p12", openssl, "openssl req -x509 -key ed25519 -subj /CN=a -out ed25519.pem && openssl pkcs12 -export " + newPassword +
			" -inkey ed25519 -in ed25519.pem -out ed25519.p12 && rm ed25519.pem", store, false},
		{"wide.json", []string{"iconv"}, "iconv -f UTF-8 -t UTF-32LE plain.json >> wide.json", found, false},
		{"latin.json", []string{"iconv"}, "iconv -f UTF-8 -t WINDOWS-1252 plain.json > latin.json", found, false},
		{"packed.gz", []string{"gzip"}, "gzip -c plain.json > packed.gz", found, false},
		{"policy.json", nil, "cp certificate policy.json", policy, false},
		{"request.jwt", []string{"jq"}, "cp jws-general request.jwt", judged, false},
		{"flattened.json", []string{"jq"}, "cp jws-flattened flattened.json", judged, false},
		{"quoted.jwt", []string{"jq"}, "cp quoted-request quoted.jwt", judged, false},
	}
}

// TestTheCommandOfAFixMakesAFileThatIsRead: the command writes a new file, leaves the old one
// as it is, and the same flag takes the new one.
func TestTheCommandOfAFixMakesAFileThatIsRead(t *testing.T) {
	directory, software := newSoftware(t)
	s, err := inputtest.New(directory, software)
	require.NoError(t, err)
	s.Files["password"] = inputtest.Password
	s.Files["plain.json"] = strings.Replace(s.Files["discovery"], "{", "{\"name\": \"caf\u00e9\", ", 1)
	t.Chdir(t.TempDir())
	for name, data := range s.Files {
		require.NoError(t, os.WriteFile(name, []byte(data), 0o600))
	}
	require.NoError(t, os.WriteFile("wide.json", []byte("\xff\xfe\x00\x00"), 0o600))
	for _, c := range conversions() {
		if lacks(t, c.tools) {
			continue
		}
		shell(t, c.make, "")
		before, old := folder(t), contents(t, c.file)
		code, said := runOn(c, c.file)
		require.NotEqual(t, exitFine, code, "%s: %s", c.file, said)
		command := commandIn(said)
		require.NotEmpty(t, command, "%s: %s", c.file, said)
		shell(t, command, strings.Repeat(inputtest.Password+"\n", 6))
		require.Equal(t, old, contents(t, c.file), "%s: %s writes over it", c.file, command)
		var made []string
		for _, name := range folder(t) {
			if !slices.Contains(before, name) {
				made = append(made, name)
			}
		}
		require.Len(t, made, 1, "%s: %s", c.file, command)
		if c.stores && !slices.Contains(c.args, "--password-file") {
			c.args = append(c.args, "--password-file", "password")
		}
		code, said = runOn(c, made[0])
		assert.Equal(t, exitFine, code, "%s: %s: %s", c.file, command, said)
	}
}

// lacks reports whether a tool is missing.
func lacks(t *testing.T, tools []string) bool {
	t.Helper()
	if slices.Contains(tools, "keytool") && !realtest.Long(t) { // each start of a Java takes a second
		return true
	}
	for _, tool := range tools {
		if _, ok := realtest.Tool(t, tool); !ok {
			return true
		}
	}
	return false
}

func runOn(c conversion, file string) (int, string) {
	args := slices.Clone(c.args)
	args[slices.Index(args, "FILE")] = file
	var out, notes bytes.Buffer
	code := (&app{in: strings.NewReader(""), err: &notes, progress: true}).run(args, &out)
	return code, notes.String() + out.String()
}

// commandIn returns the command of a message: the lines that are indented most.
func commandIn(said string) string {
	var lines []string
	for line := range strings.Lines(said) {
		rest, ok := strings.CutPrefix(line, "    ")
		if rest = strings.TrimPrefix(rest, "    "); ok && !strings.HasPrefix(rest, "  |") && !strings.HasPrefix(rest, "  =") {
			lines = append(lines, rest)
		}
	}
	return strings.Join(lines, "")
}

// shell runs commands without a terminal, so that they read a password from the input.
func shell(t *testing.T, commands, input string) {
	t.Helper()
	run := exec.Command("sh", "-c", commands)
	run.Stdin, run.SysProcAttr = strings.NewReader(input), &syscall.SysProcAttr{Setsid: true}
	out, err := run.CombinedOutput()
	require.NoError(t, err, "%s: %s", commands, out)
}

func folder(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func contents(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(data)
}
