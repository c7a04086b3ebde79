package sandbox

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"slices"

	"github.com/obdcr/obdcr/internal/jose"
)

// Files of the directory's own keys.
const (
	directoryKeyFile  = "directory.key"
	directoryJWKSFile = "directory.jwks"
)

// directoryKeys are the keys that sign statements: the current one first, then earlier
// ones that are still published. A change is written to the disk before it takes effect,
// so that a crash cannot leave statements whose key is lost.
type directoryKeys struct {
	files   folder
	current *rsa.PrivateKey
	public  []jose.Key
	jwks    []byte
	state   *state
	make    maker
}

// openDirectoryKeys reads directory.key and directory.jwks. It makes a file that is
// missing, and adds the key to the set if the set lacks it.
func openDirectoryKeys(f folder, s *state, m maker) (*directoryKeys, error) {
	k := &directoryKeys{files: f, state: s, make: m}
	var err error
	if k.current, err = f.key(directoryKeyFile, m, placeDirectory); err != nil {
		return nil, err
	}
	text, ok, err := f.read(directoryJWKSFile)
	if err != nil {
		return nil, err
	}
	if ok {
		if k.public, _, err = jose.ParseJWKS(text); err != nil {
			return nil, failure("%s: %w; remove it for a new one", f.path(directoryJWKSFile), err)
		}
	}
	at := slices.IndexFunc(k.public, func(p jose.Key) bool { return k.current.PublicKey.Equal(p.Public) })
	var own jose.Key
	if at >= 0 {
		own = k.public[at]
		k.public = slices.Delete(k.public, at, at+1)
	} else if own, err = directoryKey(&k.current.PublicKey); err != nil {
		return nil, err
	}
	k.public = slices.Insert(k.public, 0, own)
	return k, k.publish(k.public)
}

// directoryKey makes the published form of a key. Like the OBIE directory's keys it has no
// alg, and a kid of 44 characters.
func directoryKey(key *rsa.PublicKey) (jose.Key, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return jose.Key{}, failure("%w", err)
	}
	sum := sha256.Sum256(der)
	return jose.Key{ID: base64.StdEncoding.EncodeToString(sum[:]), Use: "sig", Public: key}, nil
}

// publish writes the set to the disk before it serves it.
func (k *directoryKeys) publish(keys []jose.Key) error {
	jwks, err := jose.MarshalJWKS(keys)
	if err != nil {
		return failure("%w", err)
	}
	if err := k.files.write(directoryJWKSFile, append(jwks, '\n'), public); err != nil {
		return err
	}
	k.public, k.jwks = keys, jwks
	return nil
}

// rotate makes a new key the current one. It writes the set first, so that the set always
// has the key of directory.key, also after a crash in between.
func (k *directoryKeys) rotate() error {
	key, err := k.make.rotatedKey(k.state.Rotations)
	if err != nil {
		return err
	}
	k.state.Rotations++
	if err := k.state.save(k.files); err != nil {
		return err
	}
	own, err := directoryKey(&key.PublicKey)
	if err != nil {
		return err
	}
	keys := slices.Insert(slices.Clone(k.public), 0, own)
	if err := k.publish(keys[:min(len(keys), jose.MaxJWKSKeys)]); err != nil {
		return err
	}
	if err := k.files.writeKey(directoryKeyFile, key); err != nil {
		return err
	}
	k.current = key
	return nil
}

// dropOld publishes the current key alone.
func (k *directoryKeys) dropOld() error {
	for _, p := range k.public {
		if k.current.PublicKey.Equal(p.Public) {
			return k.publish([]jose.Key{p})
		}
	}
	return failure("the signing key is not published")
}

// sign signs a statement with the current key, under the kid that is published for it.
func (k *directoryKeys) sign(payload []byte) (string, error) {
	for _, p := range k.public {
		if k.current.PublicKey.Equal(p.Public) {
			return jose.Sign(payload, k.make.signer(k.current), jose.PS256, p.ID, "JWT")
		}
	}
	return "", failure("the signing key is not published")
}

// kids returns the kids of the published keys, the current one first.
func (k *directoryKeys) kids() []string {
	ids := make([]string, len(k.public))
	for i, p := range k.public {
		ids[i] = p.ID
	}
	return ids
}
