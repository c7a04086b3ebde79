package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/internal/realtest"
	"github.com/obdcr/obdcr/validate"
)

// digests is why Nimbus refuses a header with x5t or x5t#S256: it takes the key for another
// one. The rules of OBIE do not know these members, and the digests in the vectors are of no
// certificate.
const digests = "a digest of a certificate in the header chooses the key"

// refusedByPeers are the vectors whose signature is good to us, and not to another library.
var refusedByPeers = map[string]map[string]string{
	"jose": {
		"jose_bytes/blank-in-front":           "the report is of the token without the blank, and warns of it: input.encoding",
		"jose_bytes/byte-order-mark-in-front": "likewise",
	},
	"nimbus": {
		"jose_bytes/byte-order-mark-in-front": "as with jose; Nimbus takes a blank away as we do",
		"header.embedded_key/x5t":             digests,
		"header.member.type/digests":          digests,
		"header.unknown_member/digest":        digests,
		"ssa.header.embedded_key/digests":     digests,
		"ssa.header.member.type/digests":      digests,
		"ssa.header.unknown_member/digest":    digests,
	},
}

func TestNimbusAgreesOnSignaturesAndSignsRequests(t *testing.T) {
	if !realtest.Asked(t, "Java") {
		return
	}
	l := java(t, "nimbus")
	l.runner[len(l.runner)-1] = "Peer"
	l.agrees(t, refusedByPeers["nimbus"])
	l.signs(t)
}

func TestJoseAgreesOnSignaturesAndSignsRequests(t *testing.T) {
	if !realtest.Asked(t, "JavaScript") {
		return
	}
	l := javaScript(t, "jose", "peer.mjs")
	l.agrees(t, refusedByPeers["jose"])
	l.signs(t)
}

// agrees compares the verdicts of another library on all signatures with ours. A signature
// that we do not look at, since the token is malformed, may be good to others.
func (l *otherLanguage) agrees(t *testing.T, refused map[string]string) {
	t.Helper()
	vectors, err := signed.Load()
	require.NoError(t, err)
	ours := checksOfVectors(t)
	lines := strings.Split(strings.TrimSpace(l.does(t, slices.Concat(l.runner, []string{"verify", absolute(t, signedVectors)})...)), "\n")
	require.Len(t, lines, len(vectors))
	good, bad, stricter, seen := map[string]int{}, 0, 0, map[string]bool{}
	for _, line := range lines {
		words := strings.Fields(line)
		require.Len(t, words, 3, line)
		name := words[0]
		i := slices.IndexFunc(vectors, func(v signed.Vector) bool { return v.Name == name })
		require.GreaterOrEqual(t, i, 0, name)
		headers := []json.RawMessage{vectors[i].Documents.Header, vectors[i].Documents.SSAHeader}
		for part, own := range []string{ours[name].Request, ours[name].Statement} {
			theirs, _, _ := strings.Cut(words[part+1], ":")
			switch {
			case theirs == "-": // not looked at: what is around it is malformed
			case own == "good" && refused[name] != "":
				seen[name] = seen[name] || theirs == "bad"
			case own == "good":
				require.Equal(t, "good", theirs, line)
				good[algorithmOf(headers[part])]++
			case slices.Contains(vectors[i].Expect.Rules, validate.RuleRequestKeyRevoked): // JOSE knows of no withdrawn keys
			case own == "bad" || own == "key_not_found":
				require.Equal(t, "bad", theirs, line)
				bad++
			case theirs == "good":
				stricter++
			}
		}
		if ours[name].Request == "not_checked" || ours[name].Statement == "not_checked" {
			require.False(t, vectors[i].Expect.Valid, "%s: valid, and not verified", name)
		}
	}
	require.Len(t, seen, len(refused), "each exception is one")
	for name, is := range seen {
		require.True(t, is, "%s is no exception any more", name)
	}
	require.Greater(t, bad, 50)
	require.Greater(t, good["PS256"], 2000)
	require.Greater(t, good["ES256"], 2)
	t.Logf("good to both: %v; bad to both: %d; good to the other, and malformed to us: %d", good, bad, stricter)
}

