package main

import (
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/inputtest"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/trust"
	"github.com/obdcr/obdcr/internal/fulltest"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func TestMain(m *testing.M) {
	fulltest.Quick()
	testscript.Main(m, map[string]func(){
		"obdcr":       main,
		"curl":        curlMain,
		"jq-of-pages": jqMain, // not jq: the tests of fixes run the real one
		// This sandbox never finishes stopping.
		"obdcr-held": func() {
			a := &app{in: os.Stdin, err: os.Stderr, stopping: func() { select {} }}
			os.Exit(a.run(os.Args[1:], os.Stdout))
		},
	})
}

// scriptTime is the time of the scripts, $NOW.
var scriptTime = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

// TestScripts runs the command as its users do. Each script has the key sets and the
// transport certificate of a TPP, and mints what it needs.
func TestScripts(t *testing.T) {
	directory, software := newSoftware(t)
	// The scripts' directory has a made-up host; this one serves its key sets.
	keystore, err := ssatest.New(ssatest.Options{})
	require.NoError(t, err)
	t.Cleanup(keystore.Close)
	keystore.Publish("/keys.jwks", directory.JWKS())
	keystore.Publish("/software.jwks", software.JWKS())
	keystore.Publish("/revoked.jwks", software.JWKS())
	keystore.Publish("/empty.jwks", []byte(`{"keys":[]}`))
	proxy := newProxy(t, strings.TrimPrefix(keystore.URL(), "https://"))
	files, err := inputtest.New(directory, software)
	require.NoError(t, err)
	other, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	foreign, err := ssatest.New(ssatest.Options{Environment: claims.Production}) // it has another CA
	require.NoError(t, err)
	t.Cleanup(foreign.Close)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("NOW", scriptTime.Format(time.RFC3339))
			e.Setenv("KEYSTORE", keystore.URL())
			e.Setenv("PROXY", proxy) // to the keystore, for a name that nobody resolves
			return errors.Join(
				os.WriteFile(filepath.Join(e.WorkDir, "directory.jwks"), directory.JWKS(), 0o600),
				os.WriteFile(filepath.Join(e.WorkDir, "software.jwks"), software.JWKS(), 0o600),
				writeTrust(e.WorkDir, directory),
				os.WriteFile(filepath.Join(e.WorkDir, "ca.pem"), keystore.CAPEM(), 0o600),
				writeCertificate(e.WorkDir, "transport.pem", software.TransportCertificate),
				writeCertificate(e.WorkDir, "signing.pem", software.SigningCertificate),
				writeCertificate(e.WorkDir, "other.pem", other.TransportCertificate),
				os.WriteFile(filepath.Join(e.WorkDir, "issuer.pem"), directory.CAPEM(), 0o600),
				os.WriteFile(filepath.Join(e.WorkDir, "foreign.pem"), foreign.CAPEM(), 0o600),
				os.WriteFile(filepath.Join(e.WorkDir, "transport.der"), software.TransportCertificate.Certificate[0], 0o600),
			)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			// around FROM TO BEFORE AFTER: FROM with bytes around it, written as Go writes strings.
			"around": func(ts *testscript.TestScript, _ bool, args []string) {
				before, err := strconv.Unquote(`"` + args[2] + `"`)
				ts.Check(err)
				after, err := strconv.Unquote(`"` + args[3] + `"`)
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(before+ts.ReadFile(args[0])+after), 0o600))
			},
			"mint": func(ts *testscript.TestScript, _ bool, args []string) {
				token, err := minter{directory, software}.mint(args[0], args[2:])
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(token), 0o600))
			},
			// encode NAME FROM TO: a file as an editor or a shell writes it.
			"encode": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[2]), encodings[args[0]](ts.ReadFile(args[1])), 0o600))
			},
			// sample NAME FILE: a file of inputtest.
			"sample": func(ts *testscript.TestScript, _ bool, args []string) {
				data, known := files.Files[args[0]]
				if !known {
					ts.Fatalf("there is no sample %s", args[0])
				}
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(data), 0o600))
			},
			"large": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("{}"+strings.Repeat(" ", input.MaxSize)), 0o600))
			},
		},
	})
}

