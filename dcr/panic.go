package dcr

import "fmt"

// guarded calls code that the bank supplied, and returns a panic of it as an error. A
// panic that went on would leave a change half done.
func guarded(do func() error) (err error) {
	defer func() {
		if found := recover(); found != nil {
			err = fmt.Errorf("dcr: panic: %.200q", fmt.Sprint(found))
		}
	}()
	return do()
}
