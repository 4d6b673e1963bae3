package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/internal/lang"
	"github.com/tidegate/tidegate/internal/plaintext"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/session"
)

// secrets reads what must not be seen, and what else is asked with it: from a
// terminal without echo, from anything else a line each.
type secrets struct {
	c    *call
	in   *bufio.Reader
	mute func() (restore func(), err error) // nil: not a terminal
}

func (c *call) secrets() *secrets {
	return &secrets{c: c, in: bufio.NewReaderSize(c.In, wire.MaxLink+2), mute: muter(c.In)}
}

// ask reads one of them. When ctx ends the terminal is as before, though the
// read goes on until the process ends.
func (s *secrets) ask(ctx context.Context, what string) (session.Secret, error) {
	line, err := s.read(ctx, what, s.mute)
	return session.Secret(line), err
}

// open reads what may be seen.
func (s *secrets) open(ctx context.Context, what string) (string, error) {
	return s.read(ctx, what, s.plain())
}

// plain leaves a terminal as it is; nil: it is none.
func (s *secrets) plain() func() (func(), error) {
	if s.mute == nil {
		return nil
	}
	return func() (func(), error) { return func() {}, nil }
}

// read reads what may not be left out.
func (s *secrets) read(ctx context.Context, what string, prepare func() (func(), error)) (string, error) {
	line, err := s.line(ctx, what, prepare)
	if err == nil && line == "" {
		err = nothing(what)
	}
	return line, err
}

func nothing(what string) error {
	return usageError{lang.F("nothing was given at “%s”", strings.TrimRight(what, ": \u202f"))}
}

// line reads a line, which may be empty; but not where there is none.
func (s *secrets) line(ctx context.Context, what string, prepare func() (func(), error)) (string, error) {
	if prepare != nil {
		restore, err := prepare()
		if err != nil {
			return "", fmt.Errorf("ask without echo: %w; give it on standard input", err)
		}
		fmt.Fprint(s.c.Err, plaintext.Line(what)+" ")
		defer fmt.Fprintln(s.c.Err)
		defer restore()
	}
	type result struct {
		line string
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := s.in.ReadSlice('\n')
		read <- result{string(line), err}
	}()
	var r result
	select {
	case r = <-read:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	secret := strings.TrimRight(r.line, "\r\n")
	if r.err == bufio.ErrBufferFull || len(secret) > wire.MaxSecret {
		return "", usageError{lang.T("what was typed is too long")}
	}
	if r.line == "" {
		return "", nothing(what)
	}
	return secret, nil
}
