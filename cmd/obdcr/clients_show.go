package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/dcr/tpp"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/store"
)

// showForms are the forms of clients show.
var showForms = []string{"text", "json"}

func (a *app) clientsShowCommand() *cobra.Command {
	var o registerFlags
	var output string
	cmd := &cobra.Command{
		Use:   "show CLIENT_ID",
		Short: "Show what the bank knows of a client",
		Long: `show writes all that the register has of a client, in any status: by its client_id, or
by the ID of its record. It never writes a secret, a hash of one, or what is sealed: it says
whether the record has them. Where a change is under way, "in force" is what others see
of the client until it has ended.`,
		Example: `  obdcr clients show 0e1f7a52 --config bank.yaml
  obdcr clients show 0e1f7a52 --store clients.db -o json`,
		Args:              oneClient,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(showForms, output) {
				return unlisted("-o", output, showForms)
			}
			return a.withRegister(c.Context(), &o, func(s stores.Opened, _ *service.Config) error {
				record, err := findClient(c.Context(), s, args[0])
				if err != nil {
					return err
				}
				shown := shownOf(&record)
				if output == "json" {
					return writeVisibleJSON(c.OutOrStdout(), shown)
				}
				showClient(c.OutOrStdout(), shown, "")
				return nil
			})
		},
	}
	o.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format: "+text.List(showForms))
	complete(cmd, "output", showForms)
	return cmd
}

// shownRecord is what show writes of a record.
type shownRecord struct {
	jsonClient
	Version       int64              `json:"version"`
	Since         *time.Time         `json:"since,omitempty"` // when the status was entered
	Issuer        string             `json:"issuer"`
	Application   claims.Application `json:"application"`
	JWKSURI       string             `json:"software_jwks_endpoint,omitempty"`
	Subject       string             `json:"certificate_subject,omitempty"`
	OwnSubject    string             `json:"own_subject,omitempty"`
	UniqueKey     string             `json:"unique_key,omitempty"`
	Secret        string             `json:"secret"` // "none", "hash" or "hash, sealed"
	UpstreamState bool               `json:"upstream_state"`
	Statement     *shownStatement    `json:"software_statement,omitempty"`
	Metadata      map[string]any     `json:"metadata,omitempty"`
	Upstream      map[string]any     `json:"upstream_members,omitempty"`
	InForce       *shownRecord       `json:"in_force,omitempty"`
}

// shownStatement is what show writes of a stored statement: nothing of its contacts.
type shownStatement struct {
	JTI      string     `json:"jti,omitempty"`
	IssuedAt *time.Time `json:"iat,omitempty"`
	Expiry   *time.Time `json:"exp,omitempty"`
}

func shownOf(c *store.Client) *shownRecord {
	s := &shownRecord{
		jsonClient: jsonOf(c), Version: c.Version, Issuer: c.Issuer, Application: c.Application, JWKSURI: c.JWKSURI(), Subject: c.SubjectDN,
		OwnSubject: c.OwnSubject, UniqueKey: c.UniqueKey, Secret: "none", UpstreamState: len(c.UpstreamState) > 0,
		Statement: statementOf(c.SoftwareStatement), Upstream: objectOf(c.UpstreamMembers),
	}
	if c.Since.Unix() > 0 {
		since := c.Since.UTC()
		s.Since = &since
	}
	switch {
	case len(c.SealedSecret) > 0:
		s.Secret = "hash, sealed"
	case len(c.SecretHash) > 0:
		s.Secret = "hash"
	}
	if request, err := c.Request(); err == nil { // members that no specification knows could be secrets
		written, _ := json.Marshal(request)
		s.Metadata = objectOf(written)
		delete(s.Metadata, "software_statement") // which has contacts; Statement tells of it
	}
	if c.Previous != nil {
		s.InForce = shownOf(c.Previous)
	}
	return s
}

