package main

import (
	"bytes"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhatABankSendsOutOfTurnIsNotPrinted: net/http writes it to the standard log, as it came.
func TestWhatABankSendsOutOfTurnIsNotPrinted(t *testing.T) {
	t.Parallel()
	b := newTinyBank(t)
	b.answer(func(w http.ResponseWriter, _ *http.Request) bool {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return false
		}
		_, _ = connection.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}<!DOCTYPE html>out of turn"))
		return true
	})
	for _, args := range [][]string{b.args("--filter", "register.[a-i]*"), b.args("--filter", "register.valid", "--verbose")} {
		var out, said bytes.Buffer
		args = append(args, "--journal", filepath.Join(t.TempDir(), "journal")) // what one run may have left stops the next
		c := exec.Command(program(t, "obdcr"), args...)
		c.Stdout, c.Stderr = &out, &said
		_ = c.Run() // cases fail
		require.NotEmpty(t, out.String(), said.String())
		require.NotContains(t, said.String()+out.String(), "DOCTYPE")
		require.NotContains(t, said.String(), "Unsolicited")
	}
}
