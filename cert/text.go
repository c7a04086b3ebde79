package cert

import "strings"

// maxDetail is how many characters a Detail has at most, and what a cause adds to an
// error.
const maxDetail = 500

// clip brings a text that another package made within the bounds of this one's:
// printable ASCII, and no more than maxDetail.
func clip(s string) string {
	text := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s[:min(len(s), maxDetail)])
	if len(s) > maxDetail {
		text = text[:min(len(text), maxDetail-3)] + "..."
	}
	return text
}

// clipped is an error of another package, which may repeat input at any length. Its
// text is clipped, and errors.Is and errors.As see all of it.
type clipped struct{ error }

func (c clipped) Error() string { return clip(c.error.Error()) }

func (c clipped) Unwrap() error { return c.error }
