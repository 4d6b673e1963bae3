package carrier

import (
	"io"
	"net"
	"net/http"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// stock is a socket as quic-go reads it by itself.
type stock struct{ *net.UDPConn }

func (s stock) Retire() { s.Close() }

// BenchmarkLanes measures one flow to the client, and the processor's time that
// both ends take, with the client's socket and with quic-go's own.
func BenchmarkLanes(b *testing.B) {
	plain := Options{ListenPacket: func(network string) (net.PacketConn, error) {
		c, err := net.ListenUDP(network, nil)
		return stock{c}, err
	}}
	for _, tt := range []struct {
		name string
		lane Lane
		opt  Options
	}{{"h3", H3, Options{}}, {"h3-stock-socket", H3, plain}, {"h2", H2, Options{}}} {
		b.Run(tt.name, func(b *testing.B) {
			_, s := open(b, tt.lane, tt.opt, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusOK)
				part := make([]byte, 128<<10)
				for {
					if _, err := w.Write(part); err != nil {
						return
					}
				}
			})
			measure(b, func(buf []byte) error {
				_, err := io.ReadFull(s, buf)
				return err
			})
		})
	}
}

// BenchmarkUp measures one flow from the client, and what memory a further one
// takes that has little to say, of both ends.
func BenchmarkUp(b *testing.B) {
	for _, lane := range []Lane{H3, H2} {
		b.Run(string(lane), func(b *testing.B) {
			c, s := open(b, lane, Options{}, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusOK)
				http.NewResponseController(w).Flush()
				buf := make([]byte, 4<<10)
				for err := error(nil); err == nil; {
					var n int
					if n, err = r.Body.Read(buf); n == len(buf) && n < 512<<10 {
						buf = make([]byte, 512<<10)
					}
				}
			})
			measure(b, func(buf []byte) error {
				_, err := s.Write(buf)
				return err
			})
			const flows = 100
			before := heap()
			for range flows {
				s, err := c.Connect(b.Context(), Request{Authority: "a:1"})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Abort()
				io.WriteString(s, "hello")
				if _, err := s.Answer(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(heap()-before)/flows/1024, "KiB/flow")
		})
	}
}

// open opens a flow to a gateway on this machine, which handles it by connect.
func open(b *testing.B, lane Lane, o Options, connect http.HandlerFunc) (Carrier, Stream) {
	f, p, g := onLoopback(b)
	f.update(func() { f.connect = connect })
	c, err := New(o).DialLane(b.Context(), g, p.device, lane)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	s, err := c.Connect(b.Context(), Request{Authority: "a:1"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Abort)
	if _, err := s.Answer(); err != nil {
		b.Fatal(err)
	}
	return c, s
}

// measure moves pieces of the size that flows move bulk in.
func measure(b *testing.B, move func([]byte) error) {
	buf := make([]byte, 128<<10)
	b.SetBytes(int64(len(buf)))
	before := processor()
	for b.Loop() {
		if err := move(buf); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((processor()-before).Seconds()/(float64(b.N)*float64(len(buf))/1e9), "cpu-s/GB")
}

// processor is the time that this process has had.
func processor() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// heap is what is in use of it, in bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools let go with the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}
