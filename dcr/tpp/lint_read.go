package tpp

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/dcr/internal/verdict"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/validate"
)

// read decodes the request and the statement.
func (l *linter) read() {
	if l.in.Request == "" {
		l.readStatementAlone()
		return
	}
	clean, around := trimmed(l.in.Request)
	bare := isObject(clean)
	if l.refuseWhole(clean, bare, place{validate.DocRequest, validate.RuleRequestJWS, "request"}) {
		return
	}
	l.reportAround(around, l.in.Request, bare, place{validate.DocRequest, validate.RuleRequestJWS, "request"})
	c := l.readRequest(clean, bare)
	if !l.ended {
		l.readStatement(c, bare)
	}
}

// place is what is judged first, and the rule that it breaks if it cannot be read.
type place struct {
	document validate.Document
	rule     string
	noun     string
}

func (l *linter) readStatementAlone() {
	clean, around := trimmed(l.in.Statement)
	bare := isObject(clean)
	if l.refuseWhole(clean, bare, place{validate.DocSSA, validate.RuleSSAJWS, "software statement"}) {
		return
	}
	// In a request the statement stands as it is in the file.
	l.reportAround(around, l.in.Statement, bare, place{validate.DocSSA, validate.RuleSSAJWS, "software statement"})
	l.readStatementText(clean, bare, true)
}

// refuseWhole reports what is refused as a whole: a token that is too long, and one in a
// form of JOSE that is not taken. Its claims are not judged.
func (l *linter) refuseWhole(clean string, bare bool, at place) bool {
	if n := sizeOf(clean, bare); n > verdict.MaxRequest {
		most, got := "at most "+strconv.Itoa(verdict.MaxRequest)+" bytes", strconv.Itoa(n)+" bytes"
		if bare {
			got = "at least " + got + " once it is signed"
		}
		l.end(validate.Violation{Rule: validate.RuleRequestSize, Document: at.document, Message: "has " + got + "; a bank reads " + most,
			Got: got, Want: most, Refused: &validate.Violation{Rule: validate.RuleRequestSize, Message: verdict.TooLarge}})
		return true
	}
	form, fix := joseForm(clean, bare)
	if form == "" {
		return false
	}
	l.end(validate.Violation{Rule: at.rule, Document: at.document, Message: "the " + at.noun + " is " + form + ", and no compact JWS", Fix: fix})
	return true
}

// sizeOf returns how long a token is. Of bare claims it returns how long they are as the
// payload of one.
func sizeOf(clean string, bare bool) int {
	if !bare || len(clean) <= verdict.MaxRequest/2 {
		return len(clean)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(clean)); err != nil {
		return 0 // it is reported as no JSON
	}
	return base64.RawURLEncoding.EncodedLen(compact.Len())
}

// joseForm recognises the JSON forms of JOSE, and says how to make a compact JWS of them;
// "" for any other text.
func joseForm(clean string, bare bool) (form, fix string) {
	if !bare {
		return "", ""
	}
	object, err := jsonscan.Parse(clean)
	if err != nil {
		return "", ""
	}
	has := func(name string) bool { _, there := object.Member(name); return there }
	switch {
	case has("ciphertext"):
		return "an encrypted token (JWE) in its JSON form", "send it signed, and not encrypted, in the compact form"
	case has("signatures") && has("payload"):
		return "a JWS in its general JSON form", "send the compact form: protected, payload and signature, with dots between them"
	case has("signature") && (has("payload") || has("protected")):
		return "a JWS in its flattened JSON form", "send the compact form: protected, payload and signature, with dots between them"
	}
	return "", ""
}

// readRequest decodes the request and returns its claims, nil if it has none.
func (l *linter) readRequest(clean string, bare bool) *claims.Request {
	payload := clean
	if !bare {
		signed, err := ssa.ParseSigned(clean)
		if err != nil {
			l.add(validate.Violation{Rule: validate.RuleRequestJWS, Document: validate.DocRequest,
				Message: "the request is no compact JWS: " + verdict.Plain(err), Fix: verdict.HeaderFix(err)})
			if payload = salvage(clean); payload == "" {
				return nil
			}
		} else {
			l.request = signed
			l.input.Header, l.input.HeaderFaults = l.header(signed, validate.DocHeader)
			payload = signed.UnverifiedPayload()
		}
	}
	c, faults, err := claims.DecodeRequest(payload)
	if err != nil {
		l.add(verdict.Payload(payload, err))
		return nil
	}
	l.input.Request, l.input.RequestFaults = c, faults
	l.result.Documents[validate.DocRequest] = []byte(payload)
	return c
}

func (l *linter) header(signed *ssa.Signed, document validate.Document) (*claims.Header, []claims.Fault) {
	l.result.Documents[document] = []byte(signed.UnverifiedHeaderJSON())
	header, faults, err := claims.DecodeHeader(signed.UnverifiedHeaderJSON())
	if err != nil {
		return nil, nil // cannot happen: ParseSigned has decoded the same bytes
	}
	return header, faults
}

// readStatement decodes the statement of a request. That of LintInput stands in for one
// that the request does not hold. In bare claims it replaces the one that they hold,
// because they will be signed with a fresh one. A signed request is judged with the one
// that it holds, byte for byte, because the bank gets that one.
func (l *linter) readStatement(c *claims.Request, bare bool) {
	held, holds := "", false
	if c != nil {
		held, holds = c.SoftwareStatement.Get()
		holds = holds || c.SoftwareStatement.Present()
	}
	l.none = !holds && l.in.Statement == "" && c != nil
	if l.in.Statement == "" || holds && !bare {
		l.result.StatementUnused = l.in.Statement != ""
		if c != nil && c.SoftwareStatement.Valid() {
			l.readStatementText(held, false, false)
		}
		return
	}
	apart, _ := trimmed(l.in.Statement)
	if bare && !holds && c != nil {
		c.SoftwareStatement = claims.Some(apart)
	}
	l.readStatementText(apart, isObject(apart), true)
}

