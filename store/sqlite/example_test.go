package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/obdcr/obdcr/store"
	"github.com/obdcr/obdcr/store/sqlite"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "clients")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	clients, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "clients.db"), Clock: time.Now})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = clients.Close() }()

	request := store.Change{Reservation: store.Reservation{Namespace: "request", Issuer: "software", JTI: "1", Until: time.Now().Add(time.Hour)}}
	fmt.Println(clients.Create(ctx, store.Client{ID: "first"}, request))
	fmt.Println(clients.Create(ctx, store.Client{ID: "second"}, request))
	c, err := clients.Get(ctx, "first")
	fmt.Println(c.ID, c.Version, c.State, err)
	// Output:
	// <nil>
	// store: the jti was used before
	// first 1 active <nil>
}
