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

func TestANamedErrorIsItsCauseUnderAName(t *testing.T) {
	cause := errors.New("is empty")
	named := text.Named{Package: "store", Err: fmt.Errorf("policy: %w", cause)}
	assert.Equal(t, "store: policy: is empty", named.Error())
	assert.Equal(t, "policy: is empty", text.Detail(fmt.Errorf("start: %w", named)))
	assert.ErrorIs(t, named, cause)
}
