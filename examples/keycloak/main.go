// Command keycloak puts a bank in front of a Keycloak that is there: TPPs register here, and
// Keycloak issues their tokens. docs/keycloak.md leads from a clone to production.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/obdcr/obdcr/dcr"
	"github.com/obdcr/obdcr/dcr/server"
)

// reprovisionPause is how long Keycloak rests between two clients.
const reprovisionPause = 20 * time.Millisecond

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

// order is what the command line asks for.
type order struct {
	file, remove, reason, after string
	setUp, repair               bool
}

// parse reads the flags. help says that they asked for help, which is printed.
func parse(args []string) (o order, help bool, err error) {
	flags := flag.NewFlagSet("keycloak", flag.ContinueOnError)
	flags.StringVar(&o.file, "config", "bank.json", "the configuration file")
	flags.BoolVar(&o.setUp, "setup", false, "prepare the realm as KEYCLOAK_ADMIN with KEYCLOAK_ADMIN_PASSWORD, and end")
	flags.BoolVar(&o.repair, "reprovision", false, "give Keycloak every client again, and end: what was registered, how the client authenticates,\n"+
		"its scopes and grants; no users, consents, protocol mappers, nor whether it is enabled")
	flags.StringVar(&o.after, "after", "", "the id with which -reprovision said that it goes on")
	flags.StringVar(&o.remove, "remove", "", "remove the client with this client_id, and end")
	flags.StringVar(&o.reason, "reason", "", "why -remove does so, for the log")
	switch err = flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return o, true, nil
	case err != nil:
		return o, false, err
	case flags.NArg() > 0:
		return o, false, fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	given := map[string]bool{"setup": o.setUp, "reprovision": o.repair} // -setup=false is not given
	flags.Visit(func(f *flag.Flag) { given[f.Name] = given[f.Name] || f.Name != "setup" && f.Name != "reprovision" })
	switch {
	case given["setup"] && (given["reprovision"] || given["remove"]), given["reprovision"] && given["remove"]:
		err = errors.New("-setup, -reprovision and -remove exclude each other")
	case given["remove"] && o.remove == "":
		err = errors.New("-remove needs a client_id")
	case given["reason"] && !given["remove"]:
		err = errors.New("-reason is for -remove alone")
	case given["after"] && !given["reprovision"]:
		err = errors.New("-after is for -reprovision alone")
	}
	return o, false, err
}

// run serves the bank, or does the one thing that a flag asks for.
func run(ctx context.Context, args []string) error {
	o, help, err := parse(args)
	if help || err != nil {
		return err
	}
	c, err := readConfig(o.file)
	if err != nil {
		return err
	}
	if o.setUp {
		return prepare(ctx, c)
	}
	b, err := openBank(ctx, c, slog.Default())
	if err != nil {
		return err
	}
	switch {
	case o.repair:
		err = b.reprovision(ctx, o.after)
	case o.remove != "":
		err = b.remove(ctx, o.remove, o.reason)
	default:
		err = b.serve(ctx, c.Address)
	}
	return errors.Join(err, b.store.Close())
}

// prepare sets the realm up, by the policy of the configuration, and looks whether the bank
// can work with it.
func prepare(ctx context.Context, c *config) error {
	password := os.Getenv("KEYCLOAK_ADMIN_PASSWORD")
	if password == "" {
		return errors.New("set KEYCLOAK_ADMIN_PASSWORD, and KEYCLOAK_ADMIN unless the administrator is called admin")
	}
	policy, err := c.policy()
	if err != nil {
		return err
	}
	secret, err := c.secret(true)
	if err != nil {
		return err
	}
	administrator := c.asAdministrator(cmp.Or(os.Getenv("KEYCLOAK_ADMIN"), "admin"), password)
	if err := setup(ctx, administrator, c.Keycloak.ClientID, secret.Reveal(), policy.Scopes); err != nil {
		return err
	}
	keycloak, err := c.connect(secret)
	if err != nil {
		return err
	}
	if err := keycloak.check(ctx); err != nil {
		return fmt.Errorf("the realm is set up, and does not fit: %w", err)
	}
	fmt.Printf("the realm %s is ready\n", c.Keycloak.Realm)
	return nil
}

// reprovision brings Keycloak back to what the bank's records say: after a restored backup,
// and after changes by hand. It is an error if one of them could not be repaired.
func (b *bank) reprovision(ctx context.Context, after string) error {
	made, err := server.New(b.server)
	if err != nil {
		return err
	}
	defer made.Close()
	report, err := made.Registrar().Reprovision(ctx, dcr.ReprovisionOptions{After: after, Pause: reprovisionPause})
	fmt.Printf("%d clients are as they should be, %d were left out, %d failed\n", report.Done, report.Skipped, report.Failed)
	switch {
	case err != nil && report.Next != "":
		return fmt.Errorf("%w; -reprovision -after %s goes on", err, report.Next)
	case err == nil && report.Skipped+report.Failed > 0:
		return errors.New("not all clients are repaired: the log says which failed; those left out have a change under way, or are not in force")
	}
	return err
}

// remove ends a client that the bank does not want any more.
func (b *bank) remove(ctx context.Context, clientID, reason string) error {
	made, err := server.New(b.server)
	if err != nil {
		return err
	}
	defer made.Close()
	if err := made.Registrar().Remove(ctx, clientID, reason); err != nil {
		return err
	}
	fmt.Printf("the client %s is removed\n", clientID)
	return nil
}
