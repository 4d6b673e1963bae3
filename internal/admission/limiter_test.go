package admission

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := (&Limiter{PerAddress: 2}).Listener(inner)
	defer l.Close()
	accepted := make(chan net.Conn, 4)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, b := dial(), dial()
	defer a.Close()
	defer b.Close()
	first := <-accepted
	second := <-accepted
	defer second.Close()
	over := dial()
	defer over.Close()
	over.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := over.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the third connection: %v", err)
	}
	first.Close()
	first.Close() // as net/http does: it counts once
	c, d := dial(), dial()
	defer c.Close()
	defer d.Close()
	defer (<-accepted).Close()
	d.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := d.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the fourth connection: %v", err)
	}
	l.Close()
	<-done
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7:1":            "192.0.2.7/32",
		"[::ffff:192.0.2.7]:1":   "192.0.2.7/32",
		"[2001:db8:1:2:3::4]:99": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:9":       "fe80::/64",
	} {
		a, err := net.ResolveTCPAddr("tcp", in)
		if err != nil {
			t.Fatal(err)
		}
		if got := network(a).String(); got != want {
			t.Errorf("%s is counted with %s, want %s", in, got, want)
		}
	}
	if network(&net.UnixAddr{Name: "x"}).IsValid() {
		t.Error("a peer without an address has a network")
	}
}

func TestVerifySourceAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Limiter
		for range 2 {
			for i := range freely + 10 {
				if got := l.VerifySourceAddress(nil); got != (i >= freely) {
					t.Fatalf("connection %d of a second: %v", i+1, got)
				}
			}
			time.Sleep(time.Second)
		}
	})
}
