package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/internal/text"
	"github.com/obdcr/obdcr/validate"
	"github.com/obdcr/obdcr/validate/dialect"
)

// bankFlag is the flag for the dialect of a bank. Call [app.bank] for its value, or
// [app.assume] where the command has --profile and --policy too.
func bankFlag(c *cobra.Command, flags *pflag.FlagSet, name *string) {
	flags.StringVar(name, "bank", "", "the bank's dialect, a `NAME` of obdcr policy banks, or a JSON FILE")
	// An error would mean that the flag does not exist or has values already.
	_ = c.RegisterFlagCompletionFunc("bank", completeBanks)
}

// completeBanks offers the names of the known dialects, and files.
func completeBanks(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return bankNames(), cobra.ShellCompDirectiveDefault
}

// bankNames are the names of the known dialects with their titles, for a shell.
func bankNames() []string {
	var words []string
	for _, name := range dialect.Names() {
		if d, err := dialect.Load(name); err == nil {
			words = append(words, name+"\t"+d.Title)
		}
	}
	return words
}

// bank returns the dialect of --bank: that of a known name, else that in a file; nil if name
// is "". A command has one --bank, which is read once.
func (a *app) bank(name string) (*dialect.Dialect, error) {
	if name == "" || a.spoken != nil {
		return a.spoken, nil
	}
	d, err := a.readBank(name)
	a.spoken = d
	return d, err
}

// readBank reads a dialect.
func (a *app) readBank(name string) (*dialect.Dialect, error) {
	if d, err := dialect.Load(name); err == nil {
		return d, nil
	}
	if _, missing := os.Stat(name); os.IsNotExist(missing) && name != input.Stdin && !strings.ContainsAny(name, `./\`) {
		return nil, usageError("--bank %s: no known dialect has this name, and there is no such file%s\n  fix: give a name of obdcr policy banks, or a FILE",
			cut(name), meant("", strings.ToLower(name), dialect.Names()))
	}
	f, err := a.open("--bank", name)
	if err != nil {
		return nil, err
	}
	document, err := f.Document(input.Dialect)
	if err != nil {
		return nil, usageError("%w", err)
	}
	d, err := dialect.Parse([]byte(document))
	if err != nil {
		return nil, usageError("%s: %s", f.Where(), text.Detail(err))
	}
	return d, nil
}

// assumption is what a command goes by about a bank.
type assumption struct {
	dialect *dialect.Dialect // nil without --bank
	profile validate.Profile
	policy  validate.Policy
}

// assume returns the dialect of --bank with its profile and policy, or else what --profile
// and --policy say. It refuses --policy beside --bank, and a --profile that is not the bank's
// if the user has given it: given is c.Flags().Changed("profile").
func (a *app) assume(bank, policy, profile string, given bool) (assumption, error) {
	d, err := a.bank(bank)
	if err != nil {
		return assumption{}, err
	}
	p := validate.Profile(profile)
	if d == nil {
		read, err := a.loadPolicy(policy, p)
		return assumption{profile: p, policy: read}, err
	}
	switch {
	case policy != "":
		return assumption{}, usageError("--bank %s and --policy both have the bank's policy: leave one out, or write both into a dialect of your own",
			cut(bank))
	case given && !p.Valid():
		return assumption{}, unknownProfile(p)
	case given && p != d.Profile:
		return assumption{}, usageError("--profile %s: the bank of --bank %s follows %s: leave --profile out", p, cut(bank), d.Profile)
	}
	return assumption{dialect: d, profile: d.Profile, policy: d.Policy}, nil
}

// bankName returns name and title of the dialect for a report, "" without one.
func (b *assumption) bankName() string {
	if b.dialect == nil {
		return ""
	}
	return b.dialect.Name + " (" + b.dialect.Title + ")"
}
