package input

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
)

// algorithms are types of private keys that package x509 does not read.
var algorithms = map[string]string{
	"1.2.840.113549.1.1.10": "an RSA-PSS private key", "1.2.840.113549.1.1.7": "an RSA-OAEP private key", "1.2.840.10040.4.1": "a DSA private key",
	"1.2.840.113549.1.3.1": "a Diffie-Hellman private key", "1.2.840.10046.2.1": "a Diffie-Hellman private key",
	"1.3.101.111": "an X448 private key", "1.3.101.113": "an Ed448 private key", "2.16.840.1.101.3.4.3.17": "an ML-DSA private key",
	"2.16.840.1.101.3.4.3.18": "an ML-DSA private key", "2.16.840.1.101.3.4.3.19": "an ML-DSA private key",
}

// curves are those that package x509 does not read.
var curves = map[string]string{
	"1.3.132.0.10": "secp256k1", "1.2.840.10045.3.1.1": "P-192", "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1", "1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
	"1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1", "1.2.156.10197.1.301": "SM2",
}

// readCurves are P-224, P-256, P-384 and P-521.
var readCurves = []string{"1.3.132.0.33", "1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35"}

const algorithmEC = "1.2.840.10045.2.1"

// otherKey calls a private key that package x509 does not read by its type, with its
// article; "" if the DER is no such key.
func otherKey(der []byte) string {
	var general struct { // PKCS #8, RFC 5208 section 5
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		Key        []byte
		Attributes asn1.RawValue `asn1:"optional,tag:0"`
		Public     asn1.RawValue `asn1:"optional,tag:1"`
	}
	if unmarshalAll(der, &general) {
		if id := general.Algorithm.Algorithm.String(); id != algorithmEC {
			return algorithms[id]
		}
		var inner asn1.RawValue
		if !unmarshalAll(general.Key, &inner) {
			return ""
		}
		return curveKey(general.Algorithm.Parameters.FullBytes)
	}
	var ec struct { // SEC 1, RFC 5915 section 3
		Version    int
		Key        []byte
		Parameters asn1.RawValue `asn1:"optional,tag:0"`
		Public     asn1.RawValue `asn1:"optional,tag:1"`
	}
	if unmarshalAll(der, &ec) && ec.Version == 1 && len(ec.Parameters.Bytes) > 0 {
		return curveKey(ec.Parameters.Bytes)
	}
	return ""
}

// curveKey calls an EC key by the parameters of its curve; "" if the curve is one that
// package x509 reads, so that it is the key that is damaged.
func curveKey(parameters []byte) string {
	var id asn1.ObjectIdentifier
	if !unmarshalAll(parameters, &id) {
		return "an EC private key that does not name its curve"
	}
	if name, known := curves[id.String()]; known {
		return "an EC private key on " + name
	}
	if slices.Contains(readCurves, id.String()) {
		return ""
	}
	return "an EC private key on another curve"
}
