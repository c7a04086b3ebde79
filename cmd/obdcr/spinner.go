package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/obdcr/obdcr/internal/text"
)

const (
	// spinnerDelay is how long a wait lasts before it is shown: a short one would flicker.
	spinnerDelay = 500 * time.Millisecond
	// spinnerStep is the time between two pictures.
	spinnerStep = 125 * time.Millisecond
)

// spinner shows on a terminal that the command waits. It needs no escape codes, only the
// carriage return.
type spinner struct{ out io.Writer }

func newSpinner(out io.Writer) *spinner { return &spinner{out} }

// start shows that the command waits for a host, until stop is called. stop wipes the line
// away before it returns. It may be called more than once.
func (s *spinner) start(host string) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		s.spin(text.Visible(text.Clip(host, 50)), end)
	}()
	return sync.OnceFunc(func() {
		close(end)
		<-ended
	})
}

// spin draws until end is closed. It draws blanks over its line then.
func (s *spinner) spin(host string, end <-chan struct{}) {
	began := time.Now()
	wait := time.NewTimer(spinnerDelay)
	defer wait.Stop()
	select {
	case <-end:
		return
	case <-wait.C:
	}
	tick := time.NewTicker(spinnerStep)
	defer tick.Stop()
	drawn := 0
	for i := 0; ; i++ {
		line := fmt.Sprintf("%c waiting for %s, %d s", `|/-\`[i%4], host, time.Since(began)/time.Second)
		fmt.Fprint(s.out, "\r"+line)
		drawn = max(drawn, len(line))
		select {
		case <-end:
			fmt.Fprint(s.out, "\r"+strings.Repeat(" ", drawn)+"\r")
			return
		case <-tick.C:
		}
	}
}
