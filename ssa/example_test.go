package ssa_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/claims"
	"github.com/obdcr/obdcr/ssa"
	"github.com/obdcr/obdcr/ssa/ssatest"
)

// A bank trusts the statements of one directory.
func ExampleVerifier_Verify() {
	at := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return at }
	directory, err := ssatest.New(ssatest.Options{Deterministic: true, Clock: clock})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer directory.Close()
	software, err := directory.NewSoftware(ssatest.SoftwareOptions{ClientName: "Budget Friend"})
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := software.SSA(nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	keys, err := ssa.ParseJWKS(directory.JWKS())
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := ssa.NewVerifier(ssa.VerifierConfig{
		Anchors: []ssa.Anchor{{
			Issuer:      "OpenBanking Ltd",
			Environment: claims.Sandbox,
			Keys:        keys,
			Algorithms:  []claims.Algorithm{claims.PS256},
			MaxAge:      24 * time.Hour,
			JWKSHosts:   []string{"directory.test"},
		}},
		Clock: clock,
		Skew:  time.Minute,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	statement, err := ssa.Parse(token)
	if err != nil {
		fmt.Println(err)
		return
	}
	verified, err := verifier.Verify(context.Background(), statement)
	if err != nil {
		fmt.Println(err)
		return
	}
	address, err := verified.SoftwareJWKS()
	fmt.Println(verified.Claims().SoftwareClientName.Or(""), verified.Environment())
	fmt.Println(address, err)
	// Output:
	// Budget Friend sandbox
	// https://directory.test/0015800000TestOrgA/L1DAts49oPx3XjxyurQ0g4.jwks <nil>
}

// Errors say which rule is broken, where, and what to do.
func ExampleError() {
	_, err := ssa.Parse("eyJhbGciOiJub25lIn0.e30")
	var refusal *ssa.Error
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Rule, errors.Is(err, ssa.ErrMalformed))
		fmt.Println(refusal.Detail)
	}
	// Output:
	// ssa.jws true
	// the software statement is no compact JWS: fewer than three parts; a compact JWS has header, payload and signature
}

// A set with keys of other kinds is read for the keys that can be used.
func ExampleParseJWKS() {
	set, err := ssa.ParseJWKS([]byte(`{"keys": [
		{"kty": "oct", "kid": "a-secret", "k": "c2VjcmV0"},
		{"kty": "EC", "kid": "a-key", "crv": "P-256",
		 "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
		 "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, key := range set.Keys {
		fmt.Println("usable:", key.ID)
	}
	for _, skipped := range set.Skipped {
		fmt.Printf("skipped: %s: %s\n", skipped.ID, skipped.Reason)
	}
	// Output:
	// usable: a-key
	// skipped: a-secret: key type "oct" is not used here; use RSA or EC
}
