package portal

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"

	"github.com/obdcr/obdcr/internal/text"
)

// Look is what a bank makes of the portal's looks.
type Look struct {
	Bank string // the bank's name, as the pages show it; "Open Banking" if empty
	// Logo is a picture for the head of the pages: a PNG, JPEG, GIF or WebP of at most 200 KB.
	Logo []byte
	// Accent is the colour of links and buttons on a white page, and AccentDark on a dark one,
	// as #rrggbb. Each has to be told from the page by anybody who can read it (WCAG 2.2
	// success criterion 1.4.3, a contrast of 4.5).
	Accent, AccentDark string
	// Texts replace the portal's own, by their names (TextNames).
	Texts map[string]string
}

// The colours of the page, which the contrast of the accents is measured against, and those of
// the accents where the bank has none. They are the same as in static/portal.css.
const (
	pageLight, pageDark     = "#ffffff", "#16181d"
	panelLight, panelDark   = "#f5f6f8", "#20242b"
	accentLight, accentDark = "#1d4ed8", "#8ab4ff"
	minContrast             = 4.5
	maxLogo                 = 200 << 10
	maxText                 = 2000
)

// texts are those that a bank may replace.
var texts = map[string]string{
	"portal":  "Third-party provider portal",
	"welcome": "Register your application by the software statement that the Open Banking Directory issued for it, and manage what you have registered.",
	"sign-in": "Sign in with the Open Banking Directory",
	"who":     "You need an account at the directory that belongs to a third-party provider, and its second factor.",
	"contact": "Questions? Write to the bank's Open Banking team.",
}

// TextNames returns the names of the texts that a bank may replace, sorted.
func TextNames() []string { return slices.Sorted(maps.Keys(texts)) }

// text returns one of the texts.
func (l *Look) text(name string) string {
	if own, ok := l.Texts[name]; ok {
		return own
	}
	return texts[name]
}

func (l *Look) setDefaults() {
	if l.Bank == "" {
		l.Bank = "Open Banking"
	}
	if l.Accent == "" {
		l.Accent = accentLight
	}
	if l.AccentDark == "" {
		l.AccentDark = accentDark
	}
}

// check returns every fault of the look.
func (l *Look) check() error {
	var faults []error
	faults = append(faults, legible("Accent", l.Accent, pageLight, panelLight), legible("AccentDark", l.AccentDark, pageDark, panelDark))
	if len(l.Logo) > 0 {
		switch kind := http.DetectContentType(l.Logo); {
		case !slices.Contains([]string{"image/png", "image/jpeg", "image/gif", "image/webp"}, kind):
			faults = append(faults, errors.New("portal: Look: Logo is no PNG, JPEG, GIF or WebP"))
		case len(l.Logo) > maxLogo:
			faults = append(faults, fmt.Errorf("portal: Look: Logo has %d bytes: at most %d", len(l.Logo), maxLogo))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.Texts)) {
		if _, known := texts[name]; !known {
			faults = append(faults, fmt.Errorf("portal: Look: there is no text %.40q: the texts are %s", name, text.List(TextNames())))
		} else if len(l.Texts[name]) > maxText {
			faults = append(faults, fmt.Errorf("portal: Look: the text %s is longer than %d bytes", name, maxText))
		}
	}
	return errors.Join(faults...)
}

// legible returns what is wrong with a colour of links on the colours of a page.
func legible(field, colour string, grounds ...string) error {
	if colour == "" {
		return nil
	}
	if !colourForm.MatchString(colour) {
		return fmt.Errorf("portal: Look: %s is %.20q: write a colour as #rrggbb", field, colour)
	}
	for _, ground := range grounds {
		if got := contrast(colour, ground); got < minContrast {
			return fmt.Errorf("portal: Look: %s %s has a contrast of %.1f to %s: it has to be %.1f", field, colour, got, ground, minContrast)
		}
	}
	return nil
}

var colourForm = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)

// variables are the bank's colours for the stylesheet. A text on the accent is white or black,
// whichever is read better.
func (l *Look) variables() string {
	return fmt.Sprintf(":root{--accent-light:%s;--on-accent-light:%s;--accent-dark:%s;--on-accent-dark:%s}\n",
		l.Accent, on(l.Accent), l.AccentDark, on(l.AccentDark))
}

// on returns the colour of a text on a colour.
func on(colour string) string {
	if contrast(colour, "#ffffff") >= contrast(colour, "#000000") {
		return "#ffffff"
	}
	return "#000000"
}

// contrast is the contrast ratio of two colours of the form #rrggbb, 1 to 21 (WCAG 2.2).
func contrast(a, b string) float64 {
	lighter, darker := luminance(a), luminance(b)
	if lighter < darker {
		lighter, darker = darker, lighter
	}
	return (lighter + 0.05) / (darker + 0.05)
}

// luminance is the relative luminance of a colour (WCAG 2.2).
func luminance(colour string) float64 {
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		value, _ := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8) // colourForm has matched
		c := float64(value) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
