//go:build !unix

package flow

import "net"

// Broken says why a TCP connection is broken that a read has seen to end in order;
// nil: it is not, or that cannot be found out. Here it cannot.
func Broken(net.Conn) error { return nil }

// quiet: here a read holds its buffer while it waits.
func (p *puller) quiet() func() error { return nil }
