// Package gateway admits data channels, judges the conditions of entitlements
// and carries flows to the applications of one site.
//
//	client ──HTTP/3──► carrier ──POST session──► session ──► verdicts (leases)
//	                      ├─────PUT device─────►  │  ▲ calendar, resolver,
//	                      └─────CONNECT h:p────► flow │ scripts, risk
//	                                              └──TCP──► application
//	controller ◄──HTTPS, mutual TLS── uplink: keys, policy, scripts down; audit, alerts up
//
// A session is owned by one goroutine: every change to its tokens, claims,
// verdicts and flows is a call into it, and it has one wake-up in the gateway's
// calendar, at the next instant at which anything can change (package
// reevaluate). What made it judge is a row of seed 003's table (wire.Trigger),
// and stands in the audit record of each verdict. A verdict is a lease: data
// passes only before its end, whoever is late, and a flow whose verdict turns to
// a denial is reset at both ends. Everything that is unknown, expired or
// unreadable denies.
//
// What takes time happens beside the sessions and comes back as a call: scripts
// run on goroutines of their own, a bounded number at once and one of each in a
// session; one resolver watches the names in the rules of all sessions. A flow
// whose fate a first run or a first lookup decides waits for it.
//
// cmd/tidegate-server and the lab call it: New, Listen, Run. A Gateway may be
// used by several goroutines; New starts none, and Run returns when everything
// it started has ended.
package gateway
