package vectors

import (
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/vectors/internal/strict"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/validate"
)

// Version is the version of the form that this package reads.
const Version = 1

// ErrFile means that a file of vectors can't be used.
var ErrFile = errors.New("vectors: unusable file")

//go:embed data
var embedded embed.FS

// Files returns the files as they are: base.json, rules/*.json and topics/*.json.
func Files() fs.FS {
	files, err := fs.Sub(embedded, "data")
	if err != nil {
		panic("vectors: " + err.Error()) // the name is a constant
	}
	return files
}

// Load returns all vectors of this package, in fresh values: the files about one rule
// by name, then the topics by name; within a file in its order.
func Load() ([]Vector, error) { return Read(Files()) }

// Read reads vectors from a file system of the form that the package comment tells:
// base.json, rules/*.json and topics/*.json. It is strict. These give an error that wraps
// [ErrFile] and names the file, the vector and the member:
//
//   - a member that is unknown, misspelt, null or there twice, and another version
//   - a name that stands twice, the removal of a member that is not there or is set, and
//     the change of a document that is not there
//   - a rule, severity, code, document, profile, environment or outcome that package
//     validate does not have, and in extra a rule that the documents alone show
//   - a pointer that is missing or none of RFC 6901, a certificate without der or subject,
//     and a policy that [validate.ParsePolicy] refuses in a profile that the vector is for
//   - an expectation that contradicts itself or another
func Read(files fs.FS) ([]Vector, error) {
	var base baseFile
	if err := readFile(files, "base.json", &base, "header", "request", "ssa_header", "ssa"); err != nil {
		return nil, err
	}
	if err := base.check(); err != nil {
		return nil, fmt.Errorf("%w: base.json: %w", ErrFile, err)
	}
	rules := ruleTable()
	var all []Vector
	for _, folder := range [...]string{"rules", "topics"} {
		names, err := fs.Glob(files, folder+"/*.json")
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFile, err)
		}
		for _, name := range names { // fs.Glob sorts them
			var f vectorFile
			if err := readFile(files, name, &f, "vectors"); err != nil {
				return nil, err
			}
			list, err := f.resolve(&base, rules, strings.TrimSuffix(path.Base(name), ".json"), folder == "rules")
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrFile, name, err)
			}
			all = append(all, list...)
		}
	}
	return all, nil
}

// readFile decodes one file.
func readFile(files fs.FS, name string, to any, free ...string) error {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	if err := strict.Decode(string(data), to, free...); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFile, name, err)
	}
	return nil
}

// document is a JSON object with its members as they stand.
type document map[string]json.RawMessage

// baseFile is base.json.
type baseFile struct {
	Version   int       `json:"version"`
	Clock     time.Time `json:"clock"`
	Header    document  `json:"header"`
	Request   document  `json:"request"`
	SSAHeader document  `json:"ssa_header"`
	SSA       document  `json:"ssa"`
}

func (b *baseFile) check() error {
	switch {
	case b.Version != Version:
		return fmt.Errorf("version %d, not %d", b.Version, Version)
	case b.Clock.IsZero():
		return errors.New("no clock")
	case len(b.Header) == 0 || len(b.Request) == 0 || len(b.SSAHeader) == 0 || len(b.SSA) == 0:
		return errors.New("a document is missing")
	}
	return nil
}

// vectorFile is any other file.
type vectorFile struct {
	Version int               `json:"version"`
	About   string            `json:"about"`
	Vectors []json.RawMessage `json:"vectors"`
}

// vectorRow is one vector as a file holds it.
type vectorRow struct {
	Name        string              `json:"name"`
	Comment     string              `json:"comment"`
	Header      change              `json:"header"`
	Request     change              `json:"request"`
	SSAHeader   change              `json:"ssa_header"`
	SSA         change              `json:"ssa"`
	Without     []validate.Document `json:"without"`
	Clock       *string             `json:"clock"`
	Environment claims.Environment  `json:"environment"`
	Certificate *certificateRow     `json:"certificate"`
	Update      *updateRow          `json:"update"`
	Policy      json.RawMessage     `json:"policy"`
	Extra       []string            `json:"extra"`
	Expect      []expectationRow    `json:"expect"`
}

// change is how a document differs from the base's.
type change struct {
	Set    document `json:"set"`
	Remove []string `json:"remove"`
}

type certificateRow struct {
	Subject *string `json:"subject"`
	DER     string  `json:"der"` // base64
}

type updateRow struct {
	SecretDiffers     bool             `json:"secret_differs"`
	TransportSubjects []certificateRow `json:"transport_subjects"`
	SubjectsUnread    bool             `json:"transport_subjects_unread"`
}

