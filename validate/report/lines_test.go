package report_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/report"
)

func TestConcise(t *testing.T) {
	golden(t, "concise/token.txt", in(report.FormatConcise), judged(t, shownRequest, inEachDocument()...))
	golden(t, "concise/file.txt", in(report.FormatConcise), asFile(judged(t, shownRequest, inEachDocument()...), fileText))
	golden(t, "concise/valid.txt", in(report.FormatConcise), allGood(shown(validator(t, passing()...).Judge(shownInput()))))
	golden(t, "concise/broken.txt", in(report.FormatConcise), asFile(judged(t, "", finds("request.jws", validate.DocRequest, "", "", "is no JSON")), brokenText))
	assert.Contains(t, written(t, in(report.FormatConcise), judged(t, manyURIs(250), each(0, 250))), "invalid: 250 errors (50 not shown); ")
}

func TestGitHub(t *testing.T) {
	golden(t, "github/token.txt", in(report.FormatGitHub), judged(t, shownRequest, inEachDocument()...))
	golden(t, "github/file.txt", in(report.FormatGitHub), asFile(judged(t, shownRequest, inEachDocument()...), fileText))
	r := judged(t, shownRequest, finds("a:b,c", validate.DocRequest, "/iss", "", "100% wrong: a, b"))
	r.Name = "50%: a,b.jwt"
	got := golden(t, "github/escaped.txt", in(report.FormatGitHub), r)
	assert.True(t, strings.HasPrefix(got, "::error file=50%25%3A a%2Cb.jwt,line=1,title=a%3Ab%2Cc::/iss: 100%25 wrong: a, b (payload, line 2)%0Afix: "), got)
}
