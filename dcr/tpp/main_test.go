package tpp_test

import (
	"os"
	"testing"

	"github.com/obdcr/obdcr/internal/fulltest"
)

func TestMain(m *testing.M) {
	fulltest.Quick()
	os.Exit(m.Run())
}
