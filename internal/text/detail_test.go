package text_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/internal/text"
)

type detailed struct{}

func (detailed) Error() string  { return "store: policy: is empty" }
func (detailed) Detail() string { return "is empty" }

func TestTheDetailOfAnErrorIsFound(t *testing.T) {
	assert.Equal(t, "is empty", text.Detail(detailed{}))
	assert.Equal(t, "is empty", text.Detail(fmt.Errorf("reading: %w", detailed{})))
	assert.Equal(t, "is empty", text.Detail(errors.Join(errors.New("first"), detailed{})))
	assert.Equal(t, "no detail", text.Detail(errors.New("no detail")))
}
