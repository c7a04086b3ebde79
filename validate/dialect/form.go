package dialect

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/obdcr/obdcr/internal/jsonform"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/uri"
	"github.com/obdcr/obdcr/validate"
)

// The media types of a request (OBIE DCR, section "Endpoints").
const (
	typeJWT  = "application/jwt"
	typeJOSE = "application/jose"
)

// file is the JSON form of a Dialect.
type file struct {
	schema, name, title, date string
	version                   int
	sources                   []Reference
	profile                   validate.Profile
	policy                    string // JSON, as it stands
	claimNames                map[string]string
	contentType               string
	tokenScope                []string
	scopeAsArray              bool
	jtiCase                   string
	members                   map[string]string // values as JSON
	methods                   []string
	response                  response
	quirks                    []Quirk
}

// response is what the bank answers with.
type response struct {
	createdStatus int
	scopeAsArray  bool
	leftOut       []string
}

// jtiCases are the values of jti_case.
var jtiCases = []string{"lower", "upper"}

// newFile returns the defaults of the members that have any.
func newFile() file {
	return file{
		profile: validate.OBIE33, policy: "{}", jtiCase: jtiCases[0],
		methods:  []string{http.MethodGet, http.MethodPut, http.MethodDelete},
		response: response{createdStatus: http.StatusCreated},
	}
}

// day is the form of a date.
const day = "2006-01-02"

// goodName is the form of a name.
var goodName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// maxName is the greatest length of a name.
const maxName = 40

