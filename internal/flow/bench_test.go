//go:build unix

package flow

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// plain is what would carry the flow without Ends: two pumps with large buffers.
func plain(t testing.TB, app, stream *net.TCPConn) (wait func()) {
	var w sync.WaitGroup
	pump := func(dst, src *net.TCPConn) {
		// Wrapped, so that the kernel does not splice.
		_, err := io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{src}, make([]byte, largeChunk))
		if err != nil {
			t.Error(err)
		}
		dst.CloseWrite()
	}
	w.Go(func() { pump(stream, app) })
	w.Go(func() { pump(app, stream) })
	return w.Wait
}

// ends carries the flow by Ends.
func ends(t testing.TB, app, stream *net.TCPConn) (wait func()) {
	e := New(Options{App: app})
	if _, err := e.Prepare(1); err != nil {
		t.Fatal(err)
	}
	if err := e.Attach(tcpStream{stream}, 1, 0); err != nil {
		t.Fatal(err)
	}
	var w sync.WaitGroup
	w.Go(func() {
		if err := e.Run(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w.Wait
}

func BenchmarkBulk(b *testing.B) {
	for _, bb := range []struct {
		name string
		by   func(t testing.TB, app, stream *net.TCPConn) func()
	}{{"plain", plain}, {"flow", ends}} {
		b.Run(bb.name, func(b *testing.B) {
			const size = 1 << 20
			b.SetBytes(size)
			from, appA := tcpPair(b)
			streamA, streamB := tcpPair(b)
			to, appB := tcpPair(b)
			waitA, waitB := bb.by(b, appA, streamA), bb.by(b, appB, streamB)
			block := make([]byte, size)
			cpu := cpuTime(b)
			var sender sync.WaitGroup
			sender.Go(func() {
				for range b.N {
					if _, err := from.Write(block); err != nil {
						b.Error(err)
						return
					}
				}
				from.CloseWrite()
			})
			buf := make([]byte, 256<<10)
			var n int64
			for {
				k, err := to.Read(buf)
				n += int64(k)
				if err != nil {
					if !errors.Is(err, io.EOF) {
						b.Error(err)
					}
					break
				}
			}
			if n != int64(b.N)*size {
				b.Errorf("%d bytes of %d", n, int64(b.N)*size)
			}
			to.CloseWrite()
			sender.Wait()
			waitA()
			waitB()
			b.ReportMetric((cpuTime(b)-cpu).Seconds()/float64(n)*1e9, "cpu-s/GB")
		})
	}
}

// cpuTime is what the process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
