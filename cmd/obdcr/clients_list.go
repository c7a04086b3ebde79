package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

// listOptions are the flags of clients list.
type listOptions struct {
	registerFlags
	org, software, env, status           string
	issuedAfter, issuedBefore, olderThan string
	newest                               bool
	limit                                int
	cursor, output                       string
}

// maxListed is the greatest --limit.
const maxListed = 10_000

// The forms of the commands of clients.
var clientForms = []string{"text", "json", "csv"}

func (a *app) clientsListCommand() *cobra.Command {
	o := &listOptions{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List clients, by organisation, software, status and age",
		Long: `list writes clients in any status, the oldest first, a page at a time. Where there are
more it says by which --cursor to go on: on standard error, and in JSON as the member
cursor. A client that stays is met exactly once, whatever is registered meanwhile.
Characters that cannot be printed, and what would turn text around, are escaped in text;
in CSV a cell that a spreadsheet would take for a formula begins with an apostrophe.`,
		Example: `  obdcr clients list --config bank.yaml --org 0015800001041RHAAY
  obdcr clients list --store clients.db --status pending_create -o json
  obdcr clients list --store clients.db --older-than 365d -o csv > old.csv
  obdcr clients list --store clients.db --newest --limit 20`,
		Args:              noArgument,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) error {
			query, after, err := o.query(time.Now())
			if err != nil {
				return err
			}
			return a.withRegister(c.Context(), &o.registerFlags, func(s stores.Opened, _ *service.Config) error {
				return a.listClients(c.Context(), c.OutOrStdout(), s, o, query, after)
			})
		},
	}
	o.add(cmd)
	f := cmd.Flags()
	f.StringVar(&o.org, "org", "", "clients of this organisation, an `ID` of the directory")
	f.StringVar(&o.software, "software", "", "clients of this software, an `ID` of the directory")
	f.StringVar(&o.env, "env", "", "clients of this environment: sandbox, production")
	f.StringVar(&o.status, "status", "", "clients in this status: "+text.List(states))
	f.StringVar(&o.issuedAfter, "issued-after", "", "clients registered at this `TIME` or later: 2026-01-31, or RFC 3339")
	f.StringVar(&o.issuedBefore, "issued-before", "", "clients registered before this `TIME`")
	f.StringVar(&o.olderThan, "older-than", "", "clients registered longer ago than this `DURATION`: 36h, 90d")
	f.BoolVar(&o.newest, "newest", false, "the newest first")
	f.IntVar(&o.limit, "limit", 100, "list at most this `NUMBER`, 1 to "+strconv.Itoa(maxListed))
	f.StringVar(&o.cursor, "cursor", "", "go on behind the `TEXT` that the page before gave")
	f.StringVarP(&o.output, "output", "o", "text", "format: "+text.List(clientForms))
	cmd.MarkFlagsMutuallyExclusive("older-than", "issued-before")
	complete(cmd, "env", text.Strings([]claims.Environment{claims.Sandbox, claims.Production}))
	complete(cmd, "status", text.Strings(states))
	complete(cmd, "output", clientForms)
	return cmd
}

// query reads the flags.
func (o *listOptions) query(now time.Time) (q store.Query, after store.Position, err error) {
	q = store.Query{OrgID: o.org, SoftwareID: o.software, Environment: claims.Environment(o.env), State: store.State(o.status), Newest: o.newest}
	switch {
	case !slices.Contains(clientForms, o.output):
		return q, after, unlisted("-o", o.output, clientForms)
	case o.env != "" && q.Environment != claims.Sandbox && q.Environment != claims.Production:
		return q, after, unlisted("--env", o.env, text.Strings([]claims.Environment{claims.Sandbox, claims.Production}))
	case o.status != "" && !slices.Contains(states, q.State):
		return q, after, unlisted("--status", o.status, text.Strings(states))
	case o.limit < 1 || o.limit > maxListed:
		return q, after, usageError("--limit is a number from 1 to %d: go on with --cursor for more", maxListed)
	}
	if q.IssuedFrom, err = dayOrTime("--issued-after", o.issuedAfter); err != nil {
		return q, after, err
	}
	if q.IssuedBefore, err = dayOrTime("--issued-before", o.issuedBefore); err != nil {
		return q, after, err
	}
	if o.olderThan != "" {
		age, err := ageOf(o.olderThan)
		if err != nil {
			return q, after, err
		}
		q.IssuedBefore = now.Add(-age)
	}
	if o.cursor != "" {
		after, err = readCursor(o.cursor, o.newest)
	}
	return q, after, err
}

// dayOrTime reads a day, which begins at midnight UTC, or a time.
func dayOrTime(flag, written string) (time.Time, error) {
	if written == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, written); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageError("%s %q is no day, such as 2026-01-31, and no time, such as 2026-01-31T08:00:00Z", flag, cut(written))
}

