package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/tpp"
)

// shownClient returns the output for a bank's answer, and the notes beside it.
func shownClient(t *testing.T, document string, fresh bool) (out, notes string) {
	t.Helper()
	i, err := tpp.ParseClientInformation([]byte(document))
	require.NoError(t, err)
	var result, beside bytes.Buffer
	require.NoError(t, (&app{err: &beside}).writeClient(&result, i, shownSecrets{hidden: !fresh}))
	require.True(t, json.Valid(result.Bytes()), "%s", result.String())
	return result.String(), beside.String()
}

func TestABanksAnswerStaysJSONAndIsHarmlessOnATerminal(t *testing.T) {
	const document = `{"client_id": "x", "client_name": "a` + "\u009b31m\u202e\U000e0001" + `b", "n": 1795280252.50}`
	out, _ := shownClient(t, document, true)
	require.NotContains(t, out, "\u009b")
	require.NotContains(t, out, "\u202e")
	require.Contains(t, out, "1795280252.50", "numbers stay as they are")
	var want, got map[string]any
	require.NoError(t, json.Unmarshal([]byte(document), &want))
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, want, got)
}

func TestSecretsAreShownWhereTheyAreNewAlone(t *testing.T) {
	const document = `{"client_id": "x", "client_secret": "s3cret", "registration_access_token": "t0ken"}`
	out, notes := shownClient(t, document, true)
	require.Contains(t, out, "s3cret")
	require.Contains(t, out, "t0ken")
	require.Contains(t, notes, "the bank does not show client_secret again")
	require.NotContains(t, notes, "s3cret")
	out, notes = shownClient(t, document, false)
	require.NotContains(t, out, "s3cret")
	require.NotContains(t, out, "t0ken")
	require.Contains(t, notes, "registration_access_token is left out")
}

func TestAnAnswerThatBreaksTheSpecificationIsShownAndSaidSo(t *testing.T) {
	_, notes := shownClient(t, `{"client_id": "x", "redirect_uris": "https://a.example/"}`, true)
	require.Contains(t, notes, "/redirect_uris is string, not ")
	_, notes = shownClient(t, `{"client_id": "x", "software_statement": "a", "software_statement": "a"}`, true)
	require.Contains(t, notes, "no strict JSON")
	_, notes = shownClient(t, `{"client_id": "x", "client_secret": "one", "client_secret": "two"}`, false)
	require.Contains(t, notes, "client_secret is left out")
}

func TestAClientIDMayBeginWithADash(t *testing.T) {
	const id, double = "-ILaw03slDttj9CjloR6xg", "--Law03slDttj9CjloR6xg"
	for name, c := range map[string]struct{ args, want []string }{
		"last":                {[]string{"get", "--config", "f", id}, []string{"get", "--config", "f", "--", id}},
		"first":               {[]string{"delete", double, "--config", "f"}, []string{"delete", "--config", "f", "--", double}},
		"behind a joined one": {[]string{"update", "--config=f", id}, []string{"update", "--config=f", "--", id}},
		"a kid":               {[]string{"get", "--kid", id, "x"}, []string{"get", "--kid", id, "x"}},
		"a kid and an id":     {[]string{"get", "--kid", id, id}, []string{"get", "--kid", id, "--", id}},
		"told apart already":  {[]string{"get", "--", id}, []string{"get", "--", id}},
		"a short one":         {[]string{"get", "-h"}, []string{"get", "-h"}},
		"another verb":        {[]string{"lint", id}, []string{"lint", id}},
		"nothing":             {nil, nil},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, withDashedID(c.args)) })
	}
	root := (&app{}).root()
	for _, verb := range []string{"get", "update", "delete"} {
		found, _, err := root.Find([]string{verb})
		require.NoError(t, err)
		found.Flags().VisitAll(func(f *pflag.Flag) {
			args := []string{verb, "--" + f.Name, "x"}
			require.Equal(t, args, withDashedID(args), "a flag is no client_id")
		})
	}
	var notes bytes.Buffer
	code := (&app{err: &notes}).run([]string{"get", id, "--auth-method", "none"}, io.Discard)
	require.Equal(t, exitUsage, code)
	require.Contains(t, notes.String(), "--auth-method", "the id was taken for one")
}

func TestASecretThatCannotBeKeptIsShown(t *testing.T) {
	i, err := tpp.ParseClientInformation([]byte(`{"client_id": "x", "client_secret": "s3cret"}`))
	require.NoError(t, err)
	var result, notes bytes.Buffer
	a := &app{err: &notes, terminal: true}
	k, err := a.keeper(&clientOptions{clientOut: filepath.Join(t.TempDir(), "client.json")}, false)
	require.NoError(t, err)
	t.Cleanup(k.discard)
	require.NoError(t, k.file.Close()) // as a disk that is full
	err = a.writeNew(&result, i, k, false)
	var exit *exitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, exitIO, exit.code)
	require.Contains(t, result.String(), "s3cret")
	require.Contains(t, notes.String(), "goes to standard output instead")
	require.Contains(t, notes.String(), "on your terminal now; --client-out FILE")
	require.NotContains(t, notes.String(), "s3cret")
	require.NoFileExists(t, k.name)
}

func TestALongWordIsBrokenOnATerminal(t *testing.T) {
	var notes bytes.Buffer
	a := &app{err: &notes, progress: true}
	a.noteRefusal(&tpp.ResponseError{Verb: "register", Status: 400, Description: strings.Repeat("A", 300)})
	require.Equal(t, 300, strings.Count(notes.String(), "A"))
	for line := range strings.Lines(notes.String()) {
		require.LessOrEqual(t, len(strings.TrimRight(line, "\n")), columns)
	}
}

func TestAdviceHasALineForEachPart(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusInternalServerError, http.StatusServiceUnavailable} {
		for _, verb := range []string{"register", "update", "delete"} {
			for _, terminal := range []bool{true, false} {
				var notes bytes.Buffer
				a, refused := &app{err: &notes, progress: terminal}, &tpp.ResponseError{Verb: verb, Status: status, RetryAfter: time.Second}
				a.noteRefusal(refused)
				require.Equal(t, strings.Count(refused.Next(), ";"), strings.Count(notes.String(), ";\n"), "%s", notes.String())
				longest := 160 // of a line that is not wrapped, because a program reads it
				if terminal {
					longest = columns
				}
				for line := range strings.Lines(notes.String()) {
					require.LessOrEqual(t, len(strings.TrimRight(line, "\n")), longest, line)
				}
			}
		}
	}
}

func TestARequestThatCannotBeKeptIsPrinted(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	require.NoError(t, os.Mkdir(gone, 0o700))
	t.Chdir(gone)
	require.NoError(t, os.Remove(gone))
	var out, notes bytes.Buffer
	a := &app{err: &notes}
	printed := a.keepLost(&out, &clientOptions{}, "a.b.c", &tpp.ResponseError{Verb: "register", Status: 429})
	require.True(t, printed)
	require.Equal(t, "a.b.c", out.String())
	out.Reset()
	lost := &tpp.NoAnswerError{Verb: "register", Sent: true, Status: 201, Document: claims.NewSecret(`{"client_secret": "s3cret-value"}`)}
	err := a.unusableAnswer(&out, &clientOptions{request: "x"}, &keeper{}, lost, "a.b.c")
	require.Error(t, err)
	require.Contains(t, out.String(), "s3cret-value")
	require.NotContains(t, notes.String(), "s3cret-value")
}
