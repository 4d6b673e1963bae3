// Package gatewaybench measures a gateway as it runs: how soon a change of one
// session's claims resets its flow at the client, while thousands of other
// sessions are there. The benchmark program and BenchmarkCut call it.
//
// The gateway and the measured client are real, over QUIC on loopback; the other
// sessions are real too, but their requests come without a connection each.
package gatewaybench
