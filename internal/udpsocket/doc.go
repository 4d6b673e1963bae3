// Package udpsocket opens the UDP sockets that QUIC runs on, for clients and
// gateways: many packets a system call in both directions, large buffers, and no
// error where a network is away for a moment. Packages carrier and gateway call
// it.
//
// A Socket is what quic.Transport wants (quic.OOBCapablePacketConn, with a
// ReadBatch of its own). One goroutine at a time may read; writing is safe for
// concurrent use.
package udpsocket
