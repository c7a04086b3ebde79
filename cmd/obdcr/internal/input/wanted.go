package input

import (
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
)

// wanted says what is due, with its article, by its kind.
var wanted = map[Kind]string{
	Request:      "a registration request: a compact JWT",
	Statement:    "a software statement: a compact JWT",
	OtherToken:   "a request or a software statement: a JWT, or its claims as JSON",
	PrivateKey:   "a private key, RSA or EC on P-256: PEM, DER, JWK or PKCS#12",
	Certificate:  "a certificate: PEM, DER or PKCS#12",
	Certificates: "certificates of CAs: PEM, DER or PKCS#12",
	KeySet:       "a key set (JWKS): a JSON object with the member keys",
	Policy:       "a bank's policy: a JSON object, see docs/policy.md",
	Discovery:    "the bank's discovery document: a JSON object",
	Directory:    "what a bank trusts of a directory: a JSON object with issuer, environment and jwks_hosts",
	Dialect:      "a bank's dialect: a JSON object, see docs/dialects.md",
	ToolConfig:   "a config.json of the OBIE conformance tool",
	ClientAnswer: "the bank's answer to register, as --client-out keeps it",
}

// due says which file to give, by the kind that is wanted.
var due = map[Kind]string{
	Request: "give the file of the request", Statement: "give the file of the statement", PrivateKey: "give the file of the private key",
	OtherToken: "give the file of the request or of the statement", Certificate: "give the file of the certificate",
	Certificates: "give the file of the CA's certificates",
	KeySet:       "give the file of the key set, or its https address", Policy: "give the file of the policy; a first one is written by",
	Discovery: "give the discovery document, or its https address", ToolConfig: "give the configuration",
	Directory:    "give a file as README.md shows it, or the name of a known directory",
	Dialect:      "give the file of a dialect, or a name; the names are listed by",
	ClientAnswer: "give the file that --client-out has written",
}

// elsewhere says where a file belongs that was given in a wrong place.
var elsewhere = map[Kind]string{
	KeySet: "a key set belongs to --ssa-jwks or --software-jwks", Certificate: "a certificate belongs to --cert, that of a CA to --ca",
	Certificates: "certificates belong to --cert or --ca", Policy: "a policy belongs to --policy",
	Discovery: "a discovery document belongs to --discovery", Directory: "such a file belongs to --directory",
	ToolConfig: "such a configuration belongs to --config", Dialect: "a dialect belongs to --bank",
	ClientAnswer: "such an answer belongs to --client", Statement: "a statement belongs to --ssa",
	PKCS12: "such a store belongs to --cert, --key or --signing-key", KeyAndCertificate: "such a file belongs to --cert",
}

// not makes the error for a file that is not of the wanted kind.
func (f *File) not(want Kind) *Error {
	fix, command := f.fixFor(want)
	if fix == "" {
		fix, command = f.remedy()
	}
	e := f.unfit(wanted[want], fix, command)
	if fix == "" {
		e.Fix = due[want]
		if want == Policy {
			e.Command = Command{"obdcr", "policy", "print", "> " + f.free("policy.json")}
		}
		if want == Dialect {
			e.Command = Command{"obdcr", "policy", "banks"}
		}
		if belongs := elsewhere[f.Kind]; belongs != "" {
			e.Notes = []string{belongs}
		}
	}
	if want != PrivateKey && (f.Kind.Secret() || f.Kind == KeySet && privateEntries(f.object) != nil) {
		e.Notes = append(e.Notes, keepOut)
	}
	return e
}

// fixFor returns what to do with a file where another kind is wanted, and the command for
// it; "" if nothing is special about the two.
func (f *File) fixFor(want Kind) (fix string, command Command) {
	name := f.word("")
	if f.wrapped && f.Kind == want && f.token != "" {
		return "take the quotation marks away", Command{"jq", "-j .", name, "> " + f.word("-plain.jwt")}
	}
	switch want {
	case Request:
		return f.fixForRequest(name)
	case Statement:
		return f.fixForStatement(name)
	case PrivateKey:
		return f.fixForKey()
	case Certificate, Certificates:
		switch f.Kind {
		case CertificateRequest:
			return "give the certificate that the directory has issued for it", nil
		case PublicKey:
			return "give the certificate that holds this key", nil
		case PrivateKey, EncryptedKey, OpenSSHKey, PrivateJWK:
			return "give the certificate that belongs to this key", nil
		}
		return f.conversion()
	case KeySet:
		return f.fixForKeySet()
	case Discovery:
		switch f.Kind {
		case SandboxReady:
			return "give the address that it has as discovery", nil
		case HTML:
			return "this is a page instead of the document: fetch it again",
				Command{"curl", "-o " + f.free("discovery.json"), "https://BANK/.well-known/openid-configuration"}
		}
	}
	return "", nil
}

