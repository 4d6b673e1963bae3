package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tidegate/tidegate/internal/wire"
)

// linkOnStdin stands in the arguments for a clicked link that is on standard input.
const linkOnStdin = "tidegate:-"

// clickedLink is the enrolment link that the desktop started us with. A link
// holds a code, and arguments can be read by every user for as long as the
// process runs: the process starts itself anew without it.
func clickedLink(arg string) (string, error) {
	if arg != linkOnStdin {
		if err := conceal(arg); err != nil {
			return "", err
		}
		return arg, nil // this system cannot
	}
	b, err := io.ReadAll(io.LimitReader(os.Stdin, wire.MaxLink+1))
	if err != nil {
		return "", fmt.Errorf("read the enrolment link: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
