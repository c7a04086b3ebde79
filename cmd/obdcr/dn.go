package main

import (
	"bytes"
	"crypto/sha1" // x5t is SHA-1, RFC 7515 section 4.1.7
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/cert"
	"github.com/obdcr/obdcr/internal/dn"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
)

func (a *app) dnCommand() *cobra.Command {
	var output, at, password string
	cmd := &cobra.Command{
		Use:   "dn CERT|-",
		Short: "Show a certificate's subject as a request needs it",
		Long: `dn reads a certificate: PEM, DER or PKCS#12. It shows the value for
tls_client_auth_subject_dn, and the same name as common tools write it. Beside each of
these it shows which subject_dn_match of a bank's policy accepts it. It also shows the
certificate's thumbprints. Text breaks long names into lines; JSON has them whole.`,
		Example:           "  obdcr dn transport.pem",
		Args:              oneFile,
		ValidArgsFunction: filesAlone,
		RunE: func(c *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return unlisted("-o", output, []string{"text", "json"})
			}
			now, err := timeOf(at)
			if err != nil {
				return err
			}
			leaf, err := a.readCertificate(args[0], password)
			if err != nil {
				return err
			}
			shown, err := describeSubject(leaf, now)
			if err != nil {
				return &exitError{exitViolated, fmt.Errorf("%s: %w", shownName(args[0]), err)}
			}
			if output == "json" {
				return writeJSON(c.OutOrStdout(), shown)
			}
			writeSubject(c.OutOrStdout(), shownName(args[0]), shown)
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format: text, json")
	cmd.Flags().StringVar(&at, "now", "", "warn as at this RFC 3339 `TIME` instead of now")
	passwordFlag(cmd.Flags(), &password)
	complete(cmd, "output", []string{"text", "json"})
	return cmd
}

// readCertificate reads the first certificate of a file. A file without one is a
// violation.
func (a *app) readCertificate(name, password string) (*x509.Certificate, error) {
	if err := a.readPassword(password); err != nil {
		return nil, err
	}
	f, err := a.open("", name)
	if err != nil {
		return nil, err
	}
	certs, err := f.Certificates(a.opens, false)
	if err != nil {
		return nil, &exitError{exitViolated, err}
	}
	if len(certs) > 1 {
		a.note("%s holds %d certificates: this is the first", shownName(name), len(certs))
	}
	return certs[0], nil
}

// shownSubject is the result of dn. Its fields are those of the JSON output.
type shownSubject struct {
	Identity    cert.Identity   `json:"identity"`
	Issuer      string          `json:"issuer"`
	NotBefore   time.Time       `json:"not_before"`
	NotAfter    time.Time       `json:"not_after"`
	SubjectDN   string          `json:"tls_client_auth_subject_dn"`
	Characters  int             `json:"characters"`
	Immutable   string          `json:"immutable_part,omitempty"`
	Warnings    []string        `json:"warnings"`
	Renderings  []rendering     `json:"renderings"`
	Thumbprints thumbprintsJSON `json:"thumbprints"`
}

// rendering is the name as one tool writes it, with the strictest subject_dn_match that
// accepts it; "" if none does.
type rendering struct {
	Form  string                  `json:"form"`
	Match validate.SubjectDNMatch `json:"subject_dn_match,omitempty"`
	Text  string                  `json:"text"`
	title string
}

type thumbprintsJSON struct {
	SHA1    string `json:"sha1"`
	X5T     string `json:"x5t"`
	SHA256  string `json:"sha256"`
	X5TS256 string `json:"x5t#S256"`
}

// describeSubject goes on if the certificate has no known profile: the name can be registered
// all the same, with a warning.
func describeSubject(leaf *x509.Certificate, now time.Time) (*shownSubject, error) {
	name, err := dn.FromDER(leaf.RawSubject)
	if err != nil {
		return nil, fmt.Errorf("the subject cannot be read: %w", err)
	}
	if len(name) == 0 {
		return nil, errors.New("the subject is empty: no tls_client_auth_subject_dn can name this certificate")
	}
	text := name.String()
	short, long := sha1.Sum(leaf.Raw), sha256.Sum256(leaf.Raw)
	shown := &shownSubject{
		NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC(),
		SubjectDN: text, Characters: utf8.RuneCountInString(text),
		Immutable: immutablePart(name), Warnings: []string{}, Renderings: renderings(leaf, name),
		Thumbprints: thumbprintsJSON{
			SHA1: hex.EncodeToString(short[:]), X5T: base64.RawURLEncoding.EncodeToString(short[:]),
			SHA256: hex.EncodeToString(long[:]), X5TS256: base64.RawURLEncoding.EncodeToString(long[:]),
		},
	}
	if issuer, err := dn.FromDER(leaf.RawIssuer); err == nil {
		shown.Issuer = issuer.String()
	}
	identity, err := cert.Identify(leaf)
	if err != nil {
		identity = cert.Identity{Profile: cert.ProfileUnknown}
		shown.Warnings = append(shown.Warnings, "the software it belongs to cannot be determined: "+detail(err))
	}
	shown.Identity = identity
	shown.warn(leaf, name, now)
	return shown, nil
}

// immutablePart returns the name without the RDNs that subject_dn_match immutable ignores;
// "" if the profile is unknown.
func immutablePart(name dn.Name) string {
	var part dn.Name
	for _, rdn := range name {
		for _, oid := range dn.ProfileOf(name).Binding() {
			if _, ok := (dn.Name{rdn}).Only(oid); ok {
				part = append(part, rdn)
				break
			}
		}
	}
	return part.String()
}

// renderings returns the name as common tools write it. Go writes attribute types that it
// does not know at the end, or leaves them out: the last two differ in that.
func renderings(leaf *x509.Certificate, name dn.Name) []rendering {
	list := []rendering{
		{Form: "rfc4514", title: "RFC 4514", Text: name.String()},
		{Form: "oids", title: "OIDs", Text: name.OIDs()},
		{Form: "java", title: "Java", Text: name.Java()},
		{Form: "java_rfc2253", title: "Java, RFC 2253", Text: name.JavaRFC2253()},
		{Form: "reversed", title: "reversed", Text: name.Reversed().String()},
		{Form: "openssl", title: "OpenSSL", Text: name.OpenSSL()},
		{Form: "openssl_slash", title: "OpenSSL, slashes", Text: name.Slash()},
		{Form: "go", title: "Go", Text: leaf.Subject.String()},
		{Form: "go_known", title: "Go, known types", Text: leaf.Subject.ToRDNSequence().String()},
	}
	for i := range list {
		list[i].Match = takenUnder(list[i].Text, leaf)
	}
	return list
}

// takenUnder returns the strictest subject_dn_match under which a bank accepts a text as
// the subject of a certificate; "" if there is none.
func takenUnder(text string, leaf *x509.Certificate) validate.SubjectDNMatch {
	for _, match := range []validate.SubjectDNMatch{
		validate.DNMatchExact, validate.DNMatchReversed, validate.DNMatchAnyOrder, validate.DNMatchImmutable,
	} {
		if same, err := match.Same(text, leaf.RawSubject); err == nil && same {
			return match
		}
	}
	return ""
}

// warn adds the reasons why a bank might refuse the name.
func (s *shownSubject) warn(leaf *x509.Certificate, name dn.Name, now time.Time) {
	list := s.Warnings
	switch profile := s.Identity.Profile; {
	case leaf.IsCA:
		list = append(list, "this is the certificate of a CA: no client registers with it")
	case profile == cert.ProfileUnknown:
		list = append(list, "by its subject and usage this is no OB Transport certificate, OBWAC or QWAC: a bank may not find the software it belongs to")
	case !profile.Transport():
		list = append(list, "this certificate is for signing: the name has to be that of the transport certificate")
	}
	switch day := time.DateOnly; {
	case now.After(leaf.NotAfter):
		list = append(list, "it has expired on "+leaf.NotAfter.UTC().Format(day)+": a bank refuses it")
	case now.Before(leaf.NotBefore):
		list = append(list, "it is not valid before "+leaf.NotBefore.UTC().Format(day)+": a bank refuses it until then")
	}
	if s.Characters > maxSubjectDN {
		list = append(list, strconv.Itoa(s.Characters)+" characters: versions 3.2 and 3.3 take at most "+strconv.Itoa(maxSubjectDN)+
			"; ask the bank whether it has version 3.4, or takes the immutable part alone")
	}
	if s.Characters > maxSubjectDN34 {
		list = append(list, strconv.Itoa(s.Characters)+" characters: version 3.4 takes at most "+strconv.Itoa(maxSubjectDN34))
	}
	if !name.Begins("CN") {
		list = append(list, "it does not begin with CN, as version 3.4 demands: such a bank may refuse it as it is")
	}
	s.Warnings = list
}

// Greatest lengths of tls_client_auth_subject_dn, up to version 3.3 and from 3.4 on.
const (
	maxSubjectDN   = 128
	maxSubjectDN34 = 512
)

// profileTitles are the names of the certificate profiles, for people.
var profileTitles = map[cert.SubjectProfile]string{
	cert.ProfileOBTransport: "OB Transport certificate", cert.ProfileOBSigning: "OB Signing certificate",
	cert.ProfileOBWAC: "OBWAC", cert.ProfileOBSeal: "OBSeal", cert.ProfileQWAC: "QWAC", cert.ProfileQSeal: "QSealC",
}

func writeSubject(out io.Writer, name string, s *shownSubject) {
	title := profileTitles[s.Identity.Profile]
	if title == "" {
		title = "certificate of no known profile"
	}
	fmt.Fprintf(out, "%s   %s\n", text.Visible(name), title)
	for _, line := range [][2]string{
		{"software", s.Identity.SoftwareID}, {"organisation", strings.TrimSpace(s.Identity.OrgID + "   " + s.Identity.OrganizationIdentifier)},
		{"issuer", s.Issuer}, {"valid", s.NotBefore.Format(time.DateOnly) + " to " + s.NotAfter.Format(time.DateOnly)},
	} {
		if line[1] != "" {
			writeBroken(out, fmt.Sprintf("  %-14s", line[0]), line[1])
		}
	}
	fmt.Fprintf(out, "\nFor the registration request (%d characters):\n", s.Characters)
	fmt.Fprintf(out, "  \"tls_client_auth_subject_dn\":\n    %s\n", text.Visible(jsonString(s.SubjectDN))) // whole, to be copied
	for _, w := range s.Warnings {
		fmt.Fprintf(out, "  %s\n", strings.Join(text.Hang("warning: "+w, columns-2, 2), "\n  "))
	}
	fmt.Fprintf(out, "\nThe same name as other tools write it, and which subject_dn_match of a bank's\npolicy accepts it:\n")
	for _, r := range s.Renderings {
		match := string(r.Match)
		if match == "" {
			match = "never"
		}
		writeRendering(out, r.title, match, r.Text)
	}
	if s.Immutable != "" {
		writeRendering(out, "immutable part", string(validate.DNMatchImmutable), s.Immutable)
	}
	fmt.Fprintf(out, "\nThumbprints:\n")
	for _, line := range [][2]string{
		{"SHA-1", s.Thumbprints.SHA1}, {"x5t", s.Thumbprints.X5T}, {"SHA-256", s.Thumbprints.SHA256}, {"x5t#S256", s.Thumbprints.X5TS256},
	} {
		fmt.Fprintf(out, "  %-10s%s\n", line[0], line[1])
	}
}

// writeRendering writes a spelling of the name below what writes it so.
func writeRendering(out io.Writer, title, match, name string) {
	fmt.Fprintf(out, "  %-18s%s\n", title, match)
	writeBroken(out, "    ", name)
}

// writeBroken writes a name behind a prefix, broken at commas and blanks where it is wider
// than a terminal.
func writeBroken(out io.Writer, prefix, name string) {
	for _, piece := range pieces(text.Visible(name), columns-len(prefix)) {
		fmt.Fprintf(out, "%s%s\n", prefix, strings.TrimRight(piece, " "))
		prefix = strings.Repeat(" ", len(prefix))
	}
}

func jsonString(s string) string {
	var b bytes.Buffer
	_ = writeJSON(&b, s) // into memory
	return strings.TrimSpace(b.String())
}
