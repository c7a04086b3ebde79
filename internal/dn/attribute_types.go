package dn

import "strings"

// oids are the attribute types of certificate subjects, by the names that common tools
// write, in lower case. RFC 4514 section 3 requires the names in the first two lines.
var oids = map[string]string{
	"cn": "2.5.4.3", "l": "2.5.4.7", "st": "2.5.4.8", "o": "2.5.4.10", "ou": "2.5.4.11", "c": "2.5.4.6",
	"street": "2.5.4.9", "dc": "0.9.2342.19200300.100.1.25", "uid": "0.9.2342.19200300.100.1.1",

	"commonname": "2.5.4.3", "surname": "2.5.4.4", "sn": "2.5.4.4", "serialnumber": "2.5.4.5",
	"countryname": "2.5.4.6", "localityname": "2.5.4.7", "stateorprovincename": "2.5.4.8", "s": "2.5.4.8",
	"streetaddress": "2.5.4.9", "organizationname": "2.5.4.10", "organizationalunitname": "2.5.4.11",
	"title": "2.5.4.12", "t": "2.5.4.12", "description": "2.5.4.13", "businesscategory": "2.5.4.15",
	"postaladdress": "2.5.4.16", "postalcode": "2.5.4.17", "telephonenumber": "2.5.4.20", "name": "2.5.4.41",
	"givenname": "2.5.4.42", "gn": "2.5.4.42", "g": "2.5.4.42", "initials": "2.5.4.43",
	"generationqualifier": "2.5.4.44", "generation": "2.5.4.44", "x500uniqueidentifier": "2.5.4.45",
	"dnqualifier": "2.5.4.46", "dnq": "2.5.4.46", "pseudonym": "2.5.4.65",
	"organizationidentifier": "2.5.4.97", "organisationidentifier": "2.5.4.97",

	"emailaddress": "1.2.840.113549.1.9.1", "e": "1.2.840.113549.1.9.1", "email": "1.2.840.113549.1.9.1",
	"unstructuredname": "1.2.840.113549.1.9.2", "userid": "0.9.2342.19200300.100.1.1",
	"domaincomponent": "0.9.2342.19200300.100.1.25",

	"houseidentifier": "2.5.4.51", "role": "2.5.4.72", "postofficebox": "2.5.4.18", "pobox": "2.5.4.18",
	"dateofbirth": "1.3.6.1.5.5.7.9.1", "placeofbirth": "1.3.6.1.5.5.7.9.2", "gender": "1.3.6.1.5.5.7.9.3",
	"countryofcitizenship": "1.3.6.1.5.5.7.9.4", "countryofresidence": "1.3.6.1.5.5.7.9.5",

	"jurisdictionl": "1.3.6.1.4.1.311.60.2.1.1", "jurisdictionlocalityname": "1.3.6.1.4.1.311.60.2.1.1",
	"jurisdictionst": "1.3.6.1.4.1.311.60.2.1.2", "jurisdictionstateorprovincename": "1.3.6.1.4.1.311.60.2.1.2",
	"jurisdictionc": "1.3.6.1.4.1.311.60.2.1.3", "jurisdictioncountryname": "1.3.6.1.4.1.311.60.2.1.3",
	"incorporationlocality": "1.3.6.1.4.1.311.60.2.1.1", "incorporationstate": "1.3.6.1.4.1.311.60.2.1.2",
	"incorporationcountry":                           "1.3.6.1.4.1.311.60.2.1.3",
	"jurisdictionofincorporationl":                   "1.3.6.1.4.1.311.60.2.1.1",
	"jurisdictionofincorporationlocalityname":        "1.3.6.1.4.1.311.60.2.1.1",
	"jurisdictionofincorporationst":                  "1.3.6.1.4.1.311.60.2.1.2",
	"jurisdictionofincorporationstateorprovincename": "1.3.6.1.4.1.311.60.2.1.2",
	"jurisdictionofincorporationc":                   "1.3.6.1.4.1.311.60.2.1.3",
	"jurisdictionofincorporationcountryname":         "1.3.6.1.4.1.311.60.2.1.3",
}

// shortNames are the names that String writes: those that OpenSSL, Java and LDAP
// servers all read. String writes any other type as its OID.
var shortNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C",
	"2.5.4.9": "STREET", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
	"2.5.4.4": "surname", "2.5.4.5": "serialNumber", "2.5.4.12": "title", "2.5.4.15": "businessCategory",
	"2.5.4.17": "postalCode", "2.5.4.42": "givenName", "2.5.4.43": "initials", "2.5.4.44": "generationQualifier",
	"2.5.4.46": "dnQualifier", "2.5.4.65": "pseudonym", "2.5.4.97": "organizationIdentifier",
	"1.2.840.113549.1.9.1": "emailAddress", "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
	"1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST", "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}

// typeOID returns the OID of an attribute type. The type is a name in any case, or an
// OID, with or without Java's prefix OID.
func typeOID(t string) (string, bool) {
	if len(t) > 128 {
		return "", false
	}
	if oid, ok := oids[t]; ok {
		return oid, true
	}
	lower := strings.ToLower(t)
	if oid, ok := oids[lower]; ok {
		return oid, true
	}
	lower = strings.TrimPrefix(lower, "oid.")
	return lower, validOID(lower)
}

// validOID reports whether s is at least two numbers without leading zeros, with dots
// between them.
func validOID(s string) bool {
	arcs := 0
	for arc := range strings.SplitSeq(s, ".") {
		if arc == "" || len(arc) > 1 && arc[0] == '0' {
			return false
		}
		for i := 0; i < len(arc); i++ {
			if arc[i] < '0' || arc[i] > '9' {
				return false
			}
		}
		arcs++
	}
	return arcs >= 2 && s[0] <= '2' && s[1] == '.'
}
