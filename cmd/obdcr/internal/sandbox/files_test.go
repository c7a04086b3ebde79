package sandbox_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/sandbox"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

func TestTheFolderHoldsEveryFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	start(t, sandbox.Config{Dir: dir, Store: sandbox.StoreSQLite}) // every key is made
	secret := map[string]bool{"ca.key": true, "directory.key": true, "tpp/transport.key": true, "tpp/signing.key": true,
		"conformance.json": true, "people.json": true, "obdcr.db": true, "state/sealing.key": true, "state/server.key": true}
	for _, name := range []string{"ca.pem", "directory.jwks", "tpp/transport.pem", "tpp/signing.pem", "tpp/signing.kid",
		"tpp/ssa.jwt", "tpp/ssa.json", "tpp/request.jwt", "tpp/software.jwks", "policy.json", "directory.json", "ready.json"} {
		secret[name] = false
	}
	for name, private := range secret {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		if private {
			require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), name)
		}
		require.NotZero(t, info.Size(), name)
	}
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		require.NotContains(t, filepath.Base(path), ".new-", "half-written files are left")
		return err
	}))
}

func TestReadySaysWhereEverythingIs(t *testing.T) {
	w := start(t, sandbox.Config{Portal: "127.0.0.1:0"})
	var ready map[string]string
	w.json("ready.json", &ready)
	bank := ready["bank"]
	require.True(t, strings.HasPrefix(bank, "https://127.0.0.1:"))
	require.Equal(t, map[string]string{
		"bank": bank, "discovery": bank + "/.well-known/openid-configuration", "registration_endpoint": bank + "/register",
		"token_endpoint": bank + "/token", "directory": w.Ready.Directory, "portal": w.Ready.Portal, "profile": "obie-3.3",
		"audience": sandbox.Audience, "store": "memory",
	}, ready)
	require.Regexp(t, `^[0-9A-Za-z]{18}$`, ready["audience"])

	w.stop()
	require.NoFileExists(t, filepath.Join(w.dir, "ready.json"))
}

