package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/jose"
)

const goodHeader = `{"alg":"PS256","kid":"k1","typ":"JWT"}`

func TestVerifyAcceptsWhatTheProfilesSend(t *testing.T) {
	p, r, e := pss(rsaKey(), 32), pkcs1(rsaKey()), es256(ecKey())
	for name, c := range map[string]struct {
		token   string
		key     jose.Key
		allowed []string
	}{
		"PS256":                       {forge(goodHeader, `{}`, p), rsaJOSE(), fapi},
		"ES256":                       {forge(`{"alg":"ES256","kid":"k1"}`, `{}`, e), ecJOSE(), fapi},
		"RS256 where the policy says": {forge(`{"alg":"RS256","kid":"k1"}`, `{}`, r), rsaJOSE(), all},
		"typ absent":                  {forge(`{"alg":"PS256","kid":"k1"}`, `{}`, p), rsaJOSE(), fapi},
		"kid absent":                  {forge(`{"alg":"PS256"}`, `{}`, p), rsaJOSE(), fapi},
		"kid of 128 bytes":            {forge(`{"alg":"PS256","kid":"`+strings.Repeat("k", 128)+`"}`, `{}`, p), rsaJOSE(), fapi},
		"kid with base64 padding":     {forge(`{"alg":"PS256","kid":"dGhpcw=="}`, `{}`, p), rsaJOSE(), fapi},
		"unknown header member":       {forge(`{"alg":"PS256","kid":"k1","cty":"x"}`, `{}`, p), rsaJOSE(), fapi},
		"white space in the header":   {forge("{ \"alg\" :\n\"PS256\" }", `{}`, p), rsaJOSE(), fapi},
		"typ in lower case":           {forge(`{"alg":"PS256","typ":"jwt"}`, `{}`, p), rsaJOSE(), fapi},
		"typ with its prefix":         {forge(`{"alg":"PS256","typ":"Application/JWT"}`, `{}`, p), rsaJOSE(), fapi},
		"digests of a certificate":    {forge(`{"alg":"PS256","kid":"k1","x5t":"NT1mRdvCV0u1WgoxA7YQR0PyTL4","x5t#S256":"nlQ0-6k5tkw-qqz2lCZ_A7wSkQzcNbgbRlTzaTdCZrA"}`, `{}`, p), rsaJOSE(), fapi},
		"empty payload":               {forge(goodHeader, ``, p), rsaJOSE(), fapi},
		"key with its alg and use": {forge(goodHeader, `{}`, p),
			jose.Key{Public: rsaKey().Public(), Algorithm: "PS256", Use: "sig", Ops: []string{"sign", "verify"}}, fapi},
	} {
		t.Run(name, func(t *testing.T) {
			assert.NoError(t, verify(c.token, c.key, c.allowed))
		})
	}
}

