package dcr

import (
	"errors"
	"fmt"
)

// errPanic means that code of the bank panicked.
var errPanic = errors.New("dcr: panic")

// guarded calls code that the bank supplied, and returns a panic of it as an error. A
// panic that went on would leave a change half done.
func guarded(do func() error) (err error) {
	defer func() {
		if found := recover(); found != nil {
			err = fmt.Errorf("%w: %.200q", errPanic, fmt.Sprint(found))
		}
	}()
	return do()
}
