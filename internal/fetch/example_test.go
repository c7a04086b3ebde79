package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/obdcr/obdcr/internal/fetch"
)

func Example() {
	client, err := fetch.New(fetch.Config{
		Sources:  []fetch.Source{{Hosts: []string{"keystore.example"}}},
		MaxBytes: 1 << 20,
		Timeout:  5 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	_, err = client.Get(context.Background(), "https://keystore.example@evil.example/keys")
	fmt.Println(errors.Is(err, fetch.ErrAddress), err)
	// Output: true fetch: address refused: it has userinfo
}
