// Command keycloak puts a bank in front of a Keycloak that is there: TPPs register here, and
// Keycloak issues their tokens. docs/keycloak.md leads from a clone to production.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/obdcr/obdcr/validate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	file := flag.String("config", "bank.json", "the configuration file")
	setUp := flag.Bool("setup", false, "prepare the realm, as KEYCLOAK_ADMIN with KEYCLOAK_ADMIN_PASSWORD, and end")
	flag.Parse()
	c, err := readConfig(*file)
	if err == nil && *setUp {
		err = prepare(ctx, c)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// prepare sets the realm up.
func prepare(ctx context.Context, c *config) error {
	password := os.Getenv("KEYCLOAK_ADMIN_PASSWORD")
	if password == "" {
		return errors.New("set KEYCLOAK_ADMIN_PASSWORD, and KEYCLOAK_ADMIN unless the administrator is called admin")
	}
	secret, err := c.secret(true)
	if err != nil {
		return err
	}
	administrator := c.asAdministrator(cmp.Or(os.Getenv("KEYCLOAK_ADMIN"), "admin"), password)
	if err := setup(ctx, administrator, c.Keycloak.ClientID, secret.Reveal(), validate.DefaultPolicy(validate.OBIE33).Scopes); err != nil {
		return err
	}
	log.Printf("the realm %s is ready", c.Keycloak.Realm)
	return nil
}
