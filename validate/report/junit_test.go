package report_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/validate/report"
)

func TestJUnit(t *testing.T) {
	golden(t, "junit/token.xml", in(report.FormatJUnit), shown(validator(t, shownRules()...).Judge(shownInput())))
	assert.NotNil(t, t)
}