// form has one row for each field of file.
var form = jsonform.Table[file]{
	{
		Name:    "$schema",
		Field:   jsonform.At(func(d *file) *string { return &d.schema }, jsonform.Text[string]{}),
		Doc:     "The address of the JSON Schema of this form, for editors. No program looks at it.",
		Example: `"` + SchemaID + `"`,
	},
	{
		Name:     "version",
		Required: true,
		Field:    jsonform.At(func(d *file) *int { return &d.version }, jsonform.Int{Low: Version, High: Version}),
		Doc:      "The version of the form. A file of another one is refused. Required.",
		Example:  `1`,
	},
	{
		Name:     "name",
		Required: true,
		Field:    jsonform.At(func(d *file) *string { return &d.name }, narrowed(nameShape)),
		Doc:      "The name by which `--bank` finds the dialect, that of the file without `.json`: up to 40 lower-case letters, digits and single hyphens. Required.",
		Example:  `"example-bank"`,
		Check: func(f *jsonform.Faults, d *file) {
			if len(d.name) > maxName || !goodName.MatchString(d.name) {
				f.Add("name", "%q is no name: write 1 to %d lower-case letters, digits and single hyphens, as in example-bank", validate.Echo(d.name), maxName)
			}
		},
	},
	{
		Name:     "title",
		Required: true,
		Field:    jsonform.At(func(d *file) *string { return &d.title }, narrowed(wordsShape)),
		Doc:      "The bank or product, for people. Required.",
		Example:  `"Example Bank, sandbox"`,
		Check:    func(f *jsonform.Faults, d *file) { checkWords(f, "title", d.title) },
	},
	{
		Name:     "date",
		Required: true,
		Field:    jsonform.At(func(d *file) *string { return &d.date }, narrowed(dayShape)),
		Doc:      "The day on which the file was last compared with its sources. Required.",
		Example:  `"2026-11-27"`,
		Check:    func(f *jsonform.Faults, d *file) { checkDay(f, "date", d.date) },
	},
	{
		Name:     "sources",
		Required: true,
		Other:    []string{"source"},
		Field: jsonform.At(func(d *file) *[]Reference { return &d.sources },
			jsonform.Narrow[[]Reference]{Type: jsonform.Objects[Reference]{Table: sourceForm}, By: sourcesShape}),
		Doc:     "The public pages that the facts are from, with the day on which each was read. Required, at least one.",
		Example: `[{"url": "https://developer.bank.example/register", "title": "Register", "date": "2026-11-27"}]`,
		Check:   checkSources,
	},
	{
		Name: "profile",
		Field: jsonform.At(func(d *file) *validate.Profile { return &d.profile },
			jsonform.Text[validate.Profile]{Known: validate.Profiles()}),
		Doc:     "The version of OBIE DCR that the bank follows; obie-3.3 where it is left out.",
		Example: `"obie-3.2"`,
	},
	{
		Name:  "policy",
		Field: jsonform.At[file, string](func(d *file) *string { return &d.policy }, jsonform.Narrow[string]{Type: kept{object: true}, By: policyShape}),
		Doc: "The bank's [policy](policy.md), as far as it differs from the default policy of the profile. What other members of this form " +
			"say is not repeated here: `claim_names`, `created_status`, `response_scope_as_array`, `scope_array_only`. Without `audiences` and " +
			"`audience_kinds` it is not known what the bank takes as `aud`, and an identifier and a URL are both taken.",
		Example: `{"audience_kinds": ["url"], "auth_methods": ["tls_client_auth"]}`,
		Check:   checkPolicy,
	},
	{
		Name:    "claim_names",
		Field:   jsonform.At(func(d *file) *map[string]string { return &d.claimNames }, jsonform.Map[string, string]{Of: jsonform.Text[string]{}}),
		Doc:     "The names that the bank's directory has for claims of a software statement, by those of OBIE: `claim_names` of a policy.",
		Example: `{"software_jwks_endpoint": "software_jwks_uri"}`,
	},
	{
		Name: "content_type",
		Field: jsonform.At[file, string](func(d *file) *string { return &d.contentType },
			optional{jsonform.Text[string]{Known: []string{typeJWT, typeJOSE}}}),
		Doc:     "The media type of a request that the bank asks for. Leave it out where the bank takes both, or where nothing is known.",
		Example: `"application/jose"`,
	},
	{
		Name:  "token_scope",
		Other: []string{"token_scopes"},
		Field: jsonform.At(func(d *file) *[]string { return &d.tokenScope },
			jsonform.Narrow[[]string]{Type: jsonform.Texts[string]{Once: true}, By: scopesShape}),
		Doc:     "The scopes that a TPP asks for with the access token by which it reads, changes or deletes its client.",
		Example: `["accounts"]`,
		Check: func(f *jsonform.Faults, d *file) {
			for _, s := range d.tokenScope {
				checkScope(f, s)
			}
		},
	},
	{
		Name:    "scope_as_array",
		Field:   jsonform.At(func(d *file) *bool { return &d.scopeAsArray }, jsonform.Bool{}),
		Doc:     "A request writes `scope` as an array of words, and the bank takes nothing else. Where a bank takes both, `policy` says so.",
		Example: `true`,
	},
	{
		Name:    "jti_case",
		Field:   jsonform.At(func(d *file) *string { return &d.jtiCase }, jsonform.Text[string]{Known: jtiCases}),
		Doc:     "The letters of `jti` in a request; `lower` where it is left out.",
		Example: `"upper"`,
	},
	{
		Name: "members",
		Field: jsonform.At(func(d *file) *map[string]string { return &d.members },
			jsonform.Narrow[map[string]string]{Type: jsonform.Map[string, string]{Of: kept{}}, By: membersShape}),
		Doc:     "Further members of a request that the bank wants, with their values: none that each request has anew, such as `aud` and `software_statement`.",
		Example: `{"subject_type": "pairwise"}`,
		Check:   checkMembers,
	},
	{
		Name: "methods",
		Field: jsonform.At(func(d *file) *[]string { return &d.methods },
			jsonform.Texts[string]{Known: []string{http.MethodGet, http.MethodPut, http.MethodDelete}, Once: true}),
		Doc:     "What the bank offers at the address of a client, as far as is known: all three where it is left out, nothing if the list is empty.",
		Example: `["GET", "PUT"]`,
	},
	{
		Name:    "response",
		Field:   jsonform.At(func(d *file) *response { return &d.response }, jsonform.Object[response]{Table: responseForm}),
		Doc:     "The shape of the bank's answers.",
		Example: `{"created_status": 200, "scope_as_array": true}`,
		Check: func(f *jsonform.Faults, d *file) {
			if slices.Contains(d.response.leftOut, "") {
				f.Add("response/left_out", "has an entry that is empty")
			}
		},
	},
	{
		Name:    "quirks",
		Field:   jsonform.At(func(d *file) *[]Quirk { return &d.quirks }, jsonform.Objects[Quirk]{Table: quirkForm}),
		Doc:     "What no other member can say, and what is uncertain.",
		Example: `[{"text": "A software registers once.", "source": "https://developer.bank.example/register"}]`,
		Check:   checkQuirks,
	},
}

var sourceForm = jsonform.Table[Reference]{
	{
		Name: "url", Required: true, Field: jsonform.At(func(s *Reference) *string { return &s.URL }, narrowed(addressShape)),
		Doc: "The https address of the page.", Example: `"https://developer.bank.example/register"`,
	},
	{
		Name: "title", Required: true, Field: jsonform.At(func(s *Reference) *string { return &s.Title }, narrowed(wordsShape)),
		Doc: "The title of the page.", Example: `"Register"`,
	},
	{
		Name: "date", Required: true, Other: []string{"read"}, Field: jsonform.At(func(s *Reference) *string { return &s.Date }, narrowed(dayShape)),
		Doc: "The day on which it was read.", Example: `"2026-11-27"`,
	},
}

var responseForm = jsonform.Table[response]{
	{
		Name: "created_status", Field: jsonform.At(func(r *response) *int { return &r.createdStatus }, jsonform.Int{Low: 200, High: 201}),
		Doc: "The status of a registration; 201 where it is left out.", Example: `200`,
	},
	{
		Name: "scope_as_array", Field: jsonform.At(func(r *response) *bool { return &r.scopeAsArray }, jsonform.Bool{}),
		Doc: "`scope` is an array of words.", Example: `true`,
	},
	{
		Name: "left_out", Field: jsonform.At(func(r *response) *[]string { return &r.leftOut },
			jsonform.Narrow[[]string]{Type: jsonform.Texts[string]{Once: true}, By: leftOutShape}),
		Doc: "The registered members that the answers do not have.", Example: `["software_statement"]`,
	},
}

