package text

import "errors"

// Detail is what an error says without the name of the package that it is from: the
// Detail of the first error in its tree that has one, else its whole text.
func Detail(err error) string {
	var detailed interface{ Detail() string }
	if errors.As(err, &detailed) {
		return detailed.Detail()
	}
	return err.Error()
}

// Named is an error under the name of the package that it is from. It is for errors that
// a caller does not tell apart.
type Named struct {
	Package string
	Err     error
}

// Error gives the name and the detail.
func (n Named) Error() string { return n.Package + ": " + n.Detail() }

// Detail is the text of the error without the name.
func (n Named) Detail() string { return n.Err.Error() }

// Unwrap gives the error itself.
func (n Named) Unwrap() error { return n.Err }
