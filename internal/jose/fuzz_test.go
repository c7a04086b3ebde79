package jose_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/jose"
)

// FuzzSplit: a token that is accepted has only the spelling it came in; one that
// is not leaves nothing behind.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		"", ".", "..", "...", "e30..", "e30.e30.", "e30.eA.eA", "e30.eB.eA", "e30=.eA==.eA", "e30.eA.eA\n", "e30.e\r\nA.eA",
		"e30.+A.eA", `{"payload":"eA"}`, "e3 0.eA.eA", "W10.eA.eA", "e30.A.eA", forge(goodHeader, `{}`, pss(rsaKey(), 32)),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		j, err := jose.Parse(token)
		if err != nil {
			requireError(t, err, jose.ErrMalformed)
			require.Nil(t, j)
			return
		}
		signature := token[strings.LastIndexByte(token, '.')+1:]
		octets, err := base64.RawURLEncoding.DecodeString(signature)
		require.NoError(t, err)
		again := b64(j.HeaderJSON()) + "." + b64(j.Payload()) + "." + b64(string(octets))
		require.Equal(t, token, again)
		require.True(t, json.Valid([]byte(j.HeaderJSON())))
		for _, key := range []jose.Key{rsaJOSE(), ecJOSE(), {}} {
			if err := j.Verify(key, all); err != nil {
				checkErrorText(t, err)
			}
		}
	})
}

// FuzzHeader: a header that passes the gate is one that encoding/json reads in the
// same way, with an allowed alg and none of the refused members.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{
		goodHeader, `{}`, `[]`, `{"alg":"none"}`, `{"alg":"PS256","alg":"none"}`, `{"alg":"ES256","\u006aku":""}`, `{"ALG":"PS256"}`,
		`{"alg":"PS256","crit":[]}`, `{"alg":"PS256","kid":""}`, `{"alg":"PS256","kid":"\ud83d\ude00"}`, `{"alg":"PS256","typ":"jwt"}`,
		`{"alg":"PS256","x5t#S256":1}`, `{"alg":"PS256","x5t":"\ud800","typ":"application/jwt"}`, "{\"alg\":\"PS256\",\"a\":\"\xc0\x80\"}", `{"alg":"PS256","b64":false}`, `{"alg":"\u0050S256"} `,
	} {
		f.Add(seed)
	}
	refused := []string{"crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"}
	f.Fuzz(func(t *testing.T, header string) {
		j, err := jose.Parse(b64(header) + ".e30.AAAA")
		if err != nil {
			requireError(t, err, jose.ErrMalformed)
			require.Nil(t, j)
			return
		}
		require.Equal(t, header, j.HeaderJSON())
		var members map[string]any
		require.NoError(t, json.Unmarshal([]byte(header), &members))
		if err := j.Gate(fapi); err != nil {
			checkErrorText(t, err)
			return
		}
		require.Contains(t, fapi, members["alg"])
		require.Equal(t, members["alg"], j.Algorithm())
		for _, name := range refused {
			require.NotContains(t, members, name)
		}
		if typ, found := members["typ"]; found {
			require.Contains(t, []string{"jwt", "application/jwt"}, strings.ToLower(typ.(string)))
		}
		for digest, size := range map[string]int{"x5t": 20, "x5t#S256": 32} {
			if value, found := members[digest]; found {
				octets, err := base64.RawURLEncoding.DecodeString(value.(string))
				require.NoError(t, err)
				require.Len(t, octets, size)
			}
		}
		kid, found := members["kid"]
		got, has := j.KeyID()
		require.Equal(t, found, has)
		if found {
			require.Equal(t, kid, got)
			require.True(t, got != "" && len(got) <= jose.MaxKeyIDSize)
		}
	})
}

// FuzzJWKS: every entry is either a key or skipped with a reason; the keys survive
// a round trip and may be used; a failed parse returns nothing.
func FuzzJWKS(f *testing.F) {
	good := string(must(jose.MarshalJWKS([]jose.Key{
		{ID: "k1", Use: "sig", Algorithm: "PS256", Public: rsaKey().Public()}, {ID: "k2", Ops: []string{"verify"}, Public: ecKey().Public()},
	})))
	for _, seed := range []string{
		good, ``, `{}`, `{"keys":null}`, `{"keys":[]}`, `{"keys":[null,1,"a",{}]}`, strings.Replace(good, "RSA", "oct", 1),
		strings.Replace(good, `"kid"`, `"d":"AQAB","kid"`, 1), strings.Replace(good, `"kid"`, `"x5c":["AAAA"],"kid"`, 1),
		strings.Replace(good, "P-256", "P-384", 1), strings.Replace(good, "AQAB", "AQ", 1), good + good,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, skipped, err := jose.ParseJWKS(data)
		if err != nil {
			requireError(t, err, jose.ErrMalformed)
			require.True(t, keys == nil && skipped == nil)
			return
		}
		var set map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &set))
		var entries []json.RawMessage
		require.NoError(t, json.Unmarshal(set["keys"], &entries))
		require.Equal(t, len(entries), len(keys)+len(skipped))
		for _, s := range skipped {
			require.NotEmpty(t, s.Reason)
			require.LessOrEqual(t, len(s.ID), jose.MaxKeyIDSize)
		}
		again, err := jose.MarshalJWKS(keys)
		require.NoError(t, err)
		reread, none, err := jose.ParseJWKS(again)
		require.NoError(t, err)
		require.Empty(t, none)
		require.Equal(t, keys, reread)
		for _, key := range keys {
			_, err := jose.Thumbprint(key.Public)
			require.NoError(t, err)
		}
	})
}
