package conform

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/shown"
)

// Exchange is one request and its answer, as a report has it: without secrets.
type Exchange struct {
	Verb     string    `json:"verb"` // register, get, update, delete, token, or what a case calls it
	Sent     Sent      `json:"sent"`
	Differs  []string  `json:"differs,omitempty"`  // in what a registration or an update differs from a good one
	Received *Received `json:"received,omitempty"` // nil where no usable answer came
	Error    string    `json:"error,omitempty"`    // why none came
	Millis   int64     `json:"milliseconds"`       // until the answer was read
	Note     string    `json:"note,omitempty"`     // such as how long it waited for a bank that is busy

	raw    *Received // with the secrets, for the case
	client *client   // that the answer made
	older  string    // why the client that it names is not one of the run; "" if it is
	lost   error
	tries  int  // how often it was sent, but where the bank said that it was busy (429)
	again  bool // it was sent more than once, and the bank may have carried out one that it did not say so of
}

// Sent is a request.
type Sent struct {
	Method      string        `json:"method"`
	URL         string        `json:"url"`
	Headers     []HeaderField `json:"headers"`
	Certificate string        `json:"certificate"` // the subject of the client certificate; "" if none was shown
	Body        string        `json:"body,omitempty"`
	JWS         *JWS          `json:"jws,omitempty"` // the body, decoded, where it is a registration request
}

// JWS has the parts of a signed request, decoded: the text of each, which a case may have made none of JSON. A part
// that cannot be decoded is left out.
type JWS struct {
	Header    string `json:"header,omitempty"`
	Claims    string `json:"claims,omitempty"`
	SSAHeader string `json:"ssa_header,omitempty"`
	SSA       string `json:"ssa,omitempty"`
}

// HeaderField is a header field.
type HeaderField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Received is an answer.
type Received struct {
	Status  int           `json:"status"`
	Headers []HeaderField `json:"headers"`
	Body    string        `json:"body,omitempty"`
	Cut     string        `json:"cut,omitempty"` // why the body is not whole; "" if it is

	header http.Header
}

// answered reports whether a usable answer came.
func (x *Exchange) answered() bool { return x.raw != nil }

// status is the HTTP status; 0 where no answer came.
func (x *Exchange) status() int {
	if x.raw == nil {
		return 0
	}
	return x.raw.Status
}

// created reports whether the bank says that it has registered a client.
func (x *Exchange) created() bool {
	return x.status() == http.StatusOK || x.status() == http.StatusCreated
}

// succeeded reports whether the bank says that it has carried out a request, be it by an answer that is of no use.
func (x *Exchange) succeeded() bool { return x.status() >= 200 && x.status() < 300 }

// usable reports whether an answer came that a case can judge.
func (x *Exchange) usable() bool {
	redirects := x.status() >= 300 && x.status() < 400
	return x.answered() && !x.unavailable() && !redirects && (x.raw.Cut == "" || !x.created())
}

// responseHeader is a header of the answer.
func (x *Exchange) responseHeader(name string) string {
	if x.raw == nil {
		return ""
	}
	return x.raw.header.Get(name)
}

// unavailable reports whether the bank says that it cannot answer now, and when it can: that is no verdict on it. 503 alone is.
func (x *Exchange) unavailable() bool {
	return x.status() == http.StatusServiceUnavailable && x.responseHeader("Retry-After") != ""
}

// document is the body of the answer as JSON; nil where it is none.
func (x *Exchange) document() any {
	var d any
	if x.raw == nil || json.Unmarshal([]byte(x.raw.Body), &d) != nil {
		return nil
	}
	return d
}

// member is a member of the answer; nil where there is none.
func (x *Exchange) member(name string) any { return valueAt(x.document(), "/"+name) }

// code is the error code of the answer; "" where there is none.
func (x *Exchange) code() string {
	code, _ := x.member("error").(string)
	return code
}

// toldCode is the error code as a text tells it.
func (x *Exchange) toldCode() string {
	return shown.Folded(shown.WithoutSignatures(x.code()), maxCode)
}

// maxCode is how much of an error code is told, in bytes.
const maxCode = 64

// mayHaveBeenMade reports whether a registration may have been made although the answer names no client: it may also be the
// first of several that were sent, where the last one was not refused for what it is.
func (x *Exchange) mayHaveBeenMade() bool {
	return x.mayHaveHappened() || x.again && (x.status() == 0 || x.status() >= 300) && !x.refusedForItself()
}

// earlier are what a bank says of a registration that it has had, or of a software that has a client there.
var earlier = []string{"jti", "already", "exist", "duplicat", "replay", "reus", "twice"}

// aboutSender are the codes of a refusal that is about who sends, or about the bank, and not about the request.
var aboutSender = []string{"invalid_client", "unauthorized_client", "invalid_token", "access_denied", "server_error", "temporarily_unavailable"}

// refusedForItself reports whether a registration was refused for what it is, so that the same one was refused before too. A
// refusal of one that the bank has had, of who sends it, of when it comes, or by a gateway tells nothing of the first one.
func (x *Exchange) refusedForItself() bool {
	switch x.status() {
	case http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return true
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
	default:
		return false
	}
	said := strings.ToLower(x.raw.Body)
	words := strings.FieldsFunc(said, func(c rune) bool { return c < 'a' || c > 'z' })
	return x.code() != "" && !slices.Contains(aboutSender, x.code()) && !slices.Contains(words, "used") &&
		!slices.ContainsFunc(earlier, func(word string) bool { return strings.Contains(said, word) })
}

// namesJTI reports whether an answer speaks of the jti, as that to a request does that the bank has had before.
func (x *Exchange) namesJTI() bool {
	return x.answered() && strings.Contains(strings.ToLower(x.raw.Body), "jti")
}

// mayHaveHappened reports whether the bank may have carried out a request although it does not say so.
func (x *Exchange) mayHaveHappened() bool {
	if x.raw == nil {
		return tpp.MayHaveHappened(x.lost)
	}
	return x.status() >= http.StatusInternalServerError && x.status() != http.StatusNotImplemented
}
