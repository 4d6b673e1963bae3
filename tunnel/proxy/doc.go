// Package proxy is the way to the applications for programs that know proxies,
// without any privilege: one listener on loopback that speaks SOCKS5 (RFC 1928),
// HTTP CONNECT and plain HTTP proxying (RFC 9110, RFC 9112), and serves the file
// that tells browsers what to send to it (/proxy.pac). It carries nothing itself:
// each connection is offered to a front.Router.
//
// It serves this user's processes alone, and only what the router covers: it is
// no open proxy, and whatever is not one of ours is refused. Names are passed on
// as they are and resolved at the gateway, never here. What is asked of it other
// than as a proxy is refused to web pages, whose requests a browser would carry
// here: by another Host, by Origin, Referer and Sec-Fetch-Site.
//
//	first byte 5  ──► SOCKS5 ─┬─ CONNECT ────────────────┐
//	                          └─ UDP ASSOCIATE ──► Packets│
//	anything else ──► HTTP ───┬─ CONNECT ────────────────┼──► front.Router
//	                          ├─ GET http://… ── in memory┘
//	                          └─ GET /proxy.pac
//
// The app runs one Proxy beside the data plane. All exported methods are safe
// for concurrent use.
package proxy
