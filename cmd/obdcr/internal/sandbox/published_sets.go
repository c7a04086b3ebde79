package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"strings"
)

// maxPublished is the greatest length of a key set that the directory publishes. It is
// several times the limit of a bank, so that a test can publish a set that is too large.
const maxPublished = 4 << 20

// emptySet is the set at a revoked address before a PUT has published one.
const emptySet = `{"keys":[]}`

// published are the key sets of PUT requests, by path. Each has a file with the path, a
// newline, and the bytes of the set.
type published map[string][]byte

// openPublished reads the sets of earlier starts, so that stored clients keep their keys. It
// skips temporary files that a crash has left.
func openPublished(f folder) (published, error) {
	entries, err := os.ReadDir(f.path(publishedDir))
	if err != nil && !os.IsNotExist(err) {
		return nil, failure("%w", err)
	}
	all := published{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		data, ok, err := f.read(publishedDir + "/" + e.Name())
		if err != nil {
			return nil, err
		}
		path, set, cut := bytes.Cut(data, []byte("\n"))
		if ok && cut {
			all[string(path)] = set
		}
	}
	return all, nil
}

// with returns a copy with one more set. It has written the set to the disk by then.
func (p published) with(f folder, path string, set []byte) (published, error) {
	sum := sha256.Sum256([]byte(path))
	if err := f.write(publishedDir+"/"+hex.EncodeToString(sum[:]), append([]byte(path+"\n"), set...), public); err != nil {
		return nil, err
	}
	all := maps.Clone(p)
	all[path] = set
	return all, nil
}

// setPath splits the path of a key set: /{org}/{name}.jwks, or /{org}/revoked/{name}.jwks
// for revoked keys.
func setPath(path string) (org, name string, revoked, ok bool) {
	parts := strings.Split(path, "/")
	if len(parts) == 4 && parts[2] == "revoked" {
		revoked, parts = true, []string{parts[0], parts[1], parts[3]}
	}
	if len(parts) != 3 || parts[0] != "" || parts[1] == "" || strings.ContainsAny(path, "\r\n\x00") {
		return "", "", false, false
	}
	name, ok = strings.CutSuffix(parts[2], ".jwks")
	return parts[1], name, revoked, ok && name != ""
}
