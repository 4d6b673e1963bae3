package resource

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is something wrong in a file. Line and Column count from 1, Column in
// characters; both are 0 where the whole file is meant.
type Error struct {
	File         string
	Line, Column int
	Msg          string
}

// Error implements error: file:line:column: what is wrong.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Msg
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Msg)
}

// Errors are all that is wrong, one a line.
type Errors []*Error

// Add appends what err holds: an *Error, Errors, or nil.
func (e *Errors) Add(err error) {
	switch err := err.(type) {
	case nil:
	case *Error:
		*e = append(*e, err)
	case Errors:
		*e = append(*e, err...)
	default:
		*e = append(*e, &Error{Msg: err.Error()})
	}
}

// Err returns e in the order of the file, or nil where nothing is wrong.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return e
}

// Error implements error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.As every one of e.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, err := range e {
		errs[i] = err
	}
	return errs
}
