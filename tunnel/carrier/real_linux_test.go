package carrier

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/tidegate/tidegate/internal/netlab"
	"github.com/tidegate/tidegate/internal/udpsocket"
	"github.com/tidegate/tidegate/internal/wire"
	"github.com/tidegate/tidegate/tunnel/netwatch"
)

// onLoopback is a gateway on this machine's sockets.
func onLoopback(t testing.TB) (*far, *pki, wire.Gateway) {
	t.Helper()
	p := newPKI(t)
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := tcp.Addr().(*net.TCPAddr).Port
	udp, err := udpsocket.Listen("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	f := serve(t, p.serverTLS(), udp, tcp)
	t.Cleanup(f.stop)
	return f, p, wire.Gateway{Name: "gw", Address: tcp.Addr().String()}
}

// The system's own sockets, on both lanes.
func TestOnSockets(t *testing.T) {
	for _, lane := range []Lane{H3, H2} {
		t.Run(string(lane), func(t *testing.T) {
			f, p, g := onLoopback(t)
			c, err := New(Options{}).DialLane(t.Context(), g, p.device, lane)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			s := talk(t, c, "hello")
			before := c.Stats()
			if before.Sent == 0 || before.Received == 0 || before.RTT == 0 || before.Window == 0 {
				t.Errorf("%+v", before)
			}
			say(t, s, "and more")
			if after := c.Stats(); after.Sent <= before.Sent || after.Received <= before.Received {
				t.Errorf("%+v after %+v", after, before)
			}
			f.stop()
			select {
			case <-c.Done():
			case <-time.After(time.Minute):
				t.Error("it is not noticed")
			}
			if after := c.Stats(); after.Sent < before.Sent {
				t.Errorf("%+v: the counts are forgotten", after)
			}
		})
	}
}

// source sends size random bytes to whoever connects, and sink reads all.
func source(size int, sum chan<- [32]byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		h := sha256.New()
		b := make([]byte, 128<<10)
		rand.Read(b)
		for n := 0; n < size; n += len(b) {
			b[n%len(b)]++
			h.Write(b)
			if _, err := w.Write(b); err != nil {
				return
			}
		}
		sum <- [32]byte(h.Sum(nil))
	}
}

// A client in a network of its own goes from one link to another in a transfer;
// the old address is taken away. Announced: the kernel's messages have the carrier
// roam. Not announced: packets leave from where the routes lead.
func TestRoamBetweenLinks(t *testing.T) {
	for _, announced := range []bool{true, false} {
		name := map[bool]string{true: "announced", false: "not announced"}[announced]
		t.Run(name, func(t *testing.T) {
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			space := func() *netlab.Space {
				s, err := netlab.NewSpace()
				must(err)
				t.Cleanup(func() { s.Close() })
				return s
			}
			near, away := space(), space()
			gate := netip.MustParsePrefix("10.9.0.2/32")
			must(away.Address("lo", gate, true))
			a, b := netip.MustParsePrefix("10.9.1.1/24"), netip.MustParsePrefix("10.9.2.1/24")
			viaA, viaB := netip.MustParseAddr("10.9.1.2"), netip.MustParseAddr("10.9.2.2")
			must(netlab.Connect(netlab.Wire{Space: near, Name: "a0", Address: a}, netlab.Wire{Space: away, Name: "a1", Address: netip.PrefixFrom(viaA, 24)}))
			must(netlab.Connect(netlab.Wire{Space: near, Name: "b0", Address: b}, netlab.Wire{Space: away, Name: "b1", Address: netip.PrefixFrom(viaB, 24)}))
			must(near.Route(netip.Prefix{}, viaA, "a0"))

			p := newPKI(t)
			var udp net.PacketConn
			must(away.Do(func() (err error) {
				udp, err = udpsocket.Listen("udp4", &net.UDPAddr{IP: gate.Addr().AsSlice(), Port: 443})
				return err
			}))
			f := serve(t, p.serverTLS(), udp, nil)
			defer f.stop()
			sum := make(chan [32]byte, 1)
			f.update(func() { f.connect = source(64<<20, sum) })
			d := New(Options{ListenPacket: func(network string) (c net.PacketConn, err error) {
				err = near.Do(func() error { c, err = udpsocket.Listen(network, nil); return err })
				return c, err
			}})
			c, err := d.Dial(t.Context(), wire.Gateway{Address: "10.9.0.2:443"}, p.device)
			must(err)
			defer c.Close()
			s, err := c.Connect(t.Context(), Request{Authority: "a:1"})
			must(err)

			ctx, cancel := context.WithCancel(t.Context())
			watched := make(chan error, 1)
			go func() {
				watched <- near.Do(func() error {
					return netwatch.New(netwatch.Options{}).Run(ctx, func(ch netwatch.Change) {
						if announced && ch.Network && ch.Up {
							if err := c.Roam(ctx); err != nil {
								t.Logf("roam: %v", err)
							}
						}
					})
				})
			}()
			defer func() { cancel(); <-watched }()
			moved := make(chan error, 1)
			time.AfterFunc(50*time.Millisecond, func() {
				err := near.Route(netip.Prefix{}, viaB, "b0")
				if err == nil && announced {
					time.Sleep(200 * time.Millisecond) // both are there for a while
				}
				if err == nil {
					err = near.Address("a0", a, false)
				}
				moved <- err
			})
			h := sha256.New()
			var gap time.Duration
			total := 0
			buf := make([]byte, 128<<10)
			for last := time.Now(); ; last = time.Now() {
				n, err := s.Read(buf)
				h.Write(buf[:n])
				total += n
				gap = max(gap, time.Since(last))
				if err == io.EOF {
					break
				}
				must(err)
			}
			must(<-moved)
			if got := [32]byte(h.Sum(nil)); got != <-sum {
				t.Error("other bytes came")
			}
			t.Logf("%s: %d MB, longest gap %v", name, total>>20, gap)
			if gap > 20*time.Second {
				t.Errorf("the longest gap is %v", gap)
			}
		})
	}
}
