package obieconfig_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
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

func TestAKeyIsReadInEveryUsualForm(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
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

	for text, want := range map[string]any{
		eight: rsaKey, encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil): rsaKey,
		elliptic: ecKey, parameters + elliptic: ecKey, "a comment\n" + eight: rsaKey,
	} {
		key, err := obieconfig.ParseKey([]byte(text))
		require.NoError(t, err)
		require.Equal(t, want, key)
	}
	for _, text := range []string{"", marker, edwards, encode("PRIVATE KEY", []byte{1}, nil), encode("ENCRYPTED PRIVATE KEY", pkcs8, nil)} {
		_, err := obieconfig.ParseKey([]byte(text))
		require.Error(t, err)
	}
}
