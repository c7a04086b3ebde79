package signed

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

// render writes a row with one member a line, and in documents and expect one of theirs.
func render(r *row) ([]byte, error) {
	var compact bytes.Buffer
	encoder := json.NewEncoder(&compact)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return nil, err
	}
	object, err := jsonscan.Parse(compact.String())
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	write(&out, object, "", func(name string) bool { return name == "documents" || name == "expect" })
	return []byte(out.String() + "\n"), nil
}

// write writes an object, and the members of opened on lines of their own too.
func write(out *strings.Builder, object jsonscan.Value, indent string, opened func(name string) bool) {
	separator := "{\n"
	for name, member := range object.Members() {
		out.WriteString(separator + indent + "  " + strconv.Quote(name) + ": ")
		separator = ",\n"
		if opened(name) {
			write(out, member, indent+"  ", func(string) bool { return false })
			continue
		}
		out.WriteString(member.Raw())
	}
	if separator == "{\n" {
		out.WriteString("{}")
		return
	}
	out.WriteString("\n" + indent + "}")
}

// Marshal writes a vector as its file, which Parse reads back. It is what the generator
// writes.
func (v *Vector) Marshal() ([]byte, error) {
	r := row{
		Schema: "../../schema.json", Version: Version, Name: v.Name, Comment: v.Comment, Kind: v.Kind, Profile: v.Profile, Policy: v.Policy,
		Audience: v.Audience, Now: v.Now.UTC().Format(time.RFC3339), Directory: v.Directory, Keys: v.Keys, Update: v.Update,
		Documents: v.Documents, Live: v.Live, NotOverHTTP: v.NotOverHTTP, Expect: v.Expect.row(),
	}
	if utf8.Valid(v.JWS) {
		r.JWS = string(v.JWS)
	} else {
		r.JWSBase64 = base64.StdEncoding.EncodeToString(v.JWS)
	}
	return render(&r)
}

// row is the form of an Expect in a file.
func (e *Expect) row() expectRow {
	r := expectRow{Valid: &e.Valid, Rules: e.Rules, Warnings: e.Warnings, Wire: e.Wire, Status: e.Status}
	for _, c := range e.Citations {
		r.Citations = append(r.Citations, citationRow(c))
	}
	return r
}
