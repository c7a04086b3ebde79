package claims

type presence uint8

const (
	absent presence = iota
	invalid
	valid
)

// Optional is a member that may be absent. The zero value is absent. A member
// that was sent with the wrong type is present but not valid.
type Optional[T any] struct {
	value T
	state presence
}

// Some returns a member that is present with the given value.
func Some[T any](value T) Optional[T] { return Optional[T]{value: value, state: valid} }

// Get returns the value and whether there is one of the right type.
func (o Optional[T]) Get() (T, bool) { return o.value, o.state == valid }

// Or returns the value, or fallback where there is none of the right type.
func (o Optional[T]) Or(fallback T) T {
	if o.state == valid {
		return o.value
	}
	return fallback
}

// Present reports whether the member was sent at all, even with the wrong type.
func (o Optional[T]) Present() bool { return o.state != absent }

// Valid reports whether the member was sent with the right type.
func (o Optional[T]) Valid() bool { return o.state == valid }

func (o *Optional[T]) set(value T) { *o = Some(value) }

func (o *Optional[T]) spoil() { o.state = invalid }