func TestReadyOfALifeThatWasCutShortIsRemoved(t *testing.T) {
	dir := folderWithKeys(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ready.json"), []byte("{}"), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	_, err = sandbox.Start(context.Background(), sandbox.Config{Dir: dir, Listen: l.Addr().String(), Directory: "127.0.0.1:0"})
	require.Error(t, err)
	require.NoFileExists(t, filepath.Join(dir, "ready.json"))
}

func TestOneSandboxAtATimeRunsInAFolder(t *testing.T) {
	w := start(t, sandbox.Config{})
	before := string(w.file("ready.json"))
	_, err := sandbox.Start(context.Background(), sandbox.Config{Dir: w.dir, Listen: "127.0.0.1:0", Directory: "127.0.0.1:0"})
	require.ErrorContains(t, err, w.dir)
	require.Equal(t, before, string(w.file("ready.json")), "the first is left alone")
}

func TestCertificatesAreThoseOfTheDirectory(t *testing.T) {
	w := start(t, sandbox.Config{})
	ca := w.certificate("ca.pem")
	require.True(t, ca.IsCA)
	require.True(t, sameKey(&w.key("ca.key").PublicKey, ca.PublicKey))
	var claimed struct {
		SoftwareID string `json:"software_id"`
		OrgID      string `json:"org_id"`
	}
	w.json("tpp/ssa.json", &claimed)
	require.Regexp(t, `^[0-9A-Za-z]{22}$`, claimed.SoftwareID)
	require.Regexp(t, `^[0-9A-Za-z]{18}$`, claimed.OrgID)
	for _, name := range []string{"tpp/transport", "tpp/signing"} {
		c := w.certificate(name + ".pem")
		require.NoError(t, c.CheckSignatureFrom(ca))
		require.True(t, sameKey(&w.key(name+".key").PublicKey, c.PublicKey))
		subject, err := dn.FromDER(c.RawSubject)
		require.NoError(t, err)
		require.Equal(t, "CN="+claimed.SoftwareID+",OU="+claimed.OrgID+",O=OpenBanking,C=GB", subject.String())
		require.Equal(t, subject.String(), c.Subject.String(), "and Go writes it so too")
	}
	transport, err := cert.Identify(w.certificate("tpp/transport.pem"))
	require.NoError(t, err)
	require.Equal(t, cert.ProfileOBTransport, transport.Profile)
	signing, err := cert.Identify(w.certificate("tpp/signing.pem"))
	require.NoError(t, err)
	require.Equal(t, cert.ProfileOBSigning, signing.Profile)

	server := w.certificate("state/server.pem")
	require.Equal(t, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, server.ExtKeyUsage)
	for _, host := range []string{"127.0.0.1", "::1", "localhost"} {
		require.NoError(t, server.VerifyHostname(host))
	}
}

func TestTokensAreReadyToSend(t *testing.T) {
	for _, c := range []sandbox.Config{
		{}, {Profile: validate.OBIE32}, {Profile: validate.OBIE34}, {Profile: validate.WSO2},
		{AuthMethods: []claims.AuthMethod{claims.TLSClientAuth}},
		{AuthMethods: []claims.AuthMethod{claims.ClientSecretPost}},
		{Policy: []byte(`{"issuer_kinds": ["org_id"], "audiences": ["theBank"], "max_lifetime_seconds": 60, "scopes": ["openid", "accounts"]}`)},
		{Policy: []byte(`{"audience_kinds": ["url"]}`)},
	} {
		w := start(t, c)
		for _, name := range []string{"tpp/ssa.jwt", "tpp/request.jwt", "tpp/signing.kid"} {
			require.NotContains(t, string(w.file(name)), "\n", "%s can be sent as it is", name)
		}
		directory, err := ssa.ParseJWKS(w.file("directory.jwks"))
		require.NoError(t, err)
		software, err := ssa.ParseJWKS([]byte(w.get(softwarePath(w)).body))
		require.NoError(t, err)
		checkSigned(t, string(w.file("tpp/ssa.jwt")), directory)
		checkSigned(t, string(w.file("tpp/request.jwt")), software)
		statement, err := ssa.Parse(string(w.file("tpp/ssa.jwt")))
		require.NoError(t, err)
		require.JSONEq(t, statement.Signed().UnverifiedPayload(), string(w.file("tpp/ssa.json")))

		answer := w.register(w.mutual(), string(w.file("tpp/request.jwt")))
		require.Equal(t, 201, answer.status, answer.body)
		w.stop()
	}
}

func checkSigned(t *testing.T, token string, keys ssa.KeySet) {
	t.Helper()
	signed, err := ssa.ParseSigned(token)
	require.NoError(t, err)
	require.NoError(t, signed.Verify(context.Background(), keys, "", []claims.Algorithm{claims.PS256}))
}

func softwarePath(w *world) string {
	var claimed struct {
		SoftwareID string `json:"software_id"`
		OrgID      string `json:"org_id"`
	}
	w.json("tpp/ssa.json", &claimed)
	return "/" + claimed.OrgID + "/" + claimed.SoftwareID + ".jwks"
}

func TestTheKidIsThatOfTheSet(t *testing.T) {
	w := start(t, sandbox.Config{})
	own, err := ssa.ParseJWKS([]byte(w.get(softwarePath(w)).body))
	require.NoError(t, err)
	require.Len(t, own.Keys, 2)
	require.Equal(t, string(w.file("tpp/signing.kid")), own.Keys[0].ID)
	require.Len(t, own.Keys[0].ID, 27)
	require.True(t, sameKey(&w.key("tpp/signing.key").PublicKey, own.Keys[0].Public))
	require.Equal(t, []string{"sig", "tls"}, []string{own.Keys[0].Use, own.Keys[1].Use})
	require.True(t, sameKey(&w.key("tpp/transport.key").PublicKey, own.Keys[1].Public))
	directory, err := ssa.ParseJWKS(w.file("directory.jwks"))
	require.NoError(t, err)
	require.Len(t, directory.Keys, 1)
	require.True(t, sameKey(&w.key("directory.key").PublicKey, directory.Keys[0].Public))
	require.Equal(t, compact(t, w.file("directory.jwks")), w.get("/keys.jwks").body)
}

func TestConformanceConfigurationIsComplete(t *testing.T) {
	for profile, version := range map[validate.Profile]string{validate.OBIE32: "3.2", validate.OBIE33: "3.3", validate.OBIE34: "3.3", validate.WSO2: "3.2"} {
		w := start(t, sandbox.Config{Profile: profile})
		config, err := obieconfig.Parse(w.file("conformance.json"))
		require.NoError(t, err)
		require.Equal(t, version, config.SpecVersion)
		require.Equal(t, w.Ready.Discovery, config.WellknownEndpoint)
		require.Equal(t, string(w.file("tpp/ssa.jwt")), config.SSA)
		require.Equal(t, string(w.file("tpp/signing.kid")), config.Kid)
		require.Equal(t, w.Ready.Audience, config.Aud)
		require.Equal(t, []string{string(w.file("ca.pem"))}, config.TransportRootCAs)
		require.Equal(t, string(w.file("tpp/transport.pem")), config.TransportCert)
		require.True(t, config.GetImplemented && config.PutImplemented && config.DeleteImplemented)
		signer, err := obieconfig.ParseKey([]byte(config.PrivateKey))
		require.NoError(t, err)
		require.True(t, sameKey(&w.key("tpp/signing.key").PublicKey, signer.Public()))
		_, err = tls.X509KeyPair([]byte(config.TransportCert), []byte(config.TransportKey))
		require.NoError(t, err)
		w.stop()
	}
}

func TestWhatIsThereIsUsedAgain(t *testing.T) {
	dir := folderWithKeys(t)
	w := start(t, onFreePorts(t, "127.0.0.1", sandbox.Config{Dir: dir, Store: sandbox.StoreSQLite}))
	before := map[string]string{}
	kept := []string{"ca.pem", "ca.key", "directory.jwks", "directory.key", "tpp/transport.pem", "tpp/transport.key",
		"tpp/signing.pem", "tpp/signing.key", "tpp/signing.kid", "state/sealing.key", "state/server.pem", "state/server.key", "ready.json"}
	for _, name := range kept {
		before[name] = string(w.file(name))
	}
	require.Equal(t, 204, w.put("/org/software.jwks", "anything").status)
	require.Equal(t, 200, send(t, w.client(), "POST", w.Ready.Directory+"/rotate", "").status)
	rotated := w.get("/keys.jwks").body
	old := w.file("tpp/ssa.jwt")
	answer := w.register(w.mutual(), string(w.file("tpp/request.jwt")))
	require.Equal(t, 201, answer.status, answer.body)
	client := readClient(t, answer)
	w.stop()

	w = start(t, sandbox.Config{Dir: dir, Store: sandbox.StoreSQLite})
	for _, name := range kept {
		if !strings.HasPrefix(name, "directory.") {
			require.Equal(t, before[name], string(w.file(name)), name)
		}
	}
	require.Equal(t, "anything", w.get("/org/software.jwks").body)
	require.Equal(t, rotated, w.get("/keys.jwks").body, "rotated keys are kept")
	require.NotEqual(t, string(old), string(w.file("tpp/ssa.jwt")), "the statement is minted afresh")
	bank := w.bank()
	token, err := bank.AccessToken(context.Background(), tpp.Credentials{ClientID: client.ClientID, Method: claims.PrivateKeyJWT})
	require.NoError(t, err)
	found, err := bank.Get(context.Background(), client.ClientID, token)
	require.NoError(t, err)
	require.Equal(t, client.ClientID, found.ClientID)
}

func TestMissingFilesAreMadeAgain(t *testing.T) {
	w := start(t, sandbox.Config{})
	software, transport := softwarePath(w), w.file("tpp/transport.pem")
	w.stop()
	for _, name := range []string{"tpp/signing.key", "directory.key", "directory.jwks", "state/sandbox.json", "conformance.json"} {
		require.NoError(t, os.Remove(filepath.Join(w.dir, name)))
	}
	again := start(t, sandbox.Config{Dir: w.dir})
	require.Equal(t, software, softwarePath(again), "the certificate says whose it is")
	require.Equal(t, string(transport), string(again.file("tpp/transport.pem")))
	answer := again.register(again.mutual(), string(again.file("tpp/request.jwt")))
	require.Equal(t, 201, answer.status, answer.body)
	again.stop()

	// A new CA issues all certificates again, for the same keys.
	require.NoError(t, os.Remove(filepath.Join(w.dir, "ca.pem")))
	_, err := os.Stat(filepath.Join(w.dir, "ca.key"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(w.dir, "ca.key")))
	third := start(t, sandbox.Config{Dir: w.dir})
	answer = third.register(third.mutual(), string(third.file("tpp/request.jwt")))
	require.Equal(t, 201, answer.status, answer.body)
	third.stop()

	require.NoError(t, os.Remove(filepath.Join(w.dir, "ca.key")))
	_, err = sandbox.Start(context.Background(), sandbox.Config{Dir: w.dir, Listen: "127.0.0.1:0", Directory: "127.0.0.1:0"})
	require.ErrorContains(t, err, "ca.key")
}

func TestDamagedFilesAreNamed(t *testing.T) {
	for name, text := range map[string]string{
		"ca.key": "no key", "directory.key": "no key", "directory.jwks": "{", "tpp/transport.key": "", "state/sandbox.json": "{",
		"state/sealing.key": "short",
	} {
		dir := folderWithKeys(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		_, err := sandbox.Start(context.Background(), sandbox.Config{Dir: dir, Listen: "127.0.0.1:0", Directory: "127.0.0.1:0", Store: sandbox.StoreMemory})
		require.ErrorContains(t, err, filepath.Base(name))
		var wrong *sandbox.UsageError
		require.NotErrorAs(t, err, &wrong)
		require.NoFileExists(t, filepath.Join(dir, "ready.json"))
	}
}

func TestPortsAreKept(t *testing.T) {
	dir := folderWithKeys(t)
	first := start(t, onFreePorts(t, "127.0.0.1", sandbox.Config{Dir: dir}))
	ready := first.Ready
	first.stop()

	second := start(t, sandbox.Config{Dir: dir}) // port 0
	require.Equal(t, ready, second.Ready)
	second.stop()

	// Without addresses the sandbox takes those of the last start. A taken port is an error.
	s, err := sandbox.Start(context.Background(), sandbox.Config{Dir: dir, Store: sandbox.StoreMemory})
	require.NoError(t, err)
	require.Equal(t, ready, s.Ready)
	require.NoError(t, s.Close(context.Background()))
	taken, err := net.Listen("tcp", strings.TrimPrefix(ready.Bank, "https://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	_, err = sandbox.Start(context.Background(), sandbox.Config{Dir: dir})
	require.ErrorContains(t, err, strings.TrimPrefix(ready.Bank, "https://"))
	var wrong *sandbox.UsageError
	require.NotErrorAs(t, err, &wrong, "it is no usage error")

	third := start(t, sandbox.Config{Dir: dir}) // port 0: another one
	require.NotEqual(t, ready.Bank, third.Ready.Bank)
	require.Equal(t, ready.Directory, third.Ready.Directory)
}

func TestOtherHostsOfLoopbackAreServed(t *testing.T) {
	for _, host := range []string{"localhost", "[::1]"} {
		if host == "[::1]" {
			l, err := net.Listen("tcp", "[::1]:0")
			if err != nil {
				t.Logf("this machine has no IPv6: %v", err)
				continue
			}
			require.NoError(t, l.Close())
		}
		w := start(t, sandbox.Config{Listen: host + ":0", Directory: host + ":0"})
		require.True(t, strings.HasPrefix(w.Ready.Bank, "https://"+host+":"))
		answer := w.register(w.mutual(), string(w.file("tpp/request.jwt")))
		require.Equal(t, 201, answer.status, answer.body)
	}
}

func TestWrongUsageIsSaid(t *testing.T) {
	for name, c := range map[string]sandbox.Config{
		"an unknown store":               {Store: "oracle"},
		"an unknown profile":             {Profile: "obie-9"},
		"an address beyond loopback":     {Listen: "0.0.0.0:8443"},
		"an address without a port":      {Directory: "127.0.0.1"},
		"a portal's bad address":         {Portal: "portal"},
		"a bad port":                     {Listen: "127.0.0.1:99999"},
		"an unknown method":              {AuthMethods: []claims.AuthMethod{"none"}},
		"a policy that is no JSON":       {Policy: []byte("{")},
		"a policy with unknown members":  {Policy: []byte(`{"audience": "x"}`)},
		"a policy without PS256":         {Policy: []byte(`{"signing_algorithms": ["ES256"]}`)},
		"a policy that fits no audience": {Policy: []byte(`{"audience_kinds": ["list"]}`)},
	} {
		c.Dir = filepath.Join(t.TempDir(), "new")
		_, err := sandbox.Start(context.Background(), c)
		var wrong *sandbox.UsageError
		require.ErrorAs(t, err, &wrong, name)
		require.NoDirExists(t, c.Dir, "%s: nothing is made", name)
	}
}

func readClient(t testing.TB, r reply) *tpp.ClientInformation {
	t.Helper()
	c, err := tpp.ParseClientInformation([]byte(r.body))
	require.NoError(t, err)
	return c
}
