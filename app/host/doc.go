// Package host is this machine around the client, for the session: whether the client
// starts with the desktop, and the helper, which it looks at and has set up.
//
// The tray process calls it. It keeps no state, and is safe for concurrent use. What it
// has root do is one program of the package's, at a path that only root can write to,
// without arguments: the desktop asks for an administrator's password before.
package host

import "github.com/tidegate/tidegate/app/autostart"

// Host is a session.Host. The zero value looks at the system's own places, and starts
// nothing with the desktop.
type Host struct {
	// Autostart is the profile's entry.
	Autostart autostart.Entry
	// Socket is where the helper listens; empty: the system's.
	Socket string
	// Folders are where the helper may lie; nil: those of the package and the archive.
	Folders []string
	// Owner is who may own what root runs: zero is root, and anything else a test's.
	Owner int
}
