// Package local is the way into a running client for the programs of the same
// user: the window process and the command line. It is HTTP over one Unix
// socket that the user alone can reach, never TCP, so that no web page and no
// other user can:
//
//	GET  /state     one session.State
//	GET  /states    an event stream of them, the latest wins
//	POST /commands  a command as session.EncodeCommand writes it
//	GET  /lookup    a session.Lookup: who answers for ?name=
//	GET  /history   a session.History: what happened, by ?before=&after=&since=&limit=&search=&topic=
//	GET  /diagnosis an event stream of how far a diagnosis is, and a diag.Report at its end
//	POST /devices   a TUN device of a namespace, handed over to be carried
//
// The tray process claims its profile with Claim, which also makes it the only
// instance, and serves with Server. Everybody else uses Dial. A reader that
// does not read holds up nobody. All exported methods are safe for concurrent use.
package local

// Paths of the socket.
const (
	pathState     = "/state"
	pathStates    = "/states"
	pathCommands  = "/commands"
	pathDevices   = "/devices"
	pathLookup    = "/lookup"
	pathHistory   = "/history"
	pathDiagnosis = "/diagnosis"
)

const (
	// eventState carries a session.State.
	eventState = "state"
	// maxCommand is the size in bytes of the largest command.
	maxCommand = 64 << 10
	// maxConns is how many connections are served at once.
	maxConns = 64 + maxDevices
)
