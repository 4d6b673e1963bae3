// Package gateway admits data channels, judges the conditions of entitlements
// and carries flows to the applications of one site.
//
//	client ──HTTP/3──► carrier ──POST session──► session ──► verdicts (leases)
//	                      └─────CONNECT h:p────► flow ──TCP──► application
//	controller ◄──HTTPS, mutual TLS── uplink: keys, policy down; audit up
//
// A session is owned by one goroutine: every change to its tokens, verdicts and
// flows is a call into it, and its one timer stands at the next instant at which
// anything can change. A verdict is a lease: data passes only before its end,
// whoever is late, and a flow whose verdict turns to a denial is reset at both
// ends. Everything that is unknown, expired or unreadable denies.
//
// cmd/tidegate-server and the lab call it: New, Listen, Run. A Gateway may be
// used by several goroutines; New starts none, and Run returns when everything
// it started has ended.
package gateway
