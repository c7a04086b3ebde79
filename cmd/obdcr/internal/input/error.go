package input

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/obdcr/obdcr/internal/text"
)

// Error says that a file is not what is wanted. Its text has one line for what was found,
// then indented ones for what is wanted and how to get it. It repeats nothing of a key.
type Error struct {
	Where   string // flag, file and member
	Kind    Kind   // what the file is
	Found   string // the sentence about it: "this is an HTML page"
	Reason  string // what is wrong with it, where it is damaged; "" if it is not
	Wanted  string // what is wanted, with its article
	Fix     string // what to do, in words
	Command Command
	Notes   []string // where the file belongs, how to guard it
	cause   error
}

// Command is a command line, in words that are quoted for a shell.
type Command []string

// String returns the command on one line.
func (c Command) String() string { return strings.Join(c, " ") }

// lines returns the command in lines of at most the width, where its words allow that. Each
// but the last ends in a backslash.
func (c Command) lines(width int) []string {
	lines := []string{""}
	for i, word := range c {
		last := &lines[len(lines)-1]
		switch {
		case i == 0:
			*last = word
		case len(*last)+len(word)+len(" ")+len(` \`) <= width:
			*last += " " + word
		default:
			*last += ` \`
			lines = append(lines, "  "+word)
		}
	}
	return lines
}

// margin is how many columns a line of a command may have, behind its indentation.
const margin = 76

// Error returns all lines.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Where + ": " + e.Found)
	if e.Reason != "" {
		b.WriteString("\n  " + e.Reason)
	}
	b.WriteString("\n  wanted: " + e.Wanted + "\n  fix: " + e.Fix)
	if e.Command != nil {
		for _, line := range e.Command.lines(margin) {
			b.WriteString("\n    " + line)
		}
	}
	for _, note := range e.Notes {
		b.WriteString("\n  note: " + note)
	}
	return b.String()
}

// Unwrap returns ErrPassword where it is about a password, else nil.
func (e *Error) Unwrap() error { return e.cause }

// keepOut is the advice about a file that holds a secret and is given where none is due.
const keepOut = "who has this key can act as you: keep it out of mails and repositories"

// unfit makes the error for a file that is no wanted thing. The command may be nil.
func (f *File) unfit(wanted, fix string, command Command) *Error {
	return &Error{Where: f.Where(), Kind: f.Kind, Found: "this is " + f.What(), Reason: f.damage(), Wanted: wanted, Fix: fix, Command: command}
}

// damage says what is wrong with a file that cannot be decoded; "" if nothing is.
func (f *File) damage() string {
	switch f.Kind {
	case BrokenJSON:
		return f.syntax.fault.In(f.syntax.doc)
	case DamagedToken:
		return f.reason
	}
	return ""
}

// remedy returns what to do with a file that is of no use as it is, and the command for it;
// "" if that depends on what is wanted.
func (f *File) remedy() (fix string, command Command) {
	name := f.word("")
	switch f.Kind {
	case BrokenJSON:
		return f.syntax.fix(f)
	case OtherEncoding:
		from := "WINDOWS-1252"
		if f.detail != "" {
			from = "UTF-32"
		}
		return "write it in UTF-8", f.recode(from)
	case Gzip:
		return "unpack it", Command{"gzip", "-dc", name, "> " + f.word("-unpacked")}
	case Zip:
		return "unpack it, and give the file inside", Command{"unzip", name}
	}
	return "", nil
}

// recode is the command that writes the file in UTF-8.
func (f *File) recode(from string) Command {
	return Command{"iconv", "-f " + from, "-t UTF-8", f.word(""), "> " + f.word("-utf8"+filepath.Ext(f.Name))}
}

// conversion returns how a file of keys or certificates becomes one that is read, and the
// command for it; "" if there is no way.
func (f *File) conversion() (fix string, command Command) {
	name, other := f.word(""), f.word
	switch f.Kind {
	case DamagedPEM:
		return "copy the file again, unchanged from -----BEGIN to the end of -----END", nil
	case JKS, JCEKS:
		command = Command{"keytool", "-importkeystore", "-srckeystore " + name, "-destkeystore " + other(".p12"), "-deststoretype PKCS12"}
		if f.Kind == JCEKS {
			command = append(command, "-srcstoretype JCEKS")
		}
		return "convert it, then give the new file with --password-file", command
	case EncryptedKey:
		command = Command{"openssl", "pkey", "-in " + name, "-out " + other("-plain.pem")}
		if f.bytes != "" {
			command = append(command, "-inform DER")
		}
		return "decrypt it into a file that you alone can read", command
	case OpenSSHKey:
		copied := other("-plain.pem")
		return "convert a copy of it", Command{"cp", name, copied, "&&", "ssh-keygen", "-p", "-N ''", "-m PKCS8", "-f " + copied}
	case PKCS7:
		command = Command{"openssl", "pkcs7", "-in " + name, "-print_certs", "-out " + other(".pem")}
		if f.bytes != "" {
			command = append(command, "-inform DER")
		}
		return "take the certificates out of it", command
	}
	return "", nil
}

// word returns the name of the file for a command, with another ending if that is not "".
// The text of standard input, and of a member of a file, has to be put into a FILE first.
func (f *File) word(ending string) string {
	switch {
	case f.Name == Stdin, f.member != "":
		return "FILE" + ending
	case ending == "":
		return shellWord(f.Name)
	}
	return f.free(strings.TrimSuffix(f.Name, filepath.Ext(f.Name)) + ending)
}

// free returns the name of a file that a command may write, for a shell: the given one, or
// with a number if that is the file itself or there is such a file.
func (f *File) free(name string) string {
	const most = 100
	ending := filepath.Ext(name)
	tried := name
	for i := 2; i < most; i++ {
		if _, err := os.Lstat(tried); err != nil && tried != filepath.Clean(f.Name) {
			break
		}
		tried = strings.TrimSuffix(name, ending) + "-" + strconv.Itoa(i) + ending
	}
	return shellWord(tried)
}

// shellWord writes a name so that a shell takes it for one word. Characters that cannot be
// printed are escaped: such a name is shown, not meant for copying.
func shellWord(name string) string {
	plain := func(c rune) bool {
		return c < 0x80 && (text.IsLetter(byte(c)) || text.IsDigit(byte(c))) || strings.ContainsRune("-_./+,:@%", c)
	}
	if strings.HasPrefix(name, "-") {
		name = "./" + name
	}
	if !strings.ContainsFunc(name, func(c rune) bool { return !plain(c) }) {
		return name
	}
	return "'" + strings.ReplaceAll(text.Visible(name), "'", `'\''`) + "'"
}

// fix says what to do about a fault of JSON, by what stands at its place, and the command
// for it.
func (s *syntax) fix(f *File) (string, Command) {
	at := s.fault.Offset
	rest, before := s.doc[min(at, len(s.doc)):], strings.TrimRight(s.doc[:min(at, len(s.doc))], " \t\r\n")
	switch name := s.fault.Name(s.doc); {
	case f.detail != "":
		return "write it with less depth, or with fewer members in one object", nil
	case name != "":
		return "take one of the two members " + text.Quote(name) + " away", nil
	case !utf8.ValidString(s.doc):
		return "write it in UTF-8", f.recode("WINDOWS-1252")
	case strings.HasPrefix(rest, "//"), strings.HasPrefix(rest, "/*"), strings.HasPrefix(rest, "#"):
		return "take the comment away: JSON has none", nil
	case strings.HasPrefix(rest, "'"), strings.HasPrefix(rest, "\u2018"), strings.HasPrefix(rest, "\u201C"), strings.HasPrefix(rest, "\u201D"):
		return `write names and texts between plain double quotation marks (")`, nil
	case strings.HasSuffix(before, ",") && (strings.HasPrefix(rest, "}") || strings.HasPrefix(rest, "]")):
		return "take the comma before it away", nil
	case strings.TrimSpace(rest) == "":
		return "copy the file again: its end is missing", nil
	}
	return "correct it at that place", nil
}
