package input

import (
	"github.com/obdcr/obdcr/internal/jsonscan"
)

// wanted says what is due, with its article, by its kind.
var wanted = map[Kind]string{
	Request:      "a registration request: a compact JWT",
	Statement:    "a software statement: a compact JWT",
	PrivateKey:   "a private key, RSA or EC on P-256: PEM, DER, JWK or PKCS#12",
	Certificate:  "a certificate: PEM, DER or PKCS#12",
	Certificates: "certificates of CAs: PEM, DER or PKCS#12",
	KeySet:       "a key set (JWKS): a JSON object with the member keys",
	Policy:       "a bank's policy: a JSON object, see docs/policy.md",
	Discovery:    "the bank's discovery document: a JSON object",
	ToolConfig:   "a config.json of the OBIE conformance tool",
	ClientAnswer: "the bank's answer to register, as --client-out keeps it",
}

// elsewhere says where a file belongs that was given in a wrong place.
var elsewhere = map[Kind]string{
	KeySet: "; a key set belongs to --ssa-jwks or --software-jwks", Certificate: "; a certificate belongs to --cert",
	Certificates: "; certificates belong to --cert or --ca", Policy: "; a policy belongs to --policy",
	Discovery: "; a discovery document belongs to --discovery", ToolConfig: "; this file belongs to --config",
	ClientAnswer: "; this file belongs to --client", Statement: "; a statement belongs to --ssa",
	SandboxReady: "; it names the addresses of a sandbox",
}

// not makes the error for a file that is not of the wanted kind.
func (f *File) not(want Kind) *Error {
	fix, commands := f.fixFor(want)
	if fix == "" {
		fix, commands = f.remedy()
	}
	if fix == "" {
		fix = "give the right file" + elsewhere[f.Kind]
		if f.Kind.Secret() && want != PrivateKey {
			fix = "give the right file; " + keepOut
		}
	}
	return &Error{Where: f.Where(), Kind: f.Kind, Found: f.sentence(), Wanted: wanted[want], Fix: fix, Commands: commands}
}

// fixFor returns what to do with a file where another kind is wanted, and the commands for
// it; "" if nothing is special about the two.
func (f *File) fixFor(want Kind) (fix string, commands []string) {
	name := shellWord(f.Name)
	if f.wrapped && (want == Request || want == Statement) {
		return "take the quotation marks away", []string{"jq -j . " + name + " > " + shellWord(f.renamed("-plain.jwt"))}
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
			return "give the certificate that belongs to it; " + keepOut, nil
		}
	case KeySet:
		return f.fixForKeySet(name)
	case Discovery:
		switch f.Kind {
		case SandboxReady:
			return "give the address that it has as discovery", nil
		case HTML:
			return "the address answered with a page: fetch the document again", []string{
				"curl -o discovery.json https://BANK/.well-known/openid-configuration"}
		}
	case Policy:
		return "start from the default policy, and change what the bank does otherwise", []string{"obdcr policy print > policy.json"}
	}
	return "", nil
}

func (f *File) fixForRequest(name string) (string, []string) {
	switch f.Kind {
	case Statement, StatementClaims:
		return "check it alone; build makes a request from it", []string{"obdcr lint ssa " + name}
	case ToolConfig:
		return "build a request from it", []string{"obdcr build --config " + name + " > request.jwt"}
	case RequestClaims: // where a signed request is due
		return "sign it: build makes a signed request", []string{"obdcr build --help"}
	case EncryptedToken:
		return "send the request signed, not encrypted", nil
	case JWSFlattened:
		return compactForm, []string{`jq -j '.protected+"."+.payload+"."+.signature' ` + name + " > request.jwt"}
	case JWSGeneral:
		return compactForm, []string{
			`jq -j '.signatures[0].protected+"."+.payload+"."+.signatures[0].signature' \`, "  " + name + " > request.jwt"}
	case DamagedToken:
		return "copy the token again, whole and on one line", nil
	}
	return "", nil
}

// compactForm is the fix for a JWS in JSON.
const compactForm = "send the compact form: three parts with dots between"

func (f *File) fixForStatement(name string) (string, []string) {
	switch f.Kind {
	case Request:
		return "fetch the statement from the directory; inspect shows the one inside", []string{"obdcr inspect " + name}
	case RequestClaims:
		return "give the statement that the directory has signed", nil
	case StatementClaims:
		return "give the statement as the directory has signed it", nil
	case DamagedToken:
		return "copy the token again, whole and on one line", nil
	}
	return "", nil
}

func (f *File) fixForKey() (string, []string) {
	const make2048 = "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 \\"
	switch f.Kind {
	case PublicKey, PublicJWK:
		return "give the private key of this pair", nil
	case Certificate, Certificates, CertificateRequest:
		return "give the private key that it was made with", nil
	case PrivateKey, PrivateJWK, KeyAndCertificate:
		return "make a key that Open Banking admits, and register it at the directory", []string{make2048, "  -out signing.key"}
	case KeySet:
		return "give the private key; a key set that is published has none", nil
	}
	return "", nil
}

func (f *File) fixForKeySet(name string) (string, []string) {
	switch f.Kind {
	case HTML:
		return "the address answered with a page: fetch the key set again", []string{
			"curl -o directory.jwks https://keystore.openbanking.org.uk/keystore/openbanking.jwks"}
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
func (f *File) Judged(want Kind) *Error {
	alone := map[Kind]Kind{Request: RequestClaims, Statement: StatementClaims}[want]
	switch {
	case f.wrapped:
	case f.Kind == want, f.Kind == alone, f.Kind == DamagedToken:
		return nil
	case want == Statement && (f.Kind == OtherToken || f.Kind == OtherObject), f.Kind == OtherObject && f.object.Len() == 0:
		return nil
	}
	return f.not(want)
}

// Document returns the JSON object of the file, for what wants a Policy, a Discovery, a
// ToolConfig or a ClientAnswer. It takes an object of no known kind for what is wanted. The
// error is an *Error.
func (f *File) Document(want Kind) (string, error) {
	if f.Kind == want || f.Kind == OtherObject || want == Policy && f.Kind == RequestClaims && !f.claims() {
		return f.text, nil
	}
	return "", f.not(want)
}

// claims reports whether the object has a claim that a token has: one of a policy has
// members of the same names as requests, but none of these.
func (f *File) claims() bool {
	for _, name := range append([]string{"software_statement"}, registered...) {
		if _, there := f.object.Member(name); there {
			return true
		}
	}
	return false
}

// KeySet returns the key set of the file, a JWKS document. It makes a set of a single
// public JWK, and warns of private keys. The error is an *Error.
func (f *File) KeySet() (string, error) {
	switch f.Kind {
	case PublicJWK:
		return `{"keys":[` + f.object.Raw() + `]}`, nil
	case KeySet:
		if privateEntries(f.object) != nil {
			f.advise("the set holds a private key; " + keepOut)
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
