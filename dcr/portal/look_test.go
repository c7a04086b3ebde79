package portal

import (
	"bytes"
	"image"
	"image/png"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestContrastIsThatOfWCAG(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want float64
	}{
		{"#000000", "#ffffff", 21},
		{"#ffffff", "#FFFFFF", 1},
		{"#777777", "#ffffff", 4.48}, // the grey that just misses 4.5
		{"#767676", "#ffffff", 4.54},
		{"#0000ff", "#ffffff", 8.59},
	} {
		assert.InDelta(t, c.want, contrast(c.a, c.b), 0.005, "%s on %s", c.a, c.b)
		assert.InDelta(t, contrast(c.a, c.b), contrast(c.b, c.a), 0, "the order says nothing")
	}
}

func TestALookThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		look Look
		says string
	}{
		"a pale accent":        {Look{Accent: "#ffcc00"}, "Accent #ffcc00 has a contrast of 1.5 to #ffffff: it has to be 4.5"},
		"a dark one in dark":   {Look{AccentDark: "#003366"}, "AccentDark #003366 has a contrast"},
		"a name of a colour":   {Look{Accent: "red"}, `Accent is "red": write a colour as #rrggbb`},
		"a way into the style": {Look{Accent: "#000000}*{x:url(//evil)"}, "write a colour as #rrggbb"},
		"a logo with scripts":  {Look{Logo: []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`)}, "Logo is no PNG, JPEG, GIF or WebP"},
		"a large logo":         {Look{Logo: append(picture(t), make([]byte, maxLogo)...)}, "at most 204800"},
		"an unknown text":      {Look{Texts: map[string]string{"welcom": "x"}}, `there is no text "welcom": the texts are contact, portal, sign-in, welcome, who`},
		"a long text":          {Look{Texts: map[string]string{"welcome": strings.Repeat("x", maxText+1)}}, "the text welcome is longer than 2000 bytes"},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, c.look.check(), c.says) })
	}
	fine := Look{Accent: "#7a1fa2", AccentDark: "#e0b3ff", Logo: picture(t), Texts: map[string]string{"welcome": "Hello"}}
	require.NoError(t, fine.check())
	assert.Equal(t, "Hello", fine.text("welcome"))
	assert.Equal(t, texts["who"], fine.text("who"))
}

// picture is a small PNG.
func picture(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, image.NewGray(image.Rect(0, 0, 2, 2))))
	return out.Bytes()
}

// TestThePortalsOwnColoursCanBeRead reads the pairs of colours that the stylesheet uses, light
// and dark.
func TestThePortalsOwnColoursCanBeRead(t *testing.T) {
	t.Parallel()
	var own Look
	own.setDefaults()
	require.NoError(t, own.check())
	light, dark, found := strings.Cut(stylesheet, "@media (prefers-color-scheme: dark)")
	require.True(t, found)
	for theme, part := range map[string]string{"light": light, "dark": dark} {
		colour := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(part, -1) {
			if _, twice := colour[m[1]]; !twice {
				colour[m[1]] = m[2]
			}
		}
		colour["accent"] = map[string]string{"light": own.Accent, "dark": own.AccentDark}[theme]
		assert.Equal(t, map[string]string{"light": pageLight, "dark": pageDark}[theme], colour["page"], "what accents are measured against")
		assert.Equal(t, map[string]string{"light": panelLight, "dark": panelDark}[theme], colour["panel"], "what accents are measured against")
		for _, pair := range [][2]string{{"text", "page"}, {"text", "panel"}, {"quiet", "page"}, {"quiet", "panel"}, {"accent", "page"}, {"accent", "panel"},
			{"good", "good-page"}, {"wait", "wait-page"}, {"bad", "bad-page"}, {"bad", "page"}, {"text", "bad-page"}, {"text", "wait-page"}, {"text", "good-page"}} {
			require.NotEmpty(t, colour[pair[0]], "%s %s", theme, pair[0])
			assert.GreaterOrEqual(t, contrast(colour[pair[0]], colour[pair[1]]), minContrast, "%s: %s on %s", theme, pair[0], pair[1])
		}
		assert.GreaterOrEqual(t, contrast(colour["field"], colour["page"]), 3.0, "%s: the border of a field (success criterion 1.4.11)", theme)
	}
	for _, accent := range []string{own.Accent, own.AccentDark, "#ffffff", "#000000", "#777777"} {
		assert.GreaterOrEqual(t, contrast(accent, on(accent)), minContrast, "a text on %s", accent)
	}
}
