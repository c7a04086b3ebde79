package jsonform_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/obdcr/obdcr/internal/jsonform"
)

// garden has a field of each type.
type garden struct {
	Name    string
	Kind    kind
	Plants  []kind
	Beds    map[kind][]string
	Signs   map[string]string
	Open    bool
	Gates   int
	Closing time.Duration
	Gate    gate
	Sheds   []gate
}

type kind string

type gate struct {
	Locks []string
	Wide  bool
}

var gateTable = jsonform.Table[gate]{
	{Name: "locks", Field: jsonform.At(func(g *gate) *[]string { return &g.Locks }, jsonform.Texts[string]{}), Doc: "Its locks.", Example: `["iron"]`},
	{Name: "wide", Field: jsonform.At(func(g *gate) *bool { return &g.Wide }, jsonform.Bool{}), Doc: "A cart fits through.", Example: `true`},
}

var gardenTable = jsonform.Table[garden]{
	{Name: "name", Field: jsonform.At(func(g *garden) *string { return &g.Name }, jsonform.Text[string]{}), Doc: "What it is called.", Example: `"Kew"`},
	{Name: "kind", Field: jsonform.At(func(g *garden) *kind { return &g.Kind }, jsonform.Text[kind]{Known: []kind{"herb", "rose"}}), Doc: "What grows.", Example: `"herb"`},
	{Name: "plants", Field: jsonform.At(func(g *garden) *[]kind { return &g.Plants }, jsonform.Texts[kind]{Known: []kind{"herb", "rose"}, Filled: true, Once: true}), Doc: "All that grows.", Example: `["herb"]`},
	{Name: "beds", Field: jsonform.At(func(g *garden) *map[kind][]string { return &g.Beds }, jsonform.Map[kind, []string]{Of: jsonform.Texts[string]{Filled: true}}), Doc: "The beds.", Example: `{"rose": ["north"]}`},
	{Name: "signs", Field: jsonform.At(func(g *garden) *map[string]string { return &g.Signs }, jsonform.Map[string, string]{Of: jsonform.Text[string]{}}), Doc: "What signs say.", Example: `{"gate": "in"}`},
	{Name: "open", Field: jsonform.At(func(g *garden) *bool { return &g.Open }, jsonform.Bool{}), Doc: "Whether it is.", Example: `true`},
	{Name: "gates", Field: jsonform.At(func(g *garden) *int { return &g.Gates }, jsonform.Int{Low: 1, High: 4}), Doc: "How many.", Example: `2`},
	{Name: "closing_seconds", Field: jsonform.At(func(g *garden) *time.Duration { return &g.Closing }, jsonform.Seconds{Low: time.Second, High: time.Hour}), Doc: "In seconds.", Example: `60`},
	{Name: "gate", Field: jsonform.At(func(g *garden) *gate { return &g.Gate }, jsonform.Object[gate]{Table: gateTable}), Doc: "The main one.", Example: `{"wide": true}`},
	{
		Name: "sheds", Field: jsonform.At(func(g *garden) *[]gate { return &g.Sheds }, jsonform.Objects[gate]{Table: gateTable}), Doc: "The sheds.", Example: `[{"wide": true}]`,
		Check: func(f *jsonform.Faults, g *garden) {
			if len(g.Sheds) > g.Gates {
				f.Add("sheds", "are more than gates")
			}
		},
	},
}

func sample() garden {
	return garden{
		Name: "Kew", Kind: "herb", Plants: []kind{"rose", "herb"}, Beds: map[kind][]string{"rose": {"north"}, "herb": {"a", "b"}},
		Signs: map[string]string{"gate": "in", "exit": "out"},
		Open:  true, Gates: 2, Closing: time.Minute, Gate: gate{Locks: []string{"iron"}}, Sheds: []gate{{Wide: true, Locks: []string{}}},
	}
}

const written = `{"name":"Kew","kind":"herb","plants":["rose","herb"],"beds":{"herb":["a","b"],"rose":["north"]},"signs":{"exit":"out","gate":"in"},"open":true,"gates":2,` +
	`"closing_seconds":60,"gate":{"locks":["iron"],"wide":false},"sheds":[{"locks":[],"wide":true}]}`

// read is what a caller does with a document.
func read(doc string, into *garden) jsonform.Faults {
	v, faults := jsonform.Open(doc, 1<<10)
	if len(faults) > 0 {
		return faults
	}
	return gardenTable.Read(v, into)
}