var quirkForm = jsonform.Table[Quirk]{
	{
		Name: "text", Required: true, Field: jsonform.At(func(q *Quirk) *string { return &q.Text }, narrowed(wordsShape)),
		Doc: "The fact, in a sentence.", Example: `"A software registers once."`,
	},
	{
		Name: "source", Field: jsonform.At(func(q *Quirk) *string { return &q.Source }, jsonform.Text[string]{}),
		Doc:     "The `url` of the one of `sources` that has the fact. It may be left out where there is one source alone.",
		Example: `"https://developer.bank.example/register"`,
	},
}

func checkWords(f *jsonform.Faults, place, words string) {
	if words == "" {
		f.Add(place, "is missing or empty")
	} else if strings.ContainsFunc(words, unicode.IsControl) {
		f.Add(place, "holds a control character: write it in one line of text")
	}
}

// ofEachRequest are the members that a request has of the software, of the bank and of its
// moment. A value of them in a dialect would be sent by every TPP.
var ofEachRequest = []string{
	"iss", "aud", "iat", "exp", "nbf", "jti", "software_statement", "software_id", "client_id", "client_secret", "redirect_uris",
	"tls_client_auth_subject_dn",
}

func checkMembers(f *jsonform.Faults, d *file) {
	for _, name := range slices.Sorted(maps.Keys(d.members)) {
		switch {
		case name == "":
			f.Add("members", "has a member without a name")
		case slices.Contains(ofEachRequest, name):
			f.Add("members/"+name, "is of each request, and of no bank: leave it out")
		}
	}
}

func checkDay(f *jsonform.Faults, place, date string) {
	if date == "" {
		f.Add(place, "is missing: write a day, such as 2026-11-27")
	} else if _, err := time.Parse(day, date); err != nil {
		f.Add(place, "%q is no day: write year, month and day, as in 2026-11-27", validate.Echo(date))
	}
}

// checkScope refuses what is no word of a scope (RFC 6749 section 3.3).
func checkScope(f *jsonform.Faults, word string) {
	bad := func(c rune) bool { return c <= ' ' || c == '"' || c == '\\' || c > '~' }
	if word == "" || slices.ContainsFunc([]rune(word), bad) {
		f.Add("token_scope", "%q is no word of a scope: write each word as an entry of its own", validate.Echo(word))
	}
}

// kept is the type of a value that is kept as it stands.
type kept struct{ object bool } // it has to be an object

// Read keeps the value. It refuses null.
func (t kept) Read(f *jsonform.Faults, place string, v jsonscan.Value, into *string) {
	switch {
	case v.Kind() == jsonscan.Null:
		f.Add(place, "is null: leave it out")
	case t.object && v.Kind() != jsonscan.Object:
		f.Add(place, "is a JSON %s, not an object", v.Kind())
	default:
		*into = v.Raw()
	}
}

// Write writes the value.
func (kept) Write(out []byte, v string) []byte { return append(out, v...) }

// Clone gives v.
func (kept) Clone(v string) string { return v }

// Check accepts each value.
func (kept) Check(*jsonform.Faults, string, string) {}

// Schema admits an object, or all but null.
func (t kept) Schema() *jsonform.Schema {
	if t.object {
		return &jsonform.Schema{Type: "object"}
	}
	return &jsonform.Schema{Not: &jsonform.Schema{Type: "null"}}
}

// optional is a text of known values that may be left out: "" then.
type optional struct{ jsonform.Text[string] }

// Check accepts "" too.
func (t optional) Check(f *jsonform.Faults, place, v string) {
	if v != "" {
		t.Text.Check(f, place, v)
	}
}

func checkSources(f *jsonform.Faults, d *file) {
	if len(d.sources) == 0 {
		f.Add("sources", "is missing or empty: name at least one page that has the facts")
	}
	for i, s := range d.sources {
		at := placeOf("sources", i)
		if _, err := uri.Endpoint(s.URL); err != nil {
			f.Add(at+"/url", "%s", err.Error())
		}
		checkWords(f, at+"/title", s.Title)
		checkDay(f, at+"/date", s.Date)
		if _, err := time.Parse(day, s.Date); err == nil && d.date != "" && s.Date > d.date {
			f.Add(at+"/date", "is later than date of the file, %s", validate.Echo(d.date))
		}
	}
}

func checkQuirks(f *jsonform.Faults, d *file) {
	for i, q := range d.quirks {
		at := placeOf("quirks", i)
		checkWords(f, at+"/text", q.Text)
		switch {
		case q.Source == "" && len(d.sources) > 1:
			f.Add(at+"/source", "is missing: there are %d sources", len(d.sources))
		case q.Source != "" && !slices.ContainsFunc(d.sources, func(s Reference) bool { return s.URL == q.Source }):
			f.Add(at+"/source", "%q is no url of sources", validate.Echo(q.Source))
		}
	}
}
