package main

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/vectors/signed"
)

// The files are what the sources say, byte for byte, and none is left of what they once said.
func TestTheFilesAreThoseOfTheGenerator(t *testing.T) {
	t.Parallel()
	want, err := render()
	require.NoError(t, err)
	want["schema.json"] = nil // written by hand
	err = fs.WalkDir(signed.Files(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(signed.Files(), name)
		if rendered, there := want[name]; !there {
			t.Errorf("%s: nothing renders it: run go generate ./dcr/vectors/signed", name)
		} else if rendered != nil && string(rendered) != string(data) {
			t.Errorf("%s differs from what is rendered: run go generate ./dcr/vectors/signed", name)
		}
		delete(want, name)
		return err
	})
	require.NoError(t, err)
	assert.Empty(t, want, "files that are rendered and not there: run go generate ./dcr/vectors/signed")
}
