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

// run serves the bank, or does the one thing that a flag asks for.
func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("keycloak", flag.ContinueOnError)
	file := flags.String("config", "bank.json", "the configuration file")
	setUp := flags.Bool("setup", false, "prepare the realm as KEYCLOAK_ADMIN with KEYCLOAK_ADMIN_PASSWORD, and end")
	repair := flags.Bool("reprovision", false, "give Keycloak every client again, and end")
	remove := flags.String("remove", "", "remove the client with this client_id, and end")
	reason := flags.String("reason", "", "why -remove does so, for the log")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err == nil && flags.NArg() > 0:
		return fmt.Errorf("%q is no flag", flags.Arg(0))
	case err != nil:
		return err
	}
	c, err := readConfig(*file)
	if err != nil {
		return err
	}
	if *setUp {
		return prepare(ctx, c)
	}
	b, err := openBank(ctx, c, slog.Default())
	if err != nil {
		return err
	}
	switch {
	case *repair:
		err = b.reprovision(ctx)
	case *remove != "":
		err = b.remove(ctx, *remove, *reason)
	default:
		err = b.serve(ctx, c.Address)
	}
	return errors.Join(err, b.clients.Close())
}

// prepare sets the realm up, by the policy of the configuration.
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
	fmt.Printf("the realm %s is ready\n", c.Keycloak.Realm)
	return nil
}

// reprovision brings Keycloak back to what the bank's records say: after a restored backup,
// and after changes by hand.
func (b *bank) reprovision(ctx context.Context) error {
	made, err := server.New(b.server)
	if err != nil {
		return err
	}
	defer made.Close()
	report, err := made.Registrar().Reprovision(ctx, dcr.ReprovisionOptions{Pause: reprovisionPause})
	fmt.Printf("%d clients are as they should be, %d were left out, %d failed\n", report.Done, report.Skipped, report.Failed)
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
