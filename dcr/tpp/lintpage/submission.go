package lintpage

import (
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// Submission is what a person gives to the page. Only Document or File is required.
type Submission struct {
	Document     string // what was pasted: a compact JWS, or claims as JSON
	File         string // the bytes of a file; it counts before Document
	Kind         string // one of the Kind constants
	Bank         string // name of a Preset, or "none"
	Profile      string // "" is that of the bank
	Policy       string // JSON
	Audience     string // identifier of the bank, or its issuer URL
	Now          string // RFC 3339; "" is the present
	Directory    string // short name of a known directory; "" is that of the bank
	DirectoryJWK string // the directory's key set, JSON
	SoftwareJWK  string // the software's key set, JSON
	Statement    string // the statement of claims that hold none
	Certificate  string // the transport certificate, PEM
	Authorities  string // the CAs of transport certificates, PEM
}

// Values of Submission.Kind.
const (
	KindAny       = ""          // the page sees what it is
	KindRequest   = "request"   // a registration (POST)
	KindUpdate    = "update"    // an update (PUT)
	KindStatement = "statement" // a software statement alone
)

// noBank is the value of Submission.Bank for no bank in particular.
const noBank = "none"

// The limits of a submission, in bytes.
const (
	// MaxFile is the greatest length of a document, as obdcr lint reads files.
	MaxFile = 1 << 20
	// maxField is the greatest length of any other field.
	maxField = 256 << 10
	// maxBody is the greatest length of a form. A pasted document may be escaped.
	maxBody = 4 << 20
)

// names of the form's fields, which are also the ids of its controls.
const (
	fieldDocument    = "document"
	fieldFile        = "file"
	fieldKind        = "kind"
	fieldBank        = "bank"
	fieldProfile     = "profile"
	fieldPolicy      = "policy"
	fieldAudience    = "audience"
	fieldNow         = "now"
	fieldDirectory   = "directory"
	fieldDirectoryJW = "directory-keys"
	fieldSoftwareJW  = "software-keys"
	fieldStatement   = "statement"
	fieldCertificate = "certificate"
	fieldAuthorities = "authorities"
)

// fields maps each field of the form to where it is kept.
func (s *Submission) fields() map[string]*string {
	return map[string]*string{
		fieldDocument: &s.Document, fieldFile: &s.File, fieldKind: &s.Kind, fieldBank: &s.Bank, fieldProfile: &s.Profile, fieldPolicy: &s.Policy,
		fieldAudience: &s.Audience, fieldNow: &s.Now, fieldDirectory: &s.Directory, fieldDirectoryJW: &s.DirectoryJWK, fieldSoftwareJW: &s.SoftwareJWK,
		fieldStatement: &s.Statement, fieldCertificate: &s.Certificate, fieldAuthorities: &s.Authorities,
	}
}

// Set keeps the value of a field of the form by its name, and reports whether there is such
// a field.
func (s *Submission) Set(name, value string) bool {
	at, known := s.fields()[name]
	if known {
		*at = value
	}
	return known
}

// judged returns what is to be judged, byte for byte where it was a file. Around a text that
// was pasted blanks do not count, and a browser writes its line breaks as CR LF.
func (s *Submission) judged() string {
	if s.File != "" {
		return s.File
	}
	return strings.Trim(strings.ReplaceAll(s.Document, "\r\n", "\n"), " \t\r\n")
}

// keep makes the form show what was judged: the text of a file stands where it could have
// been pasted. A file that is no text is not shown, and nothing that holds a private key is.
func (s *Submission) keep() {
	if s.File != "" {
		s.Document, _ = text.Decode(s.File)
		if !utf8.ValidString(s.Document) || strings.ContainsRune(s.Document, 0) {
			s.Document = ""
		}
		s.File = ""
	}
	for _, at := range s.fields() {
		if hasPrivateKey(*at) {
			*at = ""
		}
	}
}

// isStatement reports whether what is to be judged is a software statement and no request:
// its claims are about a software, and it asks for nothing.
func isStatement(document string) bool {
	decoded, _ := text.Decode(document)
	payload := strings.TrimSpace(decoded)
	if !strings.HasPrefix(payload, "{") {
		signed, err := ssa.ParseSigned(payload)
		if err != nil {
			return false
		}
		payload = signed.UnverifiedPayload()
	}
	v, err := jsonscan.Parse(payload)
	if err != nil {
		return false
	}
	about := false
	for name := range v.Members() {
		switch name {
		case "software_statement", "redirect_uris", "token_endpoint_auth_method", "grant_types", "request_object_signing_alg":
			return false
		}
		about = about || strings.HasPrefix(name, "software_") || strings.HasPrefix(name, "org_")
	}
	return about
}
