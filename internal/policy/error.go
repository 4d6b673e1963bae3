package policy

import "fmt"

// Error says what is wrong with a criterion and what to write instead. Line
// and Column begin at 1 and count within the criterion's text.
type Error struct {
	Line, Column int
	Msg          string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg) }