// Each token carries a signature that is good for its header and payload, so that
// only the check named here can be what refuses it.
func TestHeaderGate(t *testing.T) {
	p := pss(rsaKey(), 32)
	for name, c := range map[string]struct {
		header string
		kind   error
	}{
		"alg none":                {`{"alg":"none","kid":"k1"}`, jose.ErrAlgorithm},
		"alg None":                {`{"alg":"None","kid":"k1"}`, jose.ErrAlgorithm},
		"alg HS256":               {`{"alg":"HS256","kid":"k1"}`, jose.ErrAlgorithm},
		"alg RS256":               {`{"alg":"RS256","kid":"k1"}`, jose.ErrAlgorithm},
		"alg PS384":               {`{"alg":"PS384","kid":"k1"}`, jose.ErrAlgorithm},
		"alg ES256 with RSA key":  {`{"alg":"ES256","kid":"k1"}`, jose.ErrKey},
		"alg lower case":          {`{"alg":"ps256","kid":"k1"}`, jose.ErrAlgorithm},
		"alg absent":              {`{"kid":"k1"}`, jose.ErrAlgorithm},
		"alg empty":               {`{"alg":"","kid":"k1"}`, jose.ErrAlgorithm},
		"alg under another case":  {`{"ALG":"PS256","kid":"k1"}`, jose.ErrAlgorithm},
		"alg as a list":           {`{"alg":["PS256"],"kid":"k1"}`, jose.ErrAlgorithm},
		"alg null":                {`{"alg":null,"kid":"k1"}`, jose.ErrAlgorithm},
		"crit":                    {`{"alg":"PS256","kid":"k1","crit":["exp"],"exp":1}`, jose.ErrHeader},
		"crit empty":              {`{"alg":"PS256","kid":"k1","crit":[]}`, jose.ErrHeader},
		"b64 false":               {`{"alg":"PS256","kid":"k1","b64":false}`, jose.ErrHeader},
		"b64 true":                {`{"alg":"PS256","kid":"k1","b64":true}`, jose.ErrHeader},
		"zip":                     {`{"alg":"PS256","kid":"k1","zip":"DEF"}`, jose.ErrHeader},
		"enc":                     {`{"alg":"PS256","kid":"k1","enc":"A128GCM"}`, jose.ErrHeader},
		"jwk":                     {`{"alg":"PS256","kid":"k1","jwk":{"kty":"oct","k":"AA"}}`, jose.ErrHeader},
		"jku":                     {`{"alg":"PS256","kid":"k1","jku":"https://a.example/k"}`, jose.ErrHeader},
		"x5u":                     {`{"alg":"PS256","kid":"k1","x5u":"https://a.example/c"}`, jose.ErrHeader},
		"x5c":                     {`{"alg":"PS256","kid":"k1","x5c":["AA=="]}`, jose.ErrHeader},
		"x5t number":              {`{"alg":"PS256","kid":"k1","x5t":1}`, jose.ErrHeader},
		"x5t#S256 null":           {`{"alg":"PS256","kid":"k1","x5t#S256":null}`, jose.ErrHeader},
		"x5t#S256 a list":         {`{"alg":"PS256","kid":"k1","x5t#S256":["AA"]}`, jose.ErrHeader},
		"x5t#S512":                {`{"alg":"PS256","kid":"k1","x5t#S512":"AA"}`, jose.ErrHeader},
		"x5":                      {`{"alg":"PS256","kid":"k1","x5":"AA"}`, jose.ErrHeader},
		"escaped member name":     {`{"alg":"PS256","kid":"k1","\u006aku":"https://a.example/k"}`, jose.ErrHeader},
		"typ JOSE":                {`{"alg":"PS256","kid":"k1","typ":"JOSE"}`, jose.ErrHeader},
		"typ at+jwt":              {`{"alg":"PS256","kid":"k1","typ":"at+jwt"}`, jose.ErrHeader},
		"typ application/at+jwt":  {`{"alg":"PS256","kid":"k1","typ":"application/at+jwt"}`, jose.ErrHeader},
		"typ empty":               {`{"alg":"PS256","kid":"k1","typ":""}`, jose.ErrHeader},
		"typ null":                {`{"alg":"PS256","kid":"k1","typ":null}`, jose.ErrHeader},
		"typ number":              {`{"alg":"PS256","kid":"k1","typ":1}`, jose.ErrHeader},
		"kid of 129 bytes":        {`{"alg":"PS256","kid":"` + strings.Repeat("k", 129) + `"}`, jose.ErrHeader},
		"kid empty":               {`{"alg":"PS256","kid":""}`, jose.ErrHeader},
		"kid number":              {`{"alg":"PS256","kid":1}`, jose.ErrHeader},
		"kid null":                {`{"alg":"PS256","kid":null}`, jose.ErrHeader},
		"kid with lone surrogate": {`{"alg":"PS256","kid":"\ud800"}`, jose.ErrHeader},
		"kid with NUL":            {`{"alg":"PS256","kid":"k\u0000"}`, jose.ErrHeader},
		"duplicate alg":           {`{"alg":"none","alg":"PS256","kid":"k1"}`, jose.ErrMalformed},
		"duplicate by escape":     {`{"alg":"none","\u0061lg":"PS256","kid":"k1"}`, jose.ErrMalformed},
		"duplicate kid":           {`{"alg":"PS256","kid":"k1","kid":"k2"}`, jose.ErrMalformed},
		"array for a header":      {`["PS256"]`, jose.ErrMalformed},
		"nothing for a header":    {``, jose.ErrMalformed},
		"text behind the header":  {goodHeader + `x`, jose.ErrMalformed},
		"two headers":             {goodHeader + goodHeader, jose.ErrMalformed},
		"invalid UTF-8":           {"{\"alg\":\"PS256\",\"kid\":\"\xff\"}", jose.ErrMalformed},
		"byte order mark":         {"\ufeff" + goodHeader, jose.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, verify(forge(c.header, `{}`, p), rsaJOSE(), fapi), c.kind)
		})
	}
}

