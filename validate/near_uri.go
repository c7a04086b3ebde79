package validate

import (
	"cmp"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/internal/uri"
)

const (
	// maxShownURI is the length up to which a message shows an address whole, since a part of
	// it cannot be copied.
	maxShownURI = 128
	// fewURIs is how many addresses a message lists.
	fewURIs = 3
	// maxComparedURI and maxComparedURIs bound the cost of a comparison: the length of an
	// address, and how many are compared with it.
	maxComparedURI  = 512
	maxComparedURIs = 200
)

// shownURI writes an address for a message.
func shownURI(s string) string {
	if len(s) <= maxShownURI && text.Printable(s) {
		return s
	}
	return Echo(s)
}

// nearestURI returns the listed address that one is most like, and how the two differ. It
// returns "" for an address that is like none.
func (c *Case) nearestURI(u string, listed []string) (near string, d uri.Difference) {
	if len(u) > maxComparedURI || !c.hint() {
		return "", d
	}
	for _, l := range listed[:min(len(listed), maxComparedURIs)] {
		if len(l) > maxComparedURI {
			continue
		}
		if one := uri.Differ(u, l); near == "" || one.Far < d.Far {
			near, d = l, one
		}
	}
	return near, d
}

// notInSSA says of an address that it is not in a list of the statement. It names the
// nearest one and how it differs, and the whole list where it is short. It returns what to
// send instead, "" if nothing in the list was meant.
func (c *Case) notInSSA(u string, listed []string) (message, want, fix string) {
	message = "not in the SSA, which has " + decimal(int64(len(listed)))
	near, d := c.nearestURI(u, listed)
	how := " (differs by " + text.And(d.Words) + ")"
	switch {
	case near != "" && d.Slip():
		want = shownURI(near)
		fix = "send " + want + ", byte for byte as in the SSA"
	case near != "":
		how = ""
	}
	if len(listed) > fewURIs {
		switch {
		case want != "":
			message += "; nearest: " + want + how
		case near != "" && len(d.Words) == 1 && d.Words[0] == "another path":
			message += "; nearest: " + shownURI(near) + " (differs in the path)"
		}
		return message, cmp.Or(want, "one of the SSA's software_redirect_uris"), fix
	}
	shown := make([]string, len(listed))
	for i, l := range listed {
		if shown[i] = shownURI(l); want != "" && l == near {
			shown[i] += how
		}
	}
	return message + ": " + strings.Join(shown, ", "), cmp.Or(want, strings.Join(shown, ", ")), fix
}
