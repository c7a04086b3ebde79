package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// transport issues a transport certificate with a subject (DER) over the software's transport
// key. Its error is one of a subject that no certificate can have.
func (w *world) transport(subject []byte) (*x509.Certificate, error) {
	c, err := w.software.CertificateWith(ssatest.CertificateForgery{RawSubject: subject})
	return c.Leaf, err
}

// certificateOf returns the name of the file with the certificate of a draft: that of the
// decoded vector, or one with the subject that the request names, or the software's own.
func (d *draft) certificateOf(w *world) (string, error) {
	subject := d.subject
	if subject == nil {
		var name string
		_ = json.Unmarshal(d.request["tls_client_auth_subject_dn"], &name) // what is no text names nobody
		subject = subjectOf(name)
	}
	if subject == nil {
		return "../../keys/transport.pem", nil
	}
	c, err := w.transport(subject)
	if err != nil {
		return "", err
	}
	return w.file("transport-"+short(string(subject))+".pem", certificate(c))
}

// subjectOf encodes a name as the subject of a certificate; nil if it is none.
func subjectOf(name string) []byte {
	parsed, err := dn.Parse(name)
	if err != nil {
		return nil
	}
	var sequence pkix.RDNSequence
	for _, rdn := range parsed {
		var set pkix.RelativeDistinguishedNameSET
		for _, a := range rdn {
			var oid asn1.ObjectIdentifier
			for part := range strings.SplitSeq(a.OID, ".") {
				number, err := strconv.Atoi(part)
				if err != nil {
					return nil
				}
				oid = append(oid, number)
			}
			set = append(set, pkix.AttributeTypeAndValue{Type: oid, Value: a.Value})
		}
		sequence = append(sequence, set)
	}
	slices.Reverse(sequence)
	der, err := asn1.Marshal(sequence)
	if err != nil {
		return nil
	}
	return der
}

// publish replaces the transport certificates of the software's key set by those with other
// subjects, and returns the name of the set's file.
func (w *world) publish(name string, subjects [][]byte) (string, error) {
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(w.software.JWKS(), &set); err != nil {
		return "", err
	}
	set.Keys[0]["kid"] = softwareKid
	own := set.Keys[1]
	set.Keys = set.Keys[:1]
	for _, s := range subjects {
		c, err := w.transport(s)
		if err != nil {
			return "", err
		}
		key := map[string]any{"x5c": []string{base64.StdEncoding.EncodeToString(c.Raw)}}
		for _, member := range []string{"kty", "n", "e", "kid", "use"} {
			key[member] = own[member]
		}
		set.Keys = append(set.Keys, key)
	}
	data, err := json.MarshalIndent(set, "", "  ")
	if err != nil {
		return "", err
	}
	return w.file(name+".jwks.json", append(data, '\n'))
}
