package jose_test

import (
	"crypto"
	"crypto/rsa"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/obdcr/obdcr/internal/jose"
)

// TestAcceptedMeansAcceptedByTheLibrary: this package may refuse more than the
// JOSE library, never less. Tokens are made from parts good and bad, then damaged
// or not; whatever passes here must pass there, with the same payload.
func TestAcceptedMeansAcceptedByTheLibrary(t *testing.T) {
	accepted, refused := 0, 0
	judge := func(t *rapid.T) {
		token := drawToken(t)
		public := rapid.SampledFrom([]crypto.PublicKey{rsaKey().Public(), ecKey().Public()}).Draw(t, "key")
		j, err := jose.Parse(token)
		if err == nil {
			err = j.Verify(jose.Key{Public: public}, all)
		}
		if err != nil {
			refused++
			return
		}
		accepted++
		payload, err := jws.Verify([]byte(token), jws.WithKey(jwa.SignatureAlgorithm(j.Algorithm()), public))
		if err != nil {
			t.Fatalf("accepted here, refused by the library: %v", err)
		}
		if string(payload) != j.Payload() {
			t.Fatalf("the library reads another payload: %q, not %q", payload, j.Payload())
		}
	}
	// With -short rapid draws few tokens: go on until it has drawn both kinds.
	for accepted == 0 || refused == 0 {
		rapid.Check(t, judge)
	}
}

// TestTheLibraryVerifiesWhatIsSignedHere, and reads the same header and payload.
func TestTheLibraryVerifiesWhatIsSignedHere(t *testing.T) {
	signers := map[string]crypto.Signer{jose.PS256: rsaKey(), jose.RS256: rsaKey(), jose.ES256: ecKey()}
	rapid.Check(t, func(t *rapid.T) {
		alg := rapid.SampledFrom(all).Draw(t, "alg")
		kid := rapid.StringN(1, 30, jose.MaxKeyIDSize).Filter(plainText).Draw(t, "kid")
		typ := rapid.SampledFrom([]string{"", "JWT", "\"a\\"}).Draw(t, "typ")
		payload := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "payload")
		token, err := jose.Sign(payload, signers[alg], alg, kid, typ)
		if err != nil {
			t.Fatal(err)
		}
		got, err := jws.Verify([]byte(token), jws.WithKey(jwa.SignatureAlgorithm(alg), signers[alg].Public()))
		if err != nil || string(got) != string(payload) {
			t.Fatalf("the library reads %q: %v", got, err)
		}
		header := must(jws.Parse([]byte(token))).Signatures()[0].ProtectedHeaders()
		if header.KeyID() != kid || header.Type() != typ || header.Algorithm().String() != alg {
			t.Fatalf("the library reads another header: %v", header)
		}
	})
}

func plainText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// TestWhatTheLibrarySignsVerifiesHere: what a TPP of the same library sends is
// accepted.
func TestWhatTheLibrarySignsVerifiesHere(t *testing.T) {
	for alg, key := range map[jwa.SignatureAlgorithm]crypto.Signer{jwa.PS256: rsaKey(), jwa.RS256: rsaKey(), jwa.ES256: ecKey()} {
		header := jws.NewHeaders()
		require.NoError(t, header.Set(jws.KeyIDKey, "k1"))
		require.NoError(t, header.Set(jws.TypeKey, "JWT"))
		token := string(must(jws.Sign([]byte(`{"a":1}`), jws.WithKey(alg, key, jws.WithProtectedHeaders(header)))))
		j, err := jose.Parse(token)
		require.NoError(t, err)
		require.NoError(t, j.Verify(jose.Key{Public: key.Public()}, []string{alg.String()}))
		require.Equal(t, `{"a":1}`, j.Payload())
		kid, _ := j.KeyID()
		require.Equal(t, "k1", kid)
	}
}

