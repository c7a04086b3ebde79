package conform

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/obdcr/obdcr/internal/shown"
)

// plainCase is the case that sends the plain valid request. It is played before all others: where the bank refuses this
// request, it refuses others for the same reason, whatever they try.
const plainCase = "register.valid"

// FirstCause tells that the bank does not take even the plain valid request, so that one setting may be the cause of
// all that follows.
type FirstCause struct {
	Status      int      `json:"status,omitempty"`      // of the answer; 0: none came
	Code        string   `json:"error,omitempty"`       // the error code of the answer
	Description string   `json:"description,omitempty"` // what the bank says, or why no answer came
	Settings    []string `json:"settings"`              // what to look at, the likeliest first
}

// refused reports whether the bank has refused by an answer.
func (f *FirstCause) refused() bool { return f != nil && f.Status >= 400 }

// String tells what the bank has answered.
func (f *FirstCause) String() string {
	if f.Status == 0 {
		return "no answer came: " + f.Description
	}
	said := strings.TrimSpace(fmt.Sprintf("it answers %d %s", f.Status, f.Code))
	if f.Description != "" {
		said += ": " + f.Description
	}
	return said
}

// plain tells in a word or two what became of the plain valid request.
func (r *Report) plain() string {
	if r.FirstCause == nil {
		return "taken"
	}
	return r.FirstCause.String()
}

// first plays the plain valid request, by its own case or, where that is not one of the run, by a registration beside the
// cases. It returns the index of the case; -1 for none.
func (r *run) first(ctx context.Context, cases []Case, results []CaseResult) int {
	at := slices.IndexFunc(cases, func(c Case) bool { return c.ID == plainCase })
	if at >= 0 {
		results[at] = r.play(ctx, &cases[at], len(cases))
		return at
	}
	if slices.ContainsFunc(cases, func(c Case) bool { return !slices.Contains(withoutClients, c.Group) }) {
		r.offers.once.Do(func() {
			lacked, exchanges, end := r.probe(ctx, verbsOf(cases))
			r.offers.lacked = lacked
			r.learnPlain(ctx, exchanges, end)
		})
	}
	return -1
}

// withoutClients are the groups that register nothing.
var withoutClients = []string{"discovery", "tls"}

// alone are the groups whose cases say something although the bank refuses the plain valid request: each registration is
// another request, which it may refuse in another way.
var alone = slices.Concat(withoutClients, []string{"register", "method", "http", "jose", "statement", "certificate"})

