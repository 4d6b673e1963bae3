// Package netlab makes networks to try a client and a gateway in: network
// namespaces, links between them, and paths with delay, loss and a rate, which
// kernels without netem lack. It needs root, and removes what it made. Tests and
// the benchmarks use it.
//
// Its methods are for one goroutine, but for those of a Path.
package netlab
