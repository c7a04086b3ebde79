package input_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/inputtest"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

func samples(t testing.TB) *inputtest.Samples {
	t.Helper()
	d, err := ssatest.New(ssatest.Options{Deterministic: true})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	s, err := d.NewSoftware(ssatest.SoftwareOptions{})
	require.NoError(t, err)
	made, err := inputtest.New(d, s)
	require.NoError(t, err)
	return made
}

// kinds says what each sample is.
var kinds = map[string]input.Kind{
	"empty": input.Empty, "blank": input.Empty, "text": input.Unknown, "html": input.HTML, "xml": input.XML, "gzip": input.Gzip, "zip": input.Zip,
	"binary": input.Binary, "latin": input.OtherEncoding, "utf32": input.OtherEncoding,
	"request": input.Request, "quoted-request": input.Request, "statement": input.Statement, "quoted-statement": input.Statement,
	"request-claims": input.RequestClaims, "statement-claims": input.StatementClaims, "other-token": input.OtherToken, "broken-payload": input.OtherToken,
	"damaged-token": input.DamagedToken, "jwe": input.EncryptedToken, "jws-flattened": input.JWSFlattened, "jws-general": input.JWSGeneral,
	"broken-comma": input.BrokenJSON, "broken-twice": input.BrokenJSON, "broken-note": input.BrokenJSON, "broken-end": input.BrokenJSON,
	"broken-quotes": input.BrokenJSON, "broken-utf8": input.BrokenJSON, "broken-head": input.BrokenJSON, "broken-header": input.DamagedToken,
	"jwks": input.KeySet, "private-jwks": input.KeySet, "private-jwks-two": input.KeySet, "rsa-jwk": input.PrivateJWK, "ec-jwk": input.PrivateJWK,
	"ed25519-jwk": input.PrivateJWK, "rsa-public-jwk": input.PublicJWK, "ec-public-jwk": input.PublicJWK, "oct": input.SymmetricJWK,
	"config": input.ToolConfig, "policy": input.Policy, "discovery": input.Discovery, "directory": input.Directory, "dialect": input.Dialect,
	"ready": input.SandboxReady, "client": input.ClientAnswer,
	"state": input.SandboxState, "discovery-old": input.Discovery, "binary-16": input.Binary, "deep": input.BrokenJSON,
	"small-rsa": input.PrivateKey, "pss": input.PrivateKey, "secp256k1": input.PrivateKey, "secp256k1-sec1": input.PrivateKey,
	"rsa-jwk-short": input.PrivateJWK, "damaged-jwk": input.PrivateJWK,
	"error": input.ErrorAnswer, "sarif": input.SARIF, "report": input.LintReport, "object": input.OtherObject, "array": input.OtherJSON,
	"number":    input.OtherJSON,
	"rsa-pkcs8": input.PrivateKey, "rsa-pkcs8-der": input.PrivateKey, "rsa-pkcs8-json": input.PrivateKey, "rsa-pkcs8-bom": input.PrivateKey,
	"ec-pkcs8": input.PrivateKey, "ec-pkcs8-der": input.PrivateKey, "ec-pkcs8-json": input.PrivateKey, "ec-pkcs8-bom": input.PrivateKey,
	"rsa-pkcs1": input.PrivateKey, "rsa-pkcs1-der": input.PrivateKey, "ec-sec1": input.PrivateKey, "ec-sec1-der": input.PrivateKey,
	"ed25519": input.PrivateKey, "ec-p384": input.PrivateKey, "two-keys": input.PrivateKey, "no-key": input.PrivateKey,
	"rsa-public": input.PublicKey, "rsa-public-der": input.PublicKey, "rsa-public-pkcs1": input.PublicKey,
	"ec-public": input.PublicKey, "ec-public-der": input.PublicKey,
	"encrypted-pkcs8": input.EncryptedKey, "encrypted-pkcs8-der": input.EncryptedKey, "encrypted-pkcs1": input.EncryptedKey,
	"openssh": input.OpenSSHKey, "other-pem": input.OtherPEM, "damaged-pem": input.DamagedPEM,
	"certificate": input.Certificate, "certificate-der": input.Certificate, "certificate-base64": input.Certificate, "certificate-json": input.Certificate,
	"ca": input.Certificate, "certificates": input.Certificates, "certificates-der": input.Certificates, "bundle": input.KeyAndCertificate,
	"csr": input.CertificateRequest, "csr-der": input.CertificateRequest, "crl": input.RevocationList, "pkcs7": input.PKCS7, "pkcs7-der": input.PKCS7,
	"pkcs12": input.PKCS12, "pkcs12-open": input.PKCS12, "pkcs12-legacy": input.PKCS12, "pkcs12-trust": input.PKCS12, "pkcs12-ber": input.PKCS12,
	"jks": input.JKS, "jceks": input.JCEKS,
}

