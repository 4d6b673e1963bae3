package resolver

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// Where the process has no descriptors left, lookups go by the sockets that are
// open already.
func TestNoDescriptors(t *testing.T) {
	in(t, func(b *bench) {
		b.servers["192.0.2.1:53"] = says("192.0.2.101", 0)
		b.Forward(servers(1))
		b.dial = func(string) error {
			if len(b.dialled) == 2 {
				return os.NewSyscallError("socket", syscall.EMFILE)
			}
			return nil
		}
		for i := range 1000 {
			if got := brief(b.ask(fmt.Sprintf("n%d.example.", i))); got != "NOERROR 192.0.2.101 after 0s" {
				t.Errorf("lookup %d: %s", i, got)
				return
			}
		}
	})
}

// exhausted is a listener that finds no descriptors for a long time.
type exhausted struct {
	net.Listener
	tries int
	conns chan net.Conn
}

func (l *exhausted) Accept() (net.Conn, error) {
	if l.tries--; l.tries > 0 {
		return nil, os.NewSyscallError("accept", syscall.EMFILE)
	}
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

// And clients by TCP wait until there are some.
func TestNoDescriptorsForClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &exhausted{tries: 100 * mostErrors, conns: make(chan net.Conn, 1)}
		ours, theirs := net.Pipe()
		l.conns <- theirs
		done := make(chan error, 1)
		go func() { done <- newStreams(New(Options{Zone: somePool()})).serve(l) }()
		go func() {
			c := &dns.Conn{Conn: ours}
			c.WriteMsg(question("wiki.example.zta.", dns.TypeA))
			if m, err := c.ReadMsg(); err != nil || len(m.Answer) != 1 {
				t.Errorf("told %v: %v", m, err)
			}
			c.Close()
			close(l.conns)
		}()
		if err := <-done; err != nil {
			t.Error(err)
			ours.Close()
		}
	})
}

// A client that sends its lookup octet by octet has as long as any other.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &exhausted{conns: make(chan net.Conn, 1)}
		ours, theirs := net.Pipe()
		l.conns <- theirs
		done := make(chan error, 1)
		go func() { done <- newStreams(New(Options{Zone: somePool()})).serve(l) }()
		began := time.Now()
		for _, b := range append([]byte{0, 100}, make([]byte, 100)...) {
			if _, err := ours.Write([]byte{b}); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if took := time.Since(began); took < streamIdle || took > streamIdle+time.Second {
			t.Errorf("it had %v", took)
		}
		close(l.conns)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