func (f *File) fixForRequest(name string) (string, Command) {
	switch f.Kind {
	case Statement, StatementClaims:
		return "give a request that has this statement inside; a statement is checked by", Command{"obdcr", "lint", "ssa", name}
	case ToolConfig:
		return "build a request from it", Command{"obdcr", "build", "--config " + name, "> " + f.free("request.jwt")}
	case RequestClaims: // where a signed request is due
		return "leave --request out: register builds one; --member sets other members", nil
	case EncryptedToken:
		return "send the request signed, not encrypted", nil
	case JWSFlattened:
		return compactForm, Command{"jq", "-j", `'.protected+"."+.payload+"."+.signature'`, name, "> " + f.free("request.jwt")}
	case JWSGeneral:
		return compactForm, Command{"jq", "-j", `'.payload as $p|.signatures[0]|.protected+"."+$p+"."+.signature'`, name, "> " + f.free("request.jwt")}
	case DamagedToken:
		return f.mend(), nil
	}
	return "", nil
}

// compactForm is the fix for a JWS in JSON.
const compactForm = "send the compact form: three parts with dots between"

// mend says what to do about a damaged token.
func (f *File) mend() string {
	if f.unsound {
		return "write the header as one JSON object, each member once, and sign it again"
	}
	return "copy the token again, whole and on one line"
}

func (f *File) fixForStatement(name string) (string, Command) {
	switch f.Kind {
	case Request:
		return "give the statement alone; the one inside is shown by", Command{"obdcr", "inspect", name}
	case RequestClaims:
		return "give the statement that the directory has signed", nil
	case StatementClaims:
		return "give the statement as the directory has signed it", nil
	case DamagedToken:
		return f.mend(), nil
	}
	return "", nil
}

func (f *File) fixForKey() (string, Command) {
	switch f.Kind {
	case PublicKey, PublicJWK:
		return "give the private key of this pair", nil
	case Certificate, Certificates, CertificateRequest:
		return "give the private key that it was made with", nil
	case PrivateKey, PrivateJWK, KeyAndCertificate:
		return f.newKey()
	case KeySet:
		return "give the private key: a key set has public keys alone", nil
	case PKCS7:
		return "give the private key: this bundle has certificates alone", nil
	}
	return f.conversion()
}

// newKey is the fix for a key that no bank takes.
func (f *File) newKey() (string, Command) {
	return "make a key of a type that banks take, and register it at the directory",
		Command{"openssl", "genpkey", "-algorithm RSA", "-pkeyopt rsa_keygen_bits:2048", "-out " + f.free("signing.key")}
}

func (f *File) fixForKeySet() (string, Command) {
	switch f.Kind {
	case HTML:
		return "this is a page instead of the key set: fetch it again",
			Command{"curl", "-o " + f.free("directory.jwks"), "https://keystore.openbanking.org.uk/keystore/openbanking.jwks"}
	case PublicKey, Certificate, Certificates:
		return "give the key set that the directory publishes", nil
	}
	return "", nil
}

// Token returns the compact JWS of the file, a Request or a Statement as want says. It
// undoes UTF-16, a byte order mark, blanks around the token, and a JSON string around it.
// It takes a token about something else for what is wanted, so that the rules judge it. The
// error is an *Error.
func (f *File) Token(want Kind) (string, error) {
	if f.Kind == want || f.Kind == OtherToken {
		return f.token, nil
	}
	return "", f.not(want)
}

