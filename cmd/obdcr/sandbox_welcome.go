package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
)

// hasShell reports whether what is printed to try can be typed on this machine. An image
// that holds this program alone has no shell.
func hasShell() bool {
	_, err := os.Stat("/bin/sh")
	return err == nil || runtime.GOOS == "windows"
}

// welcome prints the addresses and what to try next. The text fits a terminal, as far as the
// names in it do. Without a shell the commands are for the machine that runs the container.
func welcome(out io.Writer, dir string, s *sandbox.Sandbox, shell bool) error {
	at := s.Ready
	var text strings.Builder
	text.WriteString("The sandbox is up: profile " + string(at.Profile) + ", store " + at.Store + ". Its files are in\n  " + shellWord(dir) + "\n\n")
	for _, row := range [][2]string{
		{"bank", at.Bank}, {"discovery", at.Discovery}, {"registration", at.RegistrationEndpoint}, {"tokens", at.TokenEndpoint},
		{"and", "/openapi.yaml /healthz /readyz /metrics"},
		{"portal", at.Portal}, {"to lint in", at.Portal + "/lint"},
		{"directory", at.Directory}, {"key sets", "/keys.jwks and /{org_id}/{software_id}.jwks"},
		{"its API", "/token and /v2.1/organisation/{org_id}/software-statement/..."},
		{"to test with", "POST /ssa, PUT on key sets, POST /rotate, PUT /faults,"},
		{"", "POST /tpp, POST /certificates, POST /vector,"}, {"", "PUT /people, PUT /banks, GET /fetches"},
	} {
		text.WriteString("  " + row[0] + strings.Repeat(" ", 14-len(row[0])) + row[1] + "\n")
	}
	if !s.StartAt.IsZero() {
		text.WriteString("  clock         " + startTime(s) + " at the start, and on from there\n")
	}
	if s.Waits {
		text.WriteString("  to approve    GET /pending of the bank, POST /pending/{client_id}/approve\n" +
			"                or .../refuse, or the portal: the policy has pending_changes\n")
	}
	text.WriteString(toSignIn(dir, s.People))
	text.WriteString(`
The bank caches key sets. For a key or kid that it does not know it reads the
set again at once, but only once in 30 s for each client certificate. It may
take a minute to see that a key was withdrawn, and it does not try again within
10 s if a set could not be read.

`)
	where := "in another terminal"
	if !shell {
		where = "on the machine that runs this container; CONTAINER is its name"
	}
	text.WriteString("Try next, " + where + ":\n\n")
	for _, next := range tryNext(dir, s, shell) {
		if next.what != "" {
			text.WriteString("  # " + next.what + "\n")
		}
		text.WriteString(shellCommand(next.words...) + "\n")
	}
	text.WriteString(`
conformance.json is for the OBIE DCR conformance tool too. It trusts the bank if
its environment has
  SSL_CERT_FILE=` + shellWord(filepath.Join(dir, "ca.pem")) + `
A program that starts the sandbox waits for ready.json, or for 200 from /readyz.
Ctrl-C ends the sandbox.
`)
	_, err := io.WriteString(out, text.String())
	return err
}

// startTime is where the sandbox's clock started.
func startTime(s *sandbox.Sandbox) string { return s.StartAt.UTC().Format(time.RFC3339) }

// toSignIn says who can sign in at the portal.
func toSignIn(dir string, people []sandbox.Person) string {
	if len(people) == 0 {
		return ""
	}
	var text strings.Builder
	text.WriteString(`
Try the portal in a browser: sign in as one of these, by password and code, and
add an application by the statement in
  ` + shellWord(filepath.Join(dir, "tpp", "ssa.jwt")) + `

`)
	for _, p := range people {
		text.WriteString("  " + strings.TrimRight(fmt.Sprintf("%-20s %-8s %-7s %s", p.Email, p.Password, p.Code, p.What), " ") + "\n")
	}
	text.WriteString("\nThey are in people.json. The browser warns of the certificates until it trusts\n  " + shellWord(filepath.Join(dir, "ca.pem")) + "\n")
	return text.String()
}

