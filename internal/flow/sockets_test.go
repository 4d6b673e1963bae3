package flow

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tcpStream is a Stream on a TCP connection.
type tcpStream struct{ *net.TCPConn }

func (s tcpStream) Abort() {
	s.SetLinger(0)
	s.Close()
}

// tcpPair is a connection over loopback.
func tcpPair(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		d.Close()
	})
	return c.(*net.TCPConn), d.(*net.TCPConn)
}

// Real sockets, on which carriers are lost all the time: both directions arrive
// whole, and a reset of the program's reaches the application.
func TestSockets(t *testing.T) {
	const size = 8 << 20
	for _, tt := range []struct {
		name  string
		reset bool
	}{{"to the end", false}, {"reset", true}} {
		t.Run(tt.name, func(t *testing.T) {
			program, appA := tcpPair(t)
			application, appB := tcpPair(t)
			lost := make(chan struct{}, 100)
			detached := func(uint64, error) { lost <- struct{}{} }
			a := New(Options{App: appA, Detached: detached})
			b := New(Options{App: appB, Detached: func(uint64, error) {}})
			runs := make(chan error, 2)
			go func() { runs <- a.Run(context.Background()) }()
			go func() { runs <- b.Run(context.Background()) }()
			epoch := uint64(0)
			attach := func() {
				epoch++
				toB, errA := a.Prepare(epoch)
				toA, errB := b.Prepare(epoch)
				if errA != nil || errB != nil {
					return
				}
				x, y := tcpPair(t)
				b.Attach(tcpStream{y}, epoch, toB)
				a.Attach(tcpStream{x}, epoch, toA)
				if epoch < 20 {
					time.AfterFunc(10*time.Millisecond, tcpStream{x}.Abort)
				}
			}
			attach()

			sums := make(chan []byte, 4)
			for i, c := range []*net.TCPConn{program, application} {
				var src [32]byte
				src[0] = byte(i)
				sent := make([]byte, size)
				rand.NewChaCha8(src).Read(sent)
				go func() {
					sum := sha256.Sum256(sent)
					sums <- sum[:]
					c.Write(sent)
					if i == 0 && tt.reset {
						c.SetLinger(0)
						c.Close()
						return
					}
					c.CloseWrite()
				}()
			}
			var got [2][]byte
			var errs [2]error
			var readers sync.WaitGroup
			for i, c := range []*net.TCPConn{application, program} {
				readers.Go(func() {
					h := sha256.New()
					_, errs[i] = io.Copy(h, c)
					got[i] = h.Sum(nil)
				})
			}
			for n := 0; n < 2; {
				select {
				case <-lost:
					attach()
				case err := <-runs:
					n++
					if tt.reset == (err == nil) {
						t.Errorf("Run returned %v", err)
					}
				case <-time.After(3 * time.Minute): // longer than an End lingers whose far end has ended
					t.Fatalf("stuck: %+v, %+v", a.Status(), b.Status())
				}
			}
			readers.Wait()
			if tt.reset {
				return // the application's write may have met it instead of its read
			}
			want := [][]byte{<-sums, <-sums}
			for i := range got {
				if errs[i] != nil || !bytes.Equal(got[i], want[0]) && !bytes.Equal(got[i], want[1]) {
					t.Errorf("%d: %x, %v", i, got[i], errs[i])
				}
			}
			if err := errors.Join(errs[:]...); err != nil {
				t.Error(err)
			}
		})
	}
}
