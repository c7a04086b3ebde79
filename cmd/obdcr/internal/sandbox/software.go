package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// maxSoftware is how many further software a folder has at most.
const maxSoftware = 500

// maxID is the greatest length of an identifier that POST /tpp takes: a certificate has it in
// its subject.
const maxID = 64

// The lengths of a password of POST /tpp. Java takes none that is shorter.
const (
	minPassword = 6
	maxPassword = 64
)

// softwareRequest is the body of POST /tpp. All of it may be left out.
type softwareRequest struct {
	orgID, softwareID, password string
	claims                      map[string]json.RawMessage // to set in the statement, or null to remove them
}

// furtherSoftware is the answer of POST /tpp: all that a second TPP needs.
type furtherSoftware struct {
	OrgID      string          `json:"org_id"`
	SoftwareID string          `json:"software_id"`
	Transport  keyForms        `json:"transport"`
	Signing    keyForms        `json:"signing"`
	CA         string          `json:"ca"`       // PEM
	Password   string          `json:"password"` // of both PKCS#12 stores
	JWKSURI    string          `json:"jwks_uri"`
	JWKS       json.RawMessage `json:"jwks"`
	Statement  string          `json:"ssa"`
	// Configuration is for --config of register, and for the OBIE conformance tool.
	Configuration json.RawMessage `json:"conformance"`
}

// refusal is why a test verb refuses a body.
type refusal struct {
	status int
	reason string
}

// Error returns the reason.
func (r *refusal) Error() string { return r.reason }

// postSoftware enrols another software, with keys, certificates, a published key set and a
// statement of its own. The keys are in the answer alone.
func (d *directory) postSoftware(w http.ResponseWriter, r *http.Request, body []byte) {
	wanted, err := parseSoftware(string(body))
	if err == nil {
		var made *furtherSoftware
		if made, err = d.enrol(r, wanted); err == nil {
			writeJSON(w, http.StatusCreated, made)
			return
		}
	}
	var refused *refusal
	if errors.As(err, &refused) {
		complain(w, refused.status, refused.reason)
		return
	}
	d.failed(w, err)
}

// enrol makes the software. One is made at a time, because a new RSA key takes a while.
func (d *directory) enrol(r *http.Request, wanted softwareRequest) (*furtherSoftware, error) {
	select {
	case d.enrolling <- struct{}{}:
		defer func() { <-d.enrolling }()
	case <-r.Context().Done():
		return nil, &refusal{http.StatusServiceUnavailable, "others are being made: try again"}
	}
	number, err := d.reserve(&wanted)
	if err != nil {
		return nil, err
	}
	a := d.authority.at(d.clock())
	made := &furtherSoftware{OrgID: wanted.orgID, SoftwareID: wanted.softwareID, CA: string(marshalCertificate(a.cert)),
		Password: cmp.Or(wanted.password, StorePassword)}
	p := &party{org: wanted.orgID, software: wanted.softwareID, make: a.make}
	if p.transport, err = a.draw(placeSoftware+2*number, transportTemplate(p.org, p.software)); err != nil {
		return nil, err
	}
	if p.signing, err = a.draw(placeSoftware+2*number+1, signingTemplate(p.org, p.software)); err != nil {
		return nil, err
	}
	p.kid = keyID(p.signing.cert)
	if made.Transport, err = p.transport.forms(a.make, useTransport, made.Password, a.cert); err != nil {
		return nil, err
	}
	if made.Signing, err = p.signing.forms(a.make, useSigning, made.Password, a.cert); err != nil {
		return nil, err
	}
	if p.jwks, err = softwareKeys(p.signing, p.transport); err != nil {
		return nil, err
	}
	if made.Statement, _, err = d.mint(randomID(), wanted.changes()); err != nil {
		return nil, &refusal{http.StatusBadRequest, "such a statement cannot be signed: it is too large"}
	}
	if made.Configuration, err = d.configure(p, made.Statement, wanted.redirectURIs()); err != nil {
		return nil, err
	}
	made.JWKS, made.JWKSURI = p.jwks, d.url+"/"+url.PathEscape(p.org)+"/"+url.PathEscape(p.software)+".jwks"
	return made, d.announceSoftware(p)
}

