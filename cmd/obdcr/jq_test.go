package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// jqMain is as much of jq as pages use: a member of a file, with -r as it is.
func jqMain() {
	args, raw := os.Args[1:], false
	if len(args) > 0 && args[0] == "-r" {
		args, raw = args[1:], true
	}
	err := errors.New("not these arguments")
	if len(args) == 2 {
		var text []byte
		if text, err = os.ReadFile(args[1]); err == nil {
			err = pick(text, strings.TrimPrefix(args[0], "."), raw)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "jq:", err)
		os.Exit(1)
	}
}

func pick(text []byte, member string, raw bool) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	value := string(all[member])
	if raw {
		var plain string
		if err := json.Unmarshal(all[member], &plain); err != nil {
			return err
		}
		value = plain
	}
	_, err := fmt.Println(value)
	return err
}
