package channel

import (
	"context"
	"encoding/binary"
	"io"
	"net"
)

// The first byte on a connection to the application says what it wants.
const (
	wantDown = 'd' // bytes without end
	wantUp   = 'u' // bytes are counted; at their end the count comes back, 8 bytes
	wantEcho = 'e' // whatever is sent comes back
	wantSize = 's' // 8 bytes of a number, and so many bytes come back, then the end
)

// serveApp is the application.
func serveApp(ctx context.Context, r *role) error {
	l, err := net.Listen("tcp", r.at)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { l.Close() })
	ready(l.Addr())
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go answer(c.(*net.TCPConn))
	}
}

func answer(c *net.TCPConn) {
	defer c.Close()
	var want [1]byte
	if _, err := io.ReadFull(c, want[:]); err != nil {
		return
	}
	buf := make([]byte, 256<<10)
	switch want[0] {
	case wantDown:
		for {
			if _, err := c.Write(buf); err != nil {
				return
			}
		}
	case wantUp:
		n, _ := io.CopyBuffer(onlyWriter{io.Discard}, onlyReader{c}, buf)
		binary.Write(c, binary.BigEndian, n)
	case wantEcho:
		io.CopyBuffer(onlyWriter{c}, onlyReader{c}, buf[:4<<10])
	case wantSize:
		var size int64
		if binary.Read(c, binary.BigEndian, &size) == nil {
			io.CopyN(c, newPattern(), size)
		}
	}
}

// onlyReader and onlyWriter hide what would let the kernel copy for us: what
// is measured is the way there.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

// pattern is a stream of bytes that no two places of look alike.
type pattern struct{ at uint64 }

func newPattern() *pattern { return &pattern{} }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		x := (p.at + uint64(i)) * 0x9e3779b97f4a7c15
		b[i] = byte(x >> 56)
	}
	p.at += uint64(len(b))
	return len(b), nil
}
