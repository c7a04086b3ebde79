package claims

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// field is one row of a claim set's table: the member's name, how it is read into
// a T, how it is written back, and what it holds as text.
type field[T any] struct {
	name   string
	key    string // the name as JSON, with its colon
	about  label
	read   func(r *reader, into *T, v jsonscan.Value)
	write  func(from *T) (any, bool)
	values values[T]
	// nullable: null means that the member is absent.
	nullable bool
}

// values show a member as a list of texts.
type values[T any] struct {
	state func(from *T) presence
	count func(from *T) int // of a valid member
	text  func(from *T, i int) string
	blank func(from *T) bool
}

// view turns values of type V into a list of texts.
type view[V any] struct {
	count func(V) int
	text  func(V, int) string
	blank func(V) bool
}

// one is the view of a member with one value.
func one[V any](text func(V) string) view[V] {
	return view[V]{
		func(V) int { return 1 },
		func(v V, _ int) string { return text(v) },
		func(V) bool { return false },
	}
}

// oneText is the view of a member with one text.
func oneText[V ~string]() view[V] {
	v := one(func(v V) string { return string(v) })
	v.blank = func(v V) bool { return v == "" }
	return v
}

// several is the view of a member with a list of words.
func several[V any, W ~string](words func(V) []W) view[V] {
	return view[V]{
		func(v V) int { return len(words(v)) },
		func(v V, i int) string { return string(words(v)[i]) },
		func(v V) bool { return len(words(v)) == 0 },
	}
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

// row makes a field from a way to the member, a reader, a writer and a view.
func row[T, V any](name string, member func(*T) *Optional[V],
	read func(*reader, jsonscan.Value) (V, bool), write func(V) any, s view[V]) field[T] {
	return field[T]{
		name: name, key: strconv.Quote(name) + ":", about: label{pointer: jsonscan.AppendPointer("", name)},
		read: func(r *reader, into *T, v jsonscan.Value) {
			if value, ok := read(r, v); ok {
				member(into).set(value)
				return
			}
			member(into).spoil()
		},
		write: func(from *T) (any, bool) {
			value, ok := member(from).Get()
			return write(value), ok
		},
		values: values[T]{
			state: func(from *T) presence { return member(from).state },
			count: func(from *T) int { return s.count(member(from).value) },
			text:  func(from *T, i int) string { return s.text(member(from).value, i) },
			blank: func(from *T) bool { return s.blank(member(from).value) },
		},
	}
}

func plain[V any](v V) any { return v }

func itself[V any](v V) V { return v }

// word is a string with a format: an identifier, an address, a value of an enum.
func word[T any, V ~string](name string, at func(*T) *Optional[V]) field[T] {
	return row(name, at, func(r *reader, v jsonscan.Value) (V, bool) {
		s, ok := r.text(v, true)
		return V(s), ok
	}, func(v V) any { return string(v) }, oneText[V]())
}

// free is a string for people to read.
func free[T any](name string, at func(*T) *Optional[string]) field[T] {
	return row(name, at, func(r *reader, v jsonscan.Value) (string, bool) {
		return r.text(v, false)
	}, plain, oneText[string]())
}

// integer is a whole number in any spelling of JSON: 60, 60.0 and 6e1 are one.
func integer[T any](name string, at func(*T) *Optional[int64]) field[T] {
	return number(name, at, jsonscan.Value.Whole)
}

// roundedDown is a number of which the fraction does not count (RFC 7519 section 2,
// NumericDate). A statement's times are read so, because no TPP can mend them.
func roundedDown[T any](name string, at func(*T) *Optional[int64]) field[T] {
	return number(name, at, jsonscan.Value.Floor)
}

func number[T any](name string, at func(*T) *Optional[int64], value func(jsonscan.Value) (int64, bool)) field[T] {
	return row(name, at, func(r *reader, v jsonscan.Value) (int64, bool) {
		n, ok := value(v)
		if !ok {
			r.wrong(v, "integer")
		}
		return n, ok
	}, plain, one(func(n int64) string { return strconv.FormatInt(n, 10) }))
}

func boolean[T any](name string, at func(*T) *Optional[bool]) field[T] {
	return row(name, at, func(r *reader, v jsonscan.Value) (bool, bool) {
		if v.Kind() != jsonscan.Bool {
			r.wrong(v, "boolean")
			return false, false
		}
		return v.Bool(), true
	}, plain, one(strconv.FormatBool))
}

func words[T any, V ~string](name string, at func(*T) *Optional[[]V]) field[T] {
	f := row(name, at, listOf[V], func(list []V) any {
		return text.Strings(list) // an empty list, not null
	}, several(itself[[]V]))
	f.about.array = true
	return f
}

func raw[T any](name string, at func(*T) *Optional[json.RawMessage]) field[T] {
	return row(name, at, func(_ *reader, v jsonscan.Value) (json.RawMessage, bool) {
		return json.RawMessage(v.Raw()), true
	}, plain, one(func(raw json.RawMessage) string { return string(raw) }))
}

// orNull makes a field take null as absent.
func orNull[T any](f field[T]) field[T] {
	f.nullable = true
	return f
}

// decode reads the member that the sender calls name.
func (f field[T]) decode(r *reader, into *T, name string, v jsonscan.Value) {
	if f.nullable && v.Kind() == jsonscan.Null {
		return
	}
	r.enter(name)
	r.moved = name != f.name
	f.read(r, into, v)
	r.leave()
}

// decode reads the members of one strict JSON object. names maps our names to the
// directory's where they differ. Members without a row go to keep.
func (f fields[T]) decode(payload string, names map[string]string, into *T, keep *[]Member) ([]Fault, error) {
	var r reader
	theirs, unknown := invert(names), 0
	object, err := parseObject(payload, func(name string, v jsonscan.Value) {
		if i, known := f.find(name, names, theirs); known {
			f.rows[i].decode(&r, into, name, v)
		} else {
			unknown++
		}
	})
	if err != nil || unknown == 0 {
		return r.faults, err
	}
	*keep = make([]Member, 0, unknown)
	for name, v := range object.Members() {
		if _, known := f.find(name, names, theirs); !known {
			*keep = append(*keep, Member{Name: name, Raw: json.RawMessage(v.Raw())})
		}
	}
	return r.faults, nil
}

// find returns the row of a member by the directory's name for it.
func (f fields[T]) find(name string, names, theirs map[string]string) (int, bool) {
	if len(names) > 0 {
		name = translate(name, names, theirs)
	}
	i, known := f.index[name]
	return i, known
}

// translate returns our name for a member that the directory calls name. Where the
// directory has another name for a member of ours, our name is not known to it: such a
// member is unknown.
func translate(name string, names, theirs map[string]string) string {
	if ours, ok := theirs[name]; ok {
		return ours
	}
	if _, moved := names[name]; moved {
		return ""
	}
	return name
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

// usualSize is room enough for most claim sets, in bytes.
const usualSize = 4 << 10

// encode writes the valid members in the table's order, then others as they are. It
// leaves out any of others that has the name of a row, since a reader would take it
// for that row.
func (f fields[T]) encode(from *T, others []Member) ([]byte, error) {
	out := append(make([]byte, 0, usualSize), '{')
	var err error
	for _, row := range f.rows {
		if value, ok := row.write(from); ok {
			if out, err = appendMember(out, row.key, value); err != nil {
				return nil, fmt.Errorf("claims: member %.64q: %w", row.name, err)
			}
		}
	}
	for _, m := range others {
		if _, known := f.index[m.Name]; known {
			continue
		}
		if out, err = appendMember(out, string(jsonscan.AppendString(nil, m.Name))+":", m.Raw); err != nil {
			return nil, fmt.Errorf("claims: member %.64q: %w", m.Name, err)
		}
	}
	return append(out, '}'), nil
}

func appendMember(out []byte, key string, value any) ([]byte, error) {
	if len(out) > 1 {
		out = append(out, ',')
	}
	out = append(out, key...)
	switch v := value.(type) {
	case string:
		return jsonscan.AppendString(out, v), nil
	case []string:
		out = append(out, '[')
		for i, word := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = jsonscan.AppendString(out, word)
		}
		return append(out, ']'), nil
	case json.RawMessage: // encoding/json would respell it
		_, err := jsonscan.Parse(string(v))
		return append(out, v...), err
	}
	encoded, err := json.Marshal(value)
	return append(out, encoded...), err
}

// parseObject checks that a payload is one strict JSON object and nothing else. It
// calls member for each member on the way.
func parseObject(payload string, member func(name string, v jsonscan.Value)) (jsonscan.Value, error) {
	v, err := jsonscan.Scan(payload, member)
	if err != nil {
		return v, err
	}
	if v.Kind() != jsonscan.Object {
		return v, &jsonscan.SyntaxError{Reason: "the document is a JSON " + v.Kind().String() + ", not an object"}
	}
	return v, nil
}
