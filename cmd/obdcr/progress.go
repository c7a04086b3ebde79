package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress shows on a terminal how many of many files are done. It needs no escape codes,
// only the carriage return. The zero value shows nothing.
type progress struct {
	out   io.Writer // nil shows nothing
	total int
	clock func() time.Time // nil: time.Now
	next  time.Time        // before this the line is not drawn again
	drawn int              // the width of the line
}

// progressStep is the time between two lines: more often is hard to read.
const progressStep = 100 * time.Millisecond

// minProgress is the number of files that is worth a progress bar.
const minProgress = 50

// show draws how many files are done, and how many of them failed.
func (p *progress) show(done, failed int) {
	if p.out == nil || p.total < minProgress {
		return
	}
	now := p.now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(progressStep)
	const width = 30
	filled := width * done / p.total
	line := fmt.Sprintf("[%s%s] %d of %d", strings.Repeat("=", filled), strings.Repeat(" ", width-filled), done, p.total)
	if failed > 0 {
		line += fmt.Sprintf(", %d failed", failed)
	}
	p.draw(line)
}

// count draws a line about work of which nobody knows how much there is, no more often than
// show does.
func (p *progress) count(line string) {
	if p.out == nil {
		return
	}
	if now := p.now(); !now.Before(p.next) {
		p.next = now.Add(progressStep)
		p.draw(line)
	}
}

func (p *progress) draw(line string) {
	p.wipe()
	fmt.Fprint(p.out, line)
	p.drawn = len(line)
}

// wipe takes the line away, so that something else can stand there.
func (p *progress) wipe() {
	if p.drawn > 0 {
		fmt.Fprint(p.out, "\r"+strings.Repeat(" ", p.drawn)+"\r")
		p.drawn = 0
	}
}

func (p *progress) now() time.Time {
	if p.clock == nil {
		return time.Now()
	}
	return p.clock()
}
