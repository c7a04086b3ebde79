package main

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/internal/fulltest"
)

// each is the distance of the vectors that an ordinary run signs.
const each = 4

// The files are what the sources say, byte for byte, and none is left of what they once said. An
// ordinary run signs each fourth vector, and does not know which files of keys the others need.
func TestTheFilesAreThoseOfTheGenerator(t *testing.T) {
	t.Parallel()
	if !fulltest.Asked() {
		t.Log("three of four vectors were not signed: OBDCR_FULL=1 signs all")
	}
	want, err := renderWhere(func(place int) bool { return fulltest.Asked() || place%each == 0 })
	require.NoError(t, err)
	want["schema.json"] = nil // written by hand
	err = fs.WalkDir(signed.Files(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(signed.Files(), name)
		if rendered, there := want[name]; !there && !fulltest.Asked() && strings.HasPrefix(name, "keys/") {
			return err
		} else if !there {
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
