package controller

import (
	"context"
	"net"

	"github.com/quic-go/quic-go"
)

type connectionKey struct{}

// withConnection hangs a request's QUIC connection on its context.
func withConnection(ctx context.Context, c *quic.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, c)
}

// presentHost is the address that the peer of a request has now: a QUIC
// connection goes on where its client moves (RFC 9000, section 9). It is empty
// for a request that came by TCP, which does not.
func presentHost(ctx context.Context) string {
	c, ok := ctx.Value(connectionKey{}).(*quic.Conn)
	if !ok {
		return ""
	}
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		return ""
	}
	return host
}
