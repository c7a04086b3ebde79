package cert

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
)

const (
	pemBegin = "-----BEGIN CERTIFICATE-----"
	pemEnd   = "-----END CERTIFICATE-----"
	// maxChain bounds the certificates of a chain.
	maxChain = 10
)

// decodeHeader reads the one certificate of a header value. Its errors wrap
// ErrHeader and repeat nothing of the value.
func decodeHeader(form Form, value string) (*x509.Certificate, error) {
	switch form {
	case FormRFC9440:
		inner, ok := strings.CutPrefix(value, ":")
		if ok {
			inner, ok = strings.CutSuffix(inner, ":")
		}
		if !ok {
			return nil, badHeader("no byte sequence between two colons")
		}
		return parseDER(inner)
	case FormXFCC:
		return decodeXFCC(value)
	case FormEscapedPEM:
		return decodeEscapedPEM(value, 1)
	case FormEscapedPEMChain:
		return decodeEscapedPEM(value, maxChain)
	case FormDER:
		return parseDER(value)
	case FormDERChain:
		return decodeDERChain(value)
	default:
		return decodePEM(value, 1)
	}
}

func badHeader(reason string) error {
	return &Error{Kind: ErrHeader, Detail: reason}
}

// parseDER reads the base64 of one certificate, with or without padding: RFC 8941
// section 4.2.7 asks for both.
func parseDER(text string) (*x509.Certificate, error) {
	// The decoders skip newlines, which no form has here.
	if strings.ContainsAny(text, "\r\n") {
		return nil, badHeader("a newline within the base64")
	}
	encoding := base64.StdEncoding
	if len(text)%4 != 0 {
		encoding = base64.RawStdEncoding
	}
	der, err := encoding.Strict().DecodeString(text)
	if err != nil {
		return nil, badHeader("no base64")
	}
	// The error of ParseCertificate is left out: it can repeat parts of the certificate.
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, badHeader("no X.509 certificate")
	}
	return cert, nil
}

// decodeEscapedPEM undoes the percent-encoding. It uses PathUnescape, because
// QueryUnescape would turn a plus of the base64 into a blank.
func decodeEscapedPEM(value string, most int) (*x509.Certificate, error) {
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil, badHeader("a broken percent-encoding")
	}
	return decodePEM(text, most)
}

// decodeDERChain reads all certificates of a chain, and returns the first. A chain with a
// broken certificate is an error: nobody could tell whether the first one is the leaf.
func decodeDERChain(value string) (*x509.Certificate, error) {
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil, badHeader("a broken percent-encoding")
	}
	var leaf *x509.Certificate
	for n, rest, more := 0, text, true; more; n++ {
		if n == maxChain {
			return nil, badHeader("more certificates than its form has")
		}
		var part string
		part, rest, more = strings.Cut(rest, ",")
		cert, err := parseDER(part)
		if err != nil {
			return nil, err
		}
		if leaf == nil {
			leaf = cert
		}
	}
	return leaf, nil
}

// decodePEM reads at most so many certificates and returns the first. Any white space
// may stand in the place of a newline. Other text beside the certificates is an error.
func decodePEM(text string, most int) (*x509.Certificate, error) {
	var leaf *x509.Certificate
	rest := strings.Trim(text, blanks)
	for n := 0; n == 0 || rest != ""; n++ {
		if n == most {
			return nil, badHeader("more certificates than its form has")
		}
		body, ok := strings.CutPrefix(rest, pemBegin)
		if ok {
			body, rest, ok = strings.Cut(body, pemEnd)
		}
		if !ok {
			return nil, badHeader("no PEM certificate")
		}
		cert, err := parseDER(withoutBlanks.Replace(body))
		if err != nil {
			return nil, err
		}
		if leaf == nil {
			leaf = cert
		}
		rest = strings.TrimLeft(rest, blanks)
	}
	return leaf, nil
}

const blanks = " \t\r\n"

var withoutBlanks = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "")

// decodeXFCC reads one element of x-forwarded-client-cert: key=value pairs with
// semicolons between them. It refuses a comma, which begins the element of another
// proxy: nobody could tell which of them has the client.
func decodeXFCC(value string) (*x509.Certificate, error) {
	var cert, hash string
	for rest, more := value, true; more; {
		key, behind, ok := strings.Cut(rest, "=")
		if !ok {
			return nil, badHeader("a part without a key")
		}
		var text string
		if text, rest, more, ok = cutXFCCValue(behind); !ok {
			return nil, badHeader("no single element of key and value pairs")
		}
		var known *string
		switch key = strings.Trim(key, blanks); {
		case strings.EqualFold(key, "Cert"):
			known = &cert
		case strings.EqualFold(key, "Hash"):
			known = &hash
		case isToken(key): // By, Chain, Subject, URI, DNS
			continue
		default:
			return nil, badHeader("a broken key")
		}
		if *known != "" || text == "" {
			return nil, badHeader("an empty or repeated Cert or Hash")
		}
		*known = text
	}
	if cert == "" {
		return nil, badHeader("an element without Cert")
	}
	leaf, err := decodeEscapedPEM(cert, 1)
	if err != nil {
		return nil, err
	}
	if hash != "" && !isSHA256(hash, leaf.Raw) {
		return nil, badHeader("Hash is not the SHA-256 of Cert")
	}
	return leaf, nil
}

// cutXFCCValue splits the text behind an equals sign into the value, which may be in
// double quotes, and the rest. more says that another pair follows.
func cutXFCCValue(s string) (value, rest string, more, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, `;,"`)
		switch {
		case end < 0:
			return s, "", false, true
		case s[end] != ';':
			return "", "", false, false
		}
		return s[:end], s[end+1:], true, true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
		case s[i] == '"':
			behind := s[i+1:]
			rest, more = strings.CutPrefix(behind, ";")
			return b.String(), rest, more, behind == "" || more
		}
		b.WriteByte(s[i])
	}
	return "", "", false, false
}

func isSHA256(text string, der []byte) bool {
	want := sha256.Sum256(der)
	got, err := hex.DecodeString(text)
	return err == nil && subtle.ConstantTimeCompare(got, want[:]) == 1
}