func TestParseTakesOneSpellingOnly(t *testing.T) {
	// One byte of payload and 256 of signature: both end in unused bits.
	good := forge(goodHeader, "x", pss(rsaKey(), 32))
	require.NoError(t, verify(good, rsaJOSE(), fapi))
	parts := strings.Split(good, ".")
	h, p, s := parts[0], parts[1], parts[2]
	plus := forge(goodHeader, "\xfb\xff", pss(rsaKey(), 32))
	require.Contains(t, plus, "-_")
	for name, token := range map[string]string{
		"empty":                       "",
		"one part":                    h,
		"two parts":                   h + "." + p,
		"four parts":                  good + ".",
		"five parts as in JWE":        h + "." + p + "." + s + "." + s + "." + s,
		"JSON serialisation":          `{"payload":"` + p + `","protected":"` + h + `","signature":"` + s + `"}`,
		"general JSON serialisation":  `{"payload":"` + p + `","signatures":[{"protected":"` + h + `","signature":"` + s + `"}]}`,
		"padding behind the payload":  h + "." + p + "==." + s,
		"padding behind the token":    good + "==",
		"standard alphabet":           strings.NewReplacer("-", "+", "_", "/").Replace(plus),
		"newline behind":              good + "\n",
		"newline inside":              h + "." + p[:1] + "\n" + p[1:] + "." + s,
		"carriage return inside":      h + "." + p[:1] + "\r" + p[1:] + "." + s,
		"blank in front":              " " + good,
		"tab behind":                  good + "\t",
		"NUL behind":                  good + "\x00",
		"unused bits set":             h + ".eB." + s,
		"one character too many":      h + "." + p + "AAA." + s,
		"not ASCII":                   good + "\u00e9",
		"detached without the header": ".." + s,
		"longer than a mebibyte":      h + "." + strings.Repeat("A", jose.MaxTokenSize) + "." + s,
	} {
		t.Run(name, func(t *testing.T) {
			j, err := jose.Parse(token)
			requireError(t, err, jose.ErrMalformed)
			require.Nil(t, j)
		})
	}
}

