package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/service"
	"github.com/obdcr/obdcr/cmd/obdcr/internal/stores"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/store"
)

func (a *app) peopleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "people",
		Short: "Look at who has signed in at a bank's portal, and forget one",
		Long: `people is for operators of a bank. It works on the bank's store, beside the servers that
use it: --config names the file that obdcr serve runs with, --store a SQLite file or the
address of a PostgreSQL database.`,
		Example: `  obdcr people list --config bank.yaml
  obdcr people forget ada@tpp.example --config bank.yaml`,
		Args: onlyCommands,
		RunE: func(*cobra.Command, []string) error { return usageError("say what to do: list, forget") },
	}
	cmd.AddCommand(a.peopleListCommand(), a.peopleForgetCommand())
	return cmd
}

func (a *app) peopleListCommand() *cobra.Command {
	o, output := &registerFlags{}, ""
	forms := []string{"text", "json"}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List who has signed in",
		Long: `list writes each person who has signed in, by address: name, organisations, whether an
operator, and when the first and the last sign-in were. Characters that cannot be
printed, and what would turn text around, are escaped.`,
		Example:           `  obdcr people list --store clients.db -o json`,
		Args:              noArgument,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, _ []string) error {
			if !slices.Contains(forms, output) {
				return unlisted("-o", output, forms)
			}
			return a.withPeople(c.Context(), o, func(users store.Users) error { return a.listPeople(c.Context(), c.OutOrStdout(), users, output) })
		},
	}
	o.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format: "+text.List(forms))
	complete(cmd, "output", forms)
	return cmd
}

func (a *app) peopleForgetCommand() *cobra.Command {
	o := &registerFlags{}
	cmd := &cobra.Command{
		Use:   "forget EMAIL",
		Short: "Forget somebody who has signed in",
		Long: `forget removes what the store keeps of a person, whose address is written as people list
has it. Applications stay, and the audit trail, which names a contact by a hash. A
session that is open goes on until it ends, and the next sign-in makes a record again.`,
		Example: `  obdcr people forget ada@tpp.example --config bank.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError("forget takes one EMAIL, as obdcr people list has it")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withPeople(c.Context(), o, func(users store.Users) error {
				err := users.ForgetUser(c.Context(), args[0])
				if errors.Is(err, store.ErrNotFound) {
					return &exitError{exitViolated, fmt.Errorf("nobody has signed in as %s: obdcr people list has all addresses", text.Quote(args[0]))}
				}
				if err == nil {
					a.note("forgotten: %s", text.Visible(args[0]))
				}
				return err
			})
		},
	}
	o.add(cmd)
	return cmd
}

// withPeople opens the store, as withRegister does.
func (a *app) withPeople(ctx context.Context, o *registerFlags, do func(store.Users) error) error {
	return a.withRegister(ctx, o, func(s stores.Opened, _ *service.Config) error {
		users, ok := s.(store.Users)
		if !ok {
			return errors.New("this store keeps no people")
		}
		return do(users)
	})
}

// jsonPerson is a person in JSON.
type jsonPerson struct {
	Email         string    `json:"email"`
	Name          string    `json:"name"`
	Issuer        string    `json:"issuer"`
	Subject       string    `json:"subject"`
	Organisations []string  `json:"organisations"`
	Operator      bool      `json:"operator"`
	First         time.Time `json:"first_sign_in"`
	Last          time.Time `json:"last_sign_in"`
}

// peoplePage is how many people are read at a time.
const peoplePage = 500

func (a *app) listPeople(ctx context.Context, out io.Writer, users store.Users, output string) error {
	all := []jsonPerson{}
	for after := ""; ; {
		page, err := users.ListUsers(ctx, after, peoplePage)
		if err != nil {
			return err
		}
		for i := range page {
			u := &page[i]
			all = append(all, jsonPerson{u.Email, u.Name, u.Issuer, u.Subject, append([]string{}, u.Organisations...), u.Operator, u.CreatedAt, u.SeenAt})
			after = u.Email
		}
		if len(page) < peoplePage {
			break
		}
	}
	if output == "json" {
		return writeVisibleJSON(out, map[string]any{"people": all})
	}
	for _, p := range all {
		fmt.Fprintf(out, "%s\n  %s, first %s, last %s\n", text.Visible(p.Email), text.Visible(p.describe()),
			p.First.Format(time.RFC3339), p.Last.Format(time.RFC3339))
	}
	if len(all) == 0 {
		a.note("nobody has signed in")
	}
	return nil
}

// describe says who a person is, in a line.
func (p *jsonPerson) describe() string {
	var parts []string
	if p.Name != "" {
		parts = append(parts, p.Name)
	}
	if p.Operator {
		parts = append(parts, "an operator")
	}
	if len(p.Organisations) > 0 {
		parts = append(parts, "of "+strings.Join(p.Organisations, " "))
	}
	if len(parts) == 0 {
		return "of no organisation"
	}
	return strings.Join(parts, ", ")
}
