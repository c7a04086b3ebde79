package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/internal/jose"
)

// thumbprint is RFC 7638 section 3: the members that the key type requires, in the
// order of their names, without blanks.
func thumbprint(public crypto.PublicKey) string {
	text := base64.RawURLEncoding.EncodeToString
	required := ""
	switch key := public.(type) {
	case *rsa.PublicKey:
		required = fmt.Sprintf(`{"e":"%s","kty":"RSA","n":"%s"}`, text(big.NewInt(int64(key.E)).Bytes()), text(key.N.Bytes()))
	case *ecdsa.PublicKey:
		point := must(key.Bytes())
		required = fmt.Sprintf(`{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`, text(point[1:33]), text(point[33:]))
	}
	sum := sha256.Sum256([]byte(required))
	return text(sum[:])
}

// curveKeys are P-256 keys with the private numbers 1, 2, 3 and so on. Some of them
// have a coordinate that begins with a zero, which must not get lost.
func curveKeys(t *testing.T) (keys []*ecdsa.PublicKey) {
	t.Helper()
	leadingZeros := 0
	for n := uint32(1); n <= 300; n++ {
		var scalar [32]byte
		binary.BigEndian.PutUint32(scalar[28:], n)
		key := must(ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:]))
		if point := must(key.PublicKey.Bytes()); point[1] == 0 || point[33] == 0 {
			leadingZeros++
		}
		keys = append(keys, &key.PublicKey)
	}
	require.NotZero(t, leadingZeros, "no coordinate begins with a zero: the test says too little")
	return keys
}

func TestThumbprintsAreThoseOfRFC7638(t *testing.T) {
	publics := []crypto.PublicKey{rsaKey().Public(), otherRSA().Public(), &rsa.PublicKey{N: rsaKey().N, E: 1<<31 - 1}}
	for _, key := range curveKeys(t) {
		publics = append(publics, key)
	}
	for _, public := range publics {
		got, err := jose.Thumbprint(public)
		require.NoError(t, err)
		require.Equal(t, thumbprint(public), got)
	}
}

// libraryReads gives the public key that the library makes of an entry of a set.
func libraryReads(entry string) (crypto.PublicKey, error) {
	key, err := jwk.ParseKey([]byte(entry))
	if err != nil {
		return nil, err
	}
	var raw any
	if err := key.Raw(&raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// TestKeySetsWrittenHereAreReadByTheLibrary as the same keys.
func TestKeySetsWrittenHereAreReadByTheLibrary(t *testing.T) {
	keys := []jose.Key{{ID: "r", Use: "sig", Algorithm: "PS256", Public: rsaKey().Public()}, {ID: "a\"\\<\u2028", Public: ecKey().Public()}}
	for _, key := range curveKeys(t)[:90] {
		keys = append(keys, jose.Key{Public: key})
	}
	set, err := jwk.Parse(must(jose.MarshalJWKS(keys)))
	require.NoError(t, err)
	require.Equal(t, len(keys), set.Len())
	for i, key := range keys {
		theirs, _ := set.Key(i)
		var raw any
		require.NoError(t, theirs.Raw(&raw))
		require.Equal(t, key.ID, theirs.KeyID())
		require.Equal(t, key.Use, theirs.KeyUsage())
		require.True(t, key.Public.(interface{ Equal(crypto.PublicKey) bool }).Equal(raw))
	}
}

// TestAKeyReadHereIsTheLibrarysKeyToo: of an entry, spoilt or not, this package reads
// the key that the library reads, or none.
func TestAKeyReadHereIsTheLibrarysKeyToo(t *testing.T) {
	good := []map[string]any{members(t, rsaJOSE()), members(t, ecJOSE())}
	read, skipped := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		entry := map[string]any{}
		for name, value := range rapid.SampledFrom(good).Draw(t, "key") {
			entry[name] = value
		}
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			name := rapid.SampledFrom([]string{"n", "e", "x", "y", "crv", "kty"}).Draw(t, "member")
			if text, _ := entry[name].(string); text != "" {
				entry[name] = spoil(t, text)
			}
		}
		text := string(must(json.Marshal(entry)))
		keys, _, err := jose.ParseJWKS([]byte(`{"keys":[` + text + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) == 0 {
			skipped++
			return
		}
		read++
		theirs, err := libraryReads(text)
		if err != nil || !keys[0].Public.(interface{ Equal(crypto.PublicKey) bool }).Equal(theirs) {
			t.Fatalf("read here, and by the library otherwise (%v): %s", err, text)
		}
	})
	require.NotZero(t, read, "no key was read: the test says nothing")
	require.NotZero(t, skipped, "no key was skipped: the test says nothing")
}

func spoil(t *rapid.T, text string) string {
	at := rapid.IntRange(0, len(text)-1).Draw(t, "place")
	return rapid.SampledFrom([]string{
		text, text[:at], text + "=", text + "\n", "AAAA" + text, text[:at] + "A" + text[at+1:], text[:at] + "+" + text[at:],
		strings.ToLower(text), text + "A", text + text,
	}).Draw(t, "spoilt")
}

