package script

import (
	"errors"
	"fmt"
	"strings"
)

// What a run failed of, for errors.Is.
var (
	ErrSteps    = errors.New("too many steps")
	ErrTime     = errors.New("too slow")
	ErrOutput   = errors.New("too much output")
	ErrValue    = errors.New("wrong value")
	ErrAllow    = errors.New("not in the allow-list")
	ErrRequests = errors.New("too many requests")
	ErrBody     = errors.New("answer too long")
	ErrHTTP     = errors.New("no answer")
	ErrFailed   = errors.New("script failed")   // by fail, or by a mistake in it
	ErrInternal = errors.New("internal error")  // a mistake in this package
	ErrInput    = errors.New("unusable input")  // of the caller's
	ErrStopped  = errors.New("stopped running") // by the caller's context
)

// maxMessage bounds what a script can make an error say, in bytes.
const maxMessage = 512

// Error is why a run yielded no value, in words.
type Error struct {
	Script       string
	Line, Column int32 // in the script; 0: nowhere in particular
	Msg          string
	// Kind is one of the errors above.
	Kind error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("script %s: %s", e.Script, e.Msg)
	}
	return fmt.Sprintf("script %s: line %d: %s", e.Script, e.Line, e.Msg)
}

// Unwrap yields e.Kind.
func (e *Error) Unwrap() error { return e.Kind }

// CompileError is why a source is no script.
type CompileError struct {
	Script       string
	Line, Column int32 // from 1; the column counts characters
	Msg          string
}

// Error implements error.
func (e *CompileError) Error() string {
	return fmt.Sprintf("script %s: %d:%d: %s", e.Script, e.Line, e.Column, e.Msg)
}

// kindError is an error of a kind within a run, before its line is known.
type kindError struct {
	kind error
	msg  string
}

func kindf(kind error, format string, args ...any) error {
	return &kindError{kind, fmt.Sprintf(format, args...)}
}

func (e *kindError) Error() string { return e.msg }
func (e *kindError) Unwrap() error { return e.kind }

// short is s on one line, cut to maxMessage.
func short(s string) string {
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + " ..."
	}
	return strings.Join(strings.Fields(s), " ")
}
