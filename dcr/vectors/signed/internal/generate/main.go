// Command generate writes the signed vectors, from the decoded ones of dcr/vectors and from
// its own tables. Equal sources give equal bytes. It is run by go generate in the folder
// above.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/dcr/vectors"
	"github.com/obdcr/obdcr/dcr/vectors/signed"
)

func main() {
	if err := write("data"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write replaces the files below a folder.
func write(folder string) error {
	files, err := render()
	if err != nil {
		return err
	}
	for _, old := range []string{"vectors", "keys"} {
		if err := os.RemoveAll(filepath.Join(folder, old)); err != nil {
			return err
		}
	}
	for name, data := range files {
		name = filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // for everybody to read
			return err
		}
		if err := os.WriteFile(name, data, 0o644); err != nil { //nolint:gosec // for everybody to read
			return err
		}
	}
	return nil
}

// indexLine is a vector in index.json.
type indexLine struct {
	Name  string   `json:"name"`
	File  string   `json:"file"`
	Rules []string `json:"rules"`
	Valid bool     `json:"valid"`
	Live  bool     `json:"live"`
}

// render makes all files, by their names below the folder data.
func render() (map[string][]byte, error) {
	return renderWhere(func(int) bool { return true })
}

// renderWhere makes the files of the vectors that are wanted by their place, and of the keys
// that they need. Those of all other vectors are nil; the index has each vector.
func renderWhere(wanted func(place int) bool) (map[string][]byte, error) {
	w, err := newWorld()
	if err != nil {
		return nil, err
	}
	defer w.close()
	b, err := readBase()
	if err != nil {
		return nil, err
	}
	drafts, err := drafts(&b)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	var index []indexLine
	for i := range drafts {
		v := &drafts[i].vector
		v.Live = drafts[i].live(&b)
		name := "vectors/" + v.Name + ".json"
		if _, twice := files[name]; twice {
			return nil, fmt.Errorf("%s stands twice", v.Name)
		}
		files[name] = nil
		index = append(index, indexLine{v.Name, name, v.Expect.Rules, v.Expect.Valid, v.Live})
		if !wanted(i) {
			continue
		}
		if v, err = drafts[i].sign(w); err != nil {
			return nil, err
		}
		if files[name], err = v.Marshal(); err != nil {
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	for name, data := range w.files {
		files["keys/"+name] = data
	}
	files["index.json"], err = renderIndex(index)
	return files, err
}

// renderIndex writes one vector a line.
func renderIndex(index []indexLine) ([]byte, error) {
	slices.SortFunc(index, func(a, b indexLine) int { return strings.Compare(a.Name, b.Name) })
	text := fmt.Sprintf("{\n  \"version\": %d,\n  \"count\": %d,\n  \"vectors\": [\n", signed.Version, len(index))
	for i := range index {
		line, err := json.Marshal(index[i])
		if err != nil {
			return nil, err
		}
		text += "    " + string(line)
		if i < len(index)-1 {
			text += ","
		}
		text += "\n"
	}
	return []byte(text + "  ]\n}\n"), nil
}

// drafts makes a draft of each vector.
func drafts(b *base) ([]draft, error) {
	decoded, err := vectors.Load()
	if err != nil {
		return nil, err
	}
	var all []draft
	for i := range decoded {
		if decoded[i].Extra != nil || strings.HasSuffix(decoded[i].Name, "/not-reported") || decoded[i].Request == nil || left[decoded[i].Name] != "" {
			continue // what keys show is drafted by hand
		}
		some, err := convert(&decoded[i])
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	some, err := tricks(b)
	all = slices.Concat(all, some, external(b), edges(b))
	distinguish(all)
	return all, err
}
