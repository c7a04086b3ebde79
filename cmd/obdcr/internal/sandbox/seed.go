package sandbox

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// maxSeed is the greatest length of a seed in bytes.
const maxSeed = 200

// checkSeed refuses a Seed that cannot stand in a line, and public keys that strangers would
// trust.
func (c *Config) checkSeed() error {
	switch {
	case c.ExposePublicKeys && (c.Seed == "" || c.Expose == nil):
		return usage("--expose-public-keys is of use with --seed and --expose alone: leave it out")
	case len(c.Seed) > maxSeed:
		return usage("--seed has %d bytes: use at most %d", len(c.Seed), maxSeed)
	case !utf8.ValidString(c.Seed):
		return usage("--seed %s: use UTF-8", text.Quote(c.Seed))
	case !allOf(c.Seed, unicode.IsPrint):
		return usage("--seed %s: use visible characters and blanks, in one line", text.Quote(c.Seed))
	case c.Seed != "" && c.Expose != nil && !c.ExposePublicKeys:
		return usage("--seed with --expose: the keys of a seed are public, so anybody who reaches the sandbox can act as its TPP and its directory: " +
			"leave one of them out, or give --expose-public-keys too")
	}
	return nil
}

func allOf(s string, is func(rune) bool) bool {
	for _, r := range s {
		if !is(r) {
			return false
		}
	}
	return true
}

// fixSeed keeps Config.Seed for the folder: it is that of the start that made its keys. It is in
// the state before a key is made. The error is a *UsageError if the folder has another seed.
func fixSeed(c *Config, f folder, s *state) error {
	_, hasKeys, err := f.read("ca.key")
	if err != nil {
		return err
	}
	if !hasKeys || s.Seed == c.Seed {
		s.Seed = c.Seed
		return s.save(f)
	}
	asked, first := "--seed "+text.Quote(c.Seed), "without --seed"
	if c.Seed == "" {
		asked = "--seed is missing"
	}
	if s.Seed != "" {
		first = "with --seed " + text.Quote(s.Seed)
	}
	return usage("%s: the sandbox in %s was first started %s, and its keys are of that: start it so again, or give --dir another folder", asked, string(f), first)
}

// maker makes what a sandbox draws: at random, or from a seed.
type maker struct{ seed string }

// The keys of a seed by their place in its order. A key of a later place is drawn at random.
const (
	placeCA = iota
	placeServer
	placeDirectory
	placeTransport
	placeSigning
	placeRotated       // of the first rotations
	placeSoftware = 12 // of further software, two each
)

// key returns the key of a place, or a new one.
func (m maker) key(place int) (*rsa.PrivateKey, error) {
	if m.seed == "" || place < 0 || place >= ssatest.PublicTestKeys {
		key, err := rsa.GenerateKey(rand.Reader, keyBits)
		if err != nil {
			return nil, failure("%w", err)
		}
		return key, nil
	}
	order := make([]int, ssatest.PublicTestKeys)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Compare(m.rank(a), m.rank(b))
	})
	key, err := ssatest.PublicTestKey(order[place])
	if err != nil {
		return nil, failure("%w", err)
	}
	return key, nil
}

// rank is what a seed orders the keys by.
func (m maker) rank(key int) string {
	return string(m.bytes("key "+string(binary.BigEndian.AppendUint32(nil, uint32(key))), sha256.Size)) //nolint:gosec // a small number
}

// rotatedKey returns the key of the n-th rotation, from 0 on.
func (m maker) rotatedKey(n int) (*rsa.PrivateKey, error) {
	if n >= placeSoftware-placeRotated {
		return m.key(-1)
	}
	return m.key(placeRotated + n)
}

// signer returns what signs by a key. That of a seed signs the same text alike each time.
func (m maker) signer(key *rsa.PrivateKey) crypto.Signer {
	if m.seed == "" {
		return key
	}
	return ssatest.Repeatable(key)
}

// bytes returns n bytes for a purpose.
func (m maker) bytes(purpose string, n int) []byte {
	data := make([]byte, n)
	_, _ = io.ReadFull(m.reader(purpose), data) // never fails
	return data
}

// reader returns the source of bytes for a purpose.
func (m maker) reader(purpose string) io.Reader {
	if m.seed == "" {
		return rand.Reader
	}
	start := sha256.Sum256([]byte("obdcr sandbox\x00" + m.seed + "\x00" + purpose))
	return &stream{start: start}
}

// stream is SHA-256 over its start and a counter.
type stream struct {
	start [sha256.Size]byte
	next  uint64
	left  []byte
}

// Read fills p.
func (s *stream) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		if len(s.left) == 0 {
			block := sha256.Sum256(binary.BigEndian.AppendUint64(s.start[:], s.next))
			s.left = block[:]
			s.next++
		}
		c := copy(p[n:], s.left)
		n, s.left = n+c, s.left[c:]
	}
	return len(p), nil
}

const base62Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// base62 returns n letters and digits for a purpose.
func (m maker) base62(purpose string, n int) string {
	from, out := m.reader(purpose), make([]byte, 0, n)
	for b := make([]byte, 1); len(out) < n; {
		_, _ = io.ReadFull(from, b) // never fails
		if i := int(b[0]) & 63; i < len(base62Digits) {
			out = append(out, base62Digits[i])
		}
	}
	return string(out)
}

// organisation and software return ids in the form of the OBIE directory's.
func (m maker) organisation(purpose string) string {
	return "0015800000" + m.base62("organisation "+purpose, 8)
}
func (m maker) software(purpose string) string { return m.base62("software "+purpose, 22) }

// uuid returns a random UUID (RFC 9562 section 5.4) for a purpose.
func (m maker) uuid(purpose string) string {
	id := m.bytes("uuid "+purpose, 16)
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
