package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"github.com/obdcr/obdcr/dcr/tpp/lintpage"
)

// repository is where links to documents lead that are no pages of the site.
const repository = "https://github.com/obdcr/obdcr/blob/main/docs/"

// document makes a page of a document in Markdown.
func document(page *lintpage.Page, title string, source []byte) ([]byte, error) {
	md := goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	root := md.Parser().Parse(text.NewReader(source), parser.WithContext(parser.NewContext(parser.WithIDs(&anchors{taken: map[string]int{}}))))
	err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if link, ok := n.(*ast.Link); ok && entering {
			link.Destination = []byte(destination(string(link.Destination)))
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return nil, err
	}
	var body, out bytes.Buffer
	if err := md.Renderer().Render(&body, source, root); err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	err = page.WriteDocument(&out, title, body.String())
	return out.Bytes(), err
}

// destination is where a link of a document leads on the site.
func destination(link string) string {
	file, anchor, found := strings.Cut(link, "#")
	if found {
		anchor = "#" + anchor
	}
	for _, p := range pages {
		if file == p.source {
			return p.file + anchor
		}
	}
	if file == "" || strings.Contains(file, "://") {
		return link
	}
	return repository + link
}

// anchors names headings: a rule by its identifier, so that the page of a verdict can link to
// it, and another one as GitHub does.
type anchors struct{ taken map[string]int }

// Generate implements parser.IDs.
func (a *anchors) Generate(value []byte, _ ast.NodeKind) []byte {
	heading := strings.TrimSpace(string(value))
	id := ""
	if rule, ok := strings.CutPrefix(heading, "`"); ok && strings.HasSuffix(rule, "`") {
		id = strings.TrimSuffix(rule, "`")
	} else {
		id = strings.Map(func(c rune) rune {
			switch {
			case c == ' ':
				return '-'
			case c == '-', c == '_', 'a' <= c && c <= 'z', '0' <= c && c <= '9':
				return c
			}
			return -1
		}, strings.ToLower(heading))
	}
	a.taken[id]++
	if n := a.taken[id]; n > 1 {
		id = fmt.Sprintf("%s-%d", id, n-1)
	}
	return []byte(id)
}

// Put implements parser.IDs.
func (a *anchors) Put(value []byte) { a.taken[string(value)]++ }
