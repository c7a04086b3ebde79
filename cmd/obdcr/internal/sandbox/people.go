package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// peopleFile has the people whom the directory signs in. It is written at the first start.
const peopleFile = "people.json"

// maxPeople is how many people the directory knows at most.
const maxPeople = 1000

// The claim by which the directory tells who is an operator of the sandbox's bank, and its
// value. A real directory knows no operators of a bank; its bank names their addresses.
const (
	operatorClaim = "groups"
	operatorValue = "bank-operators"
)

// person is somebody whom the directory signs in, as people.json and PUT /people have one.
type person struct {
	Email      string         `json:"email"`
	Password   string         `json:"password"`
	Code       string         `json:"code,omitempty"` // of the second factor; "": none is asked for
	Name       string         `json:"name,omitempty"`
	Associated bool           `json:"tpp_associated"`
	OrgIDs     []string       `json:"org_id,omitempty"`
	Unverified bool           `json:"email_unverified,omitempty"`
	Claims     map[string]any `json:"claims,omitempty"` // further ones, of the ID token and the userinfo; null removes one
}

// demoPeople are those of the first start. org is that of the sandbox's TPP, other that of
// nobody yet.
func demoPeople(org, other string) []person {
	const password, code = "sandbox", "123456"
	return []person{
		{Email: "ada@tpp.example", Password: password, Code: code, Name: "Ada Contact", Associated: true, OrgIDs: []string{org}},
		{Email: "ben@tpp.example", Password: password, Code: code, Name: "Ben Both", Associated: true, OrgIDs: []string{org, other}},
		{Email: "eve@tpp.example", Password: password, Code: code, Name: "Eve Outside"},
		{Email: "olga@bank.example", Password: password, Code: code, Name: "Olga Operator",
			Claims: map[string]any{operatorClaim: []string{operatorValue}}},
	}
}

// openPeople reads people.json, or makes it, and has the provider know all in it.
func (d *directory) openPeople(m maker) error {
	there, err := d.files.readJSON(peopleFile, &d.people)
	if err != nil {
		return err
	}
	if !there {
		d.people = demoPeople(d.state.OrgID, m.organisation("another"))
		if err := d.files.writeJSON(peopleFile, d.people, private); err != nil {
			return err
		}
	}
	for i := range d.people {
		if err := d.signIn.AddAccount(d.people[i].account()); err != nil {
			return failure("%s: person %d has no email, or no password", d.files.path(peopleFile), i+1)
		}
	}
	return nil
}

// account is the person as the provider knows one.
func (p *person) account() ssatest.Account {
	return ssatest.Account{Email: p.Email, Password: p.Password, Code: p.Code, Name: p.Name, Associated: p.Associated,
		Organisations: slices.Clone(p.OrgIDs), Unverified: p.Unverified, Claims: p.Claims}
}

// Person is somebody who can sign in at the portal.
type Person struct {
	Email, Password, Code string
	What                  string // who it is, in a few words
}

// shownPeople are how many people a start tells of; the rest is in people.json.
const shownPeople = 4

// tellPeople returns the first of the people. A person who came by a test verb is not among
// them, unless an earlier start kept it.
func (d *directory) tellPeople() []Person {
	d.peopleMu.Lock()
	defer d.peopleMu.Unlock()
	var all []Person
	for _, p := range d.people[:min(shownPeople, len(d.people))] {
		all = append(all, Person{p.Email, p.Password, p.Code, p.what(d.state.OrgID)})
	}
	return all
}

// what says who a person is. org is that of the sandbox's TPP.
func (p *person) what(org string) string {
	groups, _ := json.Marshal(p.Claims[operatorClaim]) // an error is an empty text
	own := slices.Contains(p.OrgIDs, org)
	switch {
	case bytes.Contains(groups, []byte(`"`+operatorValue+`"`)):
		return "an operator of the bank"
	case !p.Associated || len(p.OrgIDs) == 0:
		return "of no TPP: is turned away"
	case own && len(p.OrgIDs) > 1:
		return "of the TPP in tpp/ and of another"
	case own:
		return "of the TPP in tpp/"
	}
	return "of another TPP"
}

// listPeople answers with all people. They are of tests, and so are their passwords.
func (d *directory) listPeople(w http.ResponseWriter, _ *http.Request, _ []byte) {
	d.peopleMu.Lock()
	all := slices.Clone(d.people)
	d.peopleMu.Unlock()
	writeJSON(w, http.StatusOK, all)
}

// putPerson adds a person, in the place of one with the same email, and keeps it for the next
// start.
func (d *directory) putPerson(w http.ResponseWriter, _ *http.Request, body []byte) {
	one, err := parsePerson(body)
	if err != nil {
		complain(w, http.StatusBadRequest, err.Error())
		return
	}
	d.peopleMu.Lock()
	defer d.peopleMu.Unlock()
	all := slices.DeleteFunc(slices.Clone(d.people), func(p person) bool { return strings.EqualFold(p.Email, one.Email) })
	if len(all) >= maxPeople {
		complain(w, http.StatusBadRequest, fmt.Sprintf("there are %d people already", maxPeople))
		return
	}
	all = append(all, one)
	if err := d.files.writeJSON(peopleFile, all, private); err != nil {
		d.failed(w, err)
		return
	}
	if err := d.signIn.AddAccount(one.account()); err != nil {
		complain(w, http.StatusBadRequest, text.ASCII(err.Error(), text.MaxDescription))
		return
	}
	d.people = all
	w.WriteHeader(http.StatusNoContent)
}

// parsePerson refuses unknown members: a misspelt one would make another person than was
// meant.
func parsePerson(body []byte) (person, error) {
	var p person
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return p, fmt.Errorf("send a JSON object of email, password, code, name, tpp_associated, org_id, email_unverified, claims: %.64s", err.Error())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return p, errors.New("send one JSON object and nothing behind it")
	}
	if p.Email == "" || p.Password == "" {
		return p, errors.New("a person has an email and a password")
	}
	return p, nil
}
