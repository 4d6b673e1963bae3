package lab

import (
	"context"
	"io"
	"net"
)

func (r *Relay) serveTCP(ctx context.Context) {
	for {
		a, err := r.tcp.Accept()
		if err != nil {
			return
		}
		r.sent.Add(1)
		b, err := net.Dial("tcp", r.to)
		if err != nil {
			a.Close()
			continue
		}
		context.AfterFunc(ctx, func() { a.Close(); b.Close() })
		r.wg.Go(func() { io.Copy(relayed{a, r, false}, b); a.Close() })
		r.wg.Go(func() { io.Copy(relayed{b, r, true}, a); b.Close() })
	}
}

// relayed is a connection that is written to only while its path is not frozen.
type relayed struct {
	net.Conn
	r        *Relay
	toServer bool
}

func (c relayed) Write(b []byte) (int, error) {
	if c.toServer {
		c.r.sent.Add(1)
	}
	c.r.frozen.RLock()
	defer c.r.frozen.RUnlock()
	c.r.packets.Add(1)
	return c.Conn.Write(b)
}
