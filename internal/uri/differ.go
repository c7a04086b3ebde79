package uri

import (
	"net/url"
	"strings"
)

// Difference says how one address differs from another that it may have been meant to be.
type Difference struct {
	// Words name each difference, such as "a slash at the end" or "upper case in the host".
	Words []string
	// Far counts what differs: one for each that is a slip of writing, more for another host
	// or path.
	Far int
}

// Slip reports whether the addresses differ by slips of writing alone: each of them is
// named, and neither host nor path is another one.
func (d Difference) Slip() bool { return d.Far > 0 && d.Far < otherPath }

// What counts more than all slips together.
const (
	otherPath = 100
	otherHost = 10_000
)

func (d *Difference) add(far int, words string) {
	d.Far += far
	d.Words = append(d.Words, words)
}

// Differ compares an address with another one, as texts. It says what the first one has
// that the second has not, or the other way round. Equal addresses do not differ.
func Differ(a, b string) (d Difference) {
	if a == b {
		return d
	}
	p, q := split(a), split(b)
	if !p.hier || !q.hier {
		d.add(otherHost, "another form")
		return d
	}
	switch {
	case p.scheme == q.scheme:
	case strings.EqualFold(p.scheme, q.scheme):
		d.add(1, caseOf(p.scheme, q.scheme)+" in the scheme")
	default:
		d.add(1, strings.ToLower(p.scheme)+" instead of "+strings.ToLower(q.scheme))
	}
	if p.userinfo != q.userinfo {
		d.add(1, "a user before the host")
	}
	d.host(p.host, q.host)
	switch {
	case p.hasPort && !q.hasPort && p.port == "443", q.hasPort && !p.hasPort && q.port == "443":
		d.add(1, "the port 443")
	case p.hasPort != q.hasPort:
		d.add(1, "a port")
	case p.port != q.port:
		d.add(1, "another port")
	}
	d.rest(a[p.authEnd:], b[q.authEnd:])
	if d.Far == 0 {
		d.add(1, "another spelling")
	}
	return d
}

// caseOf says which of two texts that differ in case alone has the upper case.
func caseOf(a, b string) string {
	switch {
	case strings.ToLower(b) == b:
		return "upper case"
	case strings.ToLower(a) == a:
		return "lower case"
	}
	return "upper and lower case"
}

func (d *Difference) host(a, b string) {
	const www = "www."
	switch {
	case a == b:
	case strings.EqualFold(a, b):
		d.add(1, caseOf(a, b)+" in the host")
	case a == b+".", b == a+".":
		d.add(1, "a dot at the end of the host")
	case a == www+b, b == www+a:
		d.add(1, "www. before the host")
	default:
		d.add(otherHost-shared(a, b), "another host")
	}
}

// rest compares path, query and fragment.
func (d *Difference) rest(a, b string) {
	aRest, aFragment, aHas := strings.Cut(a, "#")
	bRest, bFragment, bHas := strings.Cut(b, "#")
	aPath, aQuery, aAsks := strings.Cut(aRest, "?")
	bPath, bQuery, bAsks := strings.Cut(bRest, "?")
	d.path(aPath, bPath)
	switch {
	case aAsks != bAsks:
		d.add(1, "a query")
	case aQuery != bQuery:
		d.add(1, "another query")
	}
	switch {
	case aHas != bHas:
		d.add(1, "a fragment")
	case aFragment != bFragment:
		d.add(1, "another fragment")
	}
}

func (d *Difference) path(a, b string) {
	if a == b {
		return
	}
	switch aFree, bFree := decoded(a), decoded(b); {
	case a == b+"/", b == a+"/":
		d.add(1, "a slash at the end")
	case strings.EqualFold(a, b):
		d.add(1, caseOf(a, b)+" in the path")
	case strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/")):
		d.add(1, "a slash at the end")
		if a, b = strings.TrimRight(a, "/"), strings.TrimRight(b, "/"); a != b {
			d.add(1, caseOf(a, b)+" in the path")
		}
	case strings.ReplaceAll(a, "//", "/") == strings.ReplaceAll(b, "//", "/"):
		d.add(1, "two slashes in the path")
	case aFree == bFree:
		d.add(1, "percent-encoding in the path")
	case strings.TrimSpace(aFree) == strings.TrimSpace(bFree):
		d.add(1, "a blank")
	default:
		d.add(max(otherHost/2-shared(a, b), otherPath), "another path")
	}
}

func decoded(path string) string {
	if free, err := url.PathUnescape(path); err == nil {
		return free
	}
	return path
}

// shared counts the bytes that two texts share at their start and at their end.
func shared(a, b string) int {
	n, most := 0, min(len(a), len(b))
	for n < most && a[n] == b[n] {
		n++
	}
	start := n
	for n < most && a[len(a)-1-(n-start)] == b[len(b)-1-(n-start)] {
		n++
	}
	return n
}
