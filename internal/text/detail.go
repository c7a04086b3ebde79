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