func TestSignatureChecks(t *testing.T) {
	const ec = `{"alg":"ES256","kid":"k1"}`
	const rs = `{"alg":"RS256","kid":"k1"}`
	zero := func(n int) signer { return func(string) []byte { return make([]byte, n) } }
	extend := func(s signer) signer { return func(in string) []byte { return append(s(in), 0) } }
	lead := func(s signer) signer { return func(in string) []byte { return append([]byte{0}, s(in)...) } }
	order := elliptic.P256().Params().N
	atOrder := func(in string) []byte { return append(fixed(order), es256(ecKey())(in)[32:]...) }
	for name, c := range map[string]struct {
		header string
		sign   signer
		key    jose.Key
	}{
		"PS256 with the longest salt":      {goodHeader, pss(rsaKey(), rsa.PSSSaltLengthAuto), rsaJOSE()},
		"PS256 with salt of 20":            {goodHeader, pss(rsaKey(), 20), rsaJOSE()},
		"PS256 with salt of 31":            {goodHeader, pss(rsaKey(), 31), rsaJOSE()},
		"PS256 with salt of 64":            {goodHeader, pss(rsaKey(), 64), rsaJOSE()},
		"PKCS1 signature under PS256":      {goodHeader, pkcs1(rsaKey()), rsaJOSE()},
		"PSS signature under RS256":        {rs, pss(rsaKey(), 32), rsaJOSE()},
		"RSA of another key":               {goodHeader, pss(otherRSA(), 32), rsaJOSE()},
		"RSA without signature":            {goodHeader, zero(0), rsaJOSE()},
		"RSA signature of zeros":           {goodHeader, zero(256), rsaJOSE()},
		"RSA with a byte behind":           {goodHeader, extend(pss(rsaKey(), 32)), rsaJOSE()},
		"RSA with a zero in front":         {goodHeader, lead(pss(rsaKey(), 32)), rsaJOSE()},
		"ES256 in ASN.1":                   {ec, es256DER(ecKey()), ecJOSE()},
		"ES256 of zeros (CVE-2022-21449)":  {ec, zero(64), ecJOSE()},
		"ES256 without signature":          {ec, zero(0), ecJOSE()},
		"ES256 with a byte behind":         {ec, extend(es256(ecKey())), ecJOSE()},
		"ES256 with r beyond the order":    {ec, atOrder, ecJOSE()},
		"ES256 of another key":             {ec, es256(newEC(elliptic.P256())), ecJOSE()},
		"payload signed under a PS header": {goodHeader, func(string) []byte { return pss(rsaKey(), 32)("x.y") }, rsaJOSE()},
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, verify(forge(c.header, `{}`, c.sign), c.key, all), jose.ErrSignature)
		})
	}
}

func TestKeyGate(t *testing.T) {
	rsaToken := forge(goodHeader, `{}`, pss(rsaKey(), 32))
	ecToken := forge(`{"alg":"ES256","kid":"k1"}`, `{}`, es256(ecKey()))
	small := forge(goodHeader, `{}`, pss(smallRSA(), 32))
	pub := func(n *big.Int, e int) *rsa.PublicKey { return &rsa.PublicKey{N: n, E: e} }
	n := rsaKey().N
	offCurve := newEC(elliptic.P224()).PublicKey // its coordinates fit, and are those of no point on P-256
	offCurve.Curve = elliptic.P256()
	halfPoint := ecKey().PublicKey
	reflect.ValueOf(&halfPoint).Elem().FieldByName("Y").SetZero()
	for name, c := range map[string]struct {
		token string
		key   jose.Key
	}{
		"no key":                      {rsaToken, jose.Key{}},
		"empty RSA key":               {rsaToken, jose.Key{Public: (*rsa.PublicKey)(nil)}},
		"RSA key without modulus":     {rsaToken, jose.Key{Public: &rsa.PublicKey{E: 65537}}},
		"RSA key by value":            {rsaToken, jose.Key{Public: rsaKey().PublicKey}},
		"private RSA key":             {rsaToken, jose.Key{Public: rsaKey()}},
		"secret":                      {rsaToken, jose.Key{Public: []byte("secret")}},
		"RSA of 1024 bits":            {small, jose.Key{Public: smallRSA().Public()}},
		"RSA of 8193 bits":            {rsaToken, jose.Key{Public: pub(new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 8192), big.NewInt(1)), 65537)}},
		"exponent 1":                  {rsaToken, jose.Key{Public: pub(n, 1)}},
		"exponent 3":                  {rsaToken, jose.Key{Public: pub(n, 3)}},
		"exponent even":               {rsaToken, jose.Key{Public: pub(n, 65538)}},
		"exponent negative":           {rsaToken, jose.Key{Public: pub(n, -65537)}},
		"modulus even":                {rsaToken, jose.Key{Public: pub(new(big.Int).Sub(n, big.NewInt(1)), 65537)}},
		"modulus negative":            {rsaToken, jose.Key{Public: pub(new(big.Int).Neg(n), 65537)}},
		"key for another algorithm":   {rsaToken, jose.Key{Public: rsaKey().Public(), Algorithm: "RS256"}},
		"key for encryption":          {rsaToken, jose.Key{Public: rsaKey().Public(), Use: "enc"}},
		"key for transport":           {rsaToken, jose.Key{Public: rsaKey().Public(), Use: "tls"}},
		"key_ops without verify":      {rsaToken, jose.Key{Public: rsaKey().Public(), Ops: []string{"sign"}}},
		"key_ops empty":               {rsaToken, jose.Key{Public: rsaKey().Public(), Ops: []string{}}},
		"ECDSA key for PS256":         {rsaToken, ecJOSE()},
		"RSA key for ES256":           {ecToken, rsaJOSE()},
		"empty ECDSA key":             {ecToken, jose.Key{Public: (*ecdsa.PublicKey)(nil)}},
		"ECDSA key without a point":   {ecToken, jose.Key{Public: &ecdsa.PublicKey{Curve: elliptic.P256()}}},
		"ECDSA key off the curve":     {ecToken, jose.Key{Public: &offCurve}},
		"ECDSA key with half a point": {ecToken, jose.Key{Public: &halfPoint}},
		"ECDSA key on P-384":          {ecToken, jose.Key{Public: p384Key().Public()}},
		"key that is a public value":  {ecToken, jose.Key{Public: crypto.PublicKey(1)}},
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, verify(c.token, c.key, all), jose.ErrKey)
		})
	}
}

