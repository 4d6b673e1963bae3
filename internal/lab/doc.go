// Package lab is the whole of Tidegate's server side on one machine: a real
// controller, a real gateway and sample applications, on loopback, with real
// TLS and QUIC between them. The demo shows it, the end-to-end scenarios test
// against it, and the benchmarks measure on it, so that none of the three can
// rot. Its methods are safe for concurrent use.
package lab
