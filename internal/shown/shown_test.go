package shown_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/shown"
)

func compact(header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(payload)) + "." + encode([]byte("a signature that is long enough"))
}

func TestARequestIsShownWithItsStatementAndWithoutSignatures(t *testing.T) {
	t.Parallel()
	statement := compact(`{"alg":"PS256"}`, `{"software_id":"s"}`)
	token := shown.Decode(compact(`{"alg":"ES256"}`, `{"iss":"s","software_statement":"`+statement+`","aud":"a"}`))
	require.Equal(t, `{"alg":"ES256"}`, token.Header)
	require.Equal(t, `{"iss":"s","software_statement":"`+shown.Instead(statement)+`","aud":"a"}`, token.Claims)
	require.Equal(t, `{"software_id":"s"}`, token.Statement.Claims)
	require.NotZero(t, token.Statement.Signature)
	for _, none := range []string{"", "x", "a.b", "..", "!.!.!", "a.b.c.d"} {
		require.Nil(t, shown.Decode(none), none)
	}
}

// TestNoSignatureIsShown: also where what holds the token cannot be decoded.
func TestNoSignatureIsShown(t *testing.T) {
	t.Parallel()
	statement := compact(`{"alg":"PS256"}`, `{"software_id":"s"}`)
	signature := statement[strings.LastIndex(statement, ".")+1:]
	for _, claims := range []string{
		`{"software_statement":["` + statement + `"]}`, `{"software_statement":"` + statement + `.x"}`, `{"other":"` + statement + `"}`,
		`{"software_statement":" ` + statement + `"}`, `broken ` + statement,
	} {
		require.NotContains(t, shown.Decode(compact(`{"alg":"ES256"}`, claims)).Claims, signature, claims)
	}
	require.NotContains(t, shown.WithoutSignatures("it said "+statement+"!"), signature)
	for _, header := range []string{"{ }", "{\n}", "{\t}", "{\r\n}"} {
		require.NotContains(t, shown.WithoutSignatures(compact(header, "{}")), signature, header)
	}
}

// TestASignatureByItselfIsNotShown: in base64 of either alphabet, in hexadecimal, and in JSON that escapes slashes.
func TestASignatureByItselfIsNotShown(t *testing.T) {
	t.Parallel()
	raw := bytes.Repeat([]byte{0xfb, 0xff, 0xbf, 'x'}, 16)
	plain := base64.StdEncoding.EncodeToString(raw)
	for _, form := range []string{base64.RawURLEncoding.EncodeToString(raw), plain, hex.EncodeToString(raw), strings.ReplaceAll(plain, "/", `\/`),
		url.QueryEscape(plain)} {
		got := shown.WithoutSignatures(`{"signature":"` + form + `","kid":"k"}`)
		require.NotContains(t, got, form[:12], form)
		require.True(t, json.Valid([]byte(got)), got)
		require.Contains(t, got, `"kid":"k"`)
	}
	for _, stays := range []string{"https://bank.example/open-banking/dynamic-client-registration/v3.3/register/0b0c6a0c-6ef0-4d8e-b5a2-cd1a3a2c4a5e-and-more",
		strings.Repeat("a", 79), `{"a":"` + strings.Repeat(`\"`, 50) + `"}`} {
		require.Equal(t, stays, shown.WithoutSignatures(stays))
	}
}

func TestLinesKeepTheirIndentationAndSteerNoTerminal(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"{", `  "a": [`, "    1", "  ]", "}"}, shown.Lines(`{"a":[1]}`, 0))
	require.Equal(t, []string{"one", "  two three"}, shown.Lines("one\r\n\u00a0\u00a0two\tthree\n", 0))
	require.Equal(t, []string{"a", "... 2 further lines"}, shown.Lines("a\nb\nc", 1))
	require.Nil(t, shown.Lines("", 0))
	require.Equal(t, []string{`\u001b[31m`}, shown.Lines("\x1b[31m", 0))
	require.Equal(t, "a\n\\u001bb\n", shown.Text("a\n\x1bb\n"))
}

func TestADocumentIsFoldedIntoALine(t *testing.T) {
	t.Parallel()
	require.Equal(t, `{"a": ["b  c", {}], "d": 1}`, shown.Folded("{\n  \"a\": [\"b  c\",{}],\n\"d\":1}", 100))
	require.Equal(t, "<html> x", shown.Folded("<html>\n   x\n", 100))
	require.Equal(t, "aa... (6 bytes)", shown.Folded("aaaaaa", 5))
	require.Equal(t, "aa... (60 bytes)", shown.FoldedBeginning("aaaaaa", 5, 60))
}
