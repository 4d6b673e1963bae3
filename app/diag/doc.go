// Package diag is what is handed to a helpdesk: what was checked, what was found,
// what to do about it, and the files that tell more, with no secret in any of
// them. The tray process gathers it (package gather); window and command line
// show it whole before they save it.
//
// Two things keep secrets out. Nothing that holds one is asked for it: of the
// environment only variables that are known are read, of what the session wants
// only the gateways' addresses, and the keychain is not touched. And whatever
// other people's words bring along all the same goes through a Cleaner.
//
// Reports are values. A Cleaner and Lines are safe for concurrent use.
package diag
