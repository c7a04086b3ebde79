package portal

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/obdcr/obdcr/cert"
)

// The fields by which a form takes a certificate.
const (
	fieldCertificate     = "certificate"
	fieldCertificateText = "certificate-pem"
	fieldCertificateFile = "certificate-file"

	otherCertificate = "other" // the choice of the certificate that is pasted or uploaded
	keptCertificate  = "keep"  // the choice of the subject that is registered
)

// certificateChoice is a certificate that tls_client_auth could register.
type certificateChoice struct {
	Value      string // of the field: the DER in base64url
	ID         string // of the element
	Subject    string // RFC 4514
	Issuer     string
	From, Till time.Time
	Chosen     bool
}

// certificateOf reads a certificate that was pasted or uploaded: PEM, DER, or DER in base64.
// Of several it is the first that is no CA's. unfit says why there is none.
func certificateOf(given string) (found *x509.Certificate, unfit string) {
	const wanted = "Provide a certificate in PEM: it begins with -----BEGIN CERTIFICATE-----"
	switch {
	case len(given) > maxStatement:
		return nil, "This is longer than 64 KiB, which no certificate is. " + wanted
	case strings.Contains(given, privateArmour):
		return nil, "There is a private key in this. Never send it to anybody: who has it can act as your software. Nothing of it was kept here"
	case strings.Contains(given, "-----BEGIN CERTIFICATE REQUEST"):
		return nil, "This is a certificate request, not the certificate that was issued for it. " + wanted
	}
	for rest := []byte(given); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, "This certificate cannot be read. " + wanted
		}
		if found == nil || found.IsCA && !c.IsCA {
			found = c
		}
	}
	if found != nil {
		return found, ""
	}
	if c, err := x509.ParseCertificate([]byte(given)); err == nil {
		return c, ""
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(given), ""))
	if err == nil {
		if c, err := x509.ParseCertificate(der); err == nil {
			return c, ""
		}
	}
	return nil, "This is no certificate. " + wanted
}

// chosenCertificate reads the certificate of a form; nil where none was chosen.
func (v *visit) chosenCertificate() (*x509.Certificate, []fault, error) {
	uploaded, err := v.upload(fieldCertificateFile)
	if err != nil {
		return nil, nil, err
	}
	at, given := fieldCertificateText, v.r.PostFormValue(fieldCertificateText)
	if strings.TrimSpace(given) == "" {
		at, given = fieldCertificateFile, uploaded
	}
	switch value := v.r.PostFormValue(fieldCertificate); {
	case value == keptCertificate:
		return nil, nil, nil
	case len(value) > base64.RawURLEncoding.EncodedLen(maxStatement): // longer than one that was pasted can be
		return nil, nil, errForm
	case value != "" && value != otherCertificate:
		der, err := base64.RawURLEncoding.DecodeString(value)
		if err != nil {
			return nil, nil, errForm
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, nil, errForm
		}
		return c, nil, nil
	case strings.TrimSpace(given) == "":
		return nil, []fault{{fieldCertificate, "Choose the certificate whose subject tls_client_auth is to register, or paste one"}}, nil
	}
	c, unfit := certificateOf(given)
	if unfit != "" {
		return nil, []fault{{at, unfit}}, nil
	}
	return c, nil, nil
}

// certificateChoices are the certificates of a software, and the chosen one where it is none of
// them.
func certificateChoices(published []*x509.Certificate, chosen *x509.Certificate) (choices []certificateChoice) {
	if chosen != nil && !slices.ContainsFunc(published, chosen.Equal) {
		published = append(slices.Clone(published), chosen)
	}
	for _, c := range published {
		choice := choiceOf(c)
		choice.Chosen = chosen != nil && c.Equal(chosen)
		choices = append(choices, choice)
	}
	return choices
}

func choiceOf(c *x509.Certificate) certificateChoice {
	sum := sha256.Sum256(c.Raw)
	return certificateChoice{Value: base64.RawURLEncoding.EncodeToString(c.Raw), ID: "certificate-" + base64.RawURLEncoding.EncodeToString(sum[:9]),
		Subject: cert.SubjectDN(c.RawSubject), Issuer: cert.SubjectDN(c.RawIssuer), From: c.NotBefore, Till: c.NotAfter}
}

// latest returns the certificate that is good for the longest; nil for none.
func latest(of []*x509.Certificate) (found *x509.Certificate) {
	for _, c := range of {
		if found == nil || c.NotAfter.After(found.NotAfter) {
			found = c
		}
	}
	return found
}