// readStatementText decodes a statement: a compact JWS, or claims alone. A statement that
// is not apart stands in the request.
func (l *linter) readStatementText(statement string, bare, apart bool) {
	if bare {
		l.readClaims(statement, apart)
		return
	}
	signed, err := ssa.ParseSigned(statement)
	if err != nil {
		l.addStatement("the software statement is no compact JWS: "+verdict.Plain(err), apart, verdict.HeaderFix(err) != "")
		if payload := salvage(statement); payload != "" {
			l.readClaims(payload, apart)
		}
		return
	}
	l.statement = signed
	l.input.SSAHeader, l.input.SSAHeaderFaults = l.header(signed, validate.DocSSAHeader)
	l.readClaims(signed.UnverifiedPayload(), apart)
}

func (l *linter) readClaims(payload string, apart bool) {
	c, faults, err := claims.DecodeSSA(payload, l.input.ClaimNames)
	if err != nil {
		l.statement = nil
		l.addStatement("the payload of the software statement is no strict JSON object: "+jsonscan.ReasonIn(payload, err), apart, true)
		return
	}
	l.input.SSA, l.input.SSAFaults = c, faults
	l.result.Documents[validate.DocSSA] = []byte(payload)
}

// addStatement reports a statement that cannot be read. unsound says that a part of it is no
// JSON: nobody but the directory can mend that.
func (l *linter) addStatement(message string, apart, unsound bool) {
	v := validate.Violation{Rule: validate.RuleSSAJWS, Document: validate.DocSSA, Message: message}
	if unsound {
		v.Fix = "fetch a new SSA from the directory, and send it as it is"
	}
	if !apart {
		v.Document, v.Pointer = validate.DocRequest, "/software_statement"
	}
	l.add(v)
}

// around is what editors and shells have put around the text of a file.
type around struct {
	what []string      // in words; empty for nothing
	by   text.Encoding // of the file
}

// fix says how to send the token alone, and the command that writes it.
func (a around) fix() (fix, command string) {
	from := map[text.Encoding]string{text.UTF8BOM: "UTF-8", text.UTF16LE: "UTF-16LE", text.UTF16BE: "UTF-16BE"}[a.by]
	switch {
	case from == "":
		return "write the token alone, and send it with curl --data-binary @CLEAN", "tr -d '[:space:]' < FILE > CLEAN"
	case len(a.what) > 1:
		return "write the token alone", "iconv -c -f " + from + " -t ASCII FILE | tr -d '[:space:]' > CLEAN"
	}
	return "write the token alone", "iconv -c -f " + from + " -t ASCII FILE > CLEAN"
}

// reportAround reports bytes of data around the text of a file. Around a token the bank
// refuses them. Claims alone are not sent as they are.
func (l *linter) reportAround(a around, data string, bare bool, at place) {
	if len(a.what) == 0 {
		return
	}
	v, what := validate.Violation{Rule: validate.RuleInputEncoding, Document: at.document}, strings.Join(a.what, " and ")
	v.Fix, v.Command = a.fix()
	_, err := ssa.ParseSigned(data)
	switch {
	case bare:
		v.Message, v.Fix, v.Command = "the file "+what+", which other tools may not read", "save the file in UTF-8, without a byte order mark", ""
	case len(data) > verdict.MaxRequest:
		v.Message = "the file " + what + ", and so has more bytes than a bank reads: sent as it is, the bank answers 413"
		v.Refused = &validate.Violation{Rule: validate.RuleRequestSize, Message: verdict.TooLarge}
	default:
		v.Message = "the file " + what + ": sent as it is, the bank answers 400"
		v.Refused = &validate.Violation{Rule: at.rule, Document: at.document, Message: "the " + at.noun + " is no compact JWS: " + verdict.Plain(err)}
	}
	l.add(v)
}

// trimmed returns the text of a file without the bytes that editors and shells add around
// it, and says what they are. White space around a JSON object is nothing to report.
func trimmed(data string) (clean string, a around) {
	decoded, encoding := text.Decode(data)
	clean, a.by = strings.Trim(decoded, " \t\r\n"), encoding
	switch encoding {
	case text.UTF8:
	case text.UTF8BOM:
		a.what = append(a.what, "begins with a byte order mark")
	default:
		a.what = append(a.what, "is in "+string(encoding))
	}
	if !isObject(clean) {
		end := strings.TrimLeft(decoded, " \t\r\n")[len(clean):]
		switch {
		case strings.ContainsAny(end, "\r\n"):
			a.what = append(a.what, "ends with a line break")
		case end != "":
			a.what = append(a.what, "ends with white space")
		}
		if len(decoded) > len(clean)+len(end) {
			a.what = append(a.what, "begins with white space")
		}
	}
	return clean, a
}

func isObject(text string) bool { return strings.HasPrefix(text, "{") }

// salvage decodes the payload of a token that is no compact JWS, so that Lint can judge
// its claims all the same. It returns "" if there is no JSON object.
func salvage(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) < 2 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || !isObject(string(payload)) {
		return ""
	}
	return string(payload)
}
