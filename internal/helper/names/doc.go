//go:build linux

// Package names is the helper's part that has names come to us. The helper's main
// process may neither start a program nor open a socket of the Internet nor write
// a file: a child of its own does, which has what that takes and nothing to hear
// from users.
//
//	users' clients ─ helper.sock ─► main process                     NET_ADMIN alone
//	                                  │ Link: a socket pair, requests of main's
//	                                  ▼
//	               Keep ── starts ─► Worker: osdns, sockets, table   some capabilities
//	                                  │ where every name comes to us, and no client is there
//	                                  ▼
//	                                Stand: package standby           user nobody, none
//
// A Link belongs to the main process, and is safe for concurrent use. Keep,
// Worker and Stand are each a process's only part. A worker that has ended is
// started again, and the Link tells: what it is to do is then said anew.
package names
