package vectors

import (
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/jose"
)

// vectorFile is what the JWS and JWK vector files of Wycheproof have in common.
type vectorFile struct {
	NumberOfTests int
	TestGroups    []group
}

type group struct {
	Comment string
	Public  json.RawMessage // a JWK or a JWK set, absent for symmetric keys
	Private json.RawMessage
	Tests   []vector
}

type vector struct {
	TcID    int
	Comment string
	JWS     json.RawMessage
	Result  string
	Flags   []string
}

// refusedThoughValid names the vectors of an algorithm of ours that Wycheproof
// calls valid and that are refused here, with the reason. There may be at most
// ten; none may be a vector that Wycheproof calls invalid.
var refusedThoughValid = map[string]map[int]string{}

// tally counts what came of the vectors.
type tally struct {
	Accepted       map[string]int // by algorithm
	Invalid        map[string]int // refused, as Wycheproof says; "" for what does not parse
	OtherAlgorithm int            // refused though valid: not an algorithm of ours
	Exceptions     int            // refused though valid, see refusedThoughValid
}

func TestSignatureVectors(t *testing.T) {
	got := run(t, "json_web_signature_test.json", 401)
	assert.Equal(t, tally{
		Accepted: map[string]int{"PS256": 6, "ES256": 2, "RS256": 8},
		Invalid: map[string]int{
			"": 36, "PS256": 43, "ES256": 31, "RS256": 221, "PS384": 2, "PS512": 7, "RS384": 1, "RS512": 1, "HS256": 8, "none": 4, "NONE": 1,
		},
		OtherAlgorithm: 30,
	}, got)
}

func TestKeyVectors(t *testing.T) {
	got := run(t, "json_web_key_test.json", 26)
	assert.Equal(t, tally{
		Accepted:       map[string]int{"RS256": 1},
		Invalid:        map[string]int{"ES256": 6, "RS256": 4, "HS256": 7, "HS384": 2, "HS512": 2},
		OtherAlgorithm: 4,
	}, got)
}

func TestExceptionsAreFew(t *testing.T) {
	count := 0
	for _, exceptions := range refusedThoughValid {
		count += len(exceptions)
		for id, reason := range exceptions {
			assert.NotEmpty(t, reason, "vector %d", id)
		}
	}
	assert.LessOrEqual(t, count, 10)
}

func run(t *testing.T, name string, tests int) tally {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, name)
	require.NoError(t, err)
	var file vectorFile
	require.NoError(t, json.Unmarshal(data, &file))
	require.Equal(t, tests, file.NumberOfTests, "the vector file changed: look at what is new")
	total := tally{Accepted: map[string]int{}, Invalid: map[string]int{}}
	seen := 0
	for _, g := range file.TestGroups {
		keys := keysOf(t, g)
		for _, v := range g.Tests {
			seen++
			total.judge(t, name, g, v, keys)
		}
	}
	require.Equal(t, tests, seen)
	return total
}

// judge runs one vector and compares the outcome with Wycheproof's.
func (total *tally) judge(t *testing.T, file string, g group, v vector, keys []jose.Key) {
	t.Helper()
	token := tokenOf(t, v)
	alg, accepted := verify(token, keys, []string{jose.PS256, jose.ES256, jose.RS256})
	_, withoutRS256 := verify(token, keys, []string{jose.PS256, jose.ES256})
	assert.Equal(t, accepted && alg != jose.RS256, withoutRS256, "vector %d: RS256 passes only where it is allowed", v.TcID)

	ours := alg == jose.PS256 || alg == jose.ES256 || alg == jose.RS256
	_, excepted := refusedThoughValid[file][v.TcID]
	switch {
	case v.Result == "invalid":
		assert.False(t, accepted, "vector %d (%s, %s) is invalid and was accepted", v.TcID, g.Comment, v.Comment)
		assert.False(t, excepted, "vector %d is invalid: no exception may cover it", v.TcID)
		total.Invalid[alg]++
	case v.Result != "valid":
		assert.Fail(t, "unknown result", "vector %d: %s", v.TcID, v.Result)
	case !ours:
		assert.False(t, accepted, "vector %d: algorithm %q was accepted", v.TcID, alg)
		total.OtherAlgorithm++
	case excepted:
		assert.False(t, accepted, "vector %d is accepted: drop the exception", v.TcID)
		total.Exceptions++
	default:
		assert.True(t, accepted, "vector %d (%s, %s) is valid and was refused", v.TcID, g.Comment, v.Comment)
		total.Accepted[alg]++
	}
}

// verify takes the way a caller does: parse, choose one key by kid, verify with it.
func verify(token string, keys []jose.Key, allowed []string) (alg string, accepted bool) {
	j, err := jose.Parse(token)
	if err != nil {
		return "", false
	}
	kid, _ := j.KeyID()
	for _, key := range keys {
		if key.ID == kid || len(keys) == 1 {
			return j.Algorithm(), j.Verify(key, allowed) == nil
		}
	}
	return j.Algorithm(), false
}

// keysOf reads the group's public keys through ParseJWKS; those of the private
// set where Wycheproof gives no others. Of a private set no entry that holds a
// secret may come back as a key.
func keysOf(t *testing.T, g group) []jose.Key {
	t.Helper()
	keys := parseSet(t, g.Private)
	if g.Public != nil {
		keys = parseSet(t, g.Public)
	}
	return keys
}

func parseSet(t *testing.T, doc json.RawMessage) []jose.Key {
	t.Helper()
	var set struct{ Keys []map[string]any }
	require.NoError(t, json.Unmarshal(doc, &set))
	if set.Keys == nil {
		var single map[string]any
		require.NoError(t, json.Unmarshal(doc, &single))
		set.Keys = append(set.Keys, single)
	}
	require.NotEmpty(t, set.Keys)
	data, err := json.Marshal(map[string]any{"keys": set.Keys})
	require.NoError(t, err)
	keys, skipped, err := jose.ParseJWKS(data)
	require.NoError(t, err)
	require.Len(t, set.Keys, len(keys)+len(skipped))
	reasons := map[int]string{}
	for _, s := range skipped {
		require.NotEmpty(t, s.Reason)
		reasons[s.Index] = s.Reason
	}
	for i, key := range set.Keys {
		if key["d"] != nil || key["k"] != nil {
			require.Contains(t, reasons, i, "a private or symmetric key was read as a public one")
		}
	}
	return keys
}

// tokenOf gives the token of a vector; JSON serialisations stand in some as objects.
func tokenOf(t *testing.T, v vector) string {
	t.Helper()
	require.NotEmpty(t, v.JWS, "vector %d", v.TcID)
	var text string
	if v.JWS[0] != '"' {
		return string(v.JWS)
	}
	require.NoError(t, json.Unmarshal(v.JWS, &text))
	return text
}
