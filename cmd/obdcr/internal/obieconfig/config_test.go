package obieconfig_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

const marker = "do-not-repeat-me"

func good() obieconfig.Config {
	return obieconfig.Config{SpecVersion: "3.3", WellknownEndpoint: "https://b.example/", SSA: "a.b.c", Kid: "k", PrivateKey: marker,
		TransportCert: marker, TransportKey: marker, RedirectURIs: []string{"https://a.example/"}, GetImplemented: true}
}

func TestAConfigurationIsReadBackAsItWasWritten(t *testing.T) {
	c := good()
	text, err := c.Marshal()
	require.NoError(t, err)
	for _, member := range []string{"spec_version", "wellknown_endpoint", "ssa", "kid", "aud", "redirect_uris", "issuer", "private_key",
		"transport_root_cas", "transport_cert", "transport_key", "get_implemented", "put_implemented", "delete_implemented", "environment", "brand"} {
		require.Contains(t, string(text), `"`+member+`"`)
	}
	again, err := obieconfig.Parse(text)
	require.NoError(t, err)
	require.Equal(t, &c, again)
}

func TestTheFirstOfSeveralStatementsIsTaken(t *testing.T) {
	c := good()
	c.SSA, c.SSAs = "", []string{" one\n", "two"}
	text, err := c.Marshal()
	require.NoError(t, err)
	read, err := obieconfig.Parse(text)
	require.NoError(t, err)
	require.Equal(t, "one", read.SSA)
}

func TestWhatIsWrongIsNamedWithoutAnyOfItsContent(t *testing.T) {
	partly, err := obieconfig.Parse([]byte(`{"kid": "k"}`))
	require.NoError(t, err, "what is needed depends on what is done")
	require.Equal(t, &obieconfig.Config{Kid: "k"}, partly)
	for text, want := range map[string]string{
		`{"kid": 7}`: "kid is a number", `[]`: "JSON object", `{"private_key": "` + marker: "JSON object", `null`: "JSON object",
		`{"redirect_uris": "` + marker + `"}`: "redirect_uris is a string",
	} {
		_, err := obieconfig.Parse([]byte(text))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), marker)
	}
}

// TestEachMemberIsCheckedForOddValues: each error names the member and says what it has to be, in words and not in
// types of Go, and repeats nothing of it.
func TestEachMemberIsCheckedForOddValues(t *testing.T) {
	t.Parallel()
	long := marker + strings.Repeat("a", 512<<10) // beyond what any member may have
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	odd := map[string]string{"null": "null", "a number": "7", "a list": "[]", "a string": `"` + marker + `"`, "an object": "{}", "true": "true", "deep": deep,
		"long": `"` + long + `"`, "a list with null": "[null]", "a list in a list": `[["` + marker + `"]]`, "a list of long ones": `["` + long + `"]`}
	good := map[reflect.Kind][]string{reflect.String: {"a string"}, reflect.Bool: {"true"}, reflect.Slice: {"a list", "null"}}
	of := reflect.TypeFor[obieconfig.Config]()
	for i := range of.NumField() {
		member, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		for kind, value := range odd {
			for _, name := range []string{member, strings.ToUpper(member)} {
				_, err := obieconfig.Parse([]byte(fmt.Sprintf(`{"kid": "k", %q: %s}`, name, value)))
				if slices.Contains(good[of.Field(i).Type.Kind()], kind) {
					require.NoError(t, err, "%s: %s", member, kind)
					continue
				}
				require.ErrorContains(t, err, member, kind)
				require.NotContains(t, err.Error(), marker)
				require.NotRegexp(t, `\[\]string|bool\b|Go |json:`, err.Error())
				require.Less(t, len(err.Error()), 200)
			}
		}
	}
	_, err := obieconfig.Parse([]byte(`{"unknown": null, "other": {"kid": 7}}`))
	require.NoError(t, err, "the tool has more members")
}

func TestAKeyIsReadInEveryUsualForm(t *testing.T) {
	rsaKey, err := ssatest.PublicTestKey(0)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	encode := func(kind string, der []byte, err error) string {
		require.NoError(t, err)
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	eight := encode("PRIVATE KEY", pkcs8, err)
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	elliptic := encode("EC PRIVATE KEY", sec1, err)
	edDER, err := x509.MarshalPKCS8PrivateKey(edKey)
	edwards := encode("PRIVATE KEY", edDER, err)
	parameters := encode("EC PARAMETERS", []byte{6, 0}, nil)

	for text, want := range map[string]interface{ Equal(crypto.PrivateKey) bool }{
		eight: rsaKey, encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil): rsaKey,
		elliptic: ecKey, parameters + elliptic: ecKey, "a comment\n" + eight: rsaKey,
	} {
		key, err := obieconfig.ParseKey([]byte(text))
		require.NoError(t, err)
		require.True(t, want.Equal(key), "the same key, whatever is kept beside it")
	}
	for _, text := range []string{"", marker, edwards, encode("PRIVATE KEY", []byte{1}, nil), encode("ENCRYPTED PRIVATE KEY", pkcs8, nil)} {
		_, err := obieconfig.ParseKey([]byte(text))
		require.Error(t, err)
	}
}
