package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tidegate/tidegate/internal/controller/config"
	"github.com/tidegate/tidegate/internal/wire"
)

// hashPassword hashes the first line of in.
func hashPassword(in io.Reader, out io.Writer) error {
	line, err := bufio.NewReader(io.LimitReader(in, wire.MaxSecret+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read a password: %w", err)
	}
	password := strings.TrimRight(line, "\r\n")
	switch {
	case password == "":
		return errors.New("no password came; write it on standard input")
	case len(password) > wire.MaxSecret:
		return fmt.Errorf("the password is longer than %d bytes, and nobody could sign in with it; write a shorter one", wire.MaxSecret)
	}
	_, err = fmt.Fprintln(out, config.HashPassword(password))
	return err
}
