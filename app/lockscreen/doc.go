// Package lockscreen tells whether the user's screen is locked, or its saver
// runs, so that nothing is put before somebody who is not there. It asks what a
// Linux desktop has for that: logind (the session's LockedHint, and its signals
// Lock and Unlock) on the system's bus, and the desktop's screen saver on the
// session's.
//
// The tray process runs one Watcher beside its session, which is told by the
// report function, from one goroutine. Where nothing tells, or whoever told has
// gone, the screen counts as unlocked.
package lockscreen
