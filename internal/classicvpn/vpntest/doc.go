// Package vpntest runs classic VPNs for tests: a real ocserv, and a Pulse server
// of our own, each in a network of its own with an office behind it, which has a
// name server and a web server. Tests of whatever connects, senses or stands
// beside a classic VPN use it. It needs root, changes nothing of the machine, and
// removes what it made with the test.
//
// Its methods are for one goroutine, but for those of an Office.
package vpntest
