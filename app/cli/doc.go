// Package cli is the command line of the running client: it asks and commands
// the tray process over its local socket, and does nothing else.
//
// Each command answers for people, in sentences and tables, or with --json for
// programs: State's own JSON form. Names and words that come from a controller
// are made plain before they reach a terminal. Run is called once by main; it
// is not for concurrent use.
//
// Exit codes:
//
//	0  done
//	1  it failed
//	2  the command line makes no sense
//	3  Tidegate is not running
//	4  access is denied, or something is needed of the user first
//
// Run becomes the program that it is to run, whose exit code is its own; 126 says
// that the program cannot be executed, 127 that there is none.
package cli

// The exit codes.
const (
	Done = iota
	Failed
	Usage
	NotRunning
	Denied

	NotExecutable = 126
	NotFound      = 127
)