// nextStep is a command to try. Each of its words is what must stay on one line, such as a
// flag with its value.
type nextStep struct {
	what  string
	words []string
}

// tryNext returns the commands to try, in an order in which they work.
func tryNext(dir string, s *sandbox.Sandbox, shell bool) []nextStep {
	at, obdcr, client := s.Ready, ownName(os.Args[0]), "client.json"
	if !shell { // nothing else in the container can be written to
		obdcr, client = "docker exec CONTAINER "+obdcr, shellWord(filepath.Join(dir, client))
	}
	file := func(name string) string { return shellWord(filepath.Join(dir, filepath.FromSlash(name))) }
	curl := []string{"curl", "--cacert " + file("ca.pem")}
	config := "--config " + file("conformance.json")
	var now []string // for what goes by the system's clock otherwise
	if !s.StartAt.IsZero() {
		now = []string{"--now " + startTime(s)}
	}
	register := append([]string{obdcr + " register", config}, now...)
	for i := 0; i < len(s.RegisterFlags); i++ {
		flag := shellWord(s.RegisterFlags[i])
		if next := i + 1; next < len(s.RegisterFlags) && !strings.HasPrefix(s.RegisterFlags[next], "--") {
			flag += " " + shellWord(s.RegisterFlags[next])
			i = next
		}
		register = append(register, flag)
	}
	steps := []nextStep{
		{"what the bank supports", append(curl, at.Discovery)},
		{"is the request that is ready good? obdcr checks what the bank checks", append([]string{
			obdcr + " lint", file("tpp/request.jwt"), "--profile " + string(at.Profile), "--policy " + file("policy.json"),
			"--directory " + file("directory.json"), "--ssa-jwks " + file("directory.jwks"), "--software-jwks " + file("tpp/software.jwks"),
			"--cert " + file("tpp/transport.pem"), "--cert-ca " + file("ca.pem"),
		}, now...)},
		{"send it (once: its jti is used up then)", append(curl, "--cert "+file("tpp/transport.pem"), "--key "+file("tpp/transport.key"),
			"-H 'Content-Type: application/jwt'", "--data-binary @"+file("tpp/request.jwt"), at.RegistrationEndpoint)},
		{"or let obdcr make one, register it, and look at it", append(register, "--client-out "+client)},
		{"", append([]string{obdcr + " get", config, "--client " + client}, now...)},
		{"a fresh statement, as the real directory gives it", append([]string{obdcr + " ssa get", config}, now...)},
		{"another statement, for a software with one role alone", append(curl, `-d '{"software_roles": ["AISP"]}'`, at.Directory+"/ssa")},
	}
	if shell {
		return steps
	}
	steps = slices.DeleteFunc(steps, func(step nextStep) bool { return step.words[0] == curl[0] })
	return append(steps, nextStep{"a copy of the files for programs outside", []string{"docker cp", "CONTAINER:" + shellWord(wholePath(dir)), "obdcr-container"}})
}

// wholePath returns the whole path of a folder. Where that is unknown it is as it was.
func wholePath(dir string) string {
	if whole, err := filepath.Abs(dir); err == nil {
		return whole
	}
	return dir
}

// shellCommand puts words together, in lines that fit a terminal as far as the words do.
func shellCommand(words ...string) string {
	var b strings.Builder
	b.WriteString("  " + words[0])
	length := 2 + utf8.RuneCountInString(words[0])
	for _, word := range words[1:] {
		n := utf8.RuneCountInString(word)
		if length+1+n+len(` \`) > columns {
			b.WriteString(" \\\n     ")
			length = 5
		}
		b.WriteString(" " + word)
		length += 1 + n
	}
	return b.String()
}