// TestWhatTheLibraryTakesForAKey are the entries for which key sets are not read by
// the library: it takes each of these, v2.1.7, and this package none. A row that the
// library refuses one day tells that the reason to read sets ourselves has got weaker.
func TestWhatTheLibraryTakesForAKey(t *testing.T) {
	text := base64.RawURLEncoding.EncodeToString
	n := rsaKey().N
	modulus := text(n.Bytes())
	last := strings.IndexByte(alphabet, modulus[len(modulus)-1])
	plus := strings.NewReplacer("-", "+", "_", "/").Replace(modulus)
	x := members(t, ecJOSE())["x"].(string)
	for name, c := range map[string]struct {
		key    jose.Key
		member string
		value  any
	}{
		"the exponent 2^64+65537, for 65537":      {rsaJOSE(), "e", "AQAAAAAAAQAB"},
		"the exponent 1":                          {rsaJOSE(), "e", "AQ"},
		"the exponent 3":                          {rsaJOSE(), "e", "Aw"},
		"an empty exponent, for 0":                {rsaJOSE(), "e", ""},
		"a modulus of 1024 bits":                  {rsaJOSE(), "n", text(smallRSA().N.Bytes())},
		"an even modulus":                         {rsaJOSE(), "n", text(new(big.Int).Sub(n, big.NewInt(1)).Bytes())},
		"a modulus with padding":                  {rsaJOSE(), "n", base64.URLEncoding.EncodeToString(n.Bytes())},
		"a modulus in the other alphabet":         {rsaJOSE(), "n", plus + strings.Repeat("=", -len(plus)&3)},
		"a modulus with a line break":             {rsaJOSE(), "n", modulus[:64] + "\r\n" + modulus[64:]},
		"a modulus with unused bits":              {rsaJOSE(), "n", modulus[:len(modulus)-1] + string(alphabet[last^1])},
		"a private RSA key":                       {rsaJOSE(), "d", "AQAB"},
		"a private ECDSA key":                     {ecJOSE(), "d", "AQAB"},
		"a symmetric key beside the public one":   {rsaJOSE(), "kty", "oct"},
		"a point that is not on its curve":        {ecJOSE(), "y", x},
		"a coordinate of one octet":               {ecJOSE(), "x", "AQ"},
		"a coordinate of 33 octets":               {ecJOSE(), "x", text(append([]byte{0}, must(base64.RawURLEncoding.DecodeString(x))...))},
		"coordinates of P-256 said to be P-384's": {ecJOSE(), "crv", "P-384"},
	} {
		t.Run(name, func(t *testing.T) {
			entry := members(t, c.key)
			if c.value == "oct" {
				entry["k"] = "AA"
			}
			entry[c.member] = c.value
			keys, skipped, err := jose.ParseJWKS(setOf(entry))
			require.NoError(t, err)
			assert.Empty(t, keys)
			assert.Len(t, skipped, 1)
			theirs, err := libraryReads(string(must(json.Marshal(entry))))
			require.NoError(t, err, "the library refuses it now")
			if name == "the exponent 2^64+65537, for 65537" {
				assert.Equal(t, rsaKey().Public(), theirs)
			}
		})
	}
}

// TestWhatTheLibraryTakesForJSON is the same for the text of an entry: here the whole
// set is refused.
func TestWhatTheLibraryTakesForJSON(t *testing.T) {
	entry := string(must(json.Marshal(members(t, rsaJOSE()))))
	for name, text := range map[string]string{
		"a member twice":  strings.Replace(entry, `"e":"AQAB"`, `"e":"Aw","e":"AQAB"`, 1),
		"text behind":     entry + "x",
		"a second entry":  entry + entry,
		"bytes not UTF-8": strings.Replace(entry, `"kty"`, "\"kid\":\"\xff\",\"kty\"", 1),
		"kty in capitals": strings.Replace(entry, `"kty"`, `"KTY"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			keys, _, err := jose.ParseJWKS([]byte(`{"keys":[` + text + `]}`))
			if err != nil {
				requireError(t, err, jose.ErrMalformed)
			}
			assert.Empty(t, keys)
			_, err = libraryReads(text)
			require.NoError(t, err, "the library refuses it now")
		})
	}
}

// TestOneStrangeKeyCostsTheLibraryTheSet, and here itself alone.
func TestOneStrangeKeyCostsTheLibraryTheSet(t *testing.T) {
	strange := setOf(map[string]any{"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}, members(t, rsaJOSE()))
	_, err := jwk.Parse(strange)
	require.Error(t, err, "the library reads it now")
	keys, skipped, err := jose.ParseJWKS(strange)
	require.NoError(t, err)
	assert.Len(t, keys, 1)
	assert.Len(t, skipped, 1)
}
