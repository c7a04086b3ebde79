package text

import "errors"

// Detail returns the text of an error without the name of its package. It is the result of
// the method Detail of the first error in the tree that has one, else the whole text.
func Detail(err error) string {
	var detailed interface{ Detail() string }
	if errors.As(err, &detailed) {
		return detailed.Detail()
	}
	return err.Error()
}

// Named is an error with the name of its package in front. It is for errors that a caller
// need not distinguish.
type Named struct {
	Package string
	Err     error
}

// Error returns the name and the detail.
func (n Named) Error() string { return n.Package + ": " + n.Detail() }

// Detail returns the text of the error without the name.
func (n Named) Detail() string { return n.Err.Error() }

// Unwrap returns the error itself.
func (n Named) Unwrap() error { return n.Err }