// encodings are what Windows and its editors make of a text.
var encodings = map[string]func(string) []byte{
	"bom":     func(s string) []byte { return []byte("\ufeff" + s) },
	"crlf":    func(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n") + "\r\n") },
	"lf":      func(s string) []byte { return []byte(s + "\n") },
	"utf16le": func(s string) []byte { return inUTF16("\ufeff"+s, binary.LittleEndian) },
	"utf16be": func(s string) []byte { return inUTF16("\ufeff"+s, binary.BigEndian) },
}

func inUTF16(s string, order binary.AppendByteOrder) (text []byte) {
	for _, unit := range utf16.Encode([]rune(s)) {
		text = order.AppendUint16(text, unit)
	}
	return text
}

// writeTrust writes what a bank trusts of the scripts' directory.
func writeTrust(dir string, d *ssatest.Directory) error {
	known := trust.Of(d.Known())
	known.JWKSURL = "" // nobody serves it
	document, err := json.Marshal(known)
	return errors.Join(err, os.WriteFile(filepath.Join(dir, "directory.json"), document, 0o600))
}

func writeCertificate(dir, name string, c tls.Certificate) error {
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	return os.WriteFile(filepath.Join(dir, name), block, 0o600)
}

// exits CODE COMMAND...: the command ends with that very code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, not %d", got, want)
	}
}

// newSoftware is a software of the time of the scripts, the same in each run.
func newSoftware(t *testing.T) (*ssatest.Directory, *ssatest.EnrolledSoftware) {
	t.Helper()
	return newSoftwareOf(t, ssatest.Options{Deterministic: true, Clock: func() time.Time { return scriptTime }})
}

// newSoftwareOf is the software of a directory that ends with the test.
func newSoftwareOf(t *testing.T, o ssatest.Options) (*ssatest.Directory, *ssatest.EnrolledSoftware) {
	t.Helper()
	directory, err := ssatest.New(o)
	require.NoError(t, err)
	t.Cleanup(directory.Close)
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	return directory, software
}

// minter makes the files that a script asks for: a good token or its claims, with changes
// name=JSON or -name, those of the statement with ssa: before the name, and those of the
// header of either with header: before them.
type minter struct {
	directory *ssatest.Directory
	software  *ssatest.EnrolledSoftware
}

func (m minter) mint(kind string, changes []string) (string, error) {
	own, statement := map[string]any{}, map[string]any{}
	ownHeader, statementHeader := map[string]any{}, map[string]any{}
	for _, c := range changes {
		c, inHeader := strings.CutPrefix(c, "header:")
		name, inSSA := strings.CutPrefix(c, "ssa:")
		to := own
		switch {
		case inHeader && inSSA:
			to = statementHeader
		case inHeader:
			to = ownHeader
		case inSSA:
			to = statement
		}
		if removed, ok := strings.CutPrefix(name, "-"); ok {
			to[removed] = nil
			continue
		}
		name, value, _ := strings.Cut(name, "=")
		to[name] = json.RawMessage(value)
	}
	forged := ssatest.Forgery{Key: m.directory.ForgedKey()}
	switch kind {
	case "ssa":
		return m.software.SSAWith(own, ssatest.Forgery{Members: ownHeader})
	case "forged-ssa":
		return m.software.SSAWith(own, forged)
	case "unsigned-ssa":
		return m.software.SSAWith(own, ssatest.Forgery{Algorithm: "none", Unsigned: true})
	case "ssa-claims":
		return marshal(changed(m.software.Claims(), own))
	}
	token, err := m.software.SSAWith(statement, ssatest.Forgery{Members: statementHeader})
	if err != nil {
		return "", err
	}
	request := m.software.Request()
	request.SoftwareStatement = claims.Some(token)
	payload := map[string]any{}
	text, err := json.Marshal(&request)
	if err := errors.Join(err, json.Unmarshal(text, &payload)); err != nil {
		return "", err
	}
	payload = changed(payload, own)
	switch kind {
	case "request":
		return m.software.SignWith(payload, ssatest.Forgery{Members: ownHeader})
	case "forged-request":
		return m.software.SignWith(payload, forged)
	case "claims":
		return marshal(payload)
	}
	return "", errors.New("mint: no such thing: " + kind)
}

func changed(to, changes map[string]any) map[string]any {
	maps.Copy(to, changes)
	maps.DeleteFunc(to, func(_ string, v any) bool { return v == nil })
	return to
}

func marshal(v any) (string, error) {
	text, err := json.MarshalIndent(v, "", " ")
	return string(text), err
}
