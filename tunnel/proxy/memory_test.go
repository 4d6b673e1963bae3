package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestMemoryEnds(t *testing.T) {
	read := func(c net.Conn) string {
		b, err := io.ReadAll(c)
		switch {
		case err == nil:
			return string(b) + " end"
		case errors.Is(err, syscall.ECONNRESET):
			return string(b) + " reset"
		case errors.Is(err, os.ErrDeadlineExceeded):
			return string(b) + " late"
		case errors.Is(err, net.ErrClosed):
			return string(b) + " closed"
		}
		return err.Error()
	}
	for _, tt := range []struct {
		name string
		do   func(near, far *memoryConn)
		want string // what far reads
	}{
		{"half", func(near, _ *memoryConn) { near.CloseWrite() }, "said end"},
		{"whole", func(near, _ *memoryConn) { near.Close() }, "said end"},
		{"reset", func(near, _ *memoryConn) { near.SetLinger(0); near.Close() }, " reset"},
		{"unread", func(near, far *memoryConn) { far.Write([]byte("x")); near.Close() }, " reset"},
		{"half, then reset", func(near, _ *memoryConn) { near.CloseWrite(); near.SetLinger(0); near.Close() }, "said end"},
		{"closed here", func(_, far *memoryConn) { far.Close() }, " closed"},
		{"deadline", func(_, far *memoryConn) { far.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) }, "said late"},
		{"deadline before", func(_, far *memoryConn) { far.SetDeadline(time.Unix(1, 0)) }, " late"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			near, far := memoryPair()
			near.Write([]byte("said"))
			tt.do(near, far)
			if got := read(far); got != tt.want {
				t.Errorf("%q", got)
			}
			near.Close()
			near.Close()
			if _, err := far.Write([]byte("x")); err == nil {
				t.Error("nobody reads that")
			}
		})
	}
}

// Writing waits for the reader, and what arrives is what was sent.
func TestMemoryCarries(t *testing.T) {
	near, far := memoryPair()
	in := bytes.Repeat([]byte("0123456789"), maxMemory/3)
	go func() {
		near.Write(in)
		near.CloseWrite()
	}()
	if out, err := io.ReadAll(far); err != nil || !bytes.Equal(out, in) {
		t.Errorf("%d bytes of %d, %v", len(out), len(in), err)
	}
	near.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	near, far = memoryPair()
	near.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	if n, err := near.Write(in); n != maxMemory || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d, %v", n, err)
	}
	far.Close()
	if _, err := near.Write(in); !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, syscall.EPIPE) {
		t.Error(err)
	}
}