// learnPlain keeps how the bank has answered the plain valid request, if it has not taken it: the case of it has failed, or
// is an error, and its answer has made no client.
func (r *run) learnPlain(ctx context.Context, exchanges []*Exchange, end *ended) {
	if len(exchanges) == 0 {
		return
	}
	x := exchanges[0]
	switch {
	case x.status() == http.StatusTooManyRequests, x.unavailable():
		return
	case x.answered() && x.status() < 400 && (x.client != nil || end.verdict != Failed && end.verdict != Errored):
		return // it is taken
	case !x.answered() && errors.Is(context.Cause(ctx), context.Canceled):
		return // nobody waited for the answer
	}
	f := &FirstCause{Status: x.status(), Code: x.toldCode(), Description: x.Error}
	switch {
	case x.answered() && x.status() < 400:
		f.Description = end.reason
		if end.verdict == Failed {
			f.Description = "what is expected is " + end.expected
		}
	case x.answered():
		f.Description, _ = x.member("error_description").(string)
		if f.Description == "" {
			f.Description = x.raw.Body
		}
		f.Description = shown.Folded(shownText(shown.WithoutSignatures(f.Description)), mostFolded)
	}
	f.Settings = likely(f)
	if x.older != "" {
		f.Settings = []string{hasClient}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.plain, r.hadOne = f, x.older != ""
}

// unshown tells why a case is not played at a bank that does not take the plain valid request; "" if it is.
func (r *run) unshown(c *Case) string {
	switch {
	case slices.Contains(withoutClients, c.Group), r.plain == nil, r.plain.Status == 0, r.hadOne:
		return ""
	case r.plain.Status < http.StatusBadRequest: // success too: each further request may leave a client that nobody can name
		return "the bank does not take the plain valid request, and gives no usable answer to it"
	case r.plain.Status >= http.StatusInternalServerError: // each further request may leave a client there
		return "the bank breaks down over the plain valid request"
	case !slices.Contains(alone, c.Group):
		return "the bank refuses the plain valid request, and it needs a client, or a refusal that can be told apart"
	}
	return ""
}

// expectTold ends the case where the bank refuses a registration as it refuses the plain valid request: by the same
// status and the same error. That it refuses shows nothing then.
func (p *play) expectTold(x *Exchange) {
	f := p.run.plain
	if !f.refused() || p.kase.ID == plainCase || x.Sent.Method != http.MethodPost || x.Sent.URL != p.run.config.Metadata.RegistrationEndpoint {
		return
	}
	if x.status() == f.Status && x.toldCode() == f.Code {
		p.notRun("the bank refuses the plain valid request too, so its refusal shows nothing")
	}
}

// setting is what may be the cause of a refusal, with the words and codes of a bank that hint at it.
type setting struct {
	name  string
	words []string
}

// settings are what a run is told about the software and the bank, the likeliest cause first.
var settings = []setting{
	{"aud: the bank's identifier at the directory (--aud, or aud in --config)", []string{"aud", "audience"}},
	{"redirect_uris: those of the statement (--redirect-uri, or redirect_uris in --config)", []string{"redirect_uri", "redirect_uris", "invalid_redirect_uri"}},
	{"the software statement: whether it has expired, and is of this bank's directory (--ssa, or ssa in --config)",
		[]string{"statement", "software_statement", "ssa", "expired", "invalid_software_statement", "unapproved_software_statement"}},
	{"the signing key: private_key and its kid at the directory (--signing-key and --kid, or --config)", []string{"kid", "signature", "jwks", "key", "jws"}},
	{"iss: the software_id of the statement (--iss, or issuer in --config)", []string{"iss", "issuer", "software_id"}},
	{"the clock of this machine, and --lifetime", []string{"iat", "exp", "nbf", "clock", "expired", "lifetime"}},
	{"the transport certificate: that of this software at this directory (--cert and --key, or transport_cert and transport_key in --config)",
		[]string{"certificate", "cert", "tls", "mtls", "handshake", "401", "403"}},
	{"the addresses: --discovery, or wellknown_endpoint in --config",
		[]string{"200", "201", "202", "204", "301", "302", "303", "307", "308", "404", "405", "refused", "host", "dial", "timed", "lookup"}},
	{"the media type: --content-type", []string{"415", "406", "content", "media"}},
	{"how the clients authenticate: --auth-method", []string{"token_endpoint_auth_method", "authentication", "tls_client_auth_subject_dn"}},
	{"the access token of the registration, which some banks ask for", []string{"401", "token", "invalid_token", "bearer"}},
	{hasClient, []string{"409", "already", "duplicate", "exists"}},
	{"the profile and the policy: --profile, --policy, --bank", []string{"scope", "grant_types", "response_types", "jti", "application_type"}},
}

// hasClient is the setting of a bank that answers with a client of before.
const hasClient = "whether the software has a client at the bank already"

// usual is what to look at where the bank's words hint at nothing.
const usual = 5

// likely are the settings that the bank's words hint at; without a hint the usual ones.
func likely(f *FirstCause) []string {
	said := strings.FieldsFunc(strings.ToLower(fmt.Sprint(f.Status, " ", f.Code, " ", f.Description)), func(c rune) bool {
		return c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z')
	})
	var hinted, all []string
	for i, s := range settings {
		if slices.ContainsFunc(s.words, func(w string) bool { return slices.Contains(said, w) }) {
			hinted = append(hinted, s.name)
		}
		if i < usual {
			all = append(all, s.name)
		}
	}
	if len(hinted) == 0 {
		return all
	}
	return hinted
}