func TestNothingIsAllowedByDefault(t *testing.T) {
	token := forge(goodHeader, `{}`, pss(rsaKey(), 32))
	requireError(t, verify(token, rsaJOSE(), nil), jose.ErrAlgorithm)
	requireError(t, verify(token, rsaJOSE(), []string{""}), jose.ErrAlgorithm)
	requireError(t, new(jose.JWS).Verify(rsaJOSE(), all), jose.ErrAlgorithm)
	none := forge(`{"alg":"none"}`, `{}`, func(string) []byte { return nil })
	requireError(t, verify(none, rsaJOSE(), []string{"none"}), jose.ErrAlgorithm)
	hmac := forge(`{"alg":"HS256"}`, `{}`, pss(rsaKey(), 32))
	requireError(t, verify(hmac, rsaJOSE(), []string{"HS256"}), jose.ErrAlgorithm)
}

func TestRefusedHeadersCanBeShown(t *testing.T) {
	j, err := jose.Parse(b64(`{"alg":"none","kid":7}`) + "." + b64("claims") + ".")
	require.NoError(t, err)
	assert.Equal(t, "none", j.Algorithm())
	_, found := j.KeyID()
	assert.False(t, found)
	assert.JSONEq(t, `{"alg":"none","kid":7}`, j.HeaderJSON())
	assert.Equal(t, "claims", j.Payload())
	requireError(t, j.Gate(fapi), jose.ErrAlgorithm)
}

func TestErrorsRepeatLittleOfTheInput(t *testing.T) {
	long := strings.Repeat("\u00e9<secret>", 200)
	err := verify(forge(`{"alg":"`+long+`"}`, `{}`, pss(rsaKey(), 32)), rsaJOSE(), fapi)
	requireError(t, err, jose.ErrAlgorithm)
	assert.Less(t, len(err.Error()), 200)
}

func TestAllocations(t *testing.T) {
	token := forge(goodHeader, strings.Repeat("x", 3000), pss(rsaKey(), 32))
	parse := testing.AllocsPerRun(50, func() { _, _ = jose.Parse(token) })
	assert.LessOrEqual(t, parse, 10.0, "Parse: the JWS, one buffer, the header's text")
	key := rsaJOSE()
	verified := testing.AllocsPerRun(50, func() { _ = verify(token, key, fapi) })
	base := testing.AllocsPerRun(50, func() {
		_ = rsa.VerifyPSS(&rsaKey().PublicKey, crypto.SHA256, make([]byte, 32), make([]byte, 256), nil)
	})
	assert.LessOrEqual(t, verified, base+30)
	t.Logf("Parse %v allocations, Parse and Verify %v, of which crypto/rsa about %v", parse, verified, base)
}
