package vectors

import (
	"embed"
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
// base.json, rules/*.json and topics/*.json. It is strict: an unknown, duplicate or
// misspelt member, another version, a name that stands twice, the removal of a member
// that is not there, and an expectation that contradicts itself give an error that
// wraps [ErrFile].
func Read(files fs.FS) ([]Vector, error) {
	var base baseFile
	if err := readFile(files, "base.json", &base, "header", "request", "ssa_header", "ssa"); err != nil {
		return nil, err
	}
	if err := base.check(); err != nil {
		return nil, fmt.Errorf("%w: base.json: %w", ErrFile, err)
	}
	var all []Vector
	for _, folder := range [...]string{"rules", "topics"} {
		names, err := fs.Glob(files, folder+"/*.json")
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFile, err)
		}
		for _, name := range names { // fs.Glob sorts them
			var f vectorFile
			if err := readFile(files, name, &f, "set", "policy"); err != nil {
				return nil, err
			}
			list, err := f.resolve(&base, strings.TrimSuffix(path.Base(name), ".json"), folder == "rules")
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrFile, name, err)
			}
			all = append(all, list...)
		}
	}
	return all, nil
}

// readFile decodes one file. jsonscan refuses duplicate members, and the names are
// looked at since encoding/json matches them in any case. The members named free
// hold objects whose names are not this package's.
func readFile(files fs.FS, name string, to any, free ...string) error {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	tree, err := jsonscan.Parse(string(data))
	if err == nil {
		err = checkNames(tree, free)
	}
	if err == nil {
		decoder := json.NewDecoder(strings.NewReader(string(data)))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(to)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFile, name, err)
	}
	return nil
}

// checkNames refuses names of members that are not in lower case.
func checkNames(v jsonscan.Value, free []string) error {
	for _, element := range v.Elements() {
		if err := checkNames(element, free); err != nil {
			return err
		}
	}
	for name, member := range v.Members() {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return fmt.Errorf("member %q is not in lower case", name)
		}
		if slices.Contains(free, name) {
			continue
		}
		if err := checkNames(member, free); err != nil {
			return err
		}
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
	Version int         `json:"version"`
	About   string      `json:"about"`
	Vectors []vectorRow `json:"vectors"`
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
	Clock       time.Time           `json:"clock"`
	Environment claims.Environment  `json:"environment"`
	Certificate *certificateRow     `json:"certificate"`
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
	Subject string `json:"subject"`
	DER     []byte `json:"der"`
}

type expectationRow struct {
	Profiles   []validate.Profile `json:"profiles"`
	Outcome    string             `json:"outcome"`
	Valid      *bool              `json:"valid"`
	Wire       validate.Code      `json:"wire"`
	Violations []Finding          `json:"violations"`
}

// resolve makes the vectors of one file.
func (f *vectorFile) resolve(base *baseFile, about string, isRule bool) ([]Vector, error) {
	switch {
	case f.Version != Version:
		return nil, fmt.Errorf("version %d, not %d", f.Version, Version)
	case f.About != about:
		return nil, fmt.Errorf("about %q, unlike the file's name", f.About)
	case len(f.Vectors) == 0:
		return nil, errors.New("no vectors")
	}
	seen := map[string]bool{}
	var list []Vector
	for i := range f.Vectors {
		row := &f.Vectors[i]
		if row.Name == "" || row.Comment == "" || seen[row.Name] {
			return nil, fmt.Errorf("vector %d, %q: a name that is empty or stands twice, or no comment", i, row.Name)
		}
		seen[row.Name] = true
		v, err := row.resolve(base)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", row.Name, err)
		}
		v.Name = about + "/" + row.Name
		if isRule {
			v.Rule = about
		}
		for _, e := range row.Expect {
			if err := e.addTo(&v); err != nil {
				return nil, fmt.Errorf("%s: expect: %w", row.Name, err)
			}
		}
		if len(v.Expect) == 0 {
			return nil, fmt.Errorf("%s: no expectation", row.Name)
		}
		list = append(list, v)
	}
	return list, nil
}

// resolve applies the changes to the base.
func (row *vectorRow) resolve(base *baseFile) (Vector, error) {
	v := Vector{Comment: row.Comment, Clock: base.Clock, Environment: row.Environment, Policy: row.Policy, Extra: row.Extra}
	if !row.Clock.IsZero() {
		v.Clock = row.Clock
	}
	if row.Certificate != nil {
		v.Certificate = &Certificate{Subject: row.Certificate.Subject, DER: row.Certificate.DER}
	}
	for _, d := range row.Without {
		if !slices.Contains(validate.Documents(), d) {
			return Vector{}, fmt.Errorf("without: %q is no document", d)
		}
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
			continue
		}
		whole, err := part.change.apply(part.base)
		if err != nil {
			return Vector{}, fmt.Errorf("%s: %w", part.name, err)
		}
		*part.to = whole
	}
	return v, nil
}

// apply returns the changed document as JSON, its members sorted by name.
func (c change) apply(base document) ([]byte, error) {
	whole := maps.Clone(base)
	for _, name := range c.Remove {
		if _, there := whole[name]; !there {
			return nil, fmt.Errorf("remove: the base has no %q", name)
		}
		delete(whole, name)
	}
	maps.Copy(whole, c.Set)
	return json.Marshal(whole)
}

// outcome reads the name of an outcome.
func outcome(name string) (validate.Outcome, bool) {
	switch name {
	case "failed":
		return validate.OutcomeFailed, true
	case "passed":
		return validate.OutcomePassed, true
	case "not_applicable":
		return validate.OutcomeNotApplicable, true
	case "none":
		return validate.OutcomeNone, true
	}
	return validate.OutcomeNone, false
}

// addTo adds the expectation to a vector and refuses one that contradicts itself or
// another.
func (e expectationRow) addTo(v *Vector) error {
	errorFound, ruleFound := false, false
	for _, f := range e.Violations {
		errorFound = errorFound || f.Severity == validate.SeverityError
		ruleFound = ruleFound || f.Rule == v.Rule
	}
	became, known := outcome(e.Outcome)
	switch {
	case e.Valid == nil || e.Violations == nil || len(e.Profiles) == 0:
		return errors.New("valid, violations or profiles is missing")
	case *e.Valid == errorFound:
		return fmt.Errorf("valid is %t, against the violations", *e.Valid)
	case *e.Valid != (e.Wire == ""):
		return fmt.Errorf("wire is %q, but valid is %t", e.Wire, *e.Valid)
	case v.Rule == "" && e.Outcome != "":
		return errors.New("a topic has no outcome")
	case v.Rule != "" && !known:
		return fmt.Errorf("unknown outcome %q", e.Outcome)
	case v.Rule != "" && ruleFound != (became == validate.OutcomeFailed):
		return fmt.Errorf("outcome is %s, against the violations", e.Outcome)
	}
	for i, p := range e.Profiles {
		if _, twice := v.ExpectedIn(p); twice || slices.Contains(e.Profiles[:i], p) || !p.Valid() {
			return fmt.Errorf("profile %q is unknown or stands twice", p)
		}
	}
	v.Expect = append(v.Expect, Expectation{
		Profiles: e.Profiles, Outcome: became, Valid: *e.Valid, Wire: e.Wire, Violations: e.Violations,
	})
	return nil
}
