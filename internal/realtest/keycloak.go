package realtest

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// KeycloakVersion is the version that StartKeycloak starts.
const KeycloakVersion = "26.0.7"

// keycloakSum is the SHA-256 of its archive at Maven Central.
const keycloakSum = "25353b74613bcf72db67f8addbd88d832c705a69333091a16573d249d665fe21"

// keycloakAdmin is the name and the password of the administrator.
const keycloakAdmin = "admin"

// Keycloak is a Keycloak in dev mode. Its data lie in a folder of the test, so a Restart
// keeps them.
type Keycloak struct {
	*Process
	Address string       // https origin, without a slash at the end
	HTTP    *http.Client // trusts its certificate and presents none

	t       testing.TB
	command func() *exec.Cmd
}

// StartKeycloak starts Keycloak at a free port, over https, with client certificates
// requested. The archive comes from the local Maven repository; if it is not there, Maven
// downloads it. Ask Asked first.
func StartKeycloak(t testing.TB, identity Identity) *Keycloak {
	t.Helper()
	home := filepath.Join(t.TempDir(), "keycloak")
	unpackKeycloak(t, home)
	certificate, key, ca := identity.write(t, home)
	port := FreePort(t)
	k := &Keycloak{Address: fmt.Sprintf("https://127.0.0.1:%d", port), HTTP: identity.client(t), t: t}
	k.command = func() *exec.Cmd {
		cmd := exec.Command("bash", filepath.Join(home, "bin", "kc.sh"), "start-dev", "--cache=local",
			"--http-host=127.0.0.1", fmt.Sprintf("--https-port=%d", port), fmt.Sprintf("--http-management-port=%d", FreePort(t)),
			fmt.Sprintf("--http-port=%d", FreePort(t)), // dev mode listens there too, also with --http-enabled=false
			"--https-certificate-file="+certificate, "--https-certificate-key-file="+key,
			"--https-client-auth=request", "--https-trust-store-file="+ca, "--truststore-paths="+ca)
		cmd.Env = append(os.Environ(), "KC_BOOTSTRAP_ADMIN_USERNAME="+keycloakAdmin, "KC_BOOTSTRAP_ADMIN_PASSWORD="+keycloakAdmin,
			"JAVA_OPTS_KC_HEAP=-Xms128m -Xmx768m", "JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1") // it starts sooner
		return cmd
	}
	k.Restart()
	return k
}

// Restart starts the server again, after Stop or Kill, and waits until it answers.
func (k *Keycloak) Restart() {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), startTimeout)
	defer cancel()
	k.Process = Start(k.t, k.command())
	k.Await(ctx, k.HTTP, k.Address+"/realms/master", http.StatusOK)
}

// mavenRepository returns the folder of what Maven has downloaded.
func mavenRepository(t testing.TB) string {
	t.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(home, ".m2", "repository")
}

// keycloakArchive returns the path of the archive, which may have to be downloaded.
func keycloakArchive(t testing.TB) string {
	t.Helper()
	return filepath.Join(mavenRepository(t), "org", "keycloak", "keycloak-quarkus-dist", KeycloakVersion, "keycloak-quarkus-dist-"+KeycloakVersion+".zip")
}

// unpackKeycloak unpacks the archive into a folder. That takes some seconds.
func unpackKeycloak(t testing.TB, folder string) {
	t.Helper()
	name := keycloakArchive(t)
	if _, err := os.Stat(name); err != nil {
		run(t, t.TempDir(), "mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get", "-Dtransitive=false",
			"-Dmaven.repo.local="+mavenRepository(t), "-Dartifact=org.keycloak:keycloak-quarkus-dist:"+KeycloakVersion+":zip")
	}
	archive, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(archive); hex.EncodeToString(sum[:]) != keycloakSum {
		t.Fatalf("%s is not the archive of Keycloak %s", name, KeycloakVersion)
	}
	reader, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(folder, reader); err != nil {
		t.Fatal(err)
	}
	inner, err := filepath.Glob(filepath.Join(folder, "*", "*")) // the archive has one folder
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range inner {
		if err := os.Rename(part, filepath.Join(folder, filepath.Base(part))); err != nil {
			t.Fatal(err)
		}
	}
}

// Admin calls the admin API below /admin/realms, such as POST and "/bank/clients". A body
// that is not nil is sent as JSON, and a JSON answer is read into the last argument if
// that is not nil. Admin returns the status and the last part of Location, which is the
// identifier of what was made.
func (k *Keycloak) Admin(ctx context.Context, method, path string, body, into any) (status int, id string, err error) {
	access, err := k.adminToken(ctx)
	if err != nil {
		return 0, "", err
	}
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return 0, "", err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, k.Address+"/admin/realms"+path, &content)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+access)
	request.Header.Set("Content-Type", "application/json")
	answer, err := k.HTTP.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	if into != nil {
		err = json.NewDecoder(answer.Body).Decode(into)
	}
	location := answer.Header.Get("Location")
	return answer.StatusCode, location[strings.LastIndexByte(location, '/')+1:], err
}

// MustAdmin is Admin for a call that succeeds: it returns the identifier of what was made,
// and the test fails unless the status is one of 200..299.
func (k *Keycloak) MustAdmin(method, path string, body, into any) string {
	k.t.Helper()
	status, id, err := k.Admin(k.t.Context(), method, path, body, into)
	if err != nil || status < 200 || status > 299 {
		k.t.Fatalf("%s %s at Keycloak: %d, %v", method, path, status, err)
	}
	return id
}

// adminToken returns an access token of the administrator, who is in the realm master.
func (k *Keycloak) adminToken(ctx context.Context) (string, error) {
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {keycloakAdmin}, "password": {keycloakAdmin}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, k.Address+"/realms/master/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := k.HTTP.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(text, &got); err != nil || got.Token == "" {
		return "", fmt.Errorf("keycloak gives the administrator no token: %d", answer.StatusCode)
	}
	return got.Token, nil
}
