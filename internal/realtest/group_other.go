//go:build !unix

package realtest

import (
	"errors"
	"os/exec"
)

// ownGroup does nothing where there are no process groups.
func ownGroup(*exec.Cmd) {}

// A process that has ended already is no fault.
func terminate(cmd *exec.Cmd) { kill(cmd) }
func kill(cmd *exec.Cmd)      { _ = cmd.Process.Kill() }

type account struct{}

// otherThanRoot fails: who may own what is another question where this is not Unix.
func otherThanRoot() (*account, error) { return nil, errors.New("this is not Unix") }

func (*account) runs(*exec.Cmd)    {}
func (*account) owns(string) error { return nil }

func interrupt(cmd *exec.Cmd) { kill(cmd) }
func quit(cmd *exec.Cmd)      { kill(cmd) }