// update returns what the rules may know of the client.
func (row *updateRow) update() (*validate.Update, error) {
	u := &validate.Update{SecretDiffers: row.SecretDiffers, TransportSubjectsUnread: row.SubjectsUnread}
	for i, published := range row.TransportSubjects {
		der, err := base64.StdEncoding.Strict().DecodeString(published.DER)
		if err != nil {
			return nil, fmt.Errorf("update: transport_subjects/%d: der: %w", i, err)
		}
		u.TransportSubjects = append(u.TransportSubjects, der)
	}
	return u, nil
}

// resolve makes the vectors of one file.
func (f *vectorFile) resolve(base *baseFile, rules map[string]validate.Rule, about string, isRule bool) ([]Vector, error) {
	switch {
	case f.Version != Version:
		return nil, fmt.Errorf("version %d, not %d", f.Version, Version)
	case f.About != about:
		return nil, fmt.Errorf("about %q, unlike the file's name", f.About)
	case len(f.Vectors) == 0:
		return nil, errors.New("no vectors")
	case isRule && rules[about].ID == "":
		return nil, fmt.Errorf("about: %w", noRule(about))
	}
	seen := map[string]bool{}
	var list []Vector
	for i, raw := range f.Vectors {
		var row vectorRow
		if err := strict.Decode(string(raw), &row, "set", "policy"); err != nil {
			return nil, fmt.Errorf("vector %d, %q: %w", i, nameOf(raw), err)
		}
		if row.Name == "" || row.Comment == "" || seen[row.Name] {
			return nil, fmt.Errorf("vector %d, %q: a name that is empty or stands twice, or no comment", i, row.Name)
		}
		seen[row.Name] = true
		v := Vector{Name: about + "/" + row.Name}
		if isRule {
			v.Rule = about
		}
		if err := row.fill(&v, base, rules); err != nil {
			return nil, fmt.Errorf("%s: %w", row.Name, err)
		}
		list = append(list, v)
	}
	return list, nil
}

// nameOf returns the name of a vector that cannot be decoded, for an error.
func nameOf(row []byte) string {
	value, err := jsonscan.Parse(string(row))
	if err != nil {
		return ""
	}
	name, _ := value.MemberText("name")
	return name
}

// fill fills a vector that has its name and rule.
func (row *vectorRow) fill(v *Vector, base *baseFile, rules map[string]validate.Rule) error {
	if err := row.check(rules); err != nil {
		return err
	}
	if err := row.resolve(v, base); err != nil {
		return err
	}
	for i, e := range row.Expect {
		if err := e.addTo(v, rules); err != nil {
			return fmt.Errorf("expect/%d: %w", i, err)
		}
	}
	if len(v.Expect) == 0 {
		return errors.New("no expectation")
	}
	return checkPolicy(v)
}

// resolve applies the changes to the base.
func (row *vectorRow) resolve(v *Vector, base *baseFile) error {
	v.Comment, v.Clock, v.Environment, v.Policy, v.Extra = row.Comment, base.Clock, row.Environment, row.Policy, row.Extra
	if row.Clock != nil {
		clock, err := time.Parse(time.RFC3339, *row.Clock)
		if err != nil {
			return fmt.Errorf("clock: %w", err)
		}
		v.Clock = clock
	}
	if row.Certificate != nil {
		der, err := base64.StdEncoding.Strict().DecodeString(row.Certificate.DER)
		if err != nil {
			return fmt.Errorf("certificate: der: %w", err)
		}
		v.Certificate = &CertificateSubject{Subject: *row.Certificate.Subject, DER: der}
	}
	if row.Update != nil {
		update, err := row.Update.update()
		if err != nil {
			return err
		}
		v.Update = update
	}
	for _, part := range [...]struct {
		name   validate.Document
		base   document
		change change
		to     *[]byte
	}{
		{validate.DocHeader, base.Header, row.Header, &v.Header},
		{validate.DocRequest, base.Request, row.Request, &v.Request},
		{validate.DocSSAHeader, base.SSAHeader, row.SSAHeader, &v.SSAHeader},
		{validate.DocSSA, base.SSA, row.SSA, &v.SSA},
	} {
		if slices.Contains(row.Without, part.name) {
			if part.change.Set != nil || part.change.Remove != nil {
				return fmt.Errorf("%s: a change of a document that is not there", part.name)
			}
			continue
		}
		whole, err := part.change.apply(part.base)
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		*part.to = whole
	}
	return nil
}

// apply returns the changed document as JSON, its members sorted by name.
func (c change) apply(base document) ([]byte, error) {
	whole := maps.Clone(base)
	for _, name := range c.Remove {
		if _, there := whole[name]; !there {
			return nil, fmt.Errorf("remove: the base has no %q", name)
		}
		if _, set := c.Set[name]; set {
			return nil, fmt.Errorf("remove: %q is set", name)
		}
		delete(whole, name)
	}
	maps.Copy(whole, c.Set)
	return json.Marshal(whole)
}
