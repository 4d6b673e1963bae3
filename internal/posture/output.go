package posture

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxOutput = 4 << 10 // of a script, in bytes
	maxText   = 256     // of a claim, in bytes, as the controller takes it
	maxInt    = 1 << 53 // what JSON carries exactly, either way of zero
)

// readOutput reads the first line of what a script printed as a bool, an int
// or a string. An empty line has no value.
func readOutput(as string, out []byte) (any, error) {
	if len(out) > maxOutput {
		return nil, fmt.Errorf("it printed more than %d bytes", maxOutput)
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	text := strings.TrimSpace(string(line))
	switch as {
	case "bool":
		if text == "true" || text == "false" {
			return text == "true", nil
		}
		return nil, fmt.Errorf("it printed %.32q: print true or false", text)
	case "int":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < -maxInt || n > maxInt {
			return nil, fmt.Errorf("it printed %.32q: print a whole number below 2^53", text)
		}
		return n, nil
	case "string":
		switch {
		case text == "":
			return nil, errors.New("its first line is empty")
		case len(text) > maxText:
			return nil, fmt.Errorf("its first line is longer than %d bytes", maxText)
		case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
			return nil, errors.New("its first line is not plain text")
		}
		return text, nil
	}
	return nil, fmt.Errorf("%q is not a type; write bool, int or string", as)
}
