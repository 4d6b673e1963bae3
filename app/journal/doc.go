// Package journal keeps what happened across restarts: the session's events in a
// file of the user's, one JSON object a line, the newest last. The tray process
// opens it, hands it to the session as its Journal, and answers the activity page
// and the command line from it.
//
// The file is appended to, and replaced whole where it has grown to the bounds: it
// never holds more than Options.Events or Options.Bytes, and the oldest go first.
// The line that a crash tore is dropped. A file that cannot be read otherwise is set
// aside, and what could be read of it goes on.
//
// Everything that is kept is in memory too, so that nobody waits for a disk but
// Run and Close. All methods are safe for concurrent use.
package journal
