// Package resolvedtest runs a real systemd-resolved for tests, as packaging/
// resolved.sh has fetched it: on a system bus of its own, in a network of its own
// that has a physical side with a name server and may have classic VPNs, and with
// an /etc, /run and /var of its own. It needs root, touches nothing of the
// machine, and removes what it made. What one side is asked is seen both by its
// server and by a sniffer on its wire.
//
// Tests of whatever tells the system who is to be asked use it. Its methods are
// safe for concurrent use, but for Restart, AddVPN and those that say so.
package resolvedtest
