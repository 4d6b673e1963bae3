//go:build linux

// Package sensor is the helper's part that looks: which programs hold network
// devices (TUN), and which chains of nftables drop what goes out. It is a process of
// its own, as nobody, that keeps CAP_NET_ADMIN, without which nftables says nothing,
// and CAP_SYS_PTRACE, without which it is not to be seen what others hold; it
// changes nothing, and nothing is asked of it: it tells the main process whenever
// something is different.
//
//	main process ◄── socket pair ── tidegate-helper -part sensor (nobody)
//
// cmd/tidegate-helper starts it, by Keep of package names; package server has the
// Link. Holders is for clients, too, who see their own processes. A Link's methods may
// be called concurrently; Watch is for one goroutine.
package sensor
