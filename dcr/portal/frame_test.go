package portal_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAContactWithoutApplicationsIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	w.contact("ada", "org-one")
	a := w.as(t, "ada").get("/applications")
	assert.Equal(t, http.StatusOK, a.status)
	assert.Contains(t, a.body, "You have no application yet")
}
