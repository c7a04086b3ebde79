package sandbox

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/obieconfig"
)

// keyBits is the size of all keys, like the OBIE directory's.
const keyBits = 2048

// Modes of files: private for those that hold a secret.
const (
	private = 0o600
	public  = 0o644
)

// folder is the folder of the sandbox's files. A file is replaced completely or not at
// all, so that a crash leaves no half-written one.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), filepath.FromSlash(name)) }

// read returns the bytes of a file, and whether there is one.
func (f folder) read(name string) ([]byte, bool, error) {
	data, err := os.ReadFile(f.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case err != nil:
		return nil, false, failure("%w", err)
	}
	return data, true, nil
}

// write replaces a file. It writes a temporary file, syncs it and renames it.
func (f folder) write(name string, data []byte, mode fs.FileMode) error {
	path := f.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return failure("%w", err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return failure("%w", err)
	}
	defer os.Remove(temporary.Name()) //nolint:errcheck // renamed already if all went well
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return failure("%s: %w", name, err)
	}
	return nil
}

// sweep removes what a process that was killed had not written to the end. Whoever calls it
// holds the lock.
func (f folder) sweep() error {
	for _, pattern := range []string{".new-*", "*/.new-*"} {
		left, err := fs.Glob(os.DirFS(string(f)), pattern)
		if err != nil {
			return failure("%w", err)
		}
		for _, name := range left {
			if err := f.remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// neededRoom is what a store and its logs need at least, in bytes.
const neededRoom = 1 << 20

// room tries to write neededRoom bytes into the folder. The error is nil if that went well.
func (f folder) room() error {
	path := f.path(".room")
	return errors.Join(fill(path, neededRoom), f.remove(".room"))
}

// fill writes n bytes to a file.
func fill(path string, n int) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, private)
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, n))
	return errors.Join(err, file.Sync(), file.Close())
}

func (f folder) remove(name string) error {
	if err := os.Remove(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failure("%w", err)
	}
	return nil
}

// writeJSON writes an indented document with a newline at its end.
func (f folder) writeJSON(name string, value any, mode fs.FileMode) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return failure("%s: %w", name, err)
	}
	return f.write(name, append(text, '\n'), mode)
}

// readJSON reads a document that the sandbox wrote, and reports whether there is one.
func (f folder) readJSON(name string, into any) (bool, error) {
	text, ok, err := f.read(name)
	if err != nil || !ok {
		return false, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, failure("%s is damaged: %w; remove it, or the whole folder", f.path(name), err)
	}
	return true, nil
}

// key reads an RSA key, or makes that of a place if the file is missing.
func (f folder) key(name string, m maker, place int) (*rsa.PrivateKey, error) {
	text, ok, err := f.read(name)
	if err != nil {
		return nil, err
	}
	if !ok {
		key, err := m.key(place)
		if err != nil {
			return nil, err
		}
		return key, f.writeKey(name, key)
	}
	signer, err := obieconfig.ParseKey(text)
	if err != nil {
		return nil, failure("%s: %w", f.path(name), err)
	}
	key, ok := signer.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < keyBits {
		return nil, failure("%s is no RSA key of %d bits or more: remove it for a new one", f.path(name), keyBits)
	}
	return key, nil
}

func (f folder) writeKey(name string, key crypto.PrivateKey) error {
	text, err := marshalKey(key)
	if err != nil {
		return err
	}
	return f.write(name, text, private)
}

func marshalKey(key crypto.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, failure("%w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// secret reads n secret bytes, or makes them if the file is missing.
func (f folder) secret(name string, n int, m maker) ([]byte, error) {
	data, ok, err := f.read(name)
	if err != nil {
		return nil, err
	}
	if ok && len(data) != n {
		return nil, failure("%s does not hold %d bytes: put it back, or remove it with the store", f.path(name), n)
	}
	if ok {
		return data, nil
	}
	data = m.bytes(name, n)
	return data, f.write(name, data, private)
}

// certificate reads a certificate in PEM. It returns nil if the file is missing or
// damaged: the caller issues a new one then.
func (f folder) certificate(name string) (*x509.Certificate, error) {
	data, ok, err := f.read(name)
	if err != nil || !ok {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, nil
	}
	found, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil // the caller issues a new one
	}
	return found, nil
}
