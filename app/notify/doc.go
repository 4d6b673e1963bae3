// Package notify tells the user by desktop notifications what they would miss
// otherwise: access that is about to lapse or has been cut, a controller that
// is gone for longer than the ride-through, a session that somebody else ended, a
// classic VPN that ended by itself, or that is in the way of the applications.
//
// Diff is pure: each notice is the difference of two states, so that it comes
// once, and never for what the user just did. What happens within a moment is one
// notice; when the first of it is over, the others are told by themselves. What
// happens while the screen is locked is told on the return, if it still stands then.
// Notifier sends them over D-Bus (the Desktop Notifications Specification 1.2) and
// turns their buttons into commands, or where the desktop has none says what to do. A
// service that takes another's place is told nothing of what that one showed. The user may have chosen fewer (session.Notices); that a
// click led to nothing is said all the same. The tray process runs one; where the
// desktop has no notification service nothing is lost but the notices.
package notify
