package ssa_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// A bank fetches the keys of the directory itself and of software by one resolver.
func ExampleNewRemoteKeys() {
	directory, err := ssatest.New(ssatest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer directory.Close()
	keys, err := ssa.NewRemoteKeys(ssa.RemoteConfig{
		Sources: []ssa.RemoteSource{directory.RemoteSource()}, // hosts, and their CA
	})
	if err != nil {
		log.Fatal(err)
	}
	defer keys.Close()

	ref := ssa.KeyRef{URL: directory.URL() + "/keys.jwks", KeyID: directory.KeyID()}
	found, err := keys.ResolveKeys(context.Background(), ref)
	fmt.Println(len(found), err)

	ref.KeyID = "made up"
	_, err = keys.ResolveKeys(context.Background(), ref)
	var unknown *ssa.UnknownKeyError
	fmt.Println(errors.As(err, &unknown), errors.Is(err, ssa.ErrKeyNotFound))

	ref.URL = "https://elsewhere.example/keys.jwks"
	_, err = keys.ResolveKeys(context.Background(), ref)
	fmt.Println(errors.Is(err, ssa.ErrJWKSHost))
	// Output:
	// 1 <nil>
	// true true
	// true
}
