package realtest

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// OIDCProviderVersion is the version of node-oidc-provider that StartOIDCProvider starts.
// The file package.json names it, and package-lock.json what it depends on.
const OIDCProviderVersion = "8.8.1"

// oidcProviderFiles are the program and its pinned dependencies.
//
//go:embed oidcprovider/package.json oidcprovider/package-lock.json oidcprovider/server.js
var oidcProviderFiles embed.FS

// OIDCProvider is a node-oidc-provider. Its data lie in a file of the test, so a Restart
// keeps them unless Forget was called.
type OIDCProvider struct {
	*Process
	Address            string       // https origin and issuer, without a slash at the end
	HTTP               *http.Client // trusts its certificate and presents none
	InitialAccessToken string       // for its registration endpoint
	// BankID and BankSecret authenticate the bank's own client by client_secret_basic. It
	// may introspect all tokens, and revoke its own only (RFC 7009 section 2.1).
	BankID, BankSecret string

	t       testing.TB
	data    string
	command func() *exec.Cmd
}

// StartOIDCProvider starts node-oidc-provider at a free port, over https, with client
// certificates requested and registration access tokens that rotate with each update. The
// program lies in a cache folder of the user; if it is not there, npm installs it. Ask
// Asked first.
func StartOIDCProvider(t testing.TB, identity Identity) *OIDCProvider {
	t.Helper()
	program, dir := installOIDCProvider(t), t.TempDir()
	certificate, key, ca := identity.write(t, dir)
	port := FreePort(t)
	p := &OIDCProvider{Address: fmt.Sprintf("https://127.0.0.1:%d", port), HTTP: identity.client(t), InitialAccessToken: "initial-access-token",
		BankID: "bank", BankSecret: "bank-secret", t: t, data: filepath.Join(dir, "data.json")}
	settings, err := json.Marshal(map[string]any{
		"issuer": p.Address, "port": port, "certificate": certificate, "certificateKey": key, "ca": ca, "data": p.data,
		"initialAccessToken": p.InitialAccessToken, "rotate": true,
		"bank": map[string]any{"client_id": p.BankID, "client_secret": p.BankSecret, "token_endpoint_auth_method": "client_secret_basic",
			"grant_types": []string{}, "response_types": []string{}, "redirect_uris": []string{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "settings.json")
	if err := os.WriteFile(file, settings, 0o600); err != nil {
		t.Fatal(err)
	}
	p.command = func() *exec.Cmd {
		cmd := exec.Command("node", program, file)
		cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+ca)
		return cmd
	}
	p.Restart()
	return p
}

// Restart starts the server again, after Stop or Kill, and waits until it answers.
func (p *OIDCProvider) Restart() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), startTimeout)
	defer cancel()
	p.Process = Start(p.t, p.command())
	p.Await(ctx, p.HTTP, p.Address+"/.well-known/openid-configuration", http.StatusOK)
}

// Forget removes all data of a server that is stopped: clients, tokens, grants.
func (p *OIDCProvider) Forget() {
	p.t.Helper()
	if err := os.Remove(p.data); err != nil {
		p.t.Fatal(err)
	}
}

// oidcProviderProgram returns the path of the program, which may have to be installed. Its
// folder has a name that depends on the content of the files.
func oidcProviderProgram(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "obdcr-test", "oidc-provider-"+contentHash(t, oidcProviderFolder(t)), "server.js")
}

// oidcProviderFolder has the program and what it depends on, by name.
func oidcProviderFolder(t testing.TB) fs.FS {
	t.Helper()
	files, err := fs.Sub(oidcProviderFiles, "oidcprovider")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// installOIDCProvider returns the path of the program, after npm has installed what it
// needs beside it.
func installOIDCProvider(t testing.TB) string {
	t.Helper()
	program := oidcProviderProgram(t)
	folder := filepath.Dir(program)
	if _, err := os.Stat(program); err == nil {
		return program
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	part, err := os.MkdirTemp(filepath.Dir(folder), "part-*")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(part) }() // it is gone if all went well
	if err := os.CopyFS(part, oidcProviderFolder(t)); err != nil {
		t.Fatal(err)
	}
	run(t, part, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	if err := os.Rename(part, folder); err != nil {
		if _, gone := os.Stat(program); gone != nil { // no other test was faster
			t.Fatal(err)
		}
	}
	return program
}

// contentHash names the content of a folder.
func contentHash(t testing.TB, files fs.FS) string {
	t.Helper()
	hash := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		hash.Write([]byte(path + "\x00"))
		hash.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16]
}

// row is one object in the file of the server's data: its key and what belongs to it.
type row [2]json.RawMessage

// clientKey returns the client_id of a row that is a registered client, and "" for others.
func (r row) clientKey() string {
	var key string
	if json.Unmarshal(r[0], &key) != nil {
		return ""
	}
	id, isClient := strings.CutPrefix(key, "Client:")
	if !isClient {
		return ""
	}
	return id
}

// ClientIDs returns the client_id of each registered client, sorted.
func (p *OIDCProvider) ClientIDs() []string {
	p.t.Helper()
	var ids []string
	for _, r := range p.rows() {
		if id := r.clientKey(); id != "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// RemoveClient removes a client as an operator would who edits the data: without telling
// anybody. The server is stopped and started again.
func (p *OIDCProvider) RemoveClient(id string) {
	p.t.Helper()
	p.Stop()
	rest := slices.DeleteFunc(p.rows(), func(r row) bool { return r.clientKey() == id })
	text, err := json.Marshal(rest)
	if err == nil {
		err = os.WriteFile(p.data, text, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.Restart()
}

func (p *OIDCProvider) rows() []row {
	p.t.Helper()
	text, err := os.ReadFile(p.data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var all []row
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}
