package flow

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"
)

// footprint is what the process uses, in bytes.
func footprint() int64 {
	for range 4 { // pools are emptied and stacks shrink step by step
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// plainConn is a connection that is no *net.TCPConn.
type plainConn struct{ *net.TCPConn }

// An idle parked End costs little, also after it carried much.
func TestParkedFootprint(t *testing.T) {
	const flows = 300
	for _, tt := range []struct {
		name string
		app  func(*net.TCPConn) App
		most int64
	}{
		{"TCP", func(c *net.TCPConn) App { return c }, 8 << 10},
		{"another connection", func(c *net.TCPConn) App { return plainConn{c} }, 12 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			var ends []*End
			var runs sync.WaitGroup
			type conns struct{ program, app *net.TCPConn }
			var sockets []conns
			for range flows {
				program, app := tcpPair(t)
				sockets = append(sockets, conns{program, app})
			}
			before := footprint()
			for _, s := range sockets {
				e := New(Options{App: tt.app(s.app)})
				ends = append(ends, e)
				runs.Go(func() { e.Run(ctx) })
			}
			block := make([]byte, 300<<10)
			for i, e := range ends {
				e.Prepare(1)
				a, b := duplex(0, 1<<20)
				if err := e.Attach(a, 1, 0); err != nil {
					t.Fatal(err)
				}
				f := &far{stream: b}
				go sockets[i].program.Write(block)
				total := 0
				for total < len(block) {
					_, payload := f.next(t)
					total += len(payload)
				}
				b.Write(appendAck(nil, uint64(total)))
				b.Write(data(0, "hello"))
				io.ReadFull(sockets[i].program, make([]byte, 5))
				for e.Status().Unacked > 0 {
					runtime.Gosched()
				}
				e.Detach(1)
			}
			time.Sleep(2 * quietAfter)
			each := (footprint() - before) / flows
			t.Logf("%d bytes each", each)
			if each > tt.most*footprints {
				t.Errorf("a parked flow costs %d bytes", each)
			}
			cancel()
			runs.Wait()
		})
	}
}
