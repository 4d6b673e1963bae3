package carrier

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"net/http"

	"github.com/tidegate/tidegate/internal/netlab"
	"github.com/tidegate/tidegate/internal/wire"
)

// The link is gone and what was written fills every buffer. It shows in Stats,
// and neither Abort nor Close wait for the network.
func TestDeadTCP(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	near, err := netlab.NewSpace()
	must(err)
	defer near.Close()
	away, err := netlab.NewSpace()
	must(err)
	defer away.Close()
	here, there := netip.MustParsePrefix("10.9.0.1/24"), netip.MustParsePrefix("10.9.0.2/24")
	must(netlab.Connect(netlab.Wire{Space: near, Name: "a0", Address: here}, netlab.Wire{Space: away, Name: "a1", Address: there}))
	p := newPKI(t)
	var tcp net.Listener
	must(away.Do(func() (err error) { tcp, err = net.Listen("tcp4", "10.9.0.2:443"); return err }))
	f := serve(t, p.serverTLS(), nil, tcp)
	defer f.stop()
	f.update(func() {
		f.connect = func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	})
	d := New(Options{DialStream: func(ctx context.Context, network, addr string) (c net.Conn, err error) {
		err = near.Do(func() error { c, err = dialTCP(ctx, nil, network, addr); return err })
		return c, err
	}})
	c, err := d.Dial(t.Context(), wire.Gateway{Address: "10.9.0.2:443"}, p.device)
	must(err)
	var streams []Stream
	for range 16 {
		s, err := c.Connect(t.Context(), Request{Authority: "a:1"})
		must(err)
		if _, err := s.Answer(); err != nil {
			t.Fatal(err)
		}
		streams = append(streams, s)
	}
	c.(*h2Carrier).conn.info.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 64<<10) })
	must(near.Link("a0", false))
	before := c.Stats()
	ended := make(chan error, len(streams))
	for _, s := range streams {
		go func() {
			var err error
			for err == nil {
				_, err = s.Write(make([]byte, 64<<10))
			}
			ended <- err
		}()
	}
	time.Sleep(time.Second)
	if after := c.Stats(); after.Received != before.Received || after.Sent < before.Sent {
		t.Errorf("%+v after %+v", after, before)
	}
	began := time.Now()
	streams[0].Abort()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("abort took %v", took)
	}
	closed := make(chan struct{})
	go func() {
		c.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(30 * time.Second):
		t.Fatal("close waits for the network")
	}
	for range streams {
		select {
		case err := <-ended:
			if err == nil {
				t.Error("a write ended in order")
			}
		case <-time.After(30 * time.Second):
			t.Fatal("a write waits for the network")
		}
	}
	t.Logf("closed after %v", time.Since(began))
}
