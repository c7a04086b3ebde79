package conform

import (
	"slices"
	"strconv"
	"strings"
)

// segments splits an RFC 6901 pointer.
func segments(pointer string) []string {
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~1", "/"), "~0", "~")
	}
	return parts
}

// setAt returns the document with a value at a pointer. The empty pointer is the whole
// document. A member on the way that is missing is made an object.
func setAt(document any, pointer string, value any) any {
	if pointer == "" {
		return value
	}
	return place(document, segments(pointer), func(any) (any, bool) { return value, true })
}

// removeAt returns the document without the value at a pointer.
func removeAt(document any, pointer string) any {
	return place(document, segments(pointer), func(any) (any, bool) { return nil, false })
}

// place applies f at the end of a path. f tells the new value, and whether there is one.
func place(document any, path []string, f func(any) (any, bool)) any {
	next := func(old any) (any, bool) {
		if len(path) == 1 {
			return f(old)
		}
		return place(old, path[1:], f), true
	}
	switch d := document.(type) {
	case []any:
		i, err := strconv.Atoi(path[0])
		if err != nil || i < 0 || i >= len(d) {
			value, stays := next(nil)
			if stays {
				d = append(d, value)
			}
			return d
		}
		value, stays := next(d[i])
		if !stays {
			return slices.Delete(d, i, i+1)
		}
		d[i] = value
		return d
	case map[string]any:
		value, stays := next(d[path[0]])
		if !stays {
			delete(d, path[0])
			return d
		}
		d[path[0]] = value
		return d
	}
	return place(map[string]any{}, path, f)
}

// valueAt returns the value at a pointer; nil where there is none.
func valueAt(document any, pointer string) any {
	if pointer == "" {
		return document
	}
	for _, name := range segments(pointer) {
		switch d := document.(type) {
		case map[string]any:
			document = d[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(d) {
				return nil
			}
			document = d[i]
		default:
			return nil
		}
	}
	return document
}
