package dcrtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// decode reads JSON as it is written: numbers keep their digits.
func decode(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var document any
	err := decoder.Decode(&document)
	return document, err
}

// encode writes JSON. Members are in the order of their names.
func encode(document any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(document)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// tokens are the unescaped parts of an RFC 6901 pointer.
func tokens(pointer string) ([]string, error) {
	if pointer == "" {
		return nil, nil
	}
	if pointer[0] != '/' {
		return nil, fmt.Errorf("the pointer %q does not begin with a slash: write /redirect_uris/0 for the first entry of redirect_uris (RFC 6901)", pointer)
	}
	parts := strings.Split(pointer[1:], "/")
	for i, part := range parts {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(part), "~") {
			return nil, fmt.Errorf("the pointer %q has a tilde that is no ~0 and no ~1: write ~0 for a tilde and ~1 for a slash (RFC 6901)", pointer)
		}
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
	}
	return parts, nil
}

// change gives what takes the place of a member or an entry; there says whether it was there
// before, and keep whether something takes its place.
type change func(old any, there bool) (new any, keep bool, err error)

// edited changes what a pointer names in a document, and returns the document.
func edited(document any, path []string, do change) (any, error) {
	if len(path) == 0 {
		next, keep, err := do(document, true)
		if err == nil && !keep {
			err = fmt.Errorf("the whole document cannot be removed: use Bytes")
		}
		return next, err
	}
	name, rest := path[0], path[1:]
	if raw, ok := document.(json.RawMessage); ok {
		var err error
		if document, err = decode(raw); err != nil {
			return nil, err
		}
	}
	switch at := document.(type) {
	case map[string]any:
		old, there := at[name]
		if !there && len(rest) > 0 {
			return nil, fmt.Errorf("there is no member %q; there are: %s", name, strings.Join(names(at), ", "))
		}
		next, keep, err := step(old, there, rest, do)
		if err != nil {
			return nil, err
		}
		if delete(at, name); keep {
			at[name] = next
		}
		return at, nil
	case []any:
		i, err := strconv.Atoi(name)
		if name == "-" {
			i, err = len(at), nil
		} else if err == nil && strconv.Itoa(i) != name {
			err = strconv.ErrSyntax // +1 and 01 are no indexes
		}
		if err != nil || i < 0 || i > len(at) || i == len(at) && len(rest) > 0 {
			return nil, fmt.Errorf("there is no entry %q; the array has %d, and - is behind the last one", name, len(at))
		}
		var old any
		if i < len(at) {
			old = at[i]
		}
		next, keep, err := step(old, i < len(at), rest, do)
		switch {
		case err != nil:
			return nil, err
		case !keep:
			return slices.Delete(at, i, i+1), nil
		case i == len(at):
			return append(at, next), nil
		}
		at[i] = next
		return at, nil
	}
	return nil, fmt.Errorf("%q is looked for in what is no object and no array", name)
}

// step goes on with the rest of a pointer, or ends.
func step(old any, there bool, rest []string, do change) (next any, keep bool, err error) {
	if len(rest) == 0 {
		return do(old, there)
	}
	next, err = edited(old, rest, do)
	return next, true, err
}

func names(object map[string]any) []string {
	all := make([]string, 0, len(object))
	for name := range object {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