// configureFor returns the function that makes the configuration of a further software.
func (s *Sandbox) configureFor(c *Config, ca *authority, common sampler) func(p *party, statement string, uris []string) (json.RawMessage, error) {
	return func(p *party, statement string, uris []string) (json.RawMessage, error) {
		own := common
		own.leaf = p.transport.cert
		config, err := p.configuration(c, ca, &s.Ready, &own, statement)
		if err != nil {
			return nil, err
		}
		if uris != nil {
			config.RedirectURIs = uris
		}
		return config.Marshal()
	}
}

// reserve completes the ids, and counts the software. It returns its number.
func (d *directory) reserve(wanted *softwareRequest) (number int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	number = d.state.Software
	if number >= maxSoftware {
		return 0, &refusal{http.StatusConflict, fmt.Sprintf("there are %d further software already: start in another folder", maxSoftware)}
	}
	purpose := fmt.Sprintf("%d", number)
	wanted.orgID = cmp.Or(wanted.orgID, d.keys.make.organisation(purpose))
	wanted.softwareID = cmp.Or(wanted.softwareID, d.keys.make.software(purpose))
	path := "/" + wanted.orgID + "/" + wanted.softwareID + ".jwks"
	_, put := d.put[path]
	if _, own := d.builtin[path]; own || put {
		return 0, &refusal{http.StatusConflict, "this software publishes a key set already: choose another software_id or org_id"}
	}
	d.state.Software++
	return number, d.state.save(d.files)
}

// announceSoftware publishes the key set, for the next start too.
func (d *directory) announceSoftware(p *party) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	all, err := d.put.with(d.files, "/"+p.org+"/"+p.software+".jwks", p.jwks)
	if err == nil {
		d.put = all
	}
	return err
}

// changes are the claims with the ids.
func (r *softwareRequest) changes() map[string]json.RawMessage {
	all := map[string]json.RawMessage{"org_id": quoted(r.orgID), "software_id": quoted(r.softwareID)}
	maps.Copy(all, r.claims)
	return all
}

// redirectURIs are those that the claims set; nil: the usual ones.
func (r *softwareRequest) redirectURIs() (uris []string) {
	if json.Unmarshal(r.claims["software_redirect_uris"], &uris) != nil {
		return nil // a statement that is wrong on purpose
	}
	return uris
}

func quoted(id string) json.RawMessage { return json.RawMessage(jsonscan.AppendString(nil, id)) }

// parseSoftware reads the body strictly: a misspelt member would be a software that nobody
// asked for.
func parseSoftware(body string) (r softwareRequest, err error) {
	if strings.TrimSpace(body) == "" {
		return r, nil
	}
	wrong := func(reason string) error { return &refusal{http.StatusBadRequest, reason} }
	const form = "send a JSON object of org_id, software_id, password, claims, or nothing"
	document, err := jsonscan.Parse(body)
	if err != nil {
		return r, wrong(form + ": " + text.ASCII(jsonscan.ReasonIn(body, err), text.MaxDescription))
	}
	if document.Kind() != jsonscan.Object {
		return r, wrong(form)
	}
	for name, member := range document.Members() {
		value := []byte(member.Raw())
		to := map[string]*string{"org_id": &r.orgID, "software_id": &r.softwareID, "password": &r.password}[name]
		switch {
		case name == "claims":
			if json.Unmarshal(value, &r.claims) != nil || r.claims == nil {
				return r, wrong("claims is an object of claims to set in the statement, or null to remove them")
			}
		case to == nil:
			return r, wrong(form + ": it has no " + text.Quote(name))
		case json.Unmarshal(value, to) != nil || *to == "":
			return r, wrong(name + " is a text that is not empty; leave it out for the usual one")
		}
	}
	return r, r.check(wrong)
}

func (r *softwareRequest) check(wrong func(reason string) error) error {
	for name, id := range map[string]string{"org_id": r.orgID, "software_id": r.softwareID} {
		if len(id) > maxID || !allOf(id, idLetter) {
			return wrong(fmt.Sprintf("%s has at most %d letters, digits, hyphens and underscores here; POST /ssa takes any", name, maxID))
		}
		if _, given := r.claims[name]; given {
			return wrong("give " + name + " beside claims, so that the certificate has it too")
		}
	}
	if r.password != "" && (len(r.password) < minPassword || len(r.password) > maxPassword || !text.Printable(r.password)) {
		return wrong(fmt.Sprintf("password has %d to %d printable ASCII characters", minPassword, maxPassword))
	}
	return nil
}

func idLetter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}
