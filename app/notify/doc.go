// Package notify tells the user by desktop notifications what they would miss
// otherwise: access that is about to lapse or has been cut, a controller that
// is gone for longer than the ride-through, a session that somebody else ended, a
// classic VPN that ended by itself, or that is in the way of the applications.
//
// Diff is pure: each notice is the difference of two states, so that it comes
// once, and never for what the user just did. Notifier sends them over D-Bus
// (the Desktop Notifications Specification 1.2) and turns their buttons into
// commands. The tray process runs one; where the desktop has no notification
// service nothing is lost but the notices.
package notify