func ExampleTable() {
	var g garden
	fmt.Println(read(`[]`, &g).Detail())
	fmt.Println(read(`{"nam": "Kew", "gates": "two", "gate": {"locks": ["iron", 1]}}`, &g).Detail())
	g.Gates = 7
	fmt.Println(gardenTable.Check(&g)[0].Detail())
	// Output:
	// is a JSON array, not an object
	// nam: is unknown: did you mean to write name?
	// gates: is a string, not a whole number of usual size, such as 2
	// gate/locks/1: is a number, not a string
	// kind: "" is none of herb, rose
}

func TestADocumentIsWrittenAndReadBack(t *testing.T) {
	g := sample()
	assert.Equal(t, written, string(gardenTable.Write(nil, &g)))
	var back garden
	require.Empty(t, read(written, &back))
	assert.Equal(t, g, back)
	assert.Empty(t, gardenTable.Check(&back))
	empty := gardenTable.Write(nil, new(garden))
	require.Empty(t, read(string(empty), &back))
	assert.Equal(t, garden{Plants: []kind{}, Beds: map[kind][]string{}, Signs: map[string]string{}, Gate: gate{Locks: []string{}}, Sheds: []gate{}}, back)
}

func TestWhatADocumentDoesNotNameStaysAsItIs(t *testing.T) {
	g := sample()
	require.Empty(t, read(`{"plants": ["herb"], "gate": {"wide": true}}`, &g))
	want := sample()
	want.Plants, want.Gate.Wide = []kind{"herb"}, true
	assert.Equal(t, want, g)
}

// places are where the faults are.
func places(faults jsonform.Faults) []string {
	var all []string
	for _, f := range faults {
		all = append(all, f.Place)
	}
	return all
}

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	for doc, want := range map[string][]string{
		``:      {""},
		`[]`:    {""},
		`null`:  {""},
		`{} {}`: {""},
		"\xff":  {""},
		`{"name": "` + strings.Repeat("a", 1<<10) + `"}`: {""},
		`{"name": "a", "name": "b"}`:                     {"name"},
		`{"Name": "a"}`:                                  {"Name"},
		`{"name": null}`:                                 {"name"},
		`{"name": 1, "kind": []}`:                        {"name", "kind"},
		`{"name": "\u0000"}`:                             {"name"},
		`{"plants": "herb"}`:                             {"plants"},
		`{"plants": ["herb", null, 2]}`:                  {"plants/1"},
		`{"beds": []}`:                                   {"beds"},
		`{"beds": {"rose": "north"}}`:                    {"beds/rose"},
		`{"beds": {"rose": [1], "herb": [2]}}`:           {"beds/rose/0"},
		`{"open": "true"}`:                               {"open"},
		`{"signs": ["in"]}`:                              {"signs"},
		`{"signs": {"gate": 1}}`:                         {"signs/gate"},
		`{"gates": 1.0}`:                                 {"gates"},
		`{"gates": 3000000000}`:                          {"gates"},
		`{"closing_seconds": "60"}`:                      {"closing_seconds"},
		`{"gate": []}`:                                   {"gate"},
		`{"gate": {"wide": 1, "x": 1}}`:                  {"gate/wide", "gate/x"},
		`{"sheds": {}}`:                                  {"sheds"},
		`{"sheds": [{}, {"wide": 1}, 3]}`:                {"sheds/1/wide"},
		`{"\u001b[31m": 1}`:                              {"?[31m"},
	} {
		var g garden
		assert.Equal(t, want, places(read(doc, &g)), doc)
	}
}

func TestValuesThatAreNotAdmittedAreNamed(t *testing.T) {
	for place, spoil := range map[string]func(*garden){
		"name":            func(g *garden) { g.Name = "a\x00" },
		"beds/?":          func(g *garden) { g.Beds["\xff"] = []string{"a"} },
		"beds/herb":       func(g *garden) { g.Beds["herb"][0] = "\xff" },
		"signs/gate":      func(g *garden) { g.Signs["gate"] = "\xff" },
		"kind":            func(g *garden) { g.Kind = "tree" },
		"plants":          func(g *garden) { g.Plants = nil },
		"beds/rose":       func(g *garden) { g.Beds["rose"] = nil },
		"gates":           func(g *garden) { g.Gates = 5 },
		"closing_seconds": func(g *garden) { g.Closing += time.Millisecond },
		"sheds":           func(g *garden) { g.Sheds = make([]gate, 3) },
	} {
		g := sample()
		spoil(&g)
		assert.Equal(t, []string{place}, places(gardenTable.Check(&g)), place)
	}
	for _, list := range [][]kind{{"tree"}, {"rose", "rose"}} {
		g := sample()
		g.Plants = list
		assert.Equal(t, []string{"plants"}, places(gardenTable.Check(&g)), list)
	}
	g := sample()
	g.Plants = make([]kind, 1000)
	assert.Len(t, gardenTable.Check(&g), 100, "later ones are dropped")
	g = sample()
	g.Gates, g.Sheds = 0, nil
	assert.Equal(t, []string{"gates"}, places(gardenTable.Check(&g)))
}

