// Package app puts the client together: the tray process with the session, the
// data plane, the tray, the notifications and the local socket, and the window
// process that it starts when there is something to look at.
//
// main calls Tray, which makes this process the profile's only instance and
// runs until the user quits; Run is the same around a session of the caller's.
// Every goroutine belongs to one errgroup and has ended when they return.
package app
