package carrier

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/tidegate/tidegate/internal/underlay"
)

// meter is a TCP connection that notes when it has ended, and counts.
type meter struct {
	net.Conn
	info      syscall.RawConn // nil: not the system's
	sent, got atomic.Uint64   // reads and writes, for want of segments
	out, in   atomic.Uint64   // bytes

	once sync.Once
	done chan struct{}
	err  error // once done

	mu   sync.Mutex
	last Stats // of the kernel's, which tells nothing once the descriptor is closed
	told bool
}

func newMeter(c net.Conn) *meter {
	m := &meter{Conn: c, done: make(chan struct{})}
	if s, ok := c.(syscall.Conn); ok {
		m.info, _ = s.SyscallConn()
	}
	return m
}

func (m *meter) end(err error) {
	m.once.Do(func() {
		m.err = err
		close(m.done)
	})
}

// cause is why the connection has ended; nil while it has not.
func (m *meter) cause() error {
	select {
	case <-m.done:
		return m.err
	default:
		return nil
	}
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	if n > 0 {
		m.got.Add(1)
		m.in.Add(uint64(n))
	}
	return n, err // TLS notes it
}

func (m *meter) Write(b []byte) (int, error) {
	n, err := m.Conn.Write(b)
	m.sent.Add(1)
	m.out.Add(uint64(n))
	if err != nil && !silent(err) {
		m.end(err)
	}
	return n, err
}

func (m *meter) Close() error {
	m.stats()
	m.end(net.ErrClosed)
	return m.Conn.Close()
}

// stats are the kernel's where it tells, at last those before Close.
func (m *meter) stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Stats{Sent: m.sent.Load(), Received: m.got.Load(), BytesSent: m.out.Load(), BytesReceived: m.in.Load()}
	if m.info == nil {
		return s
	}
	if told, ok := tcpInfo(m.info); ok {
		m.last, m.told = told, true
	}
	if m.told {
		m.last.BytesSent, m.last.BytesReceived = s.BytesSent, s.BytesReceived
		return m.last
	}
	return s
}

// dialTCP opens a TCP connection that the kernel sends nothing on of its own
// accord, with BBR where it has that: on a lossy path it is what makes the lane
// fast.
func dialTCP(ctx context.Context, u *underlay.Underlay, network, addr string) (net.Conn, error) {
	d := net.Dialer{
		KeepAlive:     -1,
		FallbackDelay: -1, // one address
		Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) { tune(fd) })
		},
	}
	c, err := u.DialTCP(ctx, d, network, addr)
	var op *net.OpError
	if errors.As(err, &op) && op.Timeout() && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return c, err
}