func TestBoundsAreWithin(t *testing.T) {
	for _, g := range []garden{{Gates: 1, Closing: time.Second}, {Gates: 4, Closing: time.Hour}} {
		g.Kind, g.Plants = "herb", []kind{"herb"}
		assert.Empty(t, gardenTable.Check(&g))
	}
	for _, g := range []garden{{Gates: 0, Closing: 0}, {Gates: 5, Closing: time.Hour + time.Second}} {
		g.Kind, g.Plants = "herb", []kind{"herb"}
		assert.Equal(t, []string{"gates", "closing_seconds"}, places(gardenTable.Check(&g)))
	}
	var g garden
	assert.Empty(t, read(`{"gates": 2147483647}`, &g))
	assert.Empty(t, read(`{"gates": -2147483648}`, &g))
	assert.Len(t, read(`{"gates": 2147483648}`, &g), 1)
	assert.Len(t, read(`{"gates": -2147483649}`, &g), 1)
	_, faults := jsonform.Open(`{}`, 2)
	assert.Empty(t, faults)
	_, faults = jsonform.Open(`{}`, 1)
	assert.Len(t, faults, 1)
}

func TestACopySharesNothing(t *testing.T) {
	g := sample()
	c := gardenTable.Clone(g)
	require.Equal(t, g, c)
	c.Plants[0], c.Beds["herb"][0], c.Gate.Locks[0], c.Sheds[0].Wide, c.Sheds[0].Locks = "tree", "z", "tin", false, nil
	c.Beds["rose"], c.Signs["gate"] = nil, "shut"
	assert.Equal(t, sample(), g)
	assert.Equal(t, garden{}, gardenTable.Clone(garden{}))
}

func TestASchemaNamesTheDefaultsThatAreAlwaysTheSame(t *testing.T) {
	a, b := sample(), sample()
	b.Gates = 3
	text := gardenTable.Schema("https://example.com/garden", "A garden", jsonform.Default[garden]{Of: "a", Value: a}, jsonform.Default[garden]{Of: "b", Value: b})
	var schema struct {
		ID         string `json:"$id"`
		Additional *bool  `json:"additionalProperties"`
		Properties map[string]struct {
			Default  json.RawMessage
			Examples []json.RawMessage
		}
	}
	require.NoError(t, json.Unmarshal(text, &schema))
	assert.Equal(t, "https://example.com/garden", schema.ID)
	require.NotNil(t, schema.Additional)
	assert.False(t, *schema.Additional)
	assert.Len(t, schema.Properties, len(gardenTable))
	for _, row := range gardenTable {
		member := schema.Properties[row.Name]
		assert.Equal(t, row.Name != "gates", member.Default != nil, row.Name)
		require.Len(t, member.Examples, 1, row.Name)
		assert.JSONEq(t, row.Example, string(member.Examples[0]))
	}
	last := 0
	for _, name := range gardenTable.Names() {
		at := strings.Index(string(text), "\n    \""+name+"\"")
		assert.Greater(t, at, last, "%s is in the order of the table", name)
		last = at
	}
}

func TestAPageTellsDefaultsApart(t *testing.T) {
	a, b := sample(), sample()
	b.Gates = 3
	page := gardenTable.Page(jsonform.Default[garden]{Of: "a", Value: a}, jsonform.Default[garden]{Of: "b", Value: b})
	for _, want := range []string{
		"\n## `gates`\n\nHow many.\n\n- value: a whole number, 1 to 4\n- default of a: `2`\n- default of b: `3`\n- example: `\"gates\": 2`\n",
		"\n- value: one of `herb`, `rose`\n- default: `\"herb\"`\n",
		"\n- value: an array; each entry is one of `herb`, `rose`; not empty; no entry twice\n",
		"\n- value: an object; the value of each member is an array; each entry is a string; not empty\n",
		"\n- member `locks`, an array; each entry is a string: Its locks. Example: `[\"iron\"]`.\n",
		"\n- member `wide`, `true` or `false`: A cart fits through. Example: `true`.\n",
	} {
		assert.Contains(t, page, want)
	}
	assert.NotContains(t, gardenTable.Page(), "default")
}
