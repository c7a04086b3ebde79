package input

// Kind says what a file is. The set is closed.
type Kind uint8

// The kinds of files, those that are nothing in particular first.
const (
	Unknown Kind = iota // text that is none of the kinds below
	Empty
	Binary
	OtherEncoding // text that is neither UTF-8 nor UTF-16
	HTML
	XML
	Gzip
	Zip

	// Tokens in compact form.
	Request      // a JWS whose payload has a software_statement, or is like that of a request
	Statement    // a JWS whose payload is that of a software statement
	OtherToken   // a JWS about something else
	DamagedToken // it looks like a compact JWS and cannot be decoded
	EncryptedToken
	JWSFlattened
	JWSGeneral

	// JSON.
	RequestClaims
	StatementClaims
	PublicJWK
	PrivateJWK
	SymmetricJWK
	KeySet
	ToolConfig // the configuration of the OBIE conformance tool
	Policy
	Discovery
	Directory // what a bank trusts of a directory
	Dialect   // what a bank wants otherwise than its profile
	SandboxReady
	SandboxState
	ClientAnswer
	ErrorAnswer
	SARIF
	LintReport
	OtherObject
	OtherJSON // an array, a text, a number, a boolean or null
	BrokenJSON

	// Keys and certificates, in PEM or DER.
	Certificate
	Certificates
	PrivateKey
	KeyAndCertificate
	PublicKey
	CertificateRequest
	EncryptedKey
	OpenSSHKey
	PKCS7
	RevocationList
	OtherPEM
	DamagedPEM

	// Stores of keys.
	PKCS12
	JKS
	JCEKS

	kinds // how many there are
)

// names are what the kinds are called: a file "is" one of these.
var names = [kinds]string{
	Unknown: "text that is neither a token nor JSON", Empty: "an empty file", Binary: "binary data",
	OtherEncoding: "text in another encoding than UTF-8 and UTF-16", HTML: "an HTML page", XML: "an XML document",
	Gzip: "a gzip archive", Zip: "a ZIP archive",
	Request: "a registration request", Statement: "a software statement", OtherToken: "a token (JWT) that is no request and no software statement",
	DamagedToken: "a damaged token (JWT)", EncryptedToken: "an encrypted token (JWE)",
	JWSFlattened: "a token in the flattened JSON form (JWS)", JWSGeneral: "a token in the general JSON form (JWS)",
	RequestClaims: "an unsigned registration request (claims alone)", StatementClaims: "an unsigned software statement (claims alone)",
	PublicJWK: "a public key (JWK)", PrivateJWK: "a private key (JWK)", SymmetricJWK: "a symmetric key (JWK)", KeySet: "a key set (JWKS)",
	ToolConfig: "a configuration of the OBIE conformance tool", Policy: "a bank's policy", Discovery: "a discovery document",
	Directory:    "what a bank trusts of a directory",
	Dialect:      "a bank's dialect",
	SandboxReady: "the ready.json of a sandbox", SandboxState: "the state of a sandbox",
	ClientAnswer: "a bank's answer about a registered client", ErrorAnswer: "a bank's answer that refuses",
	SARIF: "a SARIF report", LintReport: "a report of lint", OtherObject: "a JSON object of no known kind", OtherJSON: "JSON that is no object",
	BrokenJSON:  "broken JSON",
	Certificate: "a certificate", Certificates: "several certificates", PrivateKey: "a private key",
	KeyAndCertificate: "a private key with its certificate", PublicKey: "a public key", CertificateRequest: "a certificate signing request (CSR)",
	EncryptedKey: "an encrypted private key", OpenSSHKey: "a private key of OpenSSH", PKCS7: "a PKCS#7 bundle of certificates",
	RevocationList: "a certificate revocation list (CRL)", OtherPEM: "PEM of another kind", DamagedPEM: "damaged PEM",
	PKCS12: "a PKCS#12 store", JKS: "a Java key store (JKS)", JCEKS: "a Java key store (JCEKS)",
}

// String returns the name of the kind for people, with its article.
func (k Kind) String() string {
	if k.Known() {
		return names[k]
	}
	return names[Unknown]
}

// Known reports whether k is one of the kinds above.
func (k Kind) Known() bool { return k < kinds }

// Secret reports whether a file of this kind holds key material that its owner must not
// hand on.
func (k Kind) Secret() bool {
	switch k {
	case PrivateKey, KeyAndCertificate, PrivateJWK, SymmetricJWK, EncryptedKey, OpenSSHKey, PKCS12, JKS, JCEKS, ToolConfig:
		return true
	}
	return false
}