func TestEveryFileIsCalledWhatItIs(t *testing.T) {
	seen := map[input.Kind]bool{}
	for name, data := range samples(t).Files {
		want, known := kinds[name]
		require.True(t, known, "%s has no kind in this test", name)
		f := input.Recognise(data)
		assert.Equal(t, want, f.Kind, "%s: %v", name, f.Kind)
		assert.True(t, text.Printable(f.What()), "%s: %q", name, f.What())
		seen[f.Kind] = true
	}
	for k := input.Kind(0); k.Known(); k++ {
		assert.True(t, seen[k], "there is no sample of %v", k)
	}
}

// TestAStatementMayRepeatMembersOfRequests: a directory of another country puts redirect_uris
// beside the claims of the organisation.
func TestAStatementMayRepeatMembersOfRequests(t *testing.T) {
	const statement = `{"iss": "a", "iat": 1, "redirect_uris": ["https://a.example"], "org_id": "b"}`
	assert.Equal(t, input.StatementClaims, input.Recognise(statement).Kind)
	assert.Equal(t, input.RequestClaims, input.Recognise(strings.Replace(statement, "iat", "software_statement", 1)).Kind)
	assert.Equal(t, input.RequestClaims, input.Recognise(strings.Replace(statement, "org_id", "jti", 1)).Kind)
}

// TestTheEncodingChangesNoKind: what people see in an editor is what the file is.
func TestTheEncodingChangesNoKind(t *testing.T) {
	for name, data := range samples(t).Files {
		want := input.Recognise(data)
		if want.Text() == "" || name == "broken-utf8" || name == "latin" {
			continue
		}
		for encoding, encoded := range map[string]string{
			"a mark": "\ufeff" + want.Text(), "UTF-16 LE": utf16LE("\ufeff" + want.Text()), "UTF-16 LE without mark": utf16LE(want.Text()),
			"UTF-16 BE": utf16BE("\ufeff" + want.Text()), "line breaks": "\r\n" + want.Text() + "\r\n\r\n",
		} {
			got := input.Recognise(encoded)
			assert.Equal(t, want.Kind, got.Kind, "%s with %s", name, encoding)
			assert.Equal(t, want.Text(), got.Text(), "%s with %s", name, encoding)
		}
	}
}

func utf16LE(s string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return string(b)
}

func utf16BE(s string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = append(b, byte(unit>>8), byte(unit))
	}
	return string(b)
}

func TestClaimsAreToldApartByTheirNames(t *testing.T) {
	for document, want := range map[string]input.Kind{
		`{"iss": "a", "software_statement": "a.b.c", "org_id": "b"}`:                        input.RequestClaims,
		`{"iss": "a", "redirect_uris": [], "software_id": "b"}`:                             input.RequestClaims,
		`{"iss": "a", "redirect_uris": [], "software_roles": []}`:                           input.RequestClaims,
		`{"iss": "a", "redirect_uris": [], "software_id": "b", "org_id": "c", "scope": ""}`: input.StatementClaims, // of another directory
		`{"iss": "a", "iat": 1, "software_id": "b"}`:                                        input.StatementClaims,
		`{"software_statement_roles": [], "scope": "openid"}`:                               input.StatementClaims,
		`{"application_type": "web"}`:                                                       input.RequestClaims,
		`{"iss": "a", "sub": "a", "aud": "b", "exp": 1, "jti": "c"}`:                        input.OtherObject,
		`{"response_types": ["code"]}`:                                                      input.RequestClaims,
		`{"response_types": ["code"], "audiences": []}`:                                     input.Policy,
		`{"error_detail": "all"}`:                                                           input.Policy,
		`{"client_id": "a", "redirect_uris": []}`:                                           input.ClientAnswer,
		`{"client_id": "a", "redirect_uris": [], "iat": 1, "exp": 2, "jti": "c"}`:           input.RequestClaims, // of an update
	} {
		require.Equal(t, want, input.Recognise(document).Kind, document)
	}
}
