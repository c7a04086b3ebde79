package archtest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The drawing is the first text block of docs/architecture.md: sections, and in each
// the rooms with the rooms that they know, the top floor first. It is the only list of
// who may know whom; these tests hold the code to it, and it to the code.
const (
	architecture   = "docs/architecture.md"
	sectionLeaves  = "leaves"
	sectionTests   = "tests only"
	examplesRow    = "examples/*"
	examplesKnow   = "public rooms"
	guardedLeaf    = "internal/jose" // drawn wherever it is known, unlike other leaves
	examplesPrefix = "examples/"
)

type drawnRoom struct {
	section string
	floor   int // lines from the top
	knows   []string
}

var drawnRow = regexp.MustCompile(`^  (\S.*?)(?: +-> (.+))?$`)

// drawing returns the rooms of the drawing by name.
func drawing(t *testing.T) map[string]drawnRoom {
	t.Helper()
	_, block, found := strings.Cut(readFile(t, architecture), "\n```text\n")
	require.True(t, found, "%s has no drawing", architecture)
	block, _, _ = strings.Cut(block, "\n```\n")
	drawn, section := map[string]drawnRoom{}, ""
	for floor, line := range strings.Split(block, "\n") {
		if !strings.HasPrefix(line, " ") {
			section, _, _ = strings.Cut(line, "  ") // a remark may follow
			continue
		}
		row := drawnRow.FindStringSubmatch(line)
		require.NotNil(t, row, "%q is no row of the drawing", line)
		var knows []string
		if row[2] != "" {
			knows = strings.Split(row[2], ", ")
		}
		for name := range strings.SplitSeq(row[1], ", ") {
			require.NotContains(t, drawn, name, "drawn twice")
			drawn[name] = drawnRoom{section: section, floor: floor, knows: knows}
		}
	}
	return drawn
}

// ours returns the rooms of the module that the drawing shows one by one.
func ours(t *testing.T) map[string]goPackage {
	t.Helper()
	rooms := map[string]goPackage{}
	for _, p := range packages(t) {
		if p.Ours() && p.Room() != "." && !strings.HasPrefix(p.Room(), examplesPrefix) {
			rooms[p.Room()] = p
		}
	}
	return rooms
}

// roomsAmong returns the rooms of ours among import paths.
func roomsAmong(t *testing.T, imports []string) []string {
	t.Helper()
	var rooms []string
	for _, path := range imports {
		if p, known := packages(t)[path]; known && p.Ours() {
			rooms = append(rooms, p.Room())
		}
	}
	return rooms
}

func TestTheDrawingShowsEveryRoomAndNoOther(t *testing.T) {
	drawn := drawing(t)
	require.Equal(t, []string{examplesKnow}, drawn[examplesRow].knows)
	delete(drawn, examplesRow)
	assert.ElementsMatch(t, slices.Collect(maps.Keys(ours(t))), slices.Collect(maps.Keys(drawn)))
}

// TestEveryImportIsDrawnAndEveryArrowIsAnImport: leaves are open to all rooms above
// them, so that only arrows to the guarded one and among leaves are drawn.
func TestEveryImportIsDrawnAndEveryArrowIsAnImport(t *testing.T) {
	drawn := drawing(t)
	for name, p := range ours(t) {
		arrows := slices.DeleteFunc(roomsAmong(t, p.Imports), func(known string) bool {
			return drawn[known].section == sectionLeaves && known != guardedLeaf && drawn[name].section != sectionLeaves
		})
		assert.ElementsMatch(t, drawn[name].knows, arrows, "%s: the drawing in %s beside the imports", name, architecture)
	}
}

// TestArrowsGoDown: no room knows one on its own floor or above, so there is no circle.
func TestArrowsGoDown(t *testing.T) {
	drawn := drawing(t)
	arrows := 0
	for name, room := range drawn {
		for _, known := range room.knows {
			if name != examplesRow && assert.Contains(t, drawn, known, "%s knows it", name) {
				arrows++
				assert.Greater(t, drawn[known].floor, room.floor, "%s -> %s goes up", name, known)
			}
		}
	}
	assert.Greater(t, arrows, 20, "the drawing is read wrongly")
}

// TestInternalHoldsLeavesAlone: what lies in internal/ is a leaf or for tests, and a
// leaf knows the standard library and leaves; the JOSE library is known by one.
func TestInternalHoldsLeavesAlone(t *testing.T) {
	all, leaves := packages(t), 0
	for name, room := range drawing(t) {
		inside := strings.HasPrefix(name, "internal/")
		assert.Equal(t, inside, room.section == sectionLeaves || room.section == sectionTests, "%s is drawn among %s", name, room.section)
		if room.section != sectionLeaves {
			continue
		}
		leaves++
		for _, dep := range all[module+"/"+name].Deps {
			d := all[dep]
			ofOurs := d.Ours() && strings.HasPrefix(d.Room(), "internal/")
			assert.True(t, d.Standard || ofOurs || name == guardedLeaf && !d.Ours(), "leaf %s depends on %s", name, dep)
		}
	}
	assert.NotZero(t, leaves)
}

// TestNobodyShipsWhatIsForTests: rooms for tests are known by tests and each other.
func TestNobodyShipsWhatIsForTests(t *testing.T) {
	drawn := drawing(t)
	for name, p := range ours(t) {
		for _, known := range roomsAmong(t, p.Imports) {
			if drawn[known].section == sectionTests {
				assert.Equal(t, sectionTests, drawn[name].section, "%s imports %s", name, known)
			}
		}
	}
}

func TestExamplesUseThePublicAPI(t *testing.T) {
	found := false
	for _, p := range packages(t) {
		if !p.Ours() || !strings.HasPrefix(p.Room(), examplesPrefix) {
			continue
		}
		found = true
		for _, known := range roomsAmong(t, slices.Concat(p.Imports, p.TestImports, p.XTestImports)) {
			assert.NotRegexp(t, `(^|/)internal(/|$)|^cmd/`, known, "%s imports it", p.Room())
		}
	}
	assert.True(t, found, "there are no examples")
}

// testsLookUp lists the rooms above a room that its tests know all the same: the room
// in use, and what the test compares it with. Other tests look down only, as the code
// does.
var testsLookUp = map[string][]string{
	"dcr":       {"dcr/dcrtest"},
	"dcr/token": {"dcr/token/tokentest"},
	"dcr/tpp":   {"dcr/dcrtest"},
	"ssa":       {"ssa/ssatest"},
	"store":     {"store/storetest"},
	"validate":  {"dcr/vectors"},
}

func TestTestsLookUpOnlyWhereSaid(t *testing.T) {
	got := map[string][]string{}
	for name, p := range ours(t) {
		for _, known := range roomsAmong(t, slices.Concat(p.TestImports, p.XTestImports)) {
			if known != name && slices.Contains(packages(t)[module+"/"+known].Deps, p.ImportPath) && !slices.Contains(got[name], known) {
				got[name] = append(got[name], known)
			}
		}
		slices.Sort(got[name])
		if got[name] == nil {
			delete(got, name)
		}
	}
	assert.Equal(t, testsLookUp, got)
}