// ageOf reads a duration that may be in days.
func ageOf(written string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(written, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 100_000 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if age, err := time.ParseDuration(written); err == nil && age > 0 {
		return age, nil
	}
	return 0, usageError("--older-than %q is no duration, such as 36h or 90d", cut(written))
}

// cursor is the place in a list, as text that nobody has to read.
type cursor struct {
	Issued int64  `json:"i"`
	ID     string `json:"r"`
	Newest bool   `json:"n,omitempty"`
}

func writeCursor(c store.Client, newest bool) string {
	written, _ := json.Marshal(cursor{Issued: c.IssuedAt.Unix(), ID: c.ID, Newest: newest}) // which never fails
	return base64.RawURLEncoding.EncodeToString(written)
}

func readCursor(written string, newest bool) (store.Position, error) {
	var c cursor
	read, err := base64.RawURLEncoding.DecodeString(written)
	switch {
	case err != nil || json.Unmarshal(read, &c) != nil || c.ID == "":
		return store.Position{}, usageError("--cursor %q is not what a page before gave", cut(written))
	case c.Newest != newest:
		return store.Position{}, usageError("--cursor is from a list in the other order: give --newest as it was given then")
	}
	return store.Position{IssuedAt: time.Unix(c.Issued, 0).UTC(), ID: c.ID}, nil
}

// listClients writes a page.
func (a *app) listClients(ctx context.Context, out io.Writer, s stores.Opened, o *listOptions, q store.Query, after store.Position) error {
	found, err := s.Search(ctx, q, after, o.limit+1)
	if err != nil {
		return err
	}
	page, next := found, ""
	if len(found) > o.limit {
		page = found[:o.limit]
		next = writeCursor(page[o.limit-1], o.newest)
	}
	switch o.output {
	case "json":
		document := jsonPage{Clients: make([]jsonClient, 0, len(page)), Cursor: next}
		for i := range page {
			document.Clients = append(document.Clients, jsonOf(&page[i]))
		}
		return writeVisibleJSON(out, document)
	case "csv":
		rows := [][]string{clientColumns}
		for i := range page {
			rows = append(rows, rowOf(&page[i]))
		}
		err = writeCSV(out, rows)
	default:
		for i := range page {
			listClient(out, &page[i])
		}
		if len(page) == 0 {
			a.note("no client is as asked for")
		}
	}
	if next != "" {
		a.note("there are more: go on with --cursor\n%s%s", indented+indented, next)
	}
	return err
}

// jsonPage is a page as list -o json writes it.
type jsonPage struct {
	Clients []jsonClient `json:"clients"`
	Cursor  string       `json:"cursor,omitempty"` // where there are more
}

// jsonClient is what a list has of a client.
type jsonClient struct {
	ClientID    string             `json:"client_id,omitempty"` // none before it is active for the first time
	ID          string             `json:"record_id"`
	Status      string             `json:"status"`
	IssuedAt    time.Time          `json:"issued_at"`
	Environment claims.Environment `json:"environment"`
	Name        string             `json:"name"`
	OrgID       string             `json:"org_id"`
	SoftwareID  string             `json:"software_id"`
}

func jsonOf(c *store.Client) jsonClient {
	return jsonClient{
		ClientID: c.ClientID, ID: c.ID, Status: stateOf(c.State), IssuedAt: c.IssuedAt.UTC(), Environment: c.Environment,
		Name: c.Application.Name, OrgID: c.OrgID, SoftwareID: c.SoftwareID,
	}
}

// clientColumns are the columns of list -o csv.
var clientColumns = []string{"client_id", "record_id", "status", "issued_at", "environment", "name", "org_id", "software_id"}

func rowOf(c *store.Client) []string {
	return []string{
		c.ClientID, c.ID, stateOf(c.State), c.IssuedAt.UTC().Format(time.RFC3339), string(c.Environment),
		c.Application.Name, c.OrgID, c.SoftwareID,
	}
}

// The widths of a list, in cells: two lines a client, of at most 78 cells.
const (
	widthID       = 40
	widthStatus   = 15
	widthName     = 30
	widthOrg      = 20
	widthSoftware = 24
)

// listClient writes two lines. An ID is never cut, so that it can be copied: one that is
// longer has a line of its own.
func listClient(out io.Writer, c *store.Client) {
	id := text.Visible(c.ClientID)
	if id == "" {
		id = text.Visible(c.ID)
	}
	if text.Cells(id) > widthID {
		fmt.Fprintln(out, id)
		id = ""
	}
	fmt.Fprintf(out, "%s %s %s %s\n", pad(id, widthID), pad(fit(stateOf(c.State), widthStatus), widthStatus),
		pad(fit(string(c.Environment), len(claims.Production)), len(claims.Production)), c.IssuedAt.UTC().Format(time.DateOnly))
	line := indented + pad(fit(c.Application.Name, widthName), widthName) + " " + pad(fit(c.OrgID, widthOrg), widthOrg) + " " + fit(c.SoftwareID, widthSoftware)
	fmt.Fprintln(out, strings.TrimRight(line, " "))
}

// writeVisibleJSON writes indented JSON that is harmless on a terminal.
func writeVisibleJSON(out io.Writer, v any) error {
	var document strings.Builder
	if err := writeJSON(&document, v); err != nil {
		return err
	}
	_, err := io.WriteString(out, visibleJSON(document.String()))
	return err
}
