package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/obdcr/obdcr/dcr/vectors/signed"
	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/validate"
)

// document is a JSON object with its members as they stand.
type document map[string]json.RawMessage

// draft is a vector whose documents are not signed yet.
type draft struct {
	vector                          signed.Vector
	header, request, ssaHeader, ssa document // nil: there is none
	decides                         string   // the rule that decides the answer
	wire                            validate.Code
	status                          int
	subject                         []byte                           // of the client certificate (DER); nil: as the request says
	forge                           *forgery                         // nil: signed as it stands
	keys                            func(*world, *signed.Keys) error // changes the keys; nil changes none
	published                       [][]byte                         // subjects of the transport certificates of the key set; nil: the software's own
}

// sign signs the documents and completes the vector.
func (d *draft) sign(w *world) (*signed.Vector, error) {
	v := &d.vector
	if string(d.request["jti"]) == baseJTI {
		d.request["jti"] = json.RawMessage(quote(uuid(v.Name)))
	}
	v.Keys.Revoked, v.Keys.Authorities = "../../keys/revoked-none.jwks.json", "../../keys/authorities.pem"
	var err error
	if v.Keys.Certificate, err = d.certificateOf(w); err != nil {
		return nil, fmt.Errorf("%s: %w", v.Name, err)
	}
	statement, err := d.signStatement(w)
	if err != nil {
		return nil, err
	}
	switch {
	case v.Kind == signed.Statement:
		v.JWS, v.Keys.Certificate, v.Keys.Authorities = []byte(statement), "", ""
	default:
		err = d.signRequest(w, statement)
	}
	if err != nil {
		return nil, err
	}
	if d.keys != nil {
		if err = d.keys(w, &v.Keys); err != nil {
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
	}
	return v, d.expect()
}

// signStatement signs the statement, and puts its parts into the documents.
func (d *draft) signStatement(w *world) (string, error) {
	v := &d.vector
	var f *forgery
	if d.forge != nil && d.forge.statement {
		f = d.forge
	}
	header, payload, err := f.texts(d.ssaHeader, d.ssa)
	if err != nil {
		return "", err
	}
	statement, keys, err := w.statementSigner().sign(header, payload, f)
	v.Keys.Directory = keys
	if d.ssa != nil {
		v.Documents.SSAHeader, v.Documents.SSA = strictly(header), strictly(payload)
	}
	return f.sent(statement), err
}

// signRequest puts the statement into the request and signs that.
func (d *draft) signRequest(w *world, statement string) error {
	v := &d.vector
	var f *forgery
	if d.forge != nil && !d.forge.statement {
		f = d.forge
	}
	if string(d.request["software_statement"]) == placeholder {
		text, err := json.Marshal(statement)
		if err != nil {
			return err
		}
		if d.request["software_statement"] = text; d.ssa == nil {
			delete(d.request, "software_statement")
		}
	}
	header, payload, err := f.texts(d.header, d.request)
	if err != nil {
		return err
	}
	token, keys, err := w.requestSigner().sign(header, payload, f)
	if err != nil {
		return err
	}
	if d.published != nil {
		if keys, err = w.publish("software-published-"+short(v.Name), d.published); err != nil {
			return err
		}
	}
	v.JWS, v.Keys.Software = []byte(f.sent(token)), keys
	v.Documents.Header, v.Documents.Request = strictly(header), strictly(payload)
	if v.Documents.Request != nil && v.Documents.SSA != nil && (d.forge == nil || !d.forge.statement) {
		return dropStatement(&v.Documents)
	}
	return nil
}

// Values of dcr/vectors/data/base.json that signing replaces.
const (
	baseJTI     = `"4f1cc1b1-a9b8-4f77-a3c7-d2d5b9a3c111"`
	placeholder = `"e30.e30.e30"`
)

// expect completes the expectation by the row of the rule that decides.
func (d *draft) expect() error {
	e := &d.vector.Expect
	if e.Valid && d.decides == "" {
		return d.expectAccepted()
	}
	row, known := validate.RuleByID(d.decides)
	if !known {
		return fmt.Errorf("%s: no rule decides", d.vector.Name)
	}
	e.Wire, e.Status = d.wire, d.status
	if e.Status == 0 {
		e.Status = 400
	}
	e.Citations = []validate.Citation{row.Citation}
	return nil
}

func (d *draft) expectAccepted() error {
	if d.vector.Kind == signed.Statement {
		return nil
	}
	policy, err := d.vector.BankPolicy()
	d.vector.Expect.Status = policy.CreatedStatus
	if d.vector.Update {
		d.vector.Expect.Status = 200
	}
	return err
}

func quote(s string) string { return `"` + s + `"` }

// uuid is a random UUID (RFC 9562 section 5.4) of a name, always the same.
func uuid(name string) string {
	sum := sha256.Sum256([]byte("jti of " + name))
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// short is a short name of a text.
func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

// strictly returns a JSON object that a strict reader takes; nil for all else.
func strictly(text string) json.RawMessage {
	if object, err := jsonscan.Parse(text); err != nil || object.Kind() != jsonscan.Object {
		return nil
	}
	if _, err := jsonscan.Parse("[[" + text + "]]"); err != nil {
		return nil // too deep for the file of a vector, where two objects are around it
	}
	return json.RawMessage(text)
}

// dropStatement leaves the statement out of the request, as it is made of the other two.
func dropStatement(d *signed.Documents) error {
	request, err := read(d.Request)
	if err != nil {
		return err
	}
	delete(request, "software_statement")
	d.Request, err = json.Marshal(request)
	return err
}
