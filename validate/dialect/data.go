package dialect

import (
	"embed"
	"errors"
	"io/fs"
	"slices"
	"strings"
)

// ErrUnknown is the error of Load for a name that no dialect has.
var ErrUnknown = errors.New("dialect: no bank of this name is known")

const extension = ".json"

//go:embed data
var data embed.FS

// Files returns the files of all dialects that the package knows, NAME.json each.
func Files() fs.FS {
	files, err := fs.Sub(data, "data")
	if err != nil {
		return embed.FS{} // an invalid path, which "data" is not
	}
	return files
}

// Names returns the names of the dialects that the package knows, sorted.
func Names() []string {
	entries, err := fs.ReadDir(Files(), ".")
	if err != nil {
		return nil // the folder is embedded
	}
	var names []string
	for _, e := range entries {
		if name, found := strings.CutSuffix(e.Name(), extension); found {
			names = append(names, name)
		}
	}
	slices.Sort(names) // a hyphen comes before the point of the extension
	return names
}

// Load reads the dialect of a name; upper and lower case are the same. The error is
// ErrUnknown for one that Names does not list.
func Load(name string) (*Dialect, error) {
	name = strings.ToLower(name)
	if !slices.Contains(Names(), name) {
		return nil, ErrUnknown
	}
	document, err := fs.ReadFile(Files(), name+extension)
	if err != nil {
		return nil, err
	}
	return Parse(document)
}
