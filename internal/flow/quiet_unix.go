//go:build unix

package flow

import (
	"io"
	"net"
	"syscall"
)

// ending says whether App is or was told that its direction has ended.
func (e *End) ending() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.finDue
}

// Broken says why a TCP connection is broken that a read has seen to end in order;
// nil: it is not, or conn is none. A reset is told once: where a write has met
// it, a read sees an end. Where our own direction is being ended by the time that
// it returns, what it says means nothing; but then no write met anything.
func Broken(conn net.Conn) (err error) {
	tcp, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	if _, ok := conn.LocalAddr().(*net.TCPAddr); !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	if failed := raw.Control(func(fd uintptr) { err = broken(fd) }); failed != nil {
		return failed
	}
	return err
}

// broken writes nothing, which tells.
func broken(fd uintptr) error {
	_, err := syscall.Write(int(fd), nil)
	return err
}

// quiet reads from a TCP connection and holds no buffer while it waits for
// readability; nil: App is no such connection. A type that embeds one may have a
// Read of its own, so only the connection itself will do. The puller holds
// no chunk where it is to try again.
func (p *puller) quiet() func() error {
	tcp, ok := p.e.o.App.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	p.brief = true
	var failure error
	try := func(fd uintptr) bool {
		if p.c == nil && !p.reserve(false) {
			return true
		}
		for {
			p.n, failure = syscall.Read(int(fd), p.c.buf[p.c.to:p.c.to+p.space])
			if failure != syscall.EINTR {
				break
			}
		}
		if failure == syscall.EAGAIN {
			p.letGo()
			return false
		}
		if p.n == 0 && failure == nil {
			if failure = broken(fd); p.e.ending() {
				failure = nil
			}
		}
		return true
	}
	return func() error {
		failure = nil
		err := raw.Read(try)
		switch {
		case p.c == nil && err == nil:
			return nil // the budget was short
		case p.c == nil && !p.reserve(true):
			return nil // it is over
		case err != nil:
			p.n = 0
			return err
		case failure != nil:
			p.n = 0
			return failure
		case p.n == 0:
			return io.EOF
		}
		return nil
	}
}
