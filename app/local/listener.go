package local

import (
	"log/slog"
	"net"
	"sync"
)

// ownListener lets in connections of one user, a bounded number at once.
type ownListener struct {
	*net.UnixListener
	uid  int
	free chan struct{} // one for each connection that may be
	log  *slog.Logger
}

// Accept implements net.Listener.
func (l *ownListener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, err := peerUID(c)
		if err != nil || uid != l.uid {
			l.log.Warn("refused a connection of another user", "uid", uid, "error", err)
			c.Close()
			continue
		}
		select {
		case l.free <- struct{}{}:
			return &ownConn{UnixConn: c, done: sync.OnceFunc(func() { <-l.free })}, nil
		default:
			l.log.Warn("refused a connection: too many are open", "limit", cap(l.free))
			c.Close()
		}
	}
}

type ownConn struct {
	*net.UnixConn
	done func()
}

// Close implements net.Conn.
func (c *ownConn) Close() error {
	defer c.done()
	return c.UnixConn.Close()
}
