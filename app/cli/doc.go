// Package cli is the command line of the running client: it asks and commands
// the tray process over its local socket, and does nothing else.
//
// Each command answers for people, in sentences and tables, or with --json for
// programs: State's own JSON form. Names and words that come from a controller
// are made plain before they reach a terminal. Run is called once by main; it
// is not for concurrent use.
//
// What a command is called, takes and means stands in one table, and its flags
// where they are read: help, completion and the manual page are made from them.
// The exit codes are those below; run becomes the program that it is to run, whose
// exit code is its own.
package cli

//go:generate go test -tags gles -run ^TestManual$ . -update

// The exit codes; exits says what they mean.
const (
	Done = iota
	Failed
	Usage
	NotRunning
	Denied

	NotExecutable = 126
	NotFound      = 127
)