// checks are the verdicts on the signatures of a vector.
type checks struct {
	Request   string `json:"request_signature"`
	Statement string `json:"statement_signature"`
}

// checksOfVectors has the command judge all vectors, by name.
func checksOfVectors(t *testing.T) map[string]checks {
	t.Helper()
	folder := filepath.Join(signedVectors, "vectors")
	_, out, notes := call("lint", "-o", "json", folder)
	var reports []struct {
		File   string `json:"file"`
		Checks checks `json:"checks"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &reports), notes)
	all := map[string]checks{}
	for _, r := range reports {
		name, err := filepath.Rel(folder, r.File)
		require.NoError(t, err)
		all[strings.TrimSuffix(filepath.ToSlash(name), ".json")] = r.Checks
	}
	return all
}

// algorithmOf returns the algorithm in a header.
func algorithmOf(document json.RawMessage) string {
	var header struct {
		Alg string `json:"alg"`
	}
	_ = json.Unmarshal(document, &header) // what cannot be read has none
	return header.Alg
}

// signs has another library sign requests for a sandbox, by either algorithm, which lint and
// the bank take.
func (l *otherLanguage) signs(t *testing.T) {
	t.Helper()
	r, out := runSandbox(t, filepath.Join(t.TempDir(), "sandbox"), "--store", "memory"), t.TempDir()
	l.does(t, slices.Concat(l.runner, []string{"sign", r.dir, out})...)
	set := r.publishes(t, filepath.Join(out, "ES256.jwk.json"))
	keys := filepath.Join(out, "software.jwks")
	require.NoError(t, os.WriteFile(keys, set, 0o600))
	of := func(name string) string { return filepath.Join(r.dir, name) }
	for _, alg := range []string{"PS256", "ES256"} {
		file := filepath.Join(out, alg+".jwt")
		lint := []string{"lint", "--policy", of("policy.json"), "--directory", of("directory.json"), "--ssa-jwks", of("directory.jwks"), "--software-jwks", keys,
			"--cert", of("tpp/transport.pem"), "--cert-ca", of("ca.pem"), "--strict", "--fail-on", "notice"}
		code, report, notes := call(append(lint, file)...)
		require.Zero(t, code, "%s%s", report, notes)
		token, err := os.ReadFile(file)
		require.NoError(t, err)

		last := bytes.LastIndexByte(token, '.')
		forged := slices.Concat(token[:last+1], []byte("AAAA"), token[last+5:])
		bad := filepath.Join(out, "forged.jwt")
		require.NoError(t, os.WriteFile(bad, forged, 0o600))
		code, report, _ = call(append(lint, "-o", "concise", bad)...)
		require.Equal(t, exitViolated, code)
		require.Contains(t, report, "request.signature")

		require.Equal(t, http.StatusBadRequest, r.posts(t, forged), "%s, forged", alg)
		require.Equal(t, http.StatusCreated, r.posts(t, token), alg)
		require.Equal(t, http.StatusBadRequest, r.posts(t, token), "%s, once more", alg)
	}
}

// publishes adds a key to the key set of the sandbox's TPP, and returns the set.
func (r *running) publishes(t *testing.T, jwk string) []byte {
	t.Helper()
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	text, err := os.ReadFile(filepath.Join(r.dir, "tpp/software.jwks"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &set))
	key, err := os.ReadFile(jwk)
	require.NoError(t, err)
	set.Keys = append(set.Keys, key)
	text, err = json.Marshal(set)
	require.NoError(t, err)
	var statement struct {
		Endpoint string `json:"software_jwks_endpoint"`
	}
	claims, err := os.ReadFile(filepath.Join(r.dir, "tpp/ssa.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(claims, &statement))
	require.Equal(t, http.StatusNoContent, r.sends(t, http.MethodPut, statement.Endpoint, "application/json", text))
	return text
}

// posts sends a registration and returns the status of the answer.
func (r *running) posts(t *testing.T, token []byte) int {
	t.Helper()
	return r.sends(t, http.MethodPost, r.ready.RegistrationEndpoint, "application/jwt", token)
}

func (r *running) sends(t *testing.T, method, address, mediaType string, body []byte) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", mediaType)
	answer, err := r.client(t).Do(request)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}
