package claims

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

// field is one row of a claim set's table: the member's name, how it is read into
// a T, and how it is written back.
type field[T any] struct {
	name  string
	read  func(r *reader, into *T, pointer string, v jsonscan.Value)
	write func(from *T) (any, bool)
	// nullable: the directory sends null where it means absent.
	nullable bool
}

// fields finds rows by name and keeps their order for writing.
type fields[T any] struct {
	rows  []field[T]
	index map[string]int
}

func table[T any](rows ...field[T]) fields[T] {
	f := fields[T]{rows: rows, index: make(map[string]int, len(rows))}
	for i, row := range rows {
		f.index[row.name] = i
	}
	return f
}

// row makes a field from a way to the member, a reader and a writer.
func row[T, V any](name string, at func(*T) *Optional[V],
	read func(*reader, string, jsonscan.Value) (V, bool), write func(V) any) field[T] {
	return field[T]{
		name: name,
		read: func(r *reader, into *T, pointer string, v jsonscan.Value) {
			if value, ok := read(r, pointer, v); ok {
				at(into).set(value)
				return
			}
			at(into).spoil()
		},
		write: func(from *T) (any, bool) {
			value, ok := at(from).Get()
			return write(value), ok
		},
	}
}

func plain[V any](v V) any { return v }

// word is a string with a format: an identifier, an address, a value of an enum.
func word[T any, V ~string](name string, at func(*T) *Optional[V]) field[T] {
	return row(name, at, func(r *reader, p string, v jsonscan.Value) (V, bool) {
		s, ok := r.text(p, v, true)
		return V(s), ok
	}, plain)
}

// free is a string for people to read.
func free[T any](name string, at func(*T) *Optional[string]) field[T] {
	return row(name, at, func(r *reader, p string, v jsonscan.Value) (string, bool) {
		return r.text(p, v, false)
	}, plain)
}

func integer[T any](name string, at func(*T) *Optional[int64]) field[T] {
	return row(name, at, func(r *reader, p string, v jsonscan.Value) (int64, bool) {
		n, ok := v.Int64()
		if !ok {
			r.wrong(p, v, "integer")
		}
		return n, ok
	}, plain)
}

func boolean[T any](name string, at func(*T) *Optional[bool]) field[T] {
	return row(name, at, func(r *reader, p string, v jsonscan.Value) (bool, bool) {
		if v.Kind() != jsonscan.Bool {
			r.wrong(p, v, "boolean")
			return false, false
		}
		return v.Bool(), true
	}, plain)
}

func words[T any, V ~string](name string, at func(*T) *Optional[[]V]) field[T] {
	return row(name, at, listOf[V], plain)
}

func raw[T any](name string, at func(*T) *Optional[json.RawMessage]) field[T] {
	return row(name, at, func(_ *reader, _ string, v jsonscan.Value) (json.RawMessage, bool) {
		return json.RawMessage(v.Raw()), true
	}, plain)
}

// orNull makes a field take null as absent.
func orNull[T any](f field[T]) field[T] {
	f.nullable = true
	return f
}

// decode reads the members of one strict JSON object. names maps our names to the
// directory's where they differ. Members without a row go to keep.
func (f fields[T]) decode(payload []byte, names map[string]string, into *T, keep *[]Member) ([]Fault, error) {
	object, err := parseObject(payload)
	if err != nil {
		return nil, err
	}
	theirs := invert(names)
	var r reader
	for name, v := range object.Members() {
		ours := name
		if mapped, ok := theirs[name]; ok {
			ours = mapped
		} else if _, moved := names[name]; moved {
			ours = ""
		}
		i, known := f.index[ours]
		switch {
		case !known:
			*keep = append(*keep, Member{Name: name, Raw: json.RawMessage(v.Raw())})
		case f.rows[i].nullable && v.Kind() == jsonscan.Null:
		default:
			f.rows[i].read(&r, into, jsonscan.AppendPointer("", name), v)
		}
	}
	return r.faults, nil
}

func invert(names map[string]string) map[string]string {
	if len(names) == 0 {
		return nil
	}
	theirs := make(map[string]string, len(names))
	for ours, their := range names {
		theirs[their] = ours
	}
	return theirs
}

// encode writes the members that are present, in the table's order, then others.
func (f fields[T]) encode(from *T, others []Member) ([]byte, error) {
	out := []byte{'{'}
	add := func(name string, value any) error {
		if len(out) > 1 {
			out = append(out, ',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return err
		}
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		out = append(append(append(out, key...), ':'), text...)
		return nil
	}
	for _, row := range f.rows {
		if value, ok := row.write(from); ok {
			if err := add(row.name, value); err != nil {
				return nil, err
			}
		}
	}
	for _, m := range others {
		if err := add(m.Name, m.Raw); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// parseObject checks a payload: one strict JSON object and nothing else.
func parseObject(payload []byte) (jsonscan.Value, error) {
	v, err := jsonscan.Parse(string(payload))
	if err != nil {
		return v, err
	}
	if v.Kind() != jsonscan.Object {
		return v, &jsonscan.SyntaxError{Reason: "the document is " + v.Kind().String() + ", want one object"}
	}
	return v, nil
}

func index(pointer string, i int) string { return pointer + "/" + strconv.Itoa(i) }

// splitWords splits at single blanks and keeps empty words, so that a rule can
// refuse them.
func splitWords(s string) []string { return strings.Split(s, " ") }
