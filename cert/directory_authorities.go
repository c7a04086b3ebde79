package cert

import (
	"bytes"
	"crypto/x509"
	"slices"

	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
)

// CompareKnown compares the CAs that a bank lists for an environment with the known CAs
// of its directory. It returns the subjects that the list lacks, and those of the list
// that the directory does not have, as RFC 4514 writes them. It compares roots with
// roots, and issuing CAs with issuing CAs.
//
// CompareKnown finds a file that was forgotten or mistaken. It proves nothing: it
// compares names alone (RFC 4518), and anybody can make a CA of any name. A
// directory replaces its CAs, so neither result is an error in itself.
func CompareKnown(known ssa.KnownDirectory, list []*x509.Certificate) (missing, foreign []string) {
	var names [2][]dn.Name // listed: issuing CAs, roots
	for _, c := range list {
		name, err := dn.FromDER(c.RawSubject)
		kind, subjects := 0, known.IssuingSubjects
		if bytes.Equal(c.RawSubject, c.RawIssuer) {
			kind, subjects = 1, known.RootSubjects
		}
		names[kind] = append(names[kind], name)
		switch {
		case err != nil:
			foreign = append(foreign, text.Quote(c.Subject.String()))
		case !slices.ContainsFunc(subjects, func(subject string) bool { return sameName(subject, name) }):
			foreign = append(foreign, name.String())
		}
	}
	for kind, subjects := range [2][]string{known.IssuingSubjects, known.RootSubjects} {
		for _, subject := range subjects {
			if !slices.ContainsFunc(names[kind], func(name dn.Name) bool { return sameName(subject, name) }) {
				missing = append(missing, subject)
			}
		}
	}
	return missing, foreign
}

func sameName(subject string, name dn.Name) bool {
	parsed, err := dn.Parse(subject)
	return err == nil && dn.Equal(parsed, name)
}
