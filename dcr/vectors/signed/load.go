package signed

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Version is the version of the form that this package reads.
const Version = 1

var (
	// ErrFile means that a file of vectors can't be used.
	ErrFile = errors.New("signed vectors: unusable file")
	// ErrVersion means that a file has another version than [Version]. An error that wraps it
	// wraps ErrFile too.
	ErrVersion = errors.New("another version of the form")
)

//go:embed data
var embedded embed.FS

// Files returns the files as they are: vectors/ABOUT/NAME.json, keys, schema.json and
// index.json.
func Files() fs.FS {
	files, err := fs.Sub(embedded, "data")
	if err != nil {
		panic("signed: " + err.Error()) // the name is a constant
	}
	return files
}

// Load returns all vectors of this package, in fresh values, by name.
func Load() ([]Vector, error) { return Read(Files()) }

// Read reads the vectors below the folder vectors of a file system, by name. It is strict, as
// [Parse] is. It reads no keys.
func Read(files fs.FS) ([]Vector, error) {
	var all []Vector
	err := fs.WalkDir(files, "vectors", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".json" {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		v, err := Parse(data)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if about := strings.TrimSuffix(strings.TrimPrefix(name, "vectors/"), ".json"); about != v.Name {
			return fmt.Errorf("%w: %s: its name is %s", ErrFile, name, v.Name)
		}
		v.In(name)
		all = append(all, v)
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, ErrFile):
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	case err != nil:
		return nil, err
	}
	return all, nil
}

// In says from which file the vector was read, and makes the names of its keys those in the
// same file system.
func (v *Vector) In(file string) {
	v.File = file
	for _, name := range v.Keys.names() {
		if *name != "" {
			*name = path.Join(path.Dir(file), *name)
		}
	}
}

func (k *Keys) names() []*string {
	return []*string{&k.Directory, &k.Software, &k.Revoked, &k.Certificate, &k.Authorities}
}