// Judged returns nil if the file may be what lint judges, a Request or a Statement as want
// says: as a token, also a damaged one, or as claims alone. Else it says what the file is.
// An argument between quotation marks is refused, because it would be sent with them.
func (f *File) Judged(want Kind) *Error {
	alone := map[Kind]Kind{Request: RequestClaims, Statement: StatementClaims}[want]
	switch {
	case f.wrapped && f.Flag == "": // it is judged as it would be sent
	case f.Kind == want, f.Kind == alone, f.Kind == DamagedToken, f.opaque:
		return nil
	case want == Statement && (f.Kind == OtherToken || f.Kind == OtherObject), f.Kind == OtherObject && f.object.Len() == 0:
		return nil
	}
	return f.not(want)
}

// Resembles reports whether a file that Judged refuses was meant to be a Request or a
// Statement, as want says: broken JSON that names a member of it, an encrypted token, or
// one in a JSON form.
func (f *File) Resembles(want Kind) bool {
	switch f.Kind {
	case JWSFlattened, JWSGeneral, EncryptedToken:
		return want == Request
	case BrokenJSON:
		names := append([]string{"software_statement"}, requestOnly...)
		if want == Statement {
			names = append([]string{"software_id"}, statementOnly...)
		}
		return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(f.text, `"`+name+`"`) })
	}
	return f.wrapped && f.Kind == want
}

// Proper reports whether a file is something whole of a known kind, such as a certificate.
// Of a folder it is then no token that was meant for a bank.
func (f *File) Proper() bool {
	switch f.Kind {
	case Unknown, Empty, Binary, OtherEncoding, HTML, XML, Gzip, Zip, OtherToken, DamagedToken, EncryptedToken, JWSFlattened, JWSGeneral,
		ErrorAnswer, OtherObject, OtherJSON, BrokenJSON, DamagedPEM:
		return false
	}
	return true
}

// Claims returns the text of a Request or a Statement, as want says, or of either for
// OtherToken: a compact JWS, or its claims as JSON. It undoes what Token undoes. It takes
// JSON objects of no known kind, and a token about something else. The error is an *Error.
func (f *File) Claims(want Kind) (string, error) {
	request, statement := want != Statement, want != Request
	switch f.Kind {
	case OtherToken:
		return f.token, nil
	case OtherObject:
		return f.text, nil
	case Request, RequestClaims:
		if request {
			return f.text, nil
		}
	case Statement, StatementClaims:
		if statement {
			return f.text, nil
		}
	}
	return "", f.not(want)
}

// Document returns the JSON object of the file, for what wants a Policy, a Discovery, a
// Directory, a Dialect, a ToolConfig or a ClientAnswer. It takes an object of no known kind for what is wanted. The
// error is an *Error.
func (f *File) Document(want Kind) (string, error) {
	if f.Kind == want || f.Kind == OtherObject || want == Policy && f.Kind == RequestClaims && !hasClaims(f.object) {
		return f.text, nil
	}
	return "", f.not(want)
}

// Refuse makes the error for a file that Document let through and its reader refused, for a
// reason that repeats no secret. Where the file is no JSON object, that is reason enough.
func (f *File) Refuse(want Kind, reason string) *Error {
	e := f.not(want)
	if e.Reason == "" && f.object.Kind() == jsonscan.Object {
		e.Reason = reason
	}
	return e
}

// KeySet returns the key set of the file, a JWKS document. It makes a set of a single
// public JWK, and warns of private keys. The error is an *Error.
func (f *File) KeySet() (string, error) {
	switch f.Kind {
	case PublicJWK:
		return `{"keys":[` + f.object.Raw() + `]}`, nil
	case KeySet:
		keys, _ := f.object.Member("keys")
		private := len(privateEntries(f.object))
		if private > 0 && private == keys.Len() {
			refused := f.unfit(wanted[KeySet], "give the set of the public keys, as the directory publishes it", nil)
			refused.Found, refused.Notes = "this is a key set (JWKS) of private keys", []string{keepOut}
			return "", refused
		}
		if private > 0 {
			f.advise("the set holds a private key\n  note: " + keepOut)
		}
		return f.text, nil
	}
	return "", f.not(KeySet)
}

// privateEntries returns the private keys of a key set.
func privateEntries(set jsonscan.Value) []jsonscan.Value {
	var found []jsonscan.Value
	keys, _ := set.Member("keys")
	for _, entry := range keys.Elements() {
		if _, private := entry.Member("d"); private {
			found = append(found, entry)
		}
	}
	return found
}
