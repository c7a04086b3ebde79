package store

import (
	"context"
	"errors"
	"strings"
	"unicode"
)

// NameSearcher finds records by a part of what people call them. It is for a search box: a store
// has no index for it, and reads the records that the query wants in their order until it has
// enough. ForSearchName does so.
type NameSearcher interface {
	// SearchName is Search, of the records that HasName finds by the given text. "" is found in
	// each.
	SearchName(ctx context.Context, q Query, name string, after Position, limit int) ([]Client, error)
}

// FoldName returns a text in the form in which names are compared: letters that differ by their
// case alone, as the simple case folding of Unicode has it, are the same letter, in lower case
// where it has one; white space between words is one blank, and there is none around them. An
// accent matters, and so does whether it is a character of its own.
func FoldName(name string) string {
	return strings.Join(strings.Fields(strings.Map(foldRune, name)), " ")
}

func foldRune(r rune) rune {
	if r < unicode.MaxASCII {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return unicode.ToLower(least)
}

// namePrefix is that of the attributes that hold the software's name.
const namePrefix = "software_client_name_"

// HasName reports whether a name of the record contains the text, both in the form of FoldName.
// Its names are the application's name, its software_client_name, software_id, client_id and ID,
// each by itself: no text is found that begins in one of them and ends in another. Any
// character of the text stands for itself. Of the record only IDs and Application are looked at.
func HasName(c Client, name string) bool { return hasName(&c, FoldName(name)) }

func hasName(c *Client, folded string) bool {
	for _, own := range []string{c.Application.Name, c.ClientID, c.ID, c.SoftwareID, c.Application.ID} {
		if strings.Contains(FoldName(own), folded) {
			return true
		}
	}
	for _, a := range c.Application.Attributes {
		if !strings.HasPrefix(a.Name, namePrefix) {
			continue
		}
		for _, own := range a.Values {
			if strings.Contains(FoldName(own), folded) {
				return true
			}
		}
	}
	return false
}

// How many records ForSearchName asks for at once: few first, since a page is found there as a
// rule.
const (
	firstNames = 100
	mostNames  = 1000
)

// ForSearchName answers SearchName for a store. It asks search for records in their order, which
// needs fill no more of them than what HasName looks at, IssuedAt and ID, and gets those that
// have the name by get. One that is gone or changed meanwhile, so that it does not belong here,
// is left out.
func ForSearchName(
	ctx context.Context, q Query, name string, after Position, limit int,
	search func(context.Context, Query, Position, int) ([]Client, error), get func(context.Context, string) (Client, error),
) (found []Client, err error) {
	form, none, err := ForSearch(q)
	if err != nil || none || limit < 1 {
		return nil, errors.Join(err, ctx.Err())
	}
	folded := FoldName(name)
	for size := firstNames; ; size = min(2*size, mostNames) {
		page, err := search(ctx, q, after, size)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if !hasName(&page[i], folded) {
				continue
			}
			c, err := get(ctx, page[i].ID)
			switch {
			case errors.Is(err, ErrNotFound):
			case err != nil:
				return nil, err
			case c.Position() == page[i].Position() && form.wants(c) && hasName(&c, folded):
				if found = append(found, c); len(found) == limit {
					return found, nil
				}
			}
		}
		if len(page) < size {
			return found, nil
		}
		after = page[len(page)-1].Position()
	}
}
