//go:build linux

package stack

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/tidegate/tidegate/tunnel/front"
)

// BenchmarkBulk moves bytes between a program and the end of its connection
// here, through a real device.
func BenchmarkBulk(b *testing.B) {
	chunk := make([]byte, 256<<10)
	for _, up := range []bool{true, false} {
		name := "down"
		if up {
			name = "up"
		}
		b.Run(name, func(b *testing.B) {
			app := make(chan front.Conn, 1)
			over := make(chan struct{})
			start(b, &router{carry: accepts(b, func(c front.Conn) { app <- c; <-over })}, nil)
			defer close(over)
			program, err := net.DialTimeout("tcp", netip.AddrPortFrom(addresses(1)[0], 80).String(), wait)
			if err != nil {
				b.Fatal(err)
			}
			defer program.Close()
			from, to := io.ReadWriter(program), io.ReadWriter(<-app)
			if !up {
				from, to = to, from
			}
			b.SetBytes(int64(len(chunk)))
			began := time.Now()
			go func() {
				for range b.N {
					if _, err := from.Write(chunk); err != nil {
						b.Error(err)
						return
					}
				}
			}()
			if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(to, int64(b.N)*int64(len(chunk))), make([]byte, 256<<10)); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)*float64(len(chunk))*8/1e6/time.Since(began).Seconds(), "Mbit/s")
		})
	}
}