// statementOf reads a stored statement, which was verified when it was stored.
func statementOf(token string) *shownStatement {
	statement, err := ssa.Parse(token)
	if err != nil {
		return nil
	}
	known := statement.UnverifiedClaims()
	at := func(seconds claims.Optional[int64]) *time.Time {
		value, ok := seconds.Get()
		if !ok {
			return nil
		}
		t := time.Unix(value, 0).UTC()
		return &t
	}
	return &shownStatement{JTI: known.JWTID.Or(""), IssuedAt: at(known.IssuedAt), Expiry: at(known.Expiry)}
}

// objectOf returns the members of an object, without those that hold secrets; nil for none.
func objectOf(object []byte) map[string]any {
	var members map[string]any
	if json.Unmarshal(object, &members) != nil {
		return nil
	}
	for _, name := range tpp.SecretMembers() {
		delete(members, name)
	}
	return members
}

// showClient writes a record for people, each line with what it says of it in front.
func showClient(out io.Writer, s *shownRecord, in string) {
	say := func(name, value string) {
		if value != "" {
			sayValue(out, in, name, text.Visible(value))
		}
	}
	when := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return text.UTC(t.Unix())
	}
	say("client_id", s.ClientID)
	say("record", fmt.Sprintf("%s, version %d", s.ID, s.Version))
	status := s.Status
	if s.Since != nil {
		status += " since " + when(s.Since)
	}
	say("status", status)
	say("registered", when(&s.IssuedAt))
	say("environment", string(s.Environment))
	say("directory", s.Issuer)
	say("organisation", s.OrgID)
	say("software", s.SoftwareID)
	say("name", s.Application.Name)
	for _, attribute := range s.Application.Attributes {
		say("  "+text.Visible(attribute.Name), strings.Join(attribute.Values, ", "))
	}
	say("key set", s.JWKSURI)
	say("certificate", s.Subject)
	say("own subject", s.OwnSubject)
	say("unique key", s.UniqueKey)
	say("secret", s.Secret)
	if s.UpstreamState {
		say("upstream", "has a state, sealed")
	}
	if t := s.Statement; t != nil {
		say("statement", "jti "+t.JTI)
		say("  issued", when(t.IssuedAt))
		say("  expires", when(t.Expiry))
	}
	for _, members := range []map[string]any{s.Metadata, s.Upstream} {
		for _, name := range slices.Sorted(maps.Keys(members)) {
			say(text.Visible(name), valueText(members[name]))
		}
	}
	if s.InForce != nil {
		fmt.Fprintln(out, in+"in force until the change has ended:")
		showClient(out, s.InForce, in+indented)
	}
}

// sayValue writes a value behind its name, or below it where a word of it has no room there. A
// word is never broken, so that an address can be copied.
func sayValue(out io.Writer, in, name, value string) {
	room := columns - len(in) - widthLabel - 1
	lines := text.Wrap(value, room)
	fits := text.Cells(name) <= widthLabel && !slices.ContainsFunc(lines, func(l string) bool { return text.Cells(l) > room })
	if fits {
		fmt.Fprintln(out, in+pad(name, widthLabel)+" "+strings.Join(lines, "\n"+in+strings.Repeat(" ", widthLabel+1)))
		return
	}
	below := in + indented + indented
	fmt.Fprintln(out, in+name)
	fmt.Fprintln(out, below+strings.Join(text.Wrap(value, columns-len(below)), "\n"+below))
}

// widthLabel is the width of what stands before a value.
const widthLabel = 28

// valueText writes a value of JSON: lists with blanks between their values, and one that has
// a blank itself, such as code id_token, between quotation marks.
func valueText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		var words []string
		for _, one := range v {
			word := valueText(one)
			if word == "" || strings.ContainsAny(word, ` "`) {
				word = strconv.Quote(word)
			}
			words = append(words, word)
		}
		return strings.Join(words, " ")
	}
	written, _ := json.Marshal(v) // it was read from JSON
	return string(written)
}