// TestWhatTheLibraryTakesForASignedToken are the tokens for which signatures are not
// verified by the library: it takes each of these, v2.1.7, and this package none. A row
// that the library refuses one day tells that the reason has got weaker.
func TestWhatTheLibraryTakesForASignedToken(t *testing.T) {
	p := pss(rsaKey(), 32)
	good := forge(goodHeader, `{}`, p)
	parts := strings.Split(good, ".")
	set := jwk.NewSet()
	key := must(jwk.FromRaw(rsaKey().Public()))
	require.NoError(t, key.Set(jwk.KeyIDKey, "k1"))
	require.NoError(t, key.Set(jwk.AlgorithmKey, jwa.PS256))
	require.NoError(t, set.AddKey(key))
	for name, token := range map[string]string{
		"a salt of 20":                     forge(goodHeader, `{}`, pss(rsaKey(), 20)),
		"the longest salt":                 forge(goodHeader, `{}`, pss(rsaKey(), rsa.PSSSaltLengthAuto)),
		"alg none over a PS256 signature":  forge(`{"alg":"none","kid":"k1"}`, `{}`, p),
		"alg HS256 over a PS256 signature": forge(`{"alg":"HS256","kid":"k1"}`, `{}`, p),
		"alg RS256 over a PS256 signature": forge(`{"alg":"RS256","kid":"k1"}`, `{}`, p),
		"no alg over a PS256 signature":    forge(`{"kid":"k1"}`, `{}`, p),
		"a critical extension":             forge(`{"alg":"PS256","kid":"k1","crit":["x"],"x":1}`, `{}`, p),
		"alg twice":                        forge(`{"alg":"none","alg":"PS256","kid":"k1"}`, `{}`, p),
		"the JSON form":                    `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"a signature with padding":         good + "==",
		"a line break behind":              good + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, verify(token, rsaJOSE(), fapi))
			payload, err := jws.Verify([]byte(token), jws.WithKeySet(set))
			require.NoError(t, err, "the library refuses it now")
			require.Equal(t, `{}`, string(payload))
		})
	}
}

func drawToken(t *rapid.T) string {
	alg := rapid.SampledFrom([]string{"PS256", "ES256", "RS256", "PS256", "ES256", "none"}).Draw(t, "alg")
	signs := map[string]signer{
		"PS256": pss(rsaKey(), 32), "ES256": es256(ecKey()), "RS256": pkcs1(rsaKey()), "none": pss(rsaKey(), 32),
	}
	sign := signs[alg]
	if rapid.IntRange(0, 9).Draw(t, "other signature") == 0 {
		sign = pss(rsaKey(), rapid.SampledFrom([]int{20, 32, 64}).Draw(t, "salt"))
	}
	header := []string{`"alg":"` + alg + `"`}
	extra := rapid.SampledFrom([]string{
		`"kid":"k1"`, `"kid":"` + strings.Repeat("k", 128) + `"`, `"typ":"JWT"`, `"cty":"JWT"`, `"a":{"b":[1,null,true]}`,
		`"\u0061":1.5e3`, `"typ":"JOSE"`, `"kid":1`, `"b64":true`, `"x5t":"AA"`,
	})
	header = append(header, rapid.SliceOfNDistinct(extra, 0, 3, rapid.ID).Draw(t, "header")...)
	payload := rapid.OneOf(rapid.Just(`{"iss":"a"}`), rapid.StringN(0, 20, -1)).Draw(t, "payload")
	token := forge("{"+strings.Join(rapid.Permutation(header).Draw(t, "order"), ", ")+"}", payload, sign)
	return damage(t, token)
}

// damage changes one thing about a token, or nothing, which is the usual case.
func damage(t *rapid.T, token string) string {
	at := rapid.IntRange(0, len(token)-1).Draw(t, "place")
	switch rapid.IntRange(0, 9).Draw(t, "damage") {
	case 0:
		return token[:at] + string(rapid.SampledFrom([]byte("AZaz09-_+/=.\n ")).Draw(t, "character")) + token[at+1:]
	case 1:
		return token + rapid.SampledFrom([]string{"=", "==", "\n", ".", "A"}).Draw(t, "tail")
	case 2:
		return token[:at]
	case 3: // the unused bits of the last character
		last := strings.IndexByte(alphabet, token[len(token)-1])
		return token[:len(token)-1] + string(alphabet[last^rapid.IntRange(1, 3).Draw(t, "bits")])
	}
	return token
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
